//! An operation under way.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::Either;
use genesis_proto::Command;
use opentelemetry::trace::{FutureExt, Span as _, SpanBuilder, SpanContext, TraceContextExt};
use opentelemetry::{Context, KeyValue, Value};

use super::connection::Connection;
use super::end::{Failure, Outcome};
use super::sight::Sight;
use crate::config::{Subject, Telemetry};
use crate::secrets::MASK;
use crate::traceparent;
use crate::vocabulary::operations;
use crate::vocabulary::values::Slot;
use crate::vocabulary::{Span, sources, spans};

/// Longer texts are no Unique-ID.
const MAX_UUID: usize = 128;

/// An operation under way: a span, and the metrics that belong to it. Dropping it ends the span as
/// cancelled; [`succeeded`](Self::succeeded) and [`failed`](Self::failed) end it otherwise.
#[must_use = "the operation ends when this is dropped"]
pub struct Operation {
    /// Nothing if nobody listens.
    pub(super) under: Option<Box<Under>>,
}

/// What is kept until the end.
pub(super) struct Under {
    pub(super) connection: Connection,
    pub(super) sight: Arc<Sight>,
    pub(super) span: &'static Span,
    pub(super) feeds: &'static [operations::Feed],
    /// With the span in it, if there is one.
    pub(super) context: Option<Context>,
    pub(super) recording: bool,
    pub(super) began: Instant,
    pub(super) limit: Option<Duration>,
    pub(super) labels: Given,
    /// The reply is a secret.
    hidden: bool,
    /// Which of the attributes that it always has it was given, by their places.
    pub(super) given: AtomicU32,
    /// What is fed at the beginning was fed.
    pub(super) begun: bool,
}

impl Under {
    /// The span has this attribute from now on.
    fn has_now(&self, attribute: &str) {
        if let Some(at) = self.span.always.iter().position(|it| *it == attribute) {
            self.given.fetch_or(1 << at, Ordering::Relaxed);
        }
    }
}

/// How an operation begins.
pub(super) struct Start {
    pub(super) span: &'static Span,
    /// Instead of the name that the vocabulary has for it.
    pub(super) name: Option<String>,
    /// The operation whose metrics it feeds.
    pub(super) feeds: &'static str,
    pub(super) limit: Option<Duration>,
    /// Instead of what is current.
    pub(super) parent: Option<Context>,
    /// It gets no span.
    pub(super) excluded: bool,
    pub(super) labels: Given,
}

/// The labels that an operation was given.
#[derive(Default)]
pub(super) struct Given([Option<(&'static str, Slot)>; 6]);

impl Given {
    pub(super) fn set(&mut self, label: &'static str, value: Slot) {
        let free = self
            .0
            .iter_mut()
            .find(|place| place.is_none_or(|(name, _)| name == label));
        if let Some(place) = free {
            *place = Some((label, value));
        }
    }

    pub(super) fn get(&self, label: &str) -> Option<Slot> {
        let mut given = self.0.iter().flatten();
        given
            .find(|(name, _)| *name == label)
            .map(|(_, slot)| *slot)
    }
}

impl Start {
    pub(super) fn of(span: &'static Span) -> Self {
        Self {
            span,
            name: None,
            feeds: span.name,
            limit: None,
            parent: None,
            excluded: false,
            labels: Given::default(),
        }
    }

    /// What has no span: metrics alone.
    pub(super) fn counted(operation: &'static str) -> Self {
        let mut start = Self::of(&spans::OF_THE_APPLICATION);
        start.feeds = operation;
        start.excluded = true;
        start
    }
}

impl Operation {
    pub(super) fn none() -> Self {
        Self { under: None }
    }

    pub(super) fn begin(connection: &Connection, start: Start) -> Self {
        let Some(sight) = connection.sight() else {
            return Self::none();
        };
        let mut context = None;
        let mut recording = false;
        if !start.excluded && sight.may_trace() {
            let parent = start.parent.unwrap_or_else(Context::current);
            let name = start.name.map_or(start.span.name.into(), Cow::Owned);
            let builder = SpanBuilder::from_name(name).with_kind(start.span.kind.into());
            if let Some(span) = sight.span(builder, &parent) {
                recording = span.is_recording();
                context = Some(parent.with_span(span));
            }
        }
        let feeds = match &sight.meters {
            Some(_) => operations::of(start.feeds).map_or(&[][..], |found| found.feeds),
            None => &[],
        };
        if context.is_none() && feeds.is_empty() {
            return Self::none();
        }
        let under = Under {
            connection: connection.clone(),
            sight,
            span: start.span,
            feeds,
            context,
            recording,
            began: Instant::now(),
            limit: start.limit,
            labels: start.labels,
            hidden: false,
            given: AtomicU32::new(0),
            begun: false,
        };
        Self {
            under: Some(Box::new(under)),
        }
    }

    /// What is particular to a command: its name, what the application adds, its hook.
    pub(super) fn of_command(&mut self, name: &str, command: &Command) {
        let Some(under) = &mut self.under else {
            return;
        };
        under.begins();
        let Some(context) = under.context.as_ref().filter(|_| under.recording) else {
            return;
        };
        let telemetry = under.connection.telemetry();
        let span = context.span();
        span.set_attribute(KeyValue::new("command.name", name.to_owned()));
        if let Some(details) = telemetry.details(Subject::Command { name }) {
            if let Some(name) = details.name {
                span.update_name(name);
            }
            span.set_attributes(details.attributes);
        }
        // who asks for a secret is given one
        let secrets = &telemetry.shared().secrets;
        under.hidden = secrets.are_named_in(&command.to_bytes());
        telemetry.command_starts(&span, name);
    }

    /// Adds attributes of our own, if the span records.
    pub(super) fn attributes(&self, attributes: impl FnOnce() -> Vec<KeyValue>) {
        if let Some(context) = self.recorded() {
            context.span().set_attributes(attributes());
        }
    }

    /// Tells the hook for connections.
    pub(super) fn connected(&self) {
        if let Some(under) = &self.under {
            under.connected();
        }
    }

    /// What a leg is called that this operation makes: its events belong to this trace.
    fn calls(&self, uuid: &str) {
        let under = self.under.as_deref();
        let under = under.filter(|under| under.span.name == spans::CHANNEL_CREATE.name);
        let Some((under, context)) = under.and_then(|under| Some((under, under.context.as_ref()?)))
        else {
            return;
        };
        if !uuid.is_empty() && uuid.len() <= MAX_UUID {
            let span = context.span().span_context().clone();
            under
                .connection
                .telemetry()
                .shared()
                .expected
                .put(uuid, span);
        }
    }

    /// Its span, if it has one.
    pub(super) fn span_context(&self) -> Option<SpanContext> {
        let context = self.under.as_deref()?.context.as_ref()?;
        let span = context.span().span_context().clone();
        span.is_valid().then_some(span)
    }

    fn recorded(&self) -> Option<&Context> {
        let under = self.under.as_deref().filter(|under| under.recording)?;
        under.context.as_ref()
    }

    fn attribute(&self, name: &'static str, value: impl FnOnce(&Telemetry) -> Value) {
        let Some(under) = self.under.as_deref().filter(|under| under.recording) else {
            return;
        };
        let allowed = has_attribute(under.span, name);
        debug_assert!(allowed, "{} has no attribute {name}", under.span.name);
        if let (true, Some(context)) = (allowed, &under.context) {
            let value = value(under.connection.telemetry());
            under.has_now(name);
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Whether attributes are worth making: somebody records this span.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.recorded().is_some()
    }

    /// An attribute that is a text: masked and cut as configured.
    pub fn text(&self, attribute: &'static str, value: &str) {
        if attribute == "channel.uuid" {
            self.calls(value);
        }
        self.attribute(attribute, |telemetry| {
            let shown = match attribute {
                "dtmf.digit" => telemetry.digit(value).to_owned(),
                _ => telemetry.shown(value).into_owned(),
            };
            shown.into()
        });
    }

    /// An attribute that is yes or no.
    pub fn flag(&self, attribute: &'static str, value: bool) {
        self.attribute(attribute, |_| value.into());
    }

    /// An attribute that is a whole number.
    pub fn number(&self, attribute: &'static str, value: u64) {
        self.attribute(attribute, |_| {
            i64::try_from(value).unwrap_or(i64::MAX).into()
        });
    }

    /// An attribute that is a time, in seconds.
    pub fn seconds(&self, attribute: &'static str, value: Duration) {
        self.attribute(attribute, |_| value.as_secs_f64().into());
    }

    /// A label of the metrics that belong to the operation.
    pub fn label(&mut self, label: &'static str, value: &str) {
        let Some(under) = &mut self.under else {
            return;
        };
        if under.feeds.is_empty() {
            return;
        }
        let known = under
            .feeds
            .iter()
            .any(|feed| feed.metric.labels.contains(&label) || feed.metric.when.contains(&label));
        debug_assert!(known, "{} feeds no metric with {label}", under.span.name);
        if known {
            let slot = under.connection.slot_of(label, value);
            under.labels.set(label, slot);
            if under.can_begin() {
                under.begins();
            }
        }
    }

    /// Runs `future` so that what is observed in it nests below this operation.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let context = self.under.as_ref().and_then(|under| under.context.clone());
        within(context, future)
    }

    /// Calls `work` with the span of this operation as the current one: for log lines.
    pub fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        let context = self.under.as_ref().and_then(|under| under.context.clone());
        inside(context, work)
    }

    /// The value of the channel variable `traceparent` for a leg that is called now.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let context = self.under.as_ref().and_then(|under| under.context.as_ref());
        match context {
            Some(context) => traceparent::of(context.span().span_context()),
            None => traceparent::current(),
        }
    }

    /// The reply that came, for hooks and for the attribute `command.reply`.
    pub fn reply(&self, text: &str) {
        let Some(under) = self.under.as_deref().filter(|under| under.recording) else {
            return;
        };
        let Some(context) = &under.context else {
            return;
        };
        let shown = if under.hidden { MASK } else { text.trim_end() };
        let shown = under.connection.telemetry().shown(shown);
        if under.span.always.contains(&"command.reply") {
            under.has_now("command.reply");
            let reply = KeyValue::new("command.reply", String::from(&*shown));
            context.span().set_attribute(reply);
        }
        let callbacks = &under.connection.telemetry().shared().callbacks;
        callbacks.reply(&context.span(), &shown);
    }

    /// It did what was asked.
    pub fn succeeded(mut self) {
        if let Some(under) = self.under.take() {
            under.end(&Outcome::Succeeded);
        }
    }

    /// It did not; `kind` is one of a closed set of words.
    pub fn failed(self, kind: &'static str, error: &dyn Display) {
        self.failed_at(kind, error, "");
    }

    /// As [`failed`](Self::failed), and where: the lines of the stack, from the innermost; none if
    /// they are not known.
    pub fn failed_at(mut self, kind: &'static str, error: &dyn Display, stack: &str) {
        if let Some(under) = self.under.take() {
            let failure = Failure { kind, error, stack };
            under.end(&Outcome::Failed(failure));
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if let Some(under) = self.under.take() {
            under.end(&Outcome::Cancelled);
        }
    }
}

/// Whether spans of this kind can have the attribute.
fn has_attribute(span: &Span, name: &str) -> bool {
    let several = |of: &str| of.ends_with('*') && sources::expand(of).contains(&name);
    let mut names = span.always.iter().chain(span.when);
    names.any(|of| *of == name || several(of)) || spans::ALSO.contains(&name)
}

/// Runs `future` with `context` as the current one, or as it is.
pub(super) fn within<F: Future>(
    context: Option<Context>,
    future: F,
) -> impl Future<Output = F::Output> + use<F> {
    match context {
        Some(context) => Either::Left(future.with_context(context)),
        None => Either::Right(future),
    }
}

/// Calls `work` with `context` as the current one, or as it is.
pub(super) fn inside<T>(context: Option<Context>, work: impl FnOnce() -> T) -> T {
    let _current = context.map(Context::attach);
    work()
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.under.as_ref().map(|under| under.span.name);
        f.debug_struct("Operation").field("span", &span).finish()
    }
}

// nothing of it is left half done by a panic
impl UnwindSafe for Operation {}
impl RefUnwindSafe for Operation {}
