//! How operations end.

use std::fmt::Display;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::trace::{SpanRef, Status, TraceContextExt};
use opentelemetry::{KeyValue, Value};

use super::operation::Under;
use super::place;
use crate::config::Telemetry;
use crate::metering::Labels;
use crate::vocabulary::operations::{Feed, When};
use crate::vocabulary::spans::INBOUND_CONNECT;
use crate::vocabulary::values;

/// So many lines of a stack are shown, the innermost.
const MAX_STACK: usize = 64;

/// What is told of an error.
#[derive(Clone, Copy)]
pub(crate) struct Failure<'a> {
    pub(crate) kind: &'static str,
    pub(crate) error: &'a dyn Display,
    /// Lines from the innermost; may be empty.
    pub(crate) stack: &'a str,
}

/// What became of an operation.
pub(super) enum Outcome<'a> {
    Succeeded,
    Failed(Failure<'a>),
    /// Nobody waited for it any longer.
    Cancelled,
}

impl Outcome<'_> {
    fn error(&self) -> Option<&'static str> {
        match self {
            Self::Succeeded => None,
            Self::Failed(failure) => Some(failure.kind),
            Self::Cancelled => Some("cancelled"),
        }
    }

    fn feeds(&self, when: When) -> bool {
        match when {
            When::Begins | When::Lasts => false,
            When::Ends => true,
            When::Succeeds => matches!(self, Self::Succeeded),
            When::Fails => !matches!(self, Self::Succeeded),
            When::TimesOut => self.error() == Some("timeout"),
        }
    }
}

/// Makes a span that of an error.
pub(crate) fn tell_error(telemetry: &Telemetry, span: &SpanRef<'_>, failure: Failure<'_>) {
    let Failure { kind, error, stack } = failure;
    span.set_attribute(KeyValue::new("error.type", kind));
    let message = error.to_string();
    let message = place::shown(telemetry, &message).into_owned();
    let mut attributes = vec![
        KeyValue::new("exception.type", kind),
        KeyValue::new("exception.message", message.clone()),
    ];
    if !stack.is_empty() {
        // line by line: a secret in one takes nothing from the others
        let lines = stack.lines().take(MAX_STACK);
        let lines: Vec<_> = lines.map(|line| place::shown(telemetry, line)).collect();
        attributes.push(KeyValue::new("exception.stacktrace", lines.join("\n")));
    }
    span.add_event("exception", attributes);
    span.set_status(Status::error(message));
}

/// What an attribute is that a span always has, of an operation that was given up before it could
/// say so.
fn unsaid(attribute: &str, outcome: &Outcome<'_>, took: Duration) -> Option<Value> {
    Some(match attribute {
        "channel.other_uuid" | "channel.state" | "channel.uuid" | "command.reply" => "".into(),
        "channel.answer.duration" | "ring_group.duration" => took.as_secs_f64().into(),
        "channel.answer.success" | "channel.bridge.success" => false.into(),
        "queue.depth" => 0.into(),
        "ring_group.result" => "error".into(),
        "wait.result" => outcome.error()?.into(),
        _ => return None,
    })
}

impl Under {
    /// Whether all labels are there that the beginning needs, and it was not fed yet.
    pub(super) fn can_begin(&self) -> bool {
        let mut fed = self.feeds.iter().filter(|feed| feed.when == When::Begins);
        let is_given = |label: &&str| self.labels.get(label).is_some();
        !self.begun && fed.all(|feed| feed.metric.labels.iter().all(is_given))
    }

    /// Feeds what is fed at the beginning.
    pub(super) fn begins(&mut self) {
        for feed in self.feeds {
            match feed.when {
                When::Begins => self.feed(feed, None, 0.0),
                When::Lasts => self.step(feed, 1.0),
                _ => {}
            }
        }
        self.begun = true;
    }

    /// Tells the hook for connections.
    pub(super) fn connected(&self) {
        if let Some(context) = &self.context {
            self.connection.telemetry().connected(&context.span());
        }
    }

    pub(super) fn end(mut self: Box<Self>, outcome: &Outcome<'_>) {
        let took = self.began.elapsed();
        if self.span.name == INBOUND_CONNECT.name && matches!(outcome, Outcome::Succeeded) {
            self.connected();
        }
        if let Some(context) = self.context.take() {
            let span = context.span();
            if self.recording {
                self.describe(&span, outcome, took);
            }
            // whoever has a clone of the context keeps the span no longer than this
            span.end();
        }
        if !self.begun {
            self.begins();
        }
        self.ends(outcome, took);
    }

    fn describe(&self, span: &SpanRef<'_>, outcome: &Outcome<'_>, took: Duration) {
        let given = self.given.load(Ordering::Relaxed);
        for (at, attribute) in self.span.always.iter().enumerate() {
            if given & (1 << at) == 0
                && let Some(value) = unsaid(attribute, outcome, took)
            {
                span.set_attribute(KeyValue::new(*attribute, value));
            }
        }
        let Some(kind) = outcome.error() else {
            return;
        };
        match outcome {
            Outcome::Failed(failure) => tell_error(self.connection.telemetry(), span, *failure),
            _ => span.set_attribute(KeyValue::new("error.type", kind)),
        }
    }

    fn ends(&self, outcome: &Outcome<'_>, took: Duration) {
        for feed in self.feeds {
            if feed.when == When::Lasts {
                self.step(feed, -1.0);
            } else if outcome.feeds(feed.when) {
                self.feed(feed, Some(outcome), took.as_secs_f64());
            }
        }
    }

    fn feed(&self, feed: &Feed, outcome: Option<&Outcome<'_>>, seconds: f64) {
        if let Some(meters) = &self.sight.meters {
            meters.feed(feed.metric, &self.labels_of(feed, outcome), seconds);
        }
    }

    fn step(&self, feed: &Feed, step: f64) {
        if let Some(meters) = &self.sight.meters {
            let gauge = meters.gauge(feed.metric, &self.labels_of(feed, None));
            gauge.increment(step);
        }
    }

    fn labels_of(&self, feed: &Feed, outcome: Option<&Outcome<'_>>) -> Labels {
        let error = outcome.and_then(Outcome::error);
        let sets = &self.connection.telemetry().shared().sets;
        Labels::of(feed.metric, |label| {
            let slot = |value| sets.of_label(label).slot(value);
            let fixed = feed.fixed.iter().find(|(name, _)| *name == label);
            if let Some((_, value)) = fixed {
                return Some(slot(value));
            }
            match label {
                "error" => error.map(slot),
                // what was said to have come of it is not true of what was cut off
                "result" if error.is_some() => Some(slot("error")),
                "success" => outcome.map(|_| slot(values::bool(error.is_none()))),
                "timeout.duration" => self.limit.map(|limit| slot(values::duration(limit))),
                "type" => Some(slot(self.connection.side())),
                _ => self.labels.get(label),
            }
        })
    }
}
