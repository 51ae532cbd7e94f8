//! [`Inbound`]: dialling FreeSWITCH.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::session::Credentials;
use genesis_proto::{EventFormat, Secret};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::client::{Client, Common, LinkState, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::link::{Connector, Core, Transport, supervise};
use crate::observe::{self, Telemetry};
use crate::options::{Options, Reconnect};

/// An inbound connection: we dial FreeSWITCH's event socket, usually port 8021.
///
/// ```no_run
/// use genesis_client::{Inbound, Reconnect};
///
/// # async fn example() -> genesis_client::Result<()> {
/// let client = Inbound::builder()
///     .password("ClueCon")
///     .reconnect(Reconnect::default())
///     .connect("127.0.0.1:8021")
///     .await?;
/// println!("{}", client.api("version").await?.text());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Inbound;

impl Inbound {
    /// Starts with the defaults: password `ClueCon`, as FreeSWITCH ships, and no reconnect.
    pub fn builder() -> InboundBuilder {
        InboundBuilder {
            credentials: Credentials::Password(Secret::from("ClueCon")),
            options: Options::default(),
            reconnect: None,
            telemetry: Telemetry::default(),
            peer: (String::new(), 0),
        }
    }
}

/// Builds an inbound connection; see [`Inbound`].
#[derive(Clone)]
#[must_use = "nothing is dialled before connect"]
pub struct InboundBuilder {
    credentials: Credentials,
    options: Options,
    reconnect: Option<Reconnect>,
    telemetry: Telemetry,
    /// What telemetry calls the other side.
    peer: (String, u16),
}

impl InboundBuilder {
    /// Authenticates with the password of event_socket.conf.xml.
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.credentials = Credentials::Password(password.into());
        self
    }

    /// Authenticates as a user of the directory, who may have limits.
    pub fn user(
        mut self,
        user: impl Into<String>,
        domain: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Self {
        self.credentials = Credentials::User {
            user: user.into(),
            domain: domain.into(),
            password: password.into(),
        };
        self
    }

    /// Sets all options.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// How long connecting and authenticating may take.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// How long a command may wait for its reply.
    pub fn command_timeout(mut self, timeout: Duration) -> Self {
        self.options.command_timeout = timeout;
        self
    }

    /// The format of events on the connection.
    pub fn event_format(mut self, format: EventFormat) -> Self {
        self.options.event_format = format;
        self
    }

    /// Makes the connection again when it is lost; see [`Reconnect`].
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = Some(reconnect);
        self
    }

    /// How the connection is observed, instead of the way that the environment says. It has an
    /// effect with the feature `otel` only.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Dials `address` (`host:port`) over TCP, with TCP_NODELAY and keep-alive, and authenticates.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Connect`] when nothing answers, [`ErrorKind::Authentication`] for a wrong
    /// password, [`ErrorKind::AccessDenied`] when the access list refuses us,
    /// [`ErrorKind::Timeout`] after [`Options::connect_timeout`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn connect(mut self, address: impl Into<String>) -> Result<Client> {
        let address = address.into();
        self.peer = host_and_port(&address);
        let keepalive = self.options.tcp_keepalive;
        self.connect_with(move || {
            let address = address.clone();
            async move { dial(&address, keepalive).await }
        })
        .await
    }

    /// Dials with `dial`, which makes a new transport of any kind (TLS, a Unix socket, a pipe) each
    /// time it is called: once, and again for each reconnect.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); an I/O error of `dial` is [`ErrorKind::Connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn connect_with<D, F, S>(self, mut dial: D) -> Result<Client>
    where
        D: FnMut() -> F + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let Self {
            credentials,
            options,
            reconnect,
            telemetry,
            peer: (host, port),
        } = self;
        let mut connector = Connector {
            dial: Box::new(move || {
                let dialling = dial();
                Box::pin(async move {
                    match dialling.await {
                        Ok(io) => Ok(Box::new(io) as Box<dyn Transport>),
                        Err(error) => Err(dial_error(error)),
                    }
                })
            }),
            credentials,
            reconnect,
            observe: observe::Connection::inbound(&telemetry, &host, port),
        };
        let (link, allowed) = first_link(&mut connector, &options).await?;
        let common = Arc::new(Common::new(options, connector.observe.clone()));
        // bounded by what makes requests: commands by `commands_in_flight`, the others by one per
        // subscriber that comes or goes
        let (requests, receiver) = mpsc::unbounded_channel();
        let core = Core::new(common.clone(), receiver);
        common.set_state(LinkState::Connected);
        tokio::spawn(supervise(core, connector, link, allowed));
        Ok(Client::new(Arc::new(Shared::new(
            common, requests, None, None,
        ))))
    }

    /// Speaks over a transport that is there already. There is no reconnect, because there is
    /// nothing to dial.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn connect_over<S>(mut self, io: S) -> Result<Client>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        self.reconnect = None;
        let mut io = Some(io);
        self.connect_with(move || {
            let io = io.take();
            async move { io.ok_or_else(|| io::Error::other("the transport was used already")) }
        })
        .await
    }
}

impl fmt::Debug for InboundBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundBuilder")
            .field("credentials", &self.credentials)
            .field("reconnect", &self.reconnect)
            .finish_non_exhaustive()
    }
}

type FirstLink = (
    crate::link::Link<Box<dyn Transport>>,
    genesis_proto::session::Allowed,
);

/// The first connection, with the patience that [`Reconnect::first_connection`] asks for.
async fn first_link(connector: &mut Connector, options: &Options) -> Result<FirstLink> {
    let patience = connector
        .reconnect
        .clone()
        .filter(|reconnect| reconnect.first_connection);
    let mut attempt = 0;
    loop {
        let error = match connector.connect(options).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let Some(patience) = &patience else {
            return Err(error);
        };
        let refused = error.is_refused_connection() && !patience.retry_refused;
        let over = patience.attempts.is_some_and(|most| attempt >= most);
        if refused || over || *error.kind() == ErrorKind::InvalidArgument {
            return Err(error);
        }
        tracing::warn!(%error, "connecting to FreeSWITCH failed; trying again");
        sleep(patience.delay(attempt)).await;
        attempt += 1;
    }
}

/// The two halves of `host:port`, `[::1]:8021` too.
fn host_and_port(address: &str) -> (String, u16) {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (host.to_owned(), port.parse().unwrap_or(0))
}

fn dial_error(error: io::Error) -> Error {
    match error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        true => match error.into_inner().map(|inner| inner.downcast::<Error>()) {
            Some(Ok(error)) => *error,
            _ => Error::new(ErrorKind::Connect, "cannot connect to FreeSWITCH"),
        },
        false => {
            let text = format!("cannot connect to FreeSWITCH: {error}");
            Error::new(ErrorKind::Connect, text).with_source(error)
        }
    }
}

async fn dial(address: &str, keepalive: Option<Duration>) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| io::Error::other(Error::connect(address, e)))?;
    tune(&stream, keepalive)?;
    Ok(stream)
}

/// TCP_NODELAY and keep-alive: a command must not wait for another's acknowledgement, and a
/// half-open link must not live for hours.
pub(crate) fn tune(stream: &TcpStream, keepalive: Option<Duration>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(time) = keepalive {
        let keepalive = socket2::TcpKeepalive::new()
            .with_time(time)
            .with_interval(time / 3);
        socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lesson_35_no_delay_and_keep_alive_are_set() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ours = dial(&address, Some(Duration::from_secs(30))).await.unwrap();
        let socket = socket2::SockRef::from(&ours);
        assert!(ours.nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(
            socket.tcp_keepalive_time().unwrap(),
            Duration::from_secs(30)
        );
        // the other direction is tuned by the same function
        let (theirs, _) = listener.accept().await.unwrap();
        tune(&theirs, None).unwrap();
        assert!(theirs.nodelay().unwrap());
        assert!(!socket2::SockRef::from(&theirs).keepalive().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_no_freeswitch_and_says_nothing_is_told_at_the_deadline() {
        let (near, _far) = tokio::io::duplex(64);
        let connected = Inbound::builder().password("x").connect_over(near).await;
        let expected = "the peer did not finish the handshake within 10s; is it a FreeSWITCH?";
        assert_eq!(connected.unwrap_err().to_string(), expected);
    }
}
