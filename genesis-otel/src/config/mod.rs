//! What is observed, and where it goes.

mod builder;
mod callbacks;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use metrics::Recorder;
use opentelemetry::global::{self, BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::trace::{SpanRef, TracerProvider};
use opentelemetry::{InstrumentationScope, KeyValue};

pub use builder::TelemetryBuilder;
#[cfg(feature = "init")]
pub(crate) use builder::{SWITCHES, is_switch};
pub(crate) use callbacks::Callbacks;
pub use callbacks::{SpanDetails, Subject};

use crate::attributes::HeaderNames;
use crate::glob::Globs;
use crate::lifecycle::{Expected, Observers, Plans};
use crate::metering::{Series, Sink};
use crate::secrets::Secrets;
use crate::vocabulary::values::Sets;

/// The version of the OpenTelemetry conventions that attribute names outside the vocabulary follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// What digits become that are not to be seen.
const HIDDEN: &str = "hidden";

/// How Genesis is observed: what becomes a span, what is left out, and where spans and metrics go.
///
/// Cheap to clone, and clones belong together: they share the bound on metric series and the
/// registry by which a switch is observed once however many connections there are to it. Give
/// every connection of a process a clone of one value; [`Telemetry::default`] is always the same.
///
/// The environment says what is on, [`builder`](Self::builder) starts from it:
///
/// | variable | effect |
/// |---|---|
/// | `GENESIS_TRACE_ESL_LIFECYCLE=0` | no `freeswitch.channel.*` and `freeswitch.call.*` spans |
/// | `GENESIS_TRACE_CUSTOM_SUBCLASSES=0` | no spans for subclasses of CUSTOM |
/// | `GENESIS_TRACE_CHANNELS=1` | a span `freeswitch.channel` around those of each channel |
/// | `GENESIS_EXCLUDED_EVENTS` | names and subclasses that become no span, `*` allowed |
/// | `GENESIS_EXCLUDED_COMMANDS` | commands that become no span, as `command.name` names them |
///
/// ```
/// use genesis_otel::Telemetry;
///
/// let telemetry = Telemetry::builder()
///     .exclude_events(["HEARTBEAT", "sofia::*"])
///     .exclude_commands(["api uuid_*"])
///     .hide_dtmf_digits(true)
///     .build();
/// assert!(telemetry.excludes_event("sofia::register"));
/// assert!(!telemetry.excludes_event("CHANNEL_ANSWER"));
/// assert!(telemetry.excludes_command("api uuid_kill"));
/// ```
#[derive(Clone)]
pub struct Telemetry {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) lifecycle: bool,
    pub(crate) subclasses: bool,
    /// Each channel has a span of its own.
    pub(crate) channels: bool,
    pub(crate) excluded_events: Globs,
    pub(crate) excluded_commands: Globs,
    pub(crate) headers: HeaderAttributes,
    pub(crate) max_headers: usize,
    pub(crate) max_value: usize,
    pub(crate) hide_digits: bool,
    pub(crate) max_channels: usize,
    pub(crate) secrets: Secrets,
    pub(crate) provider: Option<Provider>,
    pub(crate) metrics: MetricsTo,
    pub(crate) prefix: Cow<'static, str>,
    pub(crate) callbacks: Callbacks,
    pub(crate) sets: Sets,
    pub(crate) plans: Plans,
    pub(crate) series: Series,
    pub(crate) observers: Observers,
    pub(crate) expected: Expected,
    pub(crate) names: HeaderNames,
}

type Provider = Arc<dyn ObjectSafeTracerProvider + Send + Sync>;

/// Where metrics go.
#[derive(Clone)]
pub(crate) enum MetricsTo {
    Nowhere,
    /// What the application has installed.
    Installed,
    Recorder(Arc<dyn Recorder + Send + Sync>),
}

/// Which headers of an event become `event.header.*` attributes. Secrets never do.
#[derive(Clone, Debug, Default)]
pub(crate) enum HeaderAttributes {
    #[default]
    All,
    None,
    Only(Globs),
    AllBut(Globs),
}

impl Telemetry {
    /// A builder that starts from the environment.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder::from_environment(|name| std::env::var(name).ok())
    }

    fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether events of this name, or CUSTOM events of this subclass, become no span.
    #[must_use]
    pub fn excludes_event(&self, name: &str) -> bool {
        self.shared.excluded_events.hit(name.as_bytes())
    }

    /// Whether a command becomes no span; `name` is what [`command_name`](crate::command_name)
    /// makes of it, or its first word.
    #[must_use]
    pub fn excludes_command(&self, name: &str) -> bool {
        self.shared.excluded_commands.hit(name.as_bytes())
    }

    /// Whether metrics would go anywhere.
    pub(crate) fn has_recorder(&self) -> bool {
        Sink::of(self).is_some()
    }

    /// A tracer of the provider that is in place now. A tracer that was made before there was a
    /// provider never records: make one per connection.
    pub(crate) fn tracer(&self) -> BoxedTracer {
        let scope = InstrumentationScope::builder("genesis")
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(SCHEMA)
            .build();
        match &self.shared.provider {
            Some(provider) => BoxedTracer::new(provider.boxed_tracer(scope)),
            None => global::tracer_provider().tracer_with_scope(scope),
        }
    }

    /// A digit as it may be shown: as it is, or `hidden` if digits are not to be seen.
    #[must_use]
    pub fn digit<'a>(&self, digit: &'a str) -> &'a str {
        if self.shared.hide_digits {
            HIDDEN
        } else {
            digit
        }
    }

    /// The data of an application as it may be shown, uncut.
    pub(crate) fn application_data<'a>(&self, application: &str, data: &'a str) -> Cow<'a, str> {
        if self.shared.hide_digits && application.contains("dtmf") {
            return Cow::Borrowed(HIDDEN);
        }
        self.shared.secrets.application_data(application, data)
    }

    /// A text that has come from a caller or the switch, as it may be shown: secrets masked, cut
    /// at the limit of characters (256 by default).
    #[must_use]
    pub fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.shared.secrets.masked(text) {
            Cow::Borrowed(text) => Cow::Borrowed(self.cut(text)),
            Cow::Owned(text) => Cow::Owned(self.cut(&text).to_owned()),
        }
    }

    /// What went wrong in a handler or a script as a log may show it: the secrets in each of its lines
    /// masked, and where it was, `/PATH:LINE`, readable whatever the folders are called. Not cut.
    ///
    /// ```
    /// use genesis_otel::Telemetry;
    ///
    /// let telemetry = Telemetry::default();
    /// let shown = telemetry.masked_error("/srv/new_pin/a.lua:7: no; password=1,2");
    /// assert_eq!(shown, "/srv/new_pin/a.lua:7: no; password=***");
    /// ```
    #[must_use]
    pub fn masked_error<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = &self.shared.secrets;
        if !text.contains('\n') {
            return secrets.masked_line(text);
        }
        let lines = text.split('\n').map(|line| secrets.masked_line(line));
        Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
    }

    /// `text` cut at the limit of characters.
    pub(crate) fn cut<'a>(&self, text: &'a str) -> &'a str {
        // most texts have no more bytes than that
        if text.len() <= self.shared.max_value {
            return text;
        }
        match text.char_indices().nth(self.shared.max_value) {
            Some((end, _)) => &text[..end],
            None => text,
        }
    }

    /// Calls the hook for connections.
    pub fn connected(&self, span: &SpanRef<'_>) {
        self.shared.callbacks.connection(span);
    }

    /// Calls the hook for commands that are about to be written; `name` is what
    /// [`command_name`](crate::command_name) gives.
    pub fn command_starts(&self, span: &SpanRef<'_>, name: &str) {
        self.shared.callbacks.command(span, name);
    }

    /// Calls the hook for replies. The text is shown to the hook as [`shown`](Self::shown) has it.
    pub fn reply_came(&self, span: &SpanRef<'_>, reply: &str) {
        self.shared.callbacks.reply(span, &self.shown(reply));
    }

    /// What the application's function says of a span: a name for it, and attributes.
    pub(crate) fn details(&self, subject: Subject<'_>) -> Option<SpanDetails> {
        self.shared.callbacks.details(subject)
    }

    /// An attribute whose value is a text from outside.
    pub(crate) fn attribute(&self, name: &'static str, value: &str) -> KeyValue {
        KeyValue::new(name, self.cut(value).to_owned())
    }
}

impl Default for Telemetry {
    /// What the environment says, see [`Telemetry`]; spans and metrics go to what the application
    /// has installed. One value for the process, and the environment is read once.
    fn default() -> Self {
        // The only global here. Whoever switches telemetry on calls nothing and passes nothing
        // round, and yet a switch must have one observer however many connections there are to it:
        // so they must meet somewhere.
        static DEFAULT: OnceLock<Telemetry> = OnceLock::new();
        DEFAULT.get_or_init(|| Self::builder().build()).clone()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.shared();
        f.debug_struct("Telemetry")
            .field("lifecycle", &shared.lifecycle)
            .field("custom_subclasses", &shared.subclasses)
            .field("channel_spans", &shared.channels)
            .field("excluded_events", &shared.excluded_events)
            .field("excluded_commands", &shared.excluded_commands)
            .field("header_attributes", &shared.headers)
            .field("hide_dtmf_digits", &shared.hide_digits)
            .finish_non_exhaustive()
    }
}
