//! See `genesis_fuzz::event`.

fn main() {
    afl::fuzz!(|input: &[u8]| genesis_fuzz::event(input));
}
