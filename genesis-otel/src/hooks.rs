//! What genesis-client calls. The same names and signatures as its do-nothing half.

/// What is observed of one connection, from dialling to its end.
#[derive(Debug)]
pub struct Connection;

/// A connection is being made.
#[inline]
pub fn connecting() -> Connection {
    Connection
}
