//! What an application hooks in. A panic in it is caught and forgotten.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use genesis_proto::Event;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

/// What a span is made of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// An event of the switch; `span` is the name that the span has.
    Event {
        /// `process_event`, `freeswitch.channel.answer`, ...
        span: &'a str,
        /// The event.
        event: &'a Event,
    },
    /// A command; its arguments are not told.
    Command {
        /// As `command.name` has it.
        name: &'a str,
    },
}

/// What a function for span details says.
#[derive(Clone, Debug, Default)]
pub struct SpanDetails {
    /// The name of the span instead of the one it has.
    pub name: Option<Cow<'static, str>>,
    /// Attributes to add.
    pub attributes: Vec<KeyValue>,
}

type Details = dyn Fn(Subject<'_>) -> Option<SpanDetails> + Send + Sync;
type WithSpan = dyn Fn(&SpanRef<'_>) + Send + Sync;
type WithEvent = dyn Fn(&SpanRef<'_>, &Event) + Send + Sync;
type WithText = dyn Fn(&SpanRef<'_>, &str) + Send + Sync;

#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) details: Option<Box<Details>>,
    pub(crate) connection: Option<Box<WithSpan>>,
    pub(crate) event: Option<Box<WithEvent>>,
    pub(crate) command: Option<Box<WithText>>,
    pub(crate) reply: Option<Box<WithText>>,
}

impl Callbacks {
    pub(crate) fn details(&self, subject: Subject<'_>) -> Option<SpanDetails> {
        let details = self.details.as_deref()?;
        caught(|| details(subject)).flatten()
    }

    pub(crate) fn connection(&self, span: &SpanRef<'_>) {
        if let Some(hook) = self.connection.as_deref() {
            caught(|| hook(span));
        }
    }

    pub(crate) fn event(&self, span: &SpanRef<'_>, event: &Event) {
        if let Some(hook) = self.event.as_deref() {
            caught(|| hook(span, event));
        }
    }

    pub(crate) fn command(&self, span: &SpanRef<'_>, name: &str) {
        if let Some(hook) = self.command.as_deref() {
            caught(|| hook(span, name));
        }
    }

    pub(crate) fn reply(&self, span: &SpanRef<'_>, text: &str) {
        if let Some(hook) = self.reply.as_deref() {
            caught(|| hook(span, text));
        }
    }
}

/// What `call` gives unless it panics. Nothing of ours is borrowed by a hook in a way that a panic
/// could leave half done.
fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}
