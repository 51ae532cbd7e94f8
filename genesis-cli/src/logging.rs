//! Log lines of this program, on stderr.
//!
//! `[10:34:43] INFO     message (trace_id=... span_id=...)`, or with `--json` one object a line. The ids
//! are those of the span that is current, and left out outside of one. What Genesis itself says has its
//! fields behind the message, `key=value`; what a script says is just that. What comes from outside is
//! escaped, so that a header value cannot forge a log line.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Global;
use crate::exit::Failure;
use crate::output::{self, style};

const CLOCK: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");
const RFC3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");
/// The lines of scripts. Which application and call it was, the trace tells.
const OF_SCRIPTS: &str = "genesis_lua::script";
const VARIABLES: [&str; 2] = ["ESL_LOG_LEVEL", "GENESIS_LOG_LEVEL"];

/// The names of levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    #[value(alias = "WARN")]
    Warning,
    Error,
    Critical,
}

impl Level {
    fn filter(self) -> LevelFilter {
        match self {
            Self::Trace => LevelFilter::TRACE,
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warning => LevelFilter::WARN,
            Self::Error => LevelFilter::ERROR,
            // only the line with which the program itself gives up
            Self::Critical => LevelFilter::OFF,
        }
    }
}

/// Starts logging. To be called before any thread is started.
pub(crate) fn init(global: &Global) -> Result<(), Failure> {
    let level = match global.loglevel {
        Some(level) => level,
        None => from_environment(|name| std::env::var(name).ok())?,
    };
    let offset = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let colours = output::colours(io::stderr().is_terminal());
    let format = Format {
        json: global.json,
        offset,
        colours,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(io::stderr)
        // it would tell them on stderr, and panic when that cannot be written either
        .log_internal_errors(false)
        .event_format(format);
    tracing_subscriber::registry()
        .with(lines)
        .with(targets(level.filter()))
        .try_init()
        .map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
}

/// Our own lines down to this level; of the libraries below us only what needs attention. Theirs
/// would drown ours, and hold what they send, headers with credentials among it.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("genesis", level)
}

/// The level that the environment asks for, else INFO.
fn from_environment(get: impl Fn(&str) -> Option<String>) -> Result<Level, Failure> {
    let set = VARIABLES.iter().find_map(|name| {
        let value = get(name).filter(|value| !value.trim().is_empty())?;
        Some((name, value))
    });
    let Some((name, value)) = set else {
        return Ok(Level::Info);
    };
    Level::from_str(value.trim(), true).map_err(|_| {
        Failure::usage(format!(
            "{name}={value:?} is no log level; write TRACE, DEBUG, INFO, WARNING, ERROR or CRITICAL"
        ))
    })
}

struct Format {
    json: bool,
    offset: UtcOffset,
    colours: bool,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let name = level_name(*metadata.level());
        if tells_errors_of_others(metadata.target()) {
            fields.mask();
        }
        let mut text = output::one_line(&fields.message);
        if metadata.target() != OF_SCRIPTS {
            for (field, value) in &fields.others {
                write!(text, " {field}={}", output::one_line(value))?;
            }
        }
        if self.json {
            return writeln!(writer, "{}", json_line(name, &text, metadata.target()));
        }
        if let Some([trace, span]) = ids() {
            write!(text, " (trace_id={trace} span_id={span})")?;
        }
        let now = OffsetDateTime::now_utc().to_offset(self.offset);
        let clock = now.format(CLOCK).map_err(|_| fmt::Error)?;
        let style = match name {
            _ if !self.colours => style::NONE,
            "ERROR" => style::BAD,
            "WARNING" => style::WARN,
            "INFO" => style::GOOD,
            _ => style::DIM,
        };
        writeln!(writer, "[{clock}] {style}{name:<8}{style:#} {text}")
    }
}

/// Whether lines with this target tell what went wrong in a handler or a script, whose errors hold
/// what their author put there. Our own texts are none: "is the password right?" is to be read.
fn tells_errors_of_others(target: &str) -> bool {
    let target = target.strip_prefix("genesis_").unwrap_or_default();
    target == "lua"
        || target.starts_with("client::outbound")
        || target.starts_with("client::consumer")
}

fn level_name(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::TRACE => "TRACE",
        tracing::Level::DEBUG => "DEBUG",
        tracing::Level::INFO => "INFO",
        tracing::Level::WARN => "WARNING",
        tracing::Level::ERROR => "ERROR",
    }
}

/// The ids of the trace and the span that are current, in hexadecimal.
#[cfg(feature = "telemetry")]
fn ids() -> Option<[String; 2]> {
    use opentelemetry::Context;
    use opentelemetry::trace::TraceContextExt as _;

    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid()
            .then(|| [ids.trace_id().to_string(), ids.span_id().to_string()])
    })
}

/// There are no spans in this build.
#[cfg(not(feature = "telemetry"))]
fn ids() -> Option<[String; 2]> {
    None
}

/// A log line as JSON: timestamp, level, message, logger, and inside a span trace_id and span_id.
pub(crate) fn json_line(level: &str, message: &str, logger: &str) -> String {
    let mut line = serde_json::Map::new();
    let timestamp = OffsetDateTime::now_utc()
        .format(RFC3339)
        .unwrap_or_default();
    for (key, value) in [
        ("timestamp", &*timestamp),
        ("level", level),
        ("message", message),
        ("logger", logger),
    ] {
        line.insert(key.to_owned(), output::one_line(value).into());
    }
    if let Some([trace, span]) = ids() {
        line.insert("trace_id".to_owned(), trace.into());
        line.insert("span_id".to_owned(), span.into());
    }
    serde_json::Value::Object(line).to_string()
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.others.push((name, value)),
        }
    }
}

#[cfg(feature = "telemetry")]
impl Fields {
    /// Masks secrets as in spans.
    fn mask(&mut self) {
        let telemetry = genesis_otel::Telemetry::default();
        let values = self.others.iter_mut().map(|(_, value)| value);
        for text in values.chain([&mut self.message]) {
            *text = telemetry.masked_error(text).into_owned();
        }
    }
}

#[cfg(not(feature = "telemetry"))]
impl Fields {
    /// What is a secret, telemetry knows; this build has none.
    fn mask(&mut self) {}
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_comes_from_the_first_variable_that_is_set() {
        let level = |esl: Option<&str>, genesis: Option<&str>| {
            let (esl, genesis) = (esl.map(str::to_owned), genesis.map(str::to_owned));
            from_environment(|name| {
                if name == "ESL_LOG_LEVEL" {
                    esl.clone()
                } else {
                    genesis.clone()
                }
            })
        };
        assert_eq!(level(None, None).unwrap(), Level::Info);
        assert_eq!(level(None, Some("debug")).unwrap(), Level::Debug);
        assert_eq!(level(Some("ERROR"), Some("debug")).unwrap(), Level::Error);
        assert_eq!(level(Some(""), Some("TRACE")).unwrap(), Level::Trace);
        assert!(level(Some("loud"), None).is_err());
    }

    #[test]
    fn json_lines_have_four_keys_and_escape_control_characters() {
        let line = json_line("INFO", "a\nb\u{1b}", "genesis");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<_> = value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["timestamp", "level", "message", "logger"]);
        assert_eq!(value["message"], "a\\nb\\u{1b}");
        let timestamp = value["timestamp"].as_str().unwrap();
        assert_eq!(
            timestamp.len(),
            "2026-11-21T10:34:43.123456+00:00".len(),
            "{timestamp}"
        );
        assert!(timestamp.ends_with("+00:00"));
    }

    /// Where a test reads log lines.
    #[derive(Clone, Debug, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        /// A layer that writes here.
        fn layer<S>(&self, json: bool) -> impl tracing_subscriber::Layer<S> + use<S>
        where
            S: Subscriber + for<'a> LookupSpan<'a>,
        {
            let lines = self.clone();
            tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_writer(move || lines.clone())
                .event_format(Format {
                    json,
                    offset: UtcOffset::UTC,
                    colours: false,
                })
        }

        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
        }
    }

    /// The shape of a line: digits are 0.
    fn shape(line: &str) -> String {
        let zero = |c: char| if c.is_ascii_digit() { '0' } else { c };
        line.chars().map(zero).collect()
    }

    #[test]
    fn a_line_is_time_level_and_message_and_cannot_be_forged() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines.layer(false));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("This is a log message");
            tracing::warn!(count = 3, name = "x\n[10:34:43] ERROR", "a\rb");
        });
        let text = lines.take();
        let mut written = text.lines();
        let first = written.next().unwrap();
        assert_eq!(shape(first), "[00:00:00] INFO     This is a log message");
        let second = written.next().unwrap();
        assert!(
            second.ends_with("] WARNING  a\\rb count=3 name=x\\n[10:34:43] ERROR"),
            "{second}"
        );
        assert_eq!(written.next(), None);
    }

    #[test]
    fn a_line_of_a_script_is_what_the_script_said() {
        for json in [false, true] {
            let lines = Lines::default();
            let subscriber = tracing_subscriber::registry().with(lines.layer(json));
            tracing::subscriber::with_default(subscriber, || {
                let (app, place) = ("ivr", "/x/ivr.lua:3");
                tracing::info!(target: "genesis_lua::script", app, place, "This is a log message");
                tracing::error!(target: "genesis_lua", app, "a script failed: /x/ivr.lua:3: no");
            });
            let text = lines.take();
            let mut written = text.lines();
            let [first, second] = [(); 2].map(|()| written.next().unwrap());
            if json {
                let line: serde_json::Value = serde_json::from_str(first).unwrap();
                assert_eq!(line["message"], "This is a log message");
                assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
            } else {
                assert_eq!(shape(first), "[00:00:00] INFO     This is a log message");
            }
            let rest = "a script failed: /x/ivr.lua:3: no app=ivr";
            assert!(second.contains(rest), "{second}");
        }
    }

    #[test]
    #[cfg(feature = "telemetry")]
    fn lesson_42_errors_of_handlers_and_scripts_show_no_secret() {
        for json in [false, true] {
            let lines = Lines::default();
            let subscriber = tracing_subscriber::registry().with(lines.layer(json));
            tracing::subscriber::with_default(subscriber, || {
                let traceback = "password=s3c,ret\n\t/x/a.lua:3: in main";
                tracing::error!(target: "genesis_lua", traceback, "a script failed: /new_pin/a.lua:3: my_pin=s3c;ret");
                let error = "{sip_auth_password=s3c;ret,a=b}user/1";
                tracing::warn!(target: "genesis_client::outbound::server", error, "the handler failed");
                tracing::warn!(target: "genesis_client::link", "is the password right?");
                tracing::info!(target: "genesis_lua::script", "password: as its author says");
            });
            let text = lines.take();
            assert!(!text.contains("s3c") && !text.contains("ret,"), "{text}");
            for kept in [
                "a script failed: /new_pin/a.lua:3: my_pin=***",
                "/x/a.lua:3: in main",
                "{sip_auth_password=***,a=b}user/1",
                "is the password right?",
                "password: as its author says",
            ] {
                assert!(text.contains(kept), "{kept}: {text}");
            }
        }
    }

    #[test]
    fn libraries_below_do_not_tell_what_they_do() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry()
            .with(lines.layer(false))
            .with(targets(LevelFilter::TRACE));
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "genesis_client::link", "ours");
            tracing::info!(target: "h2::codec", "theirs");
            tracing::warn!(target: "h2::codec", "attention");
        });
        let text = lines.take();
        assert!(
            text.contains("ours") && text.contains("attention"),
            "{text}"
        );
        assert!(!text.contains("theirs"), "{text}");
    }

    #[cfg(feature = "telemetry")]
    mod in_a_span {
        use opentelemetry::trace::{
            SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
            TracerProvider as _,
        };
        use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

        use super::*;

        const TRACE: &str = "eee4dfc73530a13a846ec8f1e61561f4";
        const SPAN: &str = "639ec6ffc3f956f2";

        /// Logs in a span of OpenTelemetry and gives the line.
        fn logged(json: bool) -> String {
            let lines = Lines::default();
            let subscriber = tracing_subscriber::registry().with(lines.layer(json));
            let span = SpanContext::new(
                TraceId::from_hex(TRACE).unwrap(),
                SpanId::from_hex(SPAN).unwrap(),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            );
            let context = opentelemetry::Context::new().with_remote_span_context(span);
            tracing::subscriber::with_default(subscriber, || {
                let _current = context.attach();
                tracing::info!(target: "genesis.logger", "This is a log message");
            });
            lines.take()
        }

        #[test]
        fn a_line_ends_with_the_ids() {
            let line = logged(false);
            let expected = format!("This is a log message (trace_id={TRACE} span_id={SPAN})\n");
            assert!(line.ends_with(&expected), "{line}");
        }

        #[test]
        fn an_object_has_exactly_six_keys() {
            let line: serde_json::Value = serde_json::from_str(&logged(true)).unwrap();
            let keys: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
            let expected = [
                "timestamp",
                "level",
                "message",
                "logger",
                "trace_id",
                "span_id",
            ];
            assert_eq!(keys, expected);
            assert_eq!(line["level"], "INFO");
            assert_eq!(line["message"], "This is a log message");
            assert_eq!(line["logger"], "genesis.logger");
            assert_eq!(line["trace_id"], TRACE);
            assert_eq!(line["span_id"], SPAN);
        }

        #[test]
        fn under_tracing_opentelemetry_the_ids_are_those_of_the_span_entered() {
            let exporter = InMemorySpanExporter::default();
            let provider = SdkTracerProvider::builder()
                .with_simple_exporter(exporter.clone())
                .build();
            let lines = Lines::default();
            let subscriber = tracing_subscriber::registry()
                .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")))
                .with(lines.layer(true));
            tracing::subscriber::with_default(subscriber, || {
                tracing::info_span!("outer").in_scope(|| {
                    tracing::info_span!("inner").in_scope(|| tracing::info!("inside"));
                });
            });
            let line: serde_json::Value = serde_json::from_str(&lines.take()).unwrap();
            let spans = exporter.get_finished_spans().unwrap();
            let inner = spans.iter().find(|span| span.name == "inner").unwrap();
            let (trace, span) = (inner.span_context.trace_id(), inner.span_context.span_id());
            assert_eq!(line["trace_id"], trace.to_string());
            assert_eq!(line["span_id"], span.to_string());
        }
    }
}
