//! [`Outbound`]: accepting calls.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::Command;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::drain::Entered;
use super::ending::LAST_WORDS;
use super::session::Setup;
use super::{Drain, Session};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::inbound::tune;
use crate::observe::{self, Telemetry};
use crate::options::Options;

/// How long the switch keeps a `full` socket open after the hangup, so that
/// CHANNEL_HANGUP_COMPLETE still comes.
pub(super) const LINGER: Duration = Duration::from_secs(5);
/// How long what a handler dropped may take over its connection.
const CLEAN_UP: Duration = Duration::from_secs(10);
/// How long a call that is refused may take to be given back, and how many are being given back at
/// once; beyond that they are just closed.
const TURN_AWAY: Duration = Duration::from_secs(2);
const TURNED_AWAY_AT_ONCE: usize = 1_000;
/// How many calls may wait to be accepted. The switch says nothing on a connection before it is spoken
/// to, so one that the system forgets because too many wait is a call without an answer.
const BACKLOG: u32 = 4096;
/// How long accepting pauses when the system has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server for outbound sockets: FreeSWITCH connects to it, once per call.
///
/// See [`Session`] for an example.
pub struct Outbound {
    listener: TcpListener,
    config: Arc<Config>,
    drain: Drain,
}

#[derive(Clone, Debug)]
pub(super) struct Config {
    allow: Vec<IpNet>,
    max_sessions: usize,
    options: Options,
    setup: Setup,
    clean_up: Duration,
    telemetry: Telemetry,
}

#[cfg(test)]
impl Config {
    pub(super) fn defaults() -> Self {
        Outbound::builder().config
    }
}

/// Builds an [`Outbound`] server.
#[derive(Clone, Debug)]
#[must_use = "nothing is bound before bind"]
pub struct OutboundBuilder {
    config: Config,
}

impl Outbound {
    /// Starts with the defaults: peers on loopback only, at most 10,000 sessions at once,
    /// `myevents` on, a linger of 5 s on sockets that know it, and 10 s for what handlers leave.
    pub fn builder() -> OutboundBuilder {
        let loopback = [
            IpAddr::from([127, 0, 0, 0]),
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        let prefixes = [8, 128];
        let allow = loopback
            .into_iter()
            .zip(prefixes)
            .filter_map(|(address, prefix)| IpNet::new(address, prefix).ok())
            .collect();
        OutboundBuilder {
            config: Config {
                allow,
                max_sessions: 10_000,
                options: Options::default(),
                setup: Setup {
                    myevents: true,
                    linger: Some(LINGER),
                },
                clean_up: CLEAN_UP,
                telemetry: Telemetry::default(),
            },
        }
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(|error| {
            Error::new(ErrorKind::Connect, "the listener has no address").with_source(error)
        })
    }

    /// A handle that stops the server.
    pub fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Accepts calls and runs `handler` for each, until a [`Drain`] ends it. A handler that fails or
    /// panics ends its own call only; when a handler returns, its session is closed.
    ///
    /// What the handler dropped may still have something to do over the connection: a call that was
    /// being originated is hung up, a guard hangs up. The connection closes when that is done, 10
    /// seconds later at the latest ([`OutboundBuilder::clean_up`]). Of a call that is being hung up, the
    /// end is waited for, 2 seconds at most, so that telemetry knows it; a call that is not is left at
    /// once.
    ///
    /// For a handler whose errors are of another type there is [`serve_with`](Self::serve_with).
    ///
    /// # Errors
    ///
    /// Never while it serves; the type leaves room.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts every session: `async` calls are hung up by the switch. Use a
    /// [`Drain`].
    pub async fn serve<H, F>(self, handler: H) -> Result<()>
    where
        H: Fn(Session) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.serve_with(handler).await
    }

    /// As [`serve`](Self::serve), for a handler that ends with an error of any type: that of a crate
    /// built on this one, or your own. The error goes to the log.
    ///
    /// ```no_run
    /// use genesis_client::{Outbound, Session};
    ///
    /// async fn take_call(session: Session) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     let number = session.get("Caller-Caller-ID-Number").ok_or("nobody calls")?;
    ///     let extension: u32 = number.parse()?;
    ///     println!("{extension} calls");
    ///     session.execute("answer", "").await?;
    ///     Ok(())
    /// }
    ///
    /// # async fn example() -> genesis_client::Result<()> {
    /// let outbound = Outbound::builder().bind("127.0.0.1:8084").await?;
    /// outbound.serve_with(take_call).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_with<H, F, E>(self, handler: H) -> Result<()>
    where
        H: Fn(Session) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let mut sessions = JoinSet::new();
        let mut orders = self.drain.orders();
        let mut next_id = 0_u64;
        loop {
            let accepted = tokio::select! {
                biased;
                _ = orders.wait_for(Option::is_some) => break,
                Some(_) = sessions.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if !self.trusts(peer) {
                self.config.rejected("peer");
                continue;
            }
            if self.drain.sessions() >= self.config.max_sessions {
                tracing::warn!(%peer, limit = self.config.max_sessions, "a call was refused: too many sessions");
                self.config.rejected("limit");
                if sessions.len() < self.config.max_sessions.saturating_add(TURNED_AWAY_AT_ONCE) {
                    sessions.spawn(turn_away(stream, peer, self.config.clone()));
                }
                continue;
            }
            let entered = self.drain.enter();
            let (config, handler) = (self.config.clone(), handler.clone());
            next_id += 1;
            sessions.spawn(serve_one(stream, peer, config, handler, entered, next_id));
        }
        drop(self.listener);
        let order = orders.borrow().clone();
        if let Some(order) = order {
            finish(&self.drain, &mut sessions, order.deadline).await;
            self.drain.end_all(&order.then).await;
            finish(
                &self.drain,
                &mut sessions,
                Instant::now() + Duration::from_secs(1),
            )
            .await;
        }
        sessions.shutdown().await;
        Ok(())
    }

    fn trusts(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        let trusted = self.config.allow.iter().any(|net| net.contains(&address));
        if !trusted {
            tracing::warn!(%peer, "a connection was refused: its address is not on the allow-list");
        }
        trusted
    }
}

/// Gives a call back, so that the dialplan goes on with its next action. Just closing an `async`
/// socket would hang the call up, or leave it parked.
async fn turn_away(stream: TcpStream, peer: SocketAddr, config: Arc<Config>) {
    let setup = Setup {
        myevents: false,
        linger: None,
    };
    let polite = async {
        let options = config.options.clone();
        let (io, telemetry) = (Box::new(stream), &config.telemetry);
        let session = Session::open(io, Some(peer), options, setup, telemetry).await?;
        let client = session.client().timeout(TURN_AWAY);
        give_back(&client).await?;
        client.exit().await;
        Ok::<_, Error>(())
    };
    if !matches!(tokio::time::timeout(TURN_AWAY, polite).await, Ok(Ok(()))) {
        tracing::warn!(%peer, "a call that was refused could not be given back to the dialplan");
    }
}

/// Says `resume` where it is needed. A sync socket needs none: when it closes, the dialplan goes
/// on. `resume` would put its channel into CS_RESET, and nothing takes it out again
/// (mod_event_socket.c, `listener_run` and `socket_function`).
pub(super) async fn give_back(client: &Client) -> Result<()> {
    if client.socket_mode().is_some_and(|mode| mode.is_async()) {
        client.accepted(Command::resume()).await?;
    }
    Ok(())
}

/// Listens on the first of the addresses that can be had, as `TcpListener::bind` does.
async fn listen(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "there is no such address");
    for address in lookup_host(address).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // elsewhere it would let others take the address
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Waits until all sessions have ended, or the deadline.
async fn finish(drain: &Drain, sessions: &mut JoinSet<()>, deadline: Instant) {
    let timer = sleep_until(deadline);
    tokio::pin!(timer);
    while drain.sessions() > 0 {
        tokio::select! {
            () = &mut timer => return,
            ended = sessions.join_next() => if ended.is_none() { return },
        }
    }
}

async fn serve_one<H, F, E>(
    stream: TcpStream,
    peer: SocketAddr,
    config: Arc<Config>,
    handler: Arc<H>,
    entered: Entered,
    id: u64,
) where
    H: Fn(Session) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    if let Err(error) = tune(&stream, config.options.tcp_keepalive) {
        tracing::debug!(%error, %peer, "TCP options could not be set");
    }
    let opened = Session::open_handled(
        Box::new(stream),
        Some(peer),
        config.options.clone(),
        config.setup,
        &config.telemetry,
    )
    .await;
    match opened {
        Ok(opened) => handle(opened, &config, handler, entered, id).await,
        Err(error) => {
            tracing::warn!(%error, %peer, "a call could not be taken over");
            config.failed(&error);
        }
    }
}

/// Runs the handler, lets what it dropped end, and leaves.
pub(super) async fn handle<H, F, E>(
    (session, observed): (Session, observe::Operation),
    config: &Config,
    handler: Arc<H>,
    mut entered: Entered,
    id: u64,
) where
    H: Fn(Session) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let client = session.client().clone();
    let uuid = session.uuid().to_owned();
    entered.live(id, client.clone());
    // a task of its own contains a panic, and a set of one aborts it when the server is dropped
    let mut task = JoinSet::new();
    task.spawn(observed.run(async move { handler(session).await }));
    match task.join_next().await {
        Some(Ok(Err(error))) => {
            let error = error.into();
            observed.inside(|| tracing::warn!(%error, %uuid, "the handler of a call failed"));
            observed.failed("error", &error);
        }
        Some(Err(error)) if error.is_panic() => {
            observed.inside(|| tracing::error!(%uuid, "the handler of a call panicked"));
            observed.failed("panic", &"the handler panicked");
        }
        _ => observed.succeeded(),
    }
    let done = async {
        tokio::select! {
            () = client.work_done() => {}
            _ = client.closed() => {}
        }
    };
    if tokio::time::timeout(config.clean_up, done).await.is_err() {
        tracing::warn!(
            %uuid,
            "a call's connection is closed although something that its handler began is not done"
        );
    }
    if config.setup.myevents {
        last_words(&client).await;
    }
    if client.close_reason().is_none() {
        client.exit().await;
    }
}

/// Waits for the end of a call that is being hung up: leaving at once would be leaving before it is
/// told, and nobody would know how long the call was. A call that is not being hung up is left at
/// once.
async fn last_words(client: &Client) {
    let ending = client.shared.common.ending.get();
    let Some(ending) = ending.filter(|ending| ending.is_under_way()) else {
        return;
    };
    let told = async {
        tokio::select! {
            () = ending.over() => {}
            _ = client.closed() => {}
        }
    };
    // the switch may be told to send nothing of it
    let _ = tokio::time::timeout(LAST_WORDS, told).await;
}

impl Config {
    fn rejected(&self, error: &'static str) {
        let observe = observe::Connection::none(&self.telemetry);
        observe.count("genesis_sessions_rejected_total", &[("error", error)], 1);
    }

    fn failed(&self, error: &Error) {
        let observe = observe::Connection::none(&self.telemetry);
        let labels = [("type", "outbound"), ("error", error.kind().as_str())];
        observe.count("genesis_connections_errors_total", &labels, 1);
    }
}

impl OutboundBuilder {
    /// Which addresses may connect, instead of loopback only. The protocol has no authentication
    /// in this direction: whoever connects is believed to be the switch.
    pub fn allow(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.config.allow = networks.into_iter().collect();
        self
    }

    /// How many sessions may be live at once. Further calls are given back at once (`resume`, then
    /// `exit`), so that the dialplan goes on. Default 10,000.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.config.max_sessions = sessions;
        self
    }

    /// The options of every session's connection.
    pub fn options(mut self, options: Options) -> Self {
        self.config.options = options;
        self
    }

    /// Asks for the events of the session's own channel at its start: those that `myevents` sends.
    /// Default on; off, only what is subscribed comes, and on a `full` socket then for every
    /// channel of the switch.
    ///
    /// On a `full` socket the events are asked for by name and filtered by `Unique-ID`, instead of
    /// with `myevents`: that command cannot be taken back, and would hide the legs that the session
    /// calls. A subscription that names a channel adds it to the filters; with more than 64 of them
    /// the filters go, and what is not wanted is left out here.
    pub fn myevents(mut self, on: bool) -> Self {
        self.config.setup.myevents = on;
        self
    }

    /// Says `linger` at the start of each session on a `full` socket; without it the switch closes
    /// at the hangup, and events after CHANNEL_HANGUP may be lost. Default 5 s.
    pub fn linger(mut self, time: Option<Duration>) -> Self {
        self.config.setup.linger = time;
        self
    }

    /// How sessions are observed, instead of the way that the environment says. It has an effect
    /// with the feature `otel` only.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.config.telemetry = telemetry;
        self
    }

    /// How long the connection of a call stays open at most after its handler has returned, while what
    /// the handler dropped has something to do over it; see [`Outbound::serve`]. Default 10 s.
    pub fn clean_up(mut self, time: Duration) -> Self {
        self.config.clean_up = time;
        self
    }

    /// Listens on `address`. At most 4,096 calls wait to be accepted, fewer if the system says so (on
    /// Linux `net.core.somaxconn`); of those beyond it some never get an answer.
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, for instance because it is in use.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn bind(self, address: impl ToSocketAddrs + fmt::Debug) -> Result<Outbound> {
        let shown = format!("{address:?}");
        let listener = listen(address).await.map_err(|error| {
            let text = format!("cannot listen on {shown}: {error}");
            Error::new(ErrorKind::Connect, text).with_source(error)
        })?;
        Ok(Outbound {
            listener,
            config: Arc::new(self.config),
            drain: Drain::new(),
        })
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("listener", &self.listener)
            .field("sessions", &self.drain.sessions())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_burst_of_calls_waits_to_be_accepted() {
        const BURST: usize = 1_500;
        let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        if most.trim().parse::<usize>().unwrap() < BURST {
            return;
        }
        let listener = listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let soon = Duration::from_secs(5);
        for _ in 0..BURST {
            // it stays in the queue although it is closed, and costs no descriptor
            let connecting = TcpStream::connect(address);
            drop(
                tokio::time::timeout(soon, connecting)
                    .await
                    .unwrap()
                    .unwrap(),
            );
        }
        for _ in 0..BURST {
            let accepted = tokio::time::timeout(soon, listener.accept());
            drop(accepted.await.unwrap().unwrap());
        }
    }
}
