//! Moving the bytes of one link.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use genesis_proto::Reply;
use genesis_proto::session::{Allowed, ClientSession, CloseReason, Output};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::{Core, later};
use crate::error::{Error, ErrorKind};
use crate::stats::Counters;

/// The smallest and the largest piece that is read at once.
const READ_MIN: usize = 2 * 1024;
const READ_MAX: usize = 64 * 1024;
/// How many requests are taken before the socket gets its turn.
const REQUESTS_AT_ONCE: usize = 256;
/// How long the end of the stream is awaited after the switch said goodbye, or after writing
/// failed: it may still say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A transport with the session that speaks over it.
pub(crate) struct Link<S> {
    io: S,
    session: ClientSession,
    read_size: usize,
    /// Writing failed: the switch is gone, but what it sent before can still be read.
    write_broken: bool,
    needs_flush: bool,
    /// When the end of the stream is not waited for any longer.
    last_words: Option<Instant>,
}

/// What the handshake gave.
pub(crate) enum Opened {
    Inbound(Allowed),
    Outbound(Reply),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(io: S, session: ClientSession) -> Self {
        Self {
            io,
            session,
            read_size: READ_MIN,
            write_broken: false,
            needs_flush: false,
            last_words: None,
        }
    }

    pub(crate) fn session(&mut self) -> &mut ClientSession {
        &mut self.session
    }

    /// Waits until the switch has accepted us.
    pub(crate) async fn open(&mut self, deadline: Duration) -> Result<Opened, Error> {
        let opened = timeout(deadline, self.handshake()).await;
        opened.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "the peer did not finish the handshake within {deadline:.0?}; is it a FreeSWITCH?"
                ),
            ))
        })
    }

    async fn handshake(&mut self) -> Result<Opened, Error> {
        loop {
            while let Some(output) = self.session.poll_output() {
                match output {
                    Output::Authenticated(allowed) => return Ok(Opened::Inbound(allowed)),
                    Output::Connected(reply) => return Ok(Opened::Outbound(reply)),
                    Output::Closed(reason) => return Err(closed_early(reason)),
                    _ => {}
                }
            }
            poll_fn(|cx| {
                let _ = self.poll_write(cx);
                self.poll_read(cx)
            })
            .await;
        }
    }

    /// Runs until the link is over.
    pub(crate) async fn run(&mut self, core: &mut Core) -> CloseReason {
        let mut timer = pin!(sleep_until(core.next_check()));
        loop {
            // what came with the last read, or with the handshake
            while let Some(output) = self.session.poll_output() {
                if let Some(reason) = core.on_output(output) {
                    return reason;
                }
                if std::mem::take(&mut core.pressed) {
                    core.observe_pause();
                    // a reader on this very thread can only make room when it runs
                    tokio::task::yield_now().await;
                }
            }
            core.observe_pause();
            if std::mem::take(&mut core.handed) {
                // readers take the events of one read while these are still in the cache, and
                // their memory serves the next
                tokio::task::yield_now().await;
            }
            let step = poll_fn(|cx| self.poll_step(cx, core, timer.as_mut())).await;
            match step {
                Step::Read(count) => {
                    // the timer was set for a switch that stays silent
                    if core.heard(count) {
                        timer.as_mut().reset(core.next_check());
                    }
                }
                Step::Ended => {}
                Step::HandlesGone => core.closing = true,
                Step::Timer => {
                    core.compare_again(&mut self.session);
                    let overdue = self.ends_by(core).is_some_and(|end| Instant::now() >= end);
                    if overdue || core.check(&mut self.session) {
                        return self.abandon(core);
                    }
                    timer.as_mut().reset(core.next_check());
                }
            }
        }
    }

    /// Gives the link up: it may be half open, so nothing more is awaited.
    fn abandon(&mut self, core: &mut Core) -> CloseReason {
        self.session.end_of_stream();
        let mut reason = None;
        while let Some(output) = self.session.poll_output() {
            reason = core.on_output(output).or(reason);
        }
        reason.unwrap_or(CloseReason::EndOfStream {
            inside_frame: false,
        })
    }

    /// When the end is not waited for any longer: the switch said goodbye, or cannot be written to,
    /// or was told `exit`.
    fn ends_by(&self, core: &Core) -> Option<Instant> {
        self.last_words.into_iter().chain(core.close_by).min()
    }

    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        core: &mut Core,
        mut timer: Pin<&mut Sleep>,
    ) -> Poll<Step> {
        for turn in 0..=REQUESTS_AT_ONCE {
            if turn == REQUESTS_AT_ONCE {
                // nothing will wake us for those that are left
                cx.waker().wake_by_ref();
                break;
            }
            match core.requests.poll_recv(cx) {
                Poll::Ready(Some(request)) => core.on_request(request, &mut self.session),
                Poll::Ready(None) if !core.closing => return Poll::Ready(Step::HandlesGone),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if core.closing && core.requests.is_closed() && core.requests.is_empty() {
            // nobody is left to hear anything
            self.session.end_of_stream();
            return Poll::Ready(Step::Ended);
        }
        if let Poll::Ready(sent) = self.poll_write(cx) {
            Counters::add(&core.common.counters.bytes_sent, sent as u64);
        }
        match self.poll_read(cx) {
            Poll::Ready(0) => return Poll::Ready(Step::Ended),
            Poll::Ready(count) => return Poll::Ready(Step::Read(count)),
            Poll::Pending => {}
        }
        if self.last_words.is_none() && (self.write_broken || !self.session.is_ready()) {
            self.last_words = Some(Instant::now() + LAST_WORDS);
        }
        if let Some(end) = self
            .ends_by(core)
            .into_iter()
            .chain(core.observe_by())
            .min()
            && end < timer.deadline()
        {
            timer.as_mut().reset(end);
        }
        ready!(timer.poll(cx));
        Poll::Ready(Step::Timer)
    }

    /// Writes what there is. Ready with the number of bytes when something was written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut sent = 0;
        while !self.write_broken && !self.session.transmit().is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, self.session.transmit()) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.session.transmitted(count);
                    self.needs_flush = true;
                    sent += count;
                }
                Poll::Ready(_) => self.write_broken = true,
                Poll::Pending => break,
            }
        }
        if self.needs_flush {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(_)) => {
                    self.write_broken = true;
                    self.needs_flush = false;
                }
                Poll::Pending => {}
            }
        }
        if sent > 0 {
            Poll::Ready(sent)
        } else {
            Poll::Pending
        }
    }

    /// Reads once. Ready with 0 when the stream ended, in good order or not.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let read = poll_read_buf(&mut self.io, self.session.read_buffer(), self.read_size, cx);
        match read {
            Poll::Pending => {
                // an idle connection should not hold the memory of its busiest moment
                self.read_size = READ_MIN;
                self.session.release_memory();
                Poll::Pending
            }
            Poll::Ready(Ok(count)) if count > 0 => {
                if count >= self.read_size {
                    self.read_size = (self.read_size * 2).min(READ_MAX);
                }
                Poll::Ready(count)
            }
            Poll::Ready(_) => {
                self.session.end_of_stream();
                Poll::Ready(0)
            }
        }
    }
}

enum Step {
    Read(usize),
    Ended,
    HandlesGone,
    Timer,
}

fn poll_read_buf<S: AsyncRead + Unpin>(
    io: &mut S,
    buffer: &mut bytes::BytesMut,
    size: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    buffer.reserve(size);
    tokio_util::io::poll_read_buf(Pin::new(io), cx, buffer)
}

/// Why the handshake did not end well.
fn closed_early(reason: CloseReason) -> Error {
    let kind = match &reason {
        CloseReason::AuthenticationFailed(_) => ErrorKind::Authentication,
        CloseReason::AccessDenied(_) => ErrorKind::AccessDenied,
        CloseReason::Protocol(_) => ErrorKind::Protocol,
        _ => ErrorKind::Connect,
    };
    let text = match kind {
        ErrorKind::Connect => format!(
            "FreeSWITCH accepted the connection and closed it before authentication: {reason}"
        ),
        _ => reason.to_string(),
    };
    Error::new(kind, text)
}

impl Core {
    /// True when it answers a probe.
    fn heard(&mut self, count: usize) -> bool {
        Counters::add(&self.common.counters.bytes_received, count as u64);
        self.last_heard = Instant::now();
        std::mem::take(&mut self.probing)
    }

    /// When the next check is due.
    fn next_check(&self) -> Instant {
        let options = &self.common.options;
        let far = Instant::now() + Duration::from_secs(86_400);
        let idle = match options.idle_probe {
            Some(idle) if self.may_probe() => {
                if self.probing {
                    self.give_up_at(idle)
                } else {
                    later(self.last_heard, idle)
                }
            }
            _ => far,
        };
        let heartbeat = options
            .heartbeat_timeout
            .filter(|_| self.follows_heartbeat)
            .map_or(far, |limit| later(self.last_heartbeat, limit));
        idle.min(heartbeat)
            .min(far)
            .max(Instant::now() + Duration::from_millis(1))
    }

    /// How long the switch may be silent altogether. While an `api` runs it says nothing else, so
    /// then a command's own deadline counts if it is later.
    fn give_up_at(&self, idle: Duration) -> Instant {
        let silent = later(self.last_heard, idle.saturating_mul(2));
        self.latest_deadline()
            .map_or(silent, |deadline| silent.max(deadline))
    }

    /// A sync socket answers when its application is done, one without `full` knows no `api`.
    fn may_probe(&self) -> bool {
        self.common.probes.load(Ordering::Relaxed)
    }

    /// A check is due: probes a silent link; true when it is to be given up.
    fn check(&mut self, session: &mut ClientSession) -> bool {
        let options = &self.common.options;
        let now = Instant::now();
        if let Some(limit) = options.heartbeat_timeout
            && self.follows_heartbeat
            && now >= later(self.last_heartbeat, limit)
        {
            tracing::warn!(?limit, "no HEARTBEAT came; the link is given up");
            return true;
        }
        let Some(idle) = options.idle_probe.filter(|_| self.may_probe()) else {
            return false;
        };
        let silent = now - self.last_heard;
        if self.probing && now >= self.give_up_at(idle) {
            tracing::warn!(?silent, "FreeSWITCH does not answer; the link is given up");
            return true;
        }
        if !self.probing && silent >= idle {
            self.probe(session);
        }
        false
    }
}
