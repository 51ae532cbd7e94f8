//! What happens, told as it happens.

use std::fmt::Write as _;
use std::time::Instant;

use genesis_client::proto::HangupCause;
use serde::Serialize;
use tokio::sync::mpsc;

use super::Summary;
use crate::exit::Failure;
use crate::output::{Output, one_line, style};

/// A line of the story.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    seconds: f64,
    who: &'static str,
    text: String,
}

/// Tells from any task.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    start: Instant,
    lines: mpsc::UnboundedSender<Line>,
}

impl Teller {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Line>) {
        let (lines, told) = mpsc::unbounded_channel();
        (
            Self {
                start: Instant::now(),
                lines,
            },
            told,
        )
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    pub(super) fn tell(&self, who: &'static str, text: impl Into<String>) {
        let line = Line {
            seconds: (self.seconds() * 1000.0).round() / 1000.0,
            who,
            text: text.into(),
        };
        // nobody listens any more: the demo is over
        let _ = self.lines.send(line);
    }
}

pub(super) fn heading(output: &mut Output) -> Result<(), Failure> {
    if output.json {
        return Ok(());
    }
    let bold = output.style(style::BOLD);
    output.line(&format!(
        "{bold}Genesis controls calls on a simulated FreeSWITCH{bold:#}"
    ))?;
    output.line("a ring group: 1001 does not answer, 1002 is busy, 1003 answers")?;
    output.line("a queue that serves one at a time: 2001, 2002 and 2003 call")?;
    output.line("")?;
    output.flush()
}

pub(super) fn print(line: &Line, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        output.object(line)?;
        return output.flush();
    }
    let dim = output.style(style::DIM);
    let who = output.style(match line.who {
        "switch" | "client" | "server" => style::OTHER,
        _ => style::NAME,
    });
    let text = one_line(&line.text);
    output.line(&format!(
        "{dim}{:8.3} s{dim:#}  {who}{:<6}{who:#}  {text}",
        line.seconds, line.who
    ))?;
    output.flush()
}

#[derive(Serialize)]
struct SummaryObject<'a> {
    summary: SummaryData<'a>,
}

#[derive(Serialize)]
struct SummaryData<'a> {
    answered_by: &'a str,
    others: Vec<DestinationData<'a>>,
    served: Vec<&'a str>,
    longest_wait: f64,
    commands: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct DestinationData<'a> {
    destination: &'a str,
    outcome: &'static str,
    cause: Option<&'a str>,
}

impl Summary {
    pub(super) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let Self {
            rang,
            served,
            seconds,
            commands,
        } = self;
        let waits = served.iter().map(|served| served.waited);
        let longest = waits.max().unwrap_or_default().as_secs_f64();
        if output.json {
            let others = rang.others.iter();
            let others = others.map(|(destination, outcome)| DestinationData {
                destination,
                outcome: outcome.as_str(),
                cause: outcome.cause().map(HangupCause::as_str),
            });
            return output.object(&SummaryObject {
                summary: SummaryData {
                    answered_by: rang.winner,
                    others: others.collect(),
                    served: served.iter().map(|served| served.who).collect(),
                    longest_wait: longest,
                    commands: *commands,
                    seconds: *seconds,
                },
            });
        }
        let (bold, good) = (output.style(style::BOLD), output.style(style::GOOD));
        let mut text = format!("\n{bold}Summary{bold:#}\n");
        let others = rang.others.iter();
        let others: Vec<String> = others
            .map(|(phone, outcome)| format!("{phone}: {outcome}"))
            .collect();
        let order: Vec<&str> = served.iter().map(|served| served.who).collect();
        let _ = write!(
            text,
            "  ring group: {good}{} answered after {:.1} s{good:#}; {}\n  \
             queue: {} served in the order they came; the longest wait was {longest:.1} s\n  \
             {commands} commands sent; {seconds:.1} s\n",
            rang.winner,
            rang.after.as_secs_f64(),
            others.join("; "),
            order.join(", "),
        );
        output.bytes(text.as_bytes())?;
        output.flush()
    }
}
