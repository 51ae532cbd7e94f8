//! Where the `socket` application meets the server that opens the connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

/// What the `socket` application was asked to do: `socket 127.0.0.1:8084 async full`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRequest {
    /// `host:port` to connect to, one alternative of the application's `a:1|b:2`.
    pub address: String,
    /// The `async` word: the channel is parked while the connection is served.
    pub asynchronous: bool,
    /// The `full` word: all commands are allowed, not only those for this channel.
    pub full: bool,
    /// Unique-ID of the channel that runs the application.
    pub uuid: String,
}

/// How the service of an outbound connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboundEnd {
    /// The client sent `resume`: the channel goes on with its dialplan.
    pub resume: bool,
}

/// Serves one connection until it ends.
pub type Serving = Pin<Box<dyn Future<Output = OutboundEnd> + Send>>;

/// Connects; resolves to the future that serves the connection.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Serving>> + Send>>;

/// Opens connections for the `socket` application (mod_event_socket.c, `socket_function`).
///
/// The switch connects first, then runs the future it gets on a task of its own. That future may
/// outlive the call (`linger`): the switch keeps the channel's data and delays CHANNEL_DESTROY
/// until it ends.
pub trait OutboundConnector: Send + Sync + 'static {
    /// Connects to `request.address`. An error makes the application try its next address and,
    /// after the last, return, so that the dialplan goes on.
    fn connect(&self, request: OutboundRequest) -> Connecting;
}

impl fmt::Debug for dyn OutboundConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboundConnector")
    }
}
