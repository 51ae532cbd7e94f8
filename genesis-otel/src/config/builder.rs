//! Building a [`Telemetry`].

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use genesis_proto::Event;
use metrics::Recorder;
use opentelemetry::global::ObjectSafeTracerProvider;
use opentelemetry::trace::SpanRef;

use super::{Callbacks, HeaderAttributes, MetricsTo, Shared, SpanDetails, Subject, Telemetry};
use crate::attributes::HeaderNames;
use crate::glob::Globs;
use crate::lifecycle::{Expected, Observers, Plans};
use crate::metering::Series;
use crate::secrets::{DENIED, Secrets};
use crate::vocabulary::values::Sets;

const MAX_HEADERS: usize = 350;
const MAX_VALUE: usize = 256;
const MAX_CHANNELS: usize = 10_000;

/// Says what is observed and where it goes; see [`Telemetry`].
#[must_use]
pub struct TelemetryBuilder {
    shared: Shared,
    denied: Globs,
}

impl TelemetryBuilder {
    /// Starts from what `variable` says of each environment variable.
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_on = |name: &str| !variable(name).is_some_and(|value| is_no(&value));
        let is_asked = |name: &str| variable(name).is_some_and(|value| is_yes(&value));
        let globs =
            |name: &str| variable(name).map_or_else(Globs::default, |list| Globs::parse(&list));
        let denied = Globs::new(DENIED);
        let sets = Sets::new();
        let shared = Shared {
            lifecycle: is_on("GENESIS_TRACE_ESL_LIFECYCLE"),
            subclasses: is_on("GENESIS_TRACE_CUSTOM_SUBCLASSES"),
            channels: is_asked("GENESIS_TRACE_CHANNELS"),
            excluded_events: globs("GENESIS_EXCLUDED_EVENTS"),
            excluded_commands: globs("GENESIS_EXCLUDED_COMMANDS"),
            headers: HeaderAttributes::All,
            max_headers: MAX_HEADERS,
            max_value: MAX_VALUE,
            hide_digits: false,
            max_channels: MAX_CHANNELS,
            secrets: Secrets::new(denied.clone()),
            provider: None,
            metrics: MetricsTo::Installed,
            prefix: Cow::Borrowed(""),
            callbacks: Callbacks::default(),
            plans: Plans::new(&sets),
            sets,
            series: Series::default(),
            observers: Observers::default(),
            expected: Expected::default(),
            names: HeaderNames::default(),
        };
        Self { shared, denied }
    }

    /// Whether a channel's life becomes spans (`freeswitch.channel.*`, `freeswitch.call.*`); on by
    /// default.
    pub fn lifecycle(mut self, on: bool) -> Self {
        self.shared.lifecycle = on;
        self
    }

    /// Whether subclasses of CUSTOM become spans (`freeswitch.sofia.*`, ...); on by default.
    pub fn custom_subclasses(mut self, on: bool) -> Self {
        self.shared.subclasses = on;
        self
    }

    /// Whether each channel has a span `freeswitch.channel` of its own, from its creation to its
    /// end; off by default. It is the parent of the channel's other spans.
    ///
    /// There is one however many connections see the channel, as long as one of them is told of
    /// its end ([`Ends`](crate::hooks::Ends)). It ends with CHANNEL_DESTROY; 5 s after
    /// CHANNEL_HANGUP_COMPLETE, because not everybody is sent a DESTROY; or when nobody is told of
    /// the end any more, at a gap or at the end of the link. A channel that is forgotten because
    /// there are more than [`max_channels`](Self::max_channels) ends its span as well.
    pub fn channel_spans(mut self, on: bool) -> Self {
        self.shared.channels = on;
        self
    }

    /// Names of events and subclasses of CUSTOM that become no span; `*` stands for anything.
    /// Added to those of the environment. Metrics still count them.
    pub fn exclude_events<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.shared.excluded_events.extend(Globs::new(names));
        self
    }

    /// Commands that become no span, named as `command.name` does (`api status`); `*` stands for
    /// anything. Added to those of the environment.
    pub fn exclude_commands<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.shared.excluded_commands.extend(Globs::new(names));
        self
    }

    /// Whether the headers of an event become `event.header.*` attributes; on by default.
    pub fn header_attributes(mut self, on: bool) -> Self {
        self.shared.headers = if on {
            HeaderAttributes::All
        } else {
            HeaderAttributes::None
        };
        self
    }

    /// Only these headers become attributes; `*` stands for anything.
    pub fn only_headers<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.shared.headers = HeaderAttributes::Only(Globs::new(names));
        self
    }

    /// These headers become no attributes; `*` stands for anything.
    pub fn without_headers<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.shared.headers = HeaderAttributes::AllBut(Globs::new(names));
        self
    }

    /// More names of headers, variables and parameters whose values are secrets. Those that are
    /// known by default (`*password*`, `sip_auth_*`, `*_pin`, ...) stay.
    pub fn secret_names<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.denied.extend(Globs::new(names));
        self
    }

    /// At most so many headers of an event become attributes, 350 by default. The SDK has a limit
    /// of its own, 128 attributes; those of the vocabulary come first.
    pub fn max_header_attributes(mut self, headers: usize) -> Self {
        self.shared.max_headers = headers;
        self
    }

    /// Values are cut at so many characters, 256 by default.
    pub fn max_value_chars(mut self, characters: usize) -> Self {
        self.shared.max_value = characters;
        self
    }

    /// Whether DTMF digits are hidden from spans and labels; off by default.
    pub fn hide_dtmf_digits(mut self, hidden: bool) -> Self {
        self.shared.hide_digits = hidden;
        self
    }

    /// How many channels of a switch are remembered, 10,000 by default, at least 1. Past that one
    /// is forgotten, the oldest of those that have ended or else the oldest: it no longer counts as
    /// active, and its later spans begin a new trace.
    pub fn max_channels(mut self, channels: usize) -> Self {
        self.shared.max_channels = channels.max(1);
        self
    }

    /// Spans go to this provider instead of the global one.
    pub fn tracer_provider<P>(mut self, provider: P) -> Self
    where
        P: ObjectSafeTracerProvider + Send + Sync + 'static,
    {
        self.shared.provider = Some(Arc::new(provider));
        self
    }

    /// Metrics go to this recorder instead of the installed one.
    pub fn recorder(mut self, recorder: impl Recorder + Send + Sync + 'static) -> Self {
        self.shared.metrics = MetricsTo::Recorder(Arc::new(recorder));
        self
    }

    /// No metrics, whatever is installed.
    pub fn without_metrics(mut self) -> Self {
        self.shared.metrics = MetricsTo::Nowhere;
        self
    }

    /// Put before the name of every metric.
    pub fn metric_prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.shared.prefix = prefix.into();
        self
    }

    /// A function that may give a span that is made of an event or a command another name and more
    /// attributes. It is called only for spans that record. If it panics, the span stays as it was.
    pub fn span_details<F>(mut self, details: F) -> Self
    where
        F: Fn(Subject<'_>) -> Option<SpanDetails> + Send + Sync + 'static,
    {
        self.shared.callbacks.details = Some(Box::new(details));
        self
    }

    /// Called with the span of every connection that was made or accepted.
    ///
    /// This and the other hooks run where the work is done: one that blocks, blocks it. One that
    /// panics harms nothing but itself.
    pub fn on_connection<F>(mut self, hook: F) -> Self
    where
        F: Fn(&SpanRef<'_>) + Send + Sync + 'static,
    {
        self.shared.callbacks.connection = Some(Box::new(hook));
        self
    }

    /// Called with the span of every processed event.
    pub fn on_event<F>(mut self, hook: F) -> Self
    where
        F: Fn(&SpanRef<'_>, &Event) + Send + Sync + 'static,
    {
        self.shared.callbacks.event = Some(Box::new(hook));
        self
    }

    /// Called with the span of every command, and its name, before it is written.
    pub fn before_command<F>(mut self, hook: F) -> Self
    where
        F: Fn(&SpanRef<'_>, &str) + Send + Sync + 'static,
    {
        self.shared.callbacks.command = Some(Box::new(hook));
        self
    }

    /// Called with the span of every command when its reply has come: the text of the reply.
    pub fn after_reply<F>(mut self, hook: F) -> Self
    where
        F: Fn(&SpanRef<'_>, &str) + Send + Sync + 'static,
    {
        self.shared.callbacks.reply = Some(Box::new(hook));
        self
    }

    /// What was said.
    #[must_use]
    pub fn build(self) -> Telemetry {
        let Self {
            mut shared,
            mut denied,
        } = self;
        if shared.hide_digits {
            denied.extend(Globs::new(["dtmf_digit*", "*digits*", "*_dtmf", "dtmf"]));
        }
        shared.secrets = Secrets::new(denied);
        Telemetry::new(shared)
    }
}

/// The variables that say yes or no.
#[cfg(feature = "init")]
pub(crate) const SWITCHES: [&str; 3] = [
    "GENESIS_TRACE_ESL_LIFECYCLE",
    "GENESIS_TRACE_CUSTOM_SUBCLASSES",
    "GENESIS_TRACE_CHANNELS",
];

/// Whether `value` says yes or no.
#[cfg(feature = "init")]
pub(crate) fn is_switch(value: &str) -> bool {
    is_no(value) || is_yes(value)
}

fn is_no(value: &str) -> bool {
    is_one_of(value, ["0", "false", "no", "off"])
}

fn is_yes(value: &str) -> bool {
    is_one_of(value, ["1", "true", "yes", "on"])
}

fn is_one_of(value: &str, words: [&str; 4]) -> bool {
    let value = value.trim();
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryBuilder")
            .field("lifecycle", &self.shared.lifecycle)
            .field("custom_subclasses", &self.shared.subclasses)
            .field("channel_spans", &self.shared.channels)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Telemetry {
        let find = |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        };
        TelemetryBuilder::from_environment(find).build()
    }

    #[test]
    fn the_environment_turns_things_off() {
        let all = from(&[]);
        assert!(all.shared().lifecycle && all.shared().subclasses);
        let off = from(&[
            ("GENESIS_TRACE_ESL_LIFECYCLE", "0"),
            ("GENESIS_TRACE_CUSTOM_SUBCLASSES", "False"),
            ("GENESIS_EXCLUDED_EVENTS", "HEARTBEAT, sofia::*"),
            ("GENESIS_EXCLUDED_COMMANDS", "api"),
        ]);
        assert!(!off.shared().lifecycle && !off.shared().subclasses);
        assert!(off.excludes_event("sofia::expire") && !off.excludes_event("CODEC"));
        assert!(off.excludes_command("api") && !off.excludes_command("bgapi"));
        let on = from(&[("GENESIS_TRACE_ESL_LIFECYCLE", "1")]);
        assert!(on.shared().lifecycle);
    }

    #[test]
    fn spans_of_channels_are_asked_for() {
        assert!(!from(&[]).shared().channels);
        for (value, on) in [("1", true), (" Yes ", true), ("0", false), ("maybe", false)] {
            let telemetry = from(&[("GENESIS_TRACE_CHANNELS", value)]);
            assert_eq!(telemetry.shared().channels, on, "{value}");
        }
    }

    #[test]
    fn debug_shows_no_more_than_it_should() {
        let telemetry = Telemetry::builder()
            .secret_names(["hunter2"])
            .metric_prefix("hunter2")
            .build();
        let shown = format!(
            "{telemetry:?} {:?}",
            Telemetry::builder().secret_names(["hunter2"])
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn values_are_cut_between_characters() {
        let telemetry = Telemetry::builder().max_value_chars(3).build();
        assert_eq!(telemetry.cut("üüü"), "üüü");
        assert_eq!(telemetry.cut("üüüü"), "üüü");
        assert_eq!(telemetry.shown("{a_pin=1}x"), "{a_");
    }
}
