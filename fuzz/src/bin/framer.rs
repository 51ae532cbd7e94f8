//! See `genesis_fuzz::framer`.

fn main() {
    afl::fuzz!(|input: &[u8]| genesis_fuzz::framer(input));
}
