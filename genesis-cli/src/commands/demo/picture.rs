//! The trace of the ring group's call, drawn as a tree, and a few metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use super::broken;
use crate::exit::Failure;
use crate::observability::{Drawn, Picture};
use crate::output::{Output, one_line, style};

/// The span around the call.
pub(super) const ROOT: &str = "demo.call";
/// The attributes that are shown beside a name.
const SHOWN: [&str; 9] = [
    "ring_group.mode",
    "ring_group.result",
    "channel.dial_path",
    "command.name",
    "application.name",
    "playback.path",
    "event.name",
    "hangup.cause",
    "error.type",
];
/// What the metrics begin with that are shown.
const METRICS: [&str; 6] = [
    "genesis_calls_active",
    "genesis_call_duration_seconds_count",
    "genesis_channel_hangup_causes_total",
    "genesis_ring_group_results_total",
    "genesis_queue_operations_total",
    "genesis_queue_wait_duration_seconds_sum",
];

#[derive(Serialize)]
struct TelemetryObject<'a> {
    telemetry: Telemetry<'a>,
}

#[derive(Serialize)]
struct Telemetry<'a> {
    /// None if the sampler kept no trace.
    trace_id: Option<&'a str>,
    spans: Vec<Span<'a>>,
    metrics: Vec<&'a str>,
}

#[derive(Serialize)]
struct Span<'a> {
    name: &'a str,
    span_id: &'a str,
    parent_span_id: Option<&'a str>,
    start: f64,
    duration: f64,
    attributes: BTreeMap<&'a str, &'a str>,
    failed: bool,
}

pub(super) fn print(picture: &Picture, output: &mut Output) -> Result<(), Failure> {
    let trace = picture.trace(ROOT);
    if trace.is_none() && picture.sampler().is_none() {
        return Err(broken("there is no trace of the call"));
    }
    let metrics = picture.metrics();
    let shown = |line: &&str| METRICS.iter().any(|name| line.starts_with(name));
    let metrics: Vec<&str> = metrics.lines().filter(shown).collect();
    if output.json {
        let (trace_id, spans) = trace.unzip();
        let spans = spans.iter().flatten().map(|span| Span {
            name: &span.name,
            span_id: &span.span_id,
            parent_span_id: span.parent_span_id.as_deref(),
            start: span.start,
            duration: span.duration,
            attributes: pairs(span).collect(),
            failed: span.failed,
        });
        output.object(&TelemetryObject {
            telemetry: Telemetry {
                trace_id: trace_id.as_deref(),
                spans: spans.collect(),
                metrics,
            },
        })?;
        return output.flush();
    }
    let bold = output.style(style::BOLD);
    output.line("")?;
    match trace {
        Some((trace_id, spans)) => tree(&trace_id, spans, output)?,
        None => output.line(&format!(
            "The sampler kept no trace: OTEL_TRACES_SAMPLER={}",
            one_line(picture.sampler().unwrap_or_default())
        ))?,
    }
    output.line("")?;
    output.line(&format!("{bold}Some metrics{bold:#}"))?;
    for line in metrics {
        output.line(&format!("  {line}"))?;
    }
    output.flush()
}

/// Draws the trace.
fn tree(trace_id: &str, spans: Vec<Drawn>, output: &mut Output) -> Result<(), Failure> {
    let (bold, dim) = (output.style(style::BOLD), output.style(style::DIM));
    output.line(&format!(
        "{bold}Trace of the ring group's call{bold:#} {dim}{trace_id}{dim:#}"
    ))?;
    // one for each event, which the spans of the channels' lives say better
    let (told, left_out): (Vec<Drawn>, Vec<Drawn>) = spans
        .into_iter()
        .partition(|span| span.name != "process_event");
    for (span, branch) in told.iter().zip(branches(&told)) {
        let name = output.style(if span.failed { style::BAD } else { style::NAME });
        let details = pairs(span).filter(|(key, _)| SHOWN.contains(key));
        let details: Vec<String> = details
            .map(|(key, value)| format!("{key}={}", one_line(value)))
            .collect();
        output.line(&format!(
            "{dim}{:8.3} s {:8.1} ms{dim:#}  {branch}{name}{}{name:#}  {dim}{}{dim:#}",
            span.start,
            span.duration * 1000.0,
            span.name,
            details.join(" "),
        ))?;
    }
    output.line(&format!(
        "{dim}and {} times process_event, one for each event{dim:#}",
        left_out.len()
    ))
}

fn pairs(span: &Drawn) -> impl Iterator<Item = (&str, &str)> {
    span.attributes
        .iter()
        .map(|(key, value)| (&**key, &**value))
}

/// What stands before each name: the lines from its parent to it.
fn branches(spans: &[Drawn]) -> Vec<String> {
    let mut branches = Vec::with_capacity(spans.len());
    // whether another one follows at each depth, looked at from the end
    let mut follows: Vec<bool> = Vec::new();
    for span in spans.iter().rev() {
        follows.resize(span.depth + 1, false);
        let mut branch = String::new();
        for depth in 1..=span.depth {
            let more = follows.get(depth).copied().unwrap_or(false);
            branch.push_str(match (depth == span.depth, more) {
                (true, true) => "├─ ",
                (true, false) => "└─ ",
                (false, true) => "│  ",
                (false, false) => "   ",
            });
        }
        if let Some(here) = follows.get_mut(span.depth) {
            *here = true;
        }
        branches.push(branch);
    }
    branches.reverse();
    branches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_lead_from_a_span_to_its_children() {
        let spans = [0, 1, 2, 1, 2, 2].map(|depth| Drawn {
            depth,
            name: String::new(),
            span_id: String::new(),
            parent_span_id: None,
            start: 0.0,
            duration: 0.0,
            attributes: Vec::new(),
            failed: false,
        });
        let expected = ["", "├─ ", "│  └─ ", "└─ ", "   ├─ ", "   └─ "];
        assert_eq!(branches(&spans), expected);
    }
}
