//! [`Session`]: one call that FreeSWITCH handed over.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::command::{EventSet, Execute, Message};
use genesis_proto::session::switch::MY_EVENTS;
use genesis_proto::session::{ClientSession, CloseReason};
use genesis_proto::{Command, Event, EventName, HangupCause, Headers, Reply};
use tokio::sync::mpsc;

use super::{Control, Ending, Mode, SocketMode};
use crate::client::{Client, Common, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::execute::Execution;
use crate::link::{Core, Link, Opened, Transport};
use crate::observe::{self, Telemetry};
use crate::options::Options;
use crate::subscription::{EventStream, Subscription};

/// A call that FreeSWITCH's `socket` application handed over.
///
/// The connection controls the channel: closing it ends the call on an `async` socket, unless
/// [`resume`](Self::resume) was said. Dropping the session (and every clone of its client) closes it.
///
/// ```no_run
/// use genesis_client::{Outbound, Session};
///
/// # async fn example() -> genesis_client::Result<()> {
/// let outbound = Outbound::builder().bind("127.0.0.1:8084").await?;
/// outbound
///     .serve(|session: Session| async move {
///         println!("{:?} calls", session.get("Caller-Caller-ID-Number"));
///         session.execute("answer", "").await?;
///         session.execute("playback", "tone_stream://%(1000,0,440)").await?.complete().await?;
///         session.hangup(Default::default()).await?;
///         Ok(())
///     })
///     .await
/// # }
/// ```
pub struct Session {
    client: Client,
    data: Event,
    uuid: String,
    mode: SocketMode,
    peer: Option<SocketAddr>,
}

/// What a session asks for at its start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) myevents: bool,
    pub(super) linger: Option<Duration>,
}

/// The events that `myevents` sends: no CALLSTATE, HOLD, CODEC, PLAYBACK_* or CUSTOM among them.
pub(super) fn my_events() -> EventSet {
    MY_EVENTS.iter().cloned().collect()
}

impl Session {
    /// Says `connect` over `io`, then what `setup` asks for.
    pub(super) async fn open(
        io: Box<dyn Transport>,
        peer: Option<SocketAddr>,
        options: Options,
        setup: Setup,
        telemetry: &Telemetry,
    ) -> Result<Self> {
        let opened = Self::open_then(io, peer, options, setup, telemetry, |_, _| ());
        Ok(opened.await?.0)
    }

    /// The same for a call that is handled: that begins before any event of the call is read, so that
    /// these are in the same trace.
    pub(super) async fn open_handled(
        io: Box<dyn Transport>,
        peer: Option<SocketAddr>,
        options: Options,
        setup: Setup,
        telemetry: &Telemetry,
    ) -> Result<(Self, observe::Operation)> {
        let begin = observe::Connection::handling;
        Self::open_then(io, peer, options, setup, telemetry, begin).await
    }

    async fn open_then<T>(
        io: Box<dyn Transport>,
        peer: Option<SocketAddr>,
        options: Options,
        setup: Setup,
        telemetry: &Telemetry,
        then: impl FnOnce(&observe::Connection, &Event) -> T,
    ) -> Result<(Self, T)> {
        let observe = observe::Connection::outbound(telemetry, peer);
        let mut link = Link::new(io, ClientSession::outbound(options.limits));
        let reply = match link.open(options.connect_timeout).await? {
            Opened::Outbound(reply) => reply,
            Opened::Inbound(_) => {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "the peer asked for a password",
                ));
            }
        };
        let data = Event::from_frame(reply.frame())?;
        let mode = SocketMode::from_headers(data.headers());
        let uuid = data.unique_id().map(Cow::into_owned).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "the connect reply names no Unique-ID")
        })?;
        let begun = then(&observe, &data);
        let common = Arc::new(Common::new(options, observe));
        let _ = common.ending.set(Ending::new(&uuid));
        common.set_probes(mode.is_async() && mode.is_full());
        // bounded as on an inbound connection
        let (requests, receiver) = mpsc::unbounded_channel();
        let mut core = Core::new(common.clone(), receiver);
        core.outbound_up(
            link.session(),
            &uuid,
            mode,
            setup.myevents.then(my_events),
            setup.linger,
        );
        tokio::spawn(async move {
            let reason = link.run(&mut core).await;
            core.link_lost(&reason);
            drop(link);
            core.close(reason);
        });
        let shared = Shared::new(common, requests, Some(mode), Some(uuid.clone()));
        let session = Self {
            client: Client::new(Arc::new(shared)),
            data,
            uuid,
            mode,
            peer,
        };
        Ok((session, begun))
    }

    /// Speaks with a switch over a transport of any kind on which it has just connected to us. For
    /// servers that accept connections their own way; [`Outbound`](super::Outbound) does it over
    /// TCP.
    ///
    /// # Errors
    ///
    /// When the switch does not answer `connect` in time, or not with a channel.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn over<S>(io: S, options: Options) -> Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let setup = Setup {
            myevents: true,
            linger: Some(super::server::LINGER),
        };
        Self::open(Box::new(io), None, options, setup, &Telemetry::default()).await
    }

    /// The connection: everything that a [`Client`] can do, as far as the socket's mode allows.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The Unique-ID of the channel.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The channel's data as it was at the start: headers and `variable_*`.
    pub fn channel_data(&self) -> &Headers {
        self.data.headers()
    }

    /// The channel's data as the event that the switch answered `connect` with.
    pub fn channel_data_event(&self) -> &Event {
        &self.data
    }

    /// A header of the channel's data.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.data.get(name)
    }

    /// A channel variable as it was at the start.
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.data.variable(name)
    }

    /// `async` or not.
    pub fn mode(&self) -> Mode {
        self.mode.mode
    }

    /// `full` or not.
    pub fn control(&self) -> Control {
        self.mode.control
    }

    /// The switch's address, if the connection came over TCP.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The events of this channel that `myevents` sends. Subscribe through
    /// [`client`](Self::client) for others (`full` only; they too come for this channel only, once
    /// `myevents` is on).
    ///
    /// # Errors
    ///
    /// When the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn events(&self) -> Result<EventStream> {
        let names: Vec<EventName> = my_events().names().cloned().collect();
        self.client
            .subscribe(Subscription::new().events(names).channel(&self.uuid))
            .await
    }

    /// Runs an application on the channel; see [`Client::execute`].
    ///
    /// # Errors
    ///
    /// As [`Client::execute`].
    ///
    /// # Cancel safety
    ///
    /// As [`Client::execute`].
    pub async fn execute(&self, application: &str, arg: &str) -> Result<Execution> {
        let mut execute = Execute::new(application)?;
        if !arg.is_empty() {
            execute = execute.arg(arg)?;
        }
        self.client.execute(None, execute).await
    }

    /// Hangs the channel up.
    ///
    /// # Errors
    ///
    /// When the connection ended.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn hangup(&self, cause: Option<HangupCause>) -> Result<Reply> {
        let cause = cause.unwrap_or(HangupCause::NormalClearing);
        self.client.message(None, &Message::Hangup(cause)).await
    }

    /// A channel variable as it is now (`api uuid_getvar`); `None` if it is not set.
    ///
    /// The `getvar` command is not used: its reply can be forged by the variable's value.
    ///
    /// # Errors
    ///
    /// Without `full` [`ErrorKind::Mode`]; when the channel is gone, the switch's refusal.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn current_variable(&self, name: &str) -> Result<Option<String>> {
        let reply = self
            .client
            .api(&format!("uuid_getvar {} {name}", self.uuid))
            .await?;
        let value = reply.text();
        Ok((value != "_undef_" && !reply.is_empty_output()).then(|| value.into_owned()))
    }

    /// Stays connected after the channel hung up, for this long or (`None`) until we leave.
    ///
    /// # Errors
    ///
    /// Without `full` [`ErrorKind::Mode`].
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn linger(&self, time: Option<Duration>) -> Result<Reply> {
        self.client.accepted(Command::linger(time)).await
    }

    /// Takes [`linger`](Self::linger) back.
    ///
    /// # Errors
    ///
    /// Without `full` [`ErrorKind::Mode`].
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn nolinger(&self) -> Result<Reply> {
        self.client.accepted(Command::nolinger()).await
    }

    /// When this connection closes, the dialplan goes on instead of the call being hung up.
    ///
    /// # Errors
    ///
    /// When the connection ended. Without `async` [`ErrorKind::Mode`]: there the dialplan goes on
    /// anyway, and `resume` would leave the call stuck (in CS_RESET).
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn resume(&self) -> Result<Reply> {
        if !self.mode.is_async() {
            return Err(Error::mode("resume", "async", Some(self.mode)));
        }
        self.client.accepted(Command::resume()).await
    }

    /// Turns on or off that events of the session's own queue come over the socket.
    ///
    /// # Errors
    ///
    /// When the switch refuses or the connection ended.
    ///
    /// # Cancel safety
    ///
    /// As [`Client::send`].
    pub async fn divert_events(&self, on: bool) -> Result<Reply> {
        self.client.accepted(Command::divert_events(on)).await
    }

    /// The channel hung up and the switch keeps the connection open for a while.
    pub fn is_lingering(&self) -> bool {
        self.client.shared.common.is_lingering()
    }

    /// Waits until the connection has ended and says why.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn closed(&self) -> CloseReason {
        self.client.closed().await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("uuid", &self.uuid)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
