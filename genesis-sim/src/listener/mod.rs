//! One connection of the event socket: a task per connection, as the switch has a thread
//! (mod_event_socket.c, `listener_run`).
//!
//! The order of things is the switch's: commands are read one after the other; while one runs, or
//! while half of one has arrived, no event is written; what is queued is written when the client
//! has nothing more to say.

mod auth;
mod calls;
mod commands;
mod connection;
mod link;
mod narrowing;
mod queue;

use std::sync::Arc;
use std::time::Duration;

use genesis_proto::session::switch::Goodbye;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

pub(crate) use self::calls::Job;
use self::connection::{Answer, Connection, Handled, Lingering, Pending};
use self::link::{Link, Read};
use crate::faults::{self, End, FaultPlan};
use crate::options::ListenerOptions;
use crate::switch::{OutboundEnd, OutboundRequest, Switch};

/// How long the notice of a shutdown is offered to a client that does not read.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// What every connection shares.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) switch: Switch,
    pub(crate) options: Arc<ListenerOptions>,
    /// `true` when the switch goes down.
    pub(crate) shutdown: watch::Receiver<bool>,
    #[expect(
        dead_code,
        reason = "held, not read: the receiver ends with the last of them"
    )]
    pub(crate) alive: mpsc::Sender<()>,
}

/// Serves a client that has connected. `refused`: the access list does not allow its address.
pub(crate) async fn inbound<S>(
    stream: S,
    context: Context,
    guard: faults::Connection,
    refused: bool,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let shutdown = context.shutdown.clone();
    let mut connection = Connection::inbound(context);
    connection.greet(refused);
    Listener {
        link: Link::new(stream),
        connection,
        guard,
        shutdown,
    }
    .run()
    .await;
}

/// Serves the `socket` application of a channel on a connection that was opened for it.
pub(crate) async fn outbound<S>(
    stream: S,
    context: Context,
    guard: faults::Connection,
    request: OutboundRequest,
) -> OutboundEnd
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let shutdown = context.shutdown.clone();
    let connection = Connection::outbound(context, &request);
    Listener {
        link: Link::new(stream),
        connection,
        guard,
        shutdown,
    }
    .run()
    .await
}

struct Listener<S> {
    link: Link<S>,
    connection: Connection,
    guard: faults::Connection,
    shutdown: watch::Receiver<bool>,
}

/// What made the connection end.
enum Over {
    /// Everything was said; the stream is to be shut down.
    Said,
    /// The line is dead, or cut.
    Dead,
    /// Something outside ends it: this is said as far as the client takes it.
    Killed(Goodbye),
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Listener<S> {
    async fn run(mut self) -> OutboundEnd {
        match self.serve().await {
            Over::Said => drop(self.link.shutdown().await),
            Over::Dead => {}
            Over::Killed(goodbye) => self.kill(goodbye).await,
        }
        // jobs that are under way go on
        self.connection.jobs.detach_all();
        OutboundEnd {
            resume: self.connection.resume,
        }
    }

    async fn kill(&mut self, goodbye: Goodbye) {
        let plan = self.guard.orders.borrow().plan.clone();
        if goodbye != Goodbye::Shutdown {
            // another thread of the switch says it, be it in the middle of a frame
            self.connection.session.discard_transmit();
            self.connection.goodbye(goodbye);
            self.link
                .write_now(&mut self.connection.session, &plan)
                .await;
        } else {
            let authed = self.connection.authed;
            self.connection.goodbye(if authed {
                goodbye
            } else {
                Goodbye::Disconnected
            });
            let flush = async {
                while !self.connection.session.transmit().is_empty()
                    && !self.link.sent_enough(&plan)
                    && self
                        .link
                        .progress(&mut self.connection.session, &plan, false)
                        .await
                        .is_ok()
                {}
            };
            let _ = timeout(SHUTDOWN_GRACE, flush).await;
        }
        let _ = timeout(SHUTDOWN_GRACE, self.link.shutdown()).await;
    }

    async fn serve(&mut self) -> Over {
        let mut running: Option<Pending> = None;
        let mut said_goodbye = false;
        let first_command = Instant::now() + self.connection.options().auth_timeout;
        let mut close = None;
        loop {
            let (mut plan, end) = {
                let orders = self.guard.orders.borrow_and_update();
                (orders.plan.clone(), orders.end)
            };
            // replies to what came last are lost with the line
            plan.stall_writes |= self.link.received_enough(&plan);
            match end {
                Some(End::Cut) => return Over::Dead,
                Some(End::Slow) => return Over::Killed(Goodbye::LostEvents),
                Some(End::Goodbye) => self.connection.stop(),
                None => {}
            }
            if self.link.sent_enough(&plan) {
                return Over::Dead;
            }
            if *self.shutdown.borrow_and_update() && !said_goodbye {
                return Over::Killed(Goodbye::Shutdown);
            }
            if running.is_none() && !self.connection.is_stopping() {
                match self.commands(&plan).await {
                    Ok(later) => running = later,
                    Err(_) => return Over::Dead,
                }
            }
            self.connection.drain();
            if let Some(goodbye) = self.connection.killed {
                return Over::Killed(goodbye);
            }
            let idle = running.is_none();
            if self.link.received_enough(&plan) && idle {
                return Over::Dead;
            }
            let stopping = self.connection.is_stopping() && idle;
            if stopping && self.connection.jobs.is_empty() {
                if said_goodbye && self.connection.session.transmit().is_empty() {
                    return Over::Said;
                }
                if !said_goodbye {
                    // the switch waits for running jobs before it says goodbye
                    self.connection.goodbye(Goodbye::Disconnected);
                    said_goodbye = true;
                    close = Some(Instant::now() + self.connection.options().close_timeout);
                }
            }
            let deadline = match self.connection.lingering {
                _ if said_goodbye => close,
                _ if !idle || stopping => None,
                _ if !self.connection.begun => Some(first_command),
                Lingering::Until(until) => until,
                Lingering::No => None,
            };
            match self.wait(&plan, &mut running, deadline, stopping).await {
                Ok(Woken::Again) => {}
                Ok(Woken::TimedOut) if said_goodbye => return Over::Dead,
                Ok(Woken::TimedOut | Woken::ClientLeft) => self.connection.stop(),
                Err(_) => return Over::Dead,
            }
        }
    }

    /// Runs what commands have come; gives the one that takes its time. Then writes what is queued
    /// if the client says nothing more.
    async fn commands(&mut self, plan: &FaultPlan) -> std::io::Result<Option<Pending>> {
        let room = self.connection.options().write_buffer;
        while self.connection.session.transmit().len() < room {
            // an event fired until now meets the subscription that was in force
            self.connection.drain();
            match self.connection.session.poll_request() {
                Ok(Some(request)) => {
                    let handled = self.connection.handle(&request, plan);
                    match delayed(handled, plan.reply_delay) {
                        Handled::Now(answer) => self.connection.write(answer),
                        Handled::Later(later) => return Ok(Some(later)),
                    }
                    if self.connection.is_stopping() {
                        return Ok(None);
                    }
                }
                Ok(None) => {
                    let more = self
                        .link
                        .read_now(&mut self.connection.session, plan)
                        .await?;
                    match more {
                        Some(Read::Some) => continue,
                        Some(Read::End) => {
                            self.connection.stop();
                            return Ok(None);
                        }
                        None => {}
                    }
                    if !self.connection.session.pending_input() {
                        self.connection.write_queued();
                    }
                    return Ok(None);
                }
                Err(_) => {
                    self.connection.stop();
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Waits until anything happens.
    async fn wait(
        &mut self,
        plan: &FaultPlan,
        running: &mut Option<Pending>,
        deadline: Option<Instant>,
        stopping: bool,
    ) -> std::io::Result<Woken> {
        let connection = &mut self.connection;
        let idle = running.is_none();
        let has_room = connection.session.transmit().len() < connection.options().write_buffer;
        let read = idle && !stopping && has_room;
        let watch_hangup = idle
            && !stopping
            && has_room
            && connection.controlled.is_some()
            && connection.lingering == Lingering::No
            && (!connection.has_queued() || connection.session.pending_input());
        let mut session = std::mem::take(&mut connection.session);
        let mut jobs = std::mem::take(&mut connection.jobs);
        let event = tokio::select! {
            biased;
            // an error means that nobody is left to give orders
            Ok(()) = self.guard.orders.changed() => Happened::Nothing,
            Ok(()) = self.shutdown.changed() => Happened::Nothing,
            result = self.link.progress(&mut session, plan, read) => Happened::Moved(result),
            answer = finished(running) => Happened::Answered(answer),
            _ = jobs.join_next(), if !jobs.is_empty() => Happened::Nothing,
            hung_up = connection.wake(watch_hangup) => Happened::Woken { hung_up },
            () = at(deadline) => Happened::TimedOut,
        };
        connection.session = session;
        connection.jobs = jobs;
        match event {
            Happened::Nothing => {}
            Happened::Moved(result) => {
                if result? == Some(Read::End) {
                    return Ok(Woken::ClientLeft);
                }
            }
            Happened::Answered(answer) => {
                *running = None;
                connection.write(answer);
            }
            Happened::Woken { hung_up: true } => {
                connection.drain();
                if !connection.session.pending_input() {
                    connection.write_queued();
                }
                connection.session_hung_up();
            }
            Happened::Woken { hung_up: false } => {}
            Happened::TimedOut => return Ok(Woken::TimedOut),
        }
        Ok(Woken::Again)
    }
}

enum Happened {
    Nothing,
    Moved(std::io::Result<Option<Read>>),
    Answered(Answer),
    Woken { hung_up: bool },
    TimedOut,
}

enum Woken {
    Again,
    TimedOut,
    ClientLeft,
}

async fn finished(running: &mut Option<Pending>) -> Answer {
    match running {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn delayed(handled: Handled, delay: Option<Duration>) -> Handled {
    let Some(delay) = delay else { return handled };
    Handled::Later(Box::pin(async move {
        let answer = match handled {
            Handled::Now(answer) => answer,
            Handled::Later(later) => later.await,
        };
        tokio::time::sleep(delay).await;
        answer
    }))
}
