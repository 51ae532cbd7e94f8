//! The half that does nothing.

/// What is observed of one connection, from dialling to its end.
#[derive(Debug)]
pub struct Connection;

/// A connection is being made.
#[inline]
pub fn connecting() -> Connection {
    Connection
}
