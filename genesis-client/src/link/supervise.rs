//! Keeping a connection: the first link, and those that follow when one is lost.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use genesis_proto::session::{Allowed, ClientSession, CloseReason, Credentials};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};

use super::{Core, Link, Opened};
use crate::client::{LinkState, observe_end};
use crate::error::{Error, ErrorKind};
use crate::observe;
use crate::options::{Options, Reconnect};
use crate::stats::Counters;
use crate::subscription::Gap;

/// A transport of any kind.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A link that is authenticated, and what its user may do.
pub(crate) type Opening = (Link<Box<dyn Transport>>, Allowed);

type Dialing = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, Error>> + Send>>;

/// How to reach the switch, again and again.
pub(crate) struct Connector {
    pub(crate) dial: Box<dyn FnMut() -> Dialing + Send>,
    pub(crate) credentials: Credentials,
    pub(crate) reconnect: Option<Reconnect>,
    pub(crate) observe: observe::Connection,
}

impl Connector {
    /// Dials and authenticates, within the connect deadline.
    pub(crate) async fn connect(&mut self, options: &Options) -> Result<Opening, Error> {
        let observed = self.observe.connecting(options.connect_timeout);
        let opened = observed.run(self.open(options)).await;
        observe_end(observed, &opened);
        opened
    }

    async fn open(&mut self, options: &Options) -> Result<Opening, Error> {
        let deadline = options.connect_timeout;
        let start = Instant::now();
        let io = match tokio::time::timeout(deadline, (self.dial)()).await {
            Ok(io) => io?,
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("FreeSWITCH did not answer within {deadline:?} (the connect timeout)"),
                ));
            }
        };
        let session = ClientSession::inbound_with(self.credentials.clone(), options.limits)?;
        let mut link = Link::new(io, session);
        match link.open(deadline.saturating_sub(start.elapsed())).await? {
            Opened::Inbound(allowed) => Ok((link, allowed)),
            Opened::Outbound(_) => Err(Error::new(
                ErrorKind::Protocol,
                "the peer answered as on an outbound socket",
            )),
        }
    }
}

/// Runs links until the last one. `link` is the first, already authenticated.
pub(crate) async fn supervise(
    mut core: Core,
    mut connector: Connector,
    mut link: Link<Box<dyn Transport>>,
    mut allowed: Allowed,
) {
    let mut attempt = 0;
    let mut gap: Option<(Instant, CloseReason, u32)> = None;
    loop {
        core.link_up(link.session(), std::mem::take(&mut allowed));
        if let Some((since, reason, attempts)) = gap.take() {
            Counters::add(&core.common.counters.reconnects, 1);
            core.observe_gap(link.session());
            core.gap(Gap {
                duration: since.elapsed(),
                reason,
                attempts,
            });
        }
        core.common.set_state(LinkState::Connected);
        let up_since = Instant::now();
        let reason = link.run(&mut core).await;
        core.link_lost(&reason);
        drop(link);
        let reconnect = match &connector.reconnect {
            Some(reconnect) if !core.closing => reconnect.clone(),
            _ => return core.close(reason),
        };
        if up_since.elapsed() > reconnect.max {
            attempt = 0;
        }
        tracing::warn!(%reason, "the connection to FreeSWITCH was lost; it is being made again");
        let since = Instant::now();
        let mut tried = 0;
        (link, allowed) = loop {
            if reconnect.attempts.is_some_and(|most| tried >= most) {
                return core.close(reason);
            }
            let delay = reconnect.delay(attempt);
            core.common.set_state(LinkState::Reconnecting {
                attempt: tried + 1,
                delay,
            });
            if wait_while_down(&mut core, delay).await == Down::Closed {
                return core.close(reason);
            }
            attempt = attempt.saturating_add(1);
            tried += 1;
            let dialled = dial_while_down(&mut core, &mut connector).await;
            let labels = [("result", outcome_of(dialled.as_ref()))];
            let observe = &core.common.observe;
            observe.count("genesis_reconnects_total", &labels, 1);
            match dialled {
                None => return core.close(reason),
                Some(Ok(opened)) => break opened,
                Some(Err(error)) if error.is_refused_connection() => {
                    if !reconnect.retry_refused {
                        tracing::error!(%error, "FreeSWITCH refuses the connection; giving up");
                        return core.close(refusal(&error, reason));
                    }
                    attempt = u32::MAX;
                    tracing::warn!(%error, "FreeSWITCH refuses the connection");
                }
                Some(Err(error)) => tracing::warn!(%error, tried, "connecting again failed"),
            }
        };
        gap = Some((since, reason, tried));
    }
}

/// How an attempt to connect again ended, in a word.
fn outcome_of(dialled: Option<&Result<Opening, Error>>) -> &'static str {
    match dialled {
        None => "closed",
        Some(Ok(_)) => "connected",
        Some(Err(error)) => match error.kind() {
            ErrorKind::Authentication => "auth",
            ErrorKind::AccessDenied => "rejected",
            _ => "refused",
        },
    }
}

fn refusal(error: &Error, old: CloseReason) -> CloseReason {
    match error.kind() {
        ErrorKind::Authentication => CloseReason::AuthenticationFailed("-ERR invalid".into()),
        ErrorKind::AccessDenied => CloseReason::AccessDenied("Access Denied, go away.".into()),
        _ => old,
    }
}

#[derive(PartialEq)]
enum Down {
    Elapsed,
    Closed,
}

/// Waits, and answers requests meanwhile.
async fn wait_while_down(core: &mut Core, delay: Duration) -> Down {
    let timer = sleep(delay);
    tokio::pin!(timer);
    loop {
        tokio::select! {
            () = &mut timer => return Down::Elapsed,
            request = core.requests.recv() => match request {
                Some(request) => core.on_request_while_down(request),
                None => return Down::Closed,
            }
        }
        if core.closing {
            return Down::Closed;
        }
    }
}

/// Dials, and answers requests meanwhile. `None` when nobody wants the connection any more.
async fn dial_while_down(
    core: &mut Core,
    connector: &mut Connector,
) -> Option<Result<Opening, Error>> {
    let options = core.common.options.clone();
    let dialing = connector.connect(&options);
    tokio::pin!(dialing);
    loop {
        tokio::select! {
            opened = &mut dialing => return Some(opened),
            request = core.requests.recv() => match request {
                Some(request) => core.on_request_while_down(request),
                None => return None,
            }
        }
        if core.closing {
            return None;
        }
    }
}
