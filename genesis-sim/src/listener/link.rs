//! The stream of one connection, with its faults.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use genesis_proto::session::SwitchSession;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::faults::FaultPlan;

/// How much is read at once.
const READ: usize = 16 * 1024;

/// A stream that counts what passes and stops exactly where a fault says.
#[derive(Debug)]
pub(crate) struct Link<S> {
    stream: S,
    sent: u64,
    received: u64,
}

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Bytes arrived.
    Some,
    /// The client sends no more.
    End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            sent: 0,
            received: 0,
        }
    }

    /// The plan's limit of bytes to the client is reached.
    pub(crate) fn sent_enough(&self, plan: &FaultPlan) -> bool {
        plan.cut_after_sent.is_some_and(|limit| self.sent >= limit)
    }

    /// The plan's limit of bytes from the client is reached.
    pub(crate) fn received_enough(&self, plan: &FaultPlan) -> bool {
        plan.cut_after_received
            .is_some_and(|limit| self.received >= limit)
    }

    /// Reads and writes at the same time, each if it is asked for, and returns after the first
    /// progress.
    ///
    /// Cancel safe: what has passed is in `session` already.
    pub(crate) async fn progress(
        &mut self,
        session: &mut SwitchSession,
        plan: &FaultPlan,
        read: bool,
    ) -> io::Result<Option<Read>> {
        poll_fn(|cx| {
            if self.poll_send(cx, session, plan)?.is_ready() {
                return Poll::Ready(Ok(None));
            }
            if read && let Poll::Ready(read) = self.poll_receive(cx, session, plan)? {
                return Poll::Ready(Ok(Some(read)));
            }
            Poll::Pending
        })
        .await
    }

    /// Reads what is there, without waiting.
    pub(crate) async fn read_now(
        &mut self,
        session: &mut SwitchSession,
        plan: &FaultPlan,
    ) -> io::Result<Option<Read>> {
        poll_fn(|cx| {
            Poll::Ready(match self.poll_receive(cx, session, plan) {
                Poll::Ready(read) => read.map(Some),
                Poll::Pending => Ok(None),
            })
        })
        .await
    }

    /// Writes what the client takes without waiting.
    pub(crate) async fn write_now(&mut self, session: &mut SwitchSession, plan: &FaultPlan) {
        poll_fn(|cx| {
            while !self.sent_enough(plan) {
                match self.poll_send(cx, session, plan) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) | Poll::Pending => break,
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Ends the direction to the client.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }

    /// Pending when there is nothing to write, or a fault holds it back.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut SwitchSession,
        plan: &FaultPlan,
    ) -> Poll<io::Result<()>> {
        let mut most = session.transmit().len();
        if let Some(limit) = plan.cut_after_sent {
            most = most.min(usize::try_from(limit.saturating_sub(self.sent)).unwrap_or(usize::MAX));
        }
        if let Some(split) = plan.split_writes {
            most = most.min(split.max(1));
        }
        if most == 0 || plan.stall_writes {
            // what was written before may still sit in a buffer of the stream
            let _ = Pin::new(&mut self.stream).poll_flush(cx)?;
            return Poll::Pending;
        }
        let bytes = &session.transmit()[..most];
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.sent += count as u64;
        session.transmitted(count);
        Poll::Ready(Ok(()))
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut SwitchSession,
        plan: &FaultPlan,
    ) -> Poll<io::Result<Read>> {
        let mut most = READ as u64;
        if let Some(limit) = plan.cut_after_received {
            most = most.min(limit.saturating_sub(self.received));
        }
        if most == 0 || plan.stall_reads || !session.wants_input() {
            return Poll::Pending;
        }
        let mut space = [0; READ];
        let mut buffer = ReadBuf::new(&mut space[..most as usize]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(Read::End));
        }
        self.received += bytes.len() as u64;
        session.receive(bytes);
        Poll::Ready(Ok(Read::Some))
    }
}
