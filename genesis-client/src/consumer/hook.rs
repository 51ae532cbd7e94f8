//! Hooks: what the application is told besides the events.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::Event;

use super::lanes::Lane;
use crate::observe::HandlerError;
use crate::subscription::Gap;

/// How many notices wait for a hook that is busy.
const WAITING: usize = 256;

/// What a [`Consumer`](super::Consumer) did not see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// The connection was away and is back; see [`Client::resync`](crate::Client::resync).
    Gap(Gap),
    /// Events were dropped because a queue was full.
    Lagged {
        /// How many.
        count: u64,
        /// Of which lane. `None`: the consumer itself could not keep up and which events were
        /// dropped is not known.
        lane: Option<Lane>,
    },
}

/// In words, for a log line.
impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(gap) => {
                let Gap {
                    duration, reason, ..
                } = gap;
                write!(f, "the connection was away for {duration:.1?}: {reason}")
            }
            Self::Lagged {
                count,
                lane: Some(lane),
            } => write!(
                f,
                "{count} events of {lane} were dropped: its queue was full"
            ),
            Self::Lagged { count, lane: None } => {
                write!(
                    f,
                    "{count} events were dropped: the consumer could not keep up"
                )
            }
        }
    }
}

/// A handler that did not do its work.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerFailure {
    /// The event it was given.
    pub event: Event,
    /// What went wrong.
    pub cause: FailureCause,
}

/// Why a handler failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FailureCause {
    /// It gave this error.
    Error(Box<dyn std::error::Error + Send + Sync>),
    /// It panicked, with this message.
    Panic(String),
    /// It took longer than this and was cancelled.
    Timeout(Duration),
}

impl FailureCause {
    /// The kind alone: messages may carry values that do not belong in a log.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Error(error) => told(error).map_or("error", HandlerError::kind),
            Self::Panic(_) => "panic",
            Self::Timeout(_) => "timeout",
        }
    }

    /// The lines of the stack, where they are known.
    pub(super) fn stack(&self) -> &str {
        match self {
            Self::Error(error) => told(error).map_or("", HandlerError::stack),
            Self::Panic(_) | Self::Timeout(_) => "",
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the error itself says of how it is told.
fn told(error: &BoxError) -> Option<&HandlerError> {
    error.downcast_ref()
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "the handler failed: {error}"),
            Self::Panic(message) => write!(f, "the handler panicked: {message}"),
            Self::Timeout(after) => write!(f, "the handler was cancelled after {after:?}"),
        }
    }
}

pub(super) type Told = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A hook with what it has yet to be told. It runs one call at a time.
pub(super) struct Hook<T> {
    call: Option<Arc<dyn Fn(T) -> Told + Send + Sync>>,
    waiting: VecDeque<T>,
    busy: bool,
}

impl<T> Default for Hook<T> {
    fn default() -> Self {
        Self {
            call: None,
            waiting: VecDeque::new(),
            busy: false,
        }
    }
}

impl<T> fmt::Debug for Hook<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("set", &self.call.is_some())
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl<T: 'static> Hook<T> {
    pub(super) fn set<F, Fut>(&mut self, call: F)
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.call = Some(Arc::new(move |notice| Box::pin(call(notice))));
    }

    /// The next call, to be run at once; nothing while one runs.
    pub(super) fn next(&mut self) -> Option<impl Future<Output = ()> + Send + use<T>>
    where
        T: Send,
    {
        if self.busy {
            return None;
        }
        let notice = self.waiting.pop_front()?;
        let call = self.call.clone()?;
        self.busy = true;
        // called inside, so that its panic is its task's
        Some(async move { call(notice).await })
    }

    pub(super) fn done(&mut self) {
        self.busy = false;
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.busy && self.waiting.is_empty()
    }
}

impl Hook<HandlerFailure> {
    /// Over the bound it is counted and logged, but the hook is not told.
    pub(super) fn tell(&mut self, failure: HandlerFailure) {
        if self.call.is_some() && self.waiting.len() < WAITING {
            self.waiting.push_back(failure);
        }
    }
}

impl Hook<Missed> {
    pub(super) fn tell_gap(&mut self, gap: Gap) {
        if self.call.is_none() {
            return;
        }
        if self.waiting.len() >= WAITING {
            // the last gap says enough: everything before it is to be asked for anyway
            let at = self
                .waiting
                .iter()
                .rposition(|m| matches!(m, Missed::Gap(_)));
            if let Some(at) = at {
                self.waiting.remove(at);
            }
        }
        self.waiting.push_back(Missed::Gap(gap));
    }

    /// A loss joins the one of the same lane that waits, and over the bound any.
    pub(super) fn tell_lagged(&mut self, count: u64, lane: Option<Lane>) {
        if self.call.is_none() {
            return;
        }
        let full = self.waiting.len() >= WAITING;
        let lane = lane.filter(|_| !full);
        for missed in self.waiting.iter_mut().rev() {
            if let Missed::Lagged {
                count: sum,
                lane: of,
            } = missed
                && (full || *of == lane)
            {
                *sum += count;
                if *of != lane {
                    *of = None;
                }
                return;
            }
        }
        self.waiting.push_back(Missed::Lagged { count, lane });
    }
}

#[cfg(test)]
mod tests {
    use genesis_proto::session::CloseReason;

    use super::*;

    #[test]
    fn what_was_missed_is_told_in_words() {
        let gap = Gap {
            duration: Duration::from_millis(2100),
            reason: CloseReason::EndOfStream {
                inside_frame: false,
            },
            attempts: 3,
        };
        let told = Missed::Gap(gap).to_string();
        let expected = format!(
            "the connection was away for 2.1s: {}",
            CloseReason::EndOfStream {
                inside_frame: false
            }
        );
        assert_eq!(told, expected);
        let lane = Some(Lane::Channel("7f4d".into()));
        assert_eq!(
            Missed::Lagged { count: 3, lane }.to_string(),
            "3 events of channel 7f4d were dropped: its queue was full"
        );
        assert_eq!(
            Missed::Lagged {
                count: 3,
                lane: None
            }
            .to_string(),
            "3 events were dropped: the consumer could not keep up"
        );
    }
}
