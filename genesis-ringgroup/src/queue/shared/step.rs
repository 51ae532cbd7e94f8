//! What one step says to Redis, and what Redis answers.

use std::time::Duration;

use redis::Value;
use tokio::time::Instant;

use super::super::backend::{Entry, QueueState};
use crate::{Error, ErrorKind, Result};

/// The script that all steps run.
pub(super) const SCRIPT: &str = include_str!("step.lua");

/// How the process stands to the queue in this step; see the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Step,
    Sync,
    Look,
    Set,
}

/// One operation within a step.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Enter {
        number: u64,
        entry: Entry,
        arrival: Option<String>,
        holds: bool,
    },
    Leave {
        number: u64,
        item: String,
    },
    Position {
        number: u64,
        item: String,
    },
    SetLimit(Option<usize>),
    Items,
}

/// One call of the script.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) mode: Mode,
    pub(super) known: String,
    pub(super) stays: bool,
    pub(super) renewal: bool,
    pub(super) sent: Instant,
    pub(super) ops: Vec<Op>,
    /// Entries that are out of the queue if the step succeeds.
    pub(super) leaves: Vec<u64>,
}

impl Call {
    /// Mode, known epoch and whether the process stays.
    pub(super) fn head(&self) -> [String; 3] {
        let mode = match self.mode {
            Mode::Step => "step",
            Mode::Sync => "sync",
            Mode::Look => "look",
            Mode::Set => "set",
        };
        let stays = if self.stays { "1" } else { "" };
        [mode.to_owned(), self.known.clone(), stays.to_owned()]
    }

    /// The operations as the script reads them.
    pub(super) fn tail(&self, args: &mut Vec<String>) {
        let or_empty = |number: Option<usize>| number.map(|n| n.to_string()).unwrap_or_default();
        for op in &self.ops {
            match op {
                Op::Enter {
                    number,
                    entry,
                    arrival,
                    holds,
                } => args.extend([
                    "E".to_owned(),
                    entry.item().to_owned(),
                    number.to_string(),
                    arrival.clone().unwrap_or_default(),
                    u8::from(*holds).to_string(),
                    or_empty(entry.limit()),
                    entry.max_waiting().to_string(),
                ]),
                Op::Leave { number, item } => {
                    args.extend(["L".to_owned(), item.clone(), number.to_string()]);
                }
                Op::Position { number, item } => {
                    args.extend(["P".to_owned(), item.clone(), number.to_string()]);
                }
                Op::SetLimit(limit) => args.extend(["S".to_owned(), or_empty(*limit)]),
                Op::Items => args.push("I".to_owned()),
            }
        }
    }
}

/// What the script answered.
#[derive(Debug)]
pub(super) enum Reply {
    /// A later step came first: nothing was done.
    Stale,
    /// The queue does not know the process: nothing was done, say everything.
    Sync,
    Done(Done),
}

#[derive(Debug)]
pub(super) struct Done {
    pub(super) epoch: String,
    /// Until something ends that may let somebody in.
    pub(super) wake: Option<Duration>,
    pub(super) state: QueueState,
    /// How many of this process hold.
    pub(super) own: usize,
    pub(super) granted: Vec<u64>,
    /// One for each operation.
    pub(super) results: Vec<Outcome>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Entered {
        standing: Standing,
        arrival: String,
        ahead: usize,
    },
    Number(i64),
    Items {
        holding: Vec<String>,
        waiting: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    Holding,
    Duplicate,
    Full,
    Lost,
}

impl Reply {
    pub(super) fn parse(value: Value) -> Result<Self> {
        read_reply(value).ok_or_else(|| {
            Error::new(
                ErrorKind::Backend,
                "Redis answered a step of a queue in a form that is not ours: \
                 does something else use the same keys?",
            )
        })
    }
}

fn read_reply(value: Value) -> Option<Reply> {
    let mut fields = list(value)?.into_iter();
    match string(fields.next()?)?.as_str() {
        "stale" => Some(Reply::Stale),
        "sync" => Some(Reply::Sync),
        "ok" => Some(Reply::Done(Done {
            epoch: string(fields.next()?)?,
            wake: u64::try_from(number(fields.next()?)?)
                .ok()
                .map(Duration::from_micros),
            state: QueueState::new(
                size(fields.next()?)?,
                size(fields.next()?)?,
                size(fields.next()?)?,
            ),
            own: size(fields.next()?)?,
            granted: list(fields.next()?)?
                .into_iter()
                .map(|token| string(token)?.parse().ok())
                .collect::<Option<_>>()?,
            results: list(fields.next()?)?
                .into_iter()
                .map(read_outcome)
                .collect::<Option<_>>()?,
        })),
        _ => None,
    }
}

fn read_outcome(value: Value) -> Option<Outcome> {
    let fields = match value {
        Value::Int(number) => return Some(Outcome::Number(number)),
        other => list(other)?,
    };
    let count = fields.len();
    let mut fields = fields.into_iter();
    if count == 2 {
        let mut strings =
            || -> Option<Vec<String>> { list(fields.next()?)?.into_iter().map(string).collect() };
        return Some(Outcome::Items {
            holding: strings()?,
            waiting: strings()?,
        });
    }
    Some(Outcome::Entered {
        standing: match string(fields.next()?)?.as_str() {
            "w" => Standing::Waiting,
            "h" => Standing::Holding,
            "d" => Standing::Duplicate,
            "f" => Standing::Full,
            "l" => Standing::Lost,
            _ => return None,
        },
        arrival: string(fields.next()?)?,
        ahead: size(fields.next()?)?,
    })
}

fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn number(value: Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        _ => None,
    }
}

fn size(value: Value) -> Option<usize> {
    usize::try_from(number(value)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_answer_is_an_error_not_a_panic() {
        for value in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::SimpleString("ok".into())]),
            Value::Array(vec![Value::Int(1)]),
        ] {
            assert!(Reply::parse(value).unwrap_err().is_backend());
        }
    }
}
