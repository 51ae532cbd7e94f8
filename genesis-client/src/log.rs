//! Following the switch's log.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use genesis_proto::LogLine;
use genesis_proto::name::LogLevel;

use crate::client::Shared;
use crate::queue::{Queue, Queued};
use crate::router::SubscriberId;

/// What a reader of the log sees.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LogItem {
    /// A line.
    Line(LogLine),
    /// This many lines were dropped here, because this reader's queue was full.
    Lagged(u64),
}

impl Queued for LogItem {
    fn weight(&self) -> Option<usize> {
        match self {
            Self::Line(line) => Some(line.frame().raw().len() + 128),
            Self::Lagged(_) => None,
        }
    }

    fn lagged(count: u64) -> Self {
        Self::Lagged(count)
    }
}

/// A stream of the switch's log lines. Log lines have queues of their own: they cannot push call
/// events out. Dropping the stream takes the wish back.
#[must_use = "dropping the stream ends it"]
pub struct LogStream {
    pub(crate) queue: Arc<Queue<LogItem>>,
    pub(crate) id: SubscriberId,
    pub(crate) shared: Arc<Shared>,
}

impl LogStream {
    /// The next item; `None` when the connection has ended for good and all items are taken.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is taken unless the future completes.
    pub async fn next(&mut self) -> Option<LogItem> {
        std::future::poll_fn(|cx| self.queue.poll_pop(cx)).await
    }
}

impl Stream for LogStream {
    type Item = LogItem;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LogItem>> {
        self.queue.poll_pop(cx)
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        self.queue.close();
        self.shared.unsubscribe(self.id);
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream")
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

/// The readers of the log.
#[derive(Debug, Default)]
pub(crate) struct LogRouter {
    readers: Vec<(SubscriberId, LogLevel, Arc<Queue<LogItem>>)>,
}

impl LogRouter {
    pub(crate) fn add(&mut self, id: SubscriberId, level: LogLevel, queue: Arc<Queue<LogItem>>) {
        self.readers.push((id, level, queue));
    }

    pub(crate) fn len(&self) -> usize {
        self.readers.len()
    }

    pub(crate) fn remove(&mut self, id: SubscriberId) -> Option<LogLevel> {
        let at = self.readers.iter().position(|(other, ..)| *other == id)?;
        Some(self.readers.swap_remove(at).1)
    }

    /// Gives the line to every reader whose level takes it; how many lines were dropped for it.
    pub(crate) fn deliver(&self, line: LogLine) -> u64 {
        let level = line.level().map_or(0, LogLevel::number);
        let wants = self
            .readers
            .iter()
            .filter(|(_, wanted, _)| level <= wanted.number());
        wants
            .map(|(.., queue)| queue.push(LogItem::Line(line.clone())).dropped)
            .sum()
    }

    pub(crate) fn close(&mut self) {
        for (.., queue) in self.readers.drain(..) {
            queue.close();
        }
    }
}
