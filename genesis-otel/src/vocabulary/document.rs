//! The document of all signals, made of the tables.

use std::fmt::Write;

use super::{Instrument, Kind, Metric, Span, metrics, operations, sources, spans, values};

const CHANNEL_SPAN: &str = "\n\
    Only with `GENESIS_TRACE_CHANNELS=1` or the builder's `channel_spans(true)`. Then it is the \
    channel's first span, the parent\nof its other ones. There is one for a channel, however many \
    connections to the switch a `Telemetry` has, and only while\none of them is told of the \
    channel's end. It ends with CHANNEL_DESTROY, or 5 s after CHANNEL_HANGUP_COMPLETE, or when \
    nobody\nis told of the end any more: at a gap, at the end of the link, when a subscription \
    ends.\n";

const CALLS_ACTIVE: &str = "\n\
    `genesis_calls_active` counts a channel, by its Unique-ID, as long as some connection of the \
    `Telemetry` is told of its\nend: it is subscribed to CHANNEL_HANGUP, CHANNEL_HANGUP_COMPLETE \
    or CHANNEL_DESTROY, and no filter holds them back. A\nconnection that is subscribed to \
    CHANNEL_ANSWER only counts nothing. Filters by `Unique-ID` and `Event-Name` are\nunderstood; \
    behind a filter by another header nothing counts. When the last connection that would be told \
    of a channel's\nend goes, so does the channel: that of an outbound session with the session's \
    link. While a link is down that is to come\nback, what counted stays. Then `show channels` says \
    which channels are left and which are new, and again 10 s later, because that table is\nbehind \
    the events; if it is refused, which a warning in the log tells, the channels from before count \
    again with their\nnext event. A connection that is told of all ends counts the new ones, and \
    what `show channels` says is when they\nbegan. There is no ageing: a channel whose end the \
    switch drops on a link that stays up (its queue for a listener\nholds 100,000 events) counts \
    until the next gap.\n\nAn outbound session whose handler hangs up waits up to 2 s for the end \
    of its call before it leaves, so that its\nduration and cause are counted. A call that is left \
    without being hung up ends after the connection: another\nconnection has to see that.\n";

const EVENT_PROCESSING: &str = "\n\
    `genesis_event_processing_duration_seconds` has one value for each event that a consumer has \
    handled: how long\nits handlers took. Events that no consumer handles are told together, after \
    each read from the socket: one value for\neach name among them, and it is the same for all of \
    these names: the mean time of all events of that read, whatever\nthey are called. So it says \
    how busy the connection is, not which of these events is slow, and its count is not\nthat of \
    events: `genesis_events_received_total` is.\n";

/// `SIGNALS.md`: every span and every metric, and where their attributes come from.
#[must_use]
pub fn signals_document() -> String {
    let mut out = String::from(
        "# Signals\n\n\
         Made of the table in `genesis_otel::vocabulary`; do not edit it by hand:\n\
         `GENESIS_WRITE_SIGNALS=1 cargo test -p genesis-otel signals` writes it anew.\n\n\
         Attributes in *italics* are there when they are known.\n\n## Spans\n",
    );
    for span in spans::ALL {
        write_span(&mut out, span);
    }
    write_span(&mut out, &spans::FREESWITCH_CHANNEL);
    out.push_str(CHANNEL_SPAN);
    out.push_str("\nEvery span of a channel's life also carries, once it is known: ");
    out.push_str(&list(spans::OF_A_CHANNEL, "`"));
    out.push_str(
        ".\n\nSpans that an application names itself (`genesis_otel::span` in Rust, `genesis.span` in \
         Lua) have the\nattributes that it gives them and stand among these.\n\n\
         What failed has the status Error, `error.type` and an event `exception`; of a script's error \
         with\n`exception.stacktrace`, too.\n\n\
         ## Operations on a channel\n\n\
         What genesis-channel does, as the label `operation` has it. Every one of them feeds\n`",
    );
    out.push_str(metrics::CHANNEL_OPERATIONS_TOTAL.name);
    out.push_str("` and\n`");
    out.push_str(metrics::CHANNEL_OPERATION_DURATION_SECONDS.name);
    out.push_str("`.\n\n| operation | span |\n|---|---|\n");
    for name in values::OPERATIONS {
        let of_name = operations::of(&format!("channel.{name}"));
        let span = of_name.and_then(|operation| operation.span);
        let span = span.map_or_else(String::new, |span| format!("`{}`", span.name));
        line(&mut out, &[&format!("`{name}`"), &span]);
    }
    out.push_str("\n## Where attributes come from\n\n| attribute | source |\n|---|---|\n");
    for source in sources::ALL {
        let header = match source.header {
            "" => String::new(),
            header => format!("`{header}`"),
        };
        let joint = if header.is_empty() || source.note.is_empty() {
            ""
        } else {
            "; "
        };
        line(
            &mut out,
            &[
                &format!("`{}`", source.attribute),
                &format!("{header}{joint}{}", source.note),
            ],
        );
    }
    out.push_str("\n## Metrics\n\n| metric | type | labels | what it tells |\n|---|---|---|---|\n");
    for metric in metrics::ALL {
        write_metric(&mut out, metric);
    }
    out.push_str(CALLS_ACTIVE);
    out.push_str(EVENT_PROCESSING);
    out.push_str(
        "\nA label takes one of a closed set of values, else `other`. One `Telemetry` makes fewer \
         than 2,000 series,\nwhatever arrives. Labels in *italics* are there when the event or the \
         operation says so.\n",
    );
    out
}

fn write_span(out: &mut String, span: &Span) {
    let kind = match span.kind {
        Kind::Client => ", CLIENT",
        Kind::Server => ", SERVER",
        Kind::Consumer => ", CONSUMER",
        Kind::Internal => "",
    };
    // writing to a String cannot fail
    let _ = write!(
        out,
        "\n### `{}`\n\n{} ({}{kind})",
        span.name, span.description, span.component
    );
    if let Some(parent) = span.parent {
        let _ = write!(out, ", child of `{parent}`");
    }
    out.push_str("\n\n");
    let when: Vec<String> = span.when.iter().map(|name| format!("*`{name}`*")).collect();
    let mut attributes: Vec<String> = span.always.iter().map(|name| format!("`{name}`")).collect();
    attributes.extend(when);
    let feeds = operations::of(span.name).map_or(&[][..], |operation| operation.feeds);
    let mut fed: Vec<&str> = feeds.iter().map(|feed| feed.metric.name).collect();
    fed.dedup();
    let items = [
        ("from", list(span.from, "`")),
        ("attributes", attributes.join(", ")),
        ("events", list(span.events, "`")),
        ("feeds", list(&fed, "`")),
    ];
    for (what, text) in items.iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "- {what}: {text}");
    }
}

fn write_metric(out: &mut String, metric: &Metric) {
    let kind = match metric.instrument {
        Instrument::Counter => "counter",
        Instrument::Gauge => "gauge",
        Instrument::Histogram => "histogram",
    };
    let kind = if metric.unit.is_some() {
        format!("{kind}, seconds")
    } else {
        kind.to_owned()
    };
    let mut labels: Vec<String> = metric
        .labels
        .iter()
        .map(|label| format!("`{label}`"))
        .collect();
    labels.extend(metric.when.iter().map(|label| format!("*`{label}`*")));
    line(
        out,
        &[
            &format!("`{}`", metric.name),
            &kind,
            &labels.join(", "),
            metric.description,
        ],
    );
}

fn line(out: &mut String, cells: &[&str]) {
    for cell in cells {
        out.push_str("| ");
        out.push_str(cell);
        out.push(' ');
    }
    out.push_str("|\n");
}

fn list(names: &[&str], quote: &str) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("{quote}{name}{quote}"))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn signals_document_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("SIGNALS.md");
        let document = signals_document();
        if std::env::var_os("GENESIS_WRITE_SIGNALS").is_some() {
            fs::write(&path, &document).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == document,
            "SIGNALS.md is not what the table says: run this test with GENESIS_WRITE_SIGNALS=1"
        );
    }

    #[test]
    fn every_signal_is_in_it() {
        let document = signals_document();
        for span in spans::ALL {
            assert!(document.contains(&format!("### `{}`", span.name)));
        }
        for metric in metrics::ALL {
            assert!(document.contains(&format!("| `{}` |", metric.name)));
        }
    }
}
