//! The bounds of what is accepted from the wire, in one place.

/// Bounds on what a [`Framer`](crate::Framer) accepts. Exceeding one is an error that names it.
///
/// The defaults are generous: a `show channels` of a busy switch is tens of megabytes, and all
/// variables of a call travel in the one header block of an outbound `connect` reply.
///
/// An index over a frame's headers takes 16 bytes per header, and a header at least two bytes of
/// the frame, so whatever arrives, one frame and its index stay below nine times `frame`.
///
/// ```
/// use genesis_proto::{Framer, Limits};
///
/// let limits = Limits { body: 1024 * 1024, ..Limits::default() };
/// let framer = Framer::with_limits(limits);
/// # let _ = framer;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest header block (everything up to the blank line), in bytes. Default 4 MiB.
    pub header_block: usize,
    /// The longest body (`Content-Length`), in bytes. Default 128 MiB.
    pub body: usize,
    /// The longest frame, header block and body together, in bytes. Default 130 MiB.
    pub frame: usize,
    /// How many commands may wait for their reply on one connection. Default 65,536.
    pub commands: usize,
    /// How many bytes of commands may wait to be written. Default 64 MiB.
    pub outgoing: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_block: 4 << 20,
            body: 128 << 20,
            frame: 130 << 20,
            commands: 65_536,
            outgoing: 64 << 20,
        }
    }
}
