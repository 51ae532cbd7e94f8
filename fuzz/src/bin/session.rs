//! See `genesis_fuzz::session`.

fn main() {
    afl::fuzz!(|input: &[u8]| genesis_fuzz::session(input));
}
