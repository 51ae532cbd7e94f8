//! Log lines of this program, on stderr.
//!
//! `[10:34:43] INFO     message key=value`, or with `--json` one object a line. What comes from
//! outside is escaped, so that a header value cannot forge a log line.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::Global;
use crate::exit::Failure;
use crate::output::{self, style};

const CLOCK: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");
const RFC3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");
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
    tracing_subscriber::fmt()
        .with_max_level(level.filter())
        .with_ansi(colours)
        .with_writer(io::stderr)
        // it would tell them on stderr, and panic when that cannot be written either
        .log_internal_errors(false)
        .event_format(format)
        .try_init()
        .map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
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
        if self.json {
            let line = json_line(name, &fields.message, metadata.target(), &fields.others);
            return writeln!(writer, "{line}");
        }
        let mut text = output::one_line(&fields.message);
        for (field, value) in &fields.others {
            write!(text, " {field}={}", output::one_line(value))?;
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

fn level_name(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::TRACE => "TRACE",
        tracing::Level::DEBUG => "DEBUG",
        tracing::Level::INFO => "INFO",
        tracing::Level::WARN => "WARNING",
        tracing::Level::ERROR => "ERROR",
    }
}

/// A log line as JSON: timestamp, level, message, logger, then the fields of the event.
pub(crate) fn json_line(
    level: &str,
    message: &str,
    logger: &str,
    fields: &[(&str, String)],
) -> String {
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
    for (key, value) in fields {
        line.entry(*key)
            .or_insert_with(|| output::one_line(value).into());
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
        let line = json_line(
            "INFO",
            "a\nb\u{1b}",
            "genesis",
            &[("count", "3".to_owned())],
        );
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let keys: Vec<_> = value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["timestamp", "level", "message", "logger", "count"]);
        assert_eq!(value["message"], "a\\nb\\u{1b}");
        let timestamp = value["timestamp"].as_str().unwrap();
        assert_eq!(
            timestamp.len(),
            "2026-11-21T10:34:43.123456+00:00".len(),
            "{timestamp}"
        );
        assert!(timestamp.ends_with("+00:00"));
    }
}
