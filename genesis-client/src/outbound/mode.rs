//! What an outbound socket allows.

use std::fmt;

use genesis_proto::Headers;

/// `Socket-Mode`: who serves the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `async`: the channel is parked and a thread of its own serves the socket. Applications are
    /// queued and answered at once.
    Async,
    /// No `async`: the channel's thread serves the socket. A `sendmsg` is answered when its
    /// application is done, and nothing else comes meanwhile.
    Sync,
}

/// `Control`: which commands the socket knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// `full`: all.
    Full,
    /// Those for its own channel only.
    SingleChannel,
}

/// Mode and control of an outbound socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketMode {
    /// Who serves the socket.
    pub mode: Mode,
    /// Which commands it knows.
    pub control: Control,
}

impl SocketMode {
    /// Reads the `connect` reply.
    pub(crate) fn from_headers(headers: &Headers) -> Self {
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|v| v == value);
        Self {
            mode: if is("Socket-Mode", "async") {
                Mode::Async
            } else {
                Mode::Sync
            },
            control: if is("Control", "full") {
                Control::Full
            } else {
                Control::SingleChannel
            },
        }
    }

    /// `async`.
    pub fn is_async(self) -> bool {
        self.mode == Mode::Async
    }

    /// `full`.
    pub fn is_full(self) -> bool {
        self.control == Control::Full
    }
}

impl fmt::Display for SocketMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.mode, self.control) {
            (Mode::Async, Control::Full) => "async full",
            (Mode::Async, Control::SingleChannel) => "async",
            (Mode::Sync, Control::Full) => "sync full",
            (Mode::Sync, Control::SingleChannel) => "sync",
        })
    }
}
