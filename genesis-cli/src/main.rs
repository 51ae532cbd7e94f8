//! The `genesis` command.
fn main() {}
