//! What happens, told as it happens.

use std::fmt::Write as _;
use std::time::Instant;

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
    output.line("1001 answers, 1002 is busy, 1003 does not answer; 1004 calls extension 5000, which is this program")?;
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
    calls: usize,
    answered: usize,
    busy: usize,
    no_answer: usize,
    digits: &'a str,
    events: u64,
    commands: u64,
    seconds: f64,
}

impl Summary {
    pub(super) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        let Self {
            tally,
            answered,
            seconds,
            commands,
        } = self;
        if output.json {
            return output.object(&SummaryObject {
                summary: SummaryData {
                    calls: tally.calls,
                    answered: tally.answered,
                    busy: tally.busy,
                    no_answer: tally.no_answer,
                    digits: &answered.digits,
                    events: tally.events,
                    commands: *commands,
                    seconds: *seconds,
                },
            });
        }
        let (bold, good) = (output.style(style::BOLD), output.style(style::GOOD));
        let mut text = format!("\n{bold}Summary{bold:#}\n");
        let _ = write!(
            text,
            "  {} calls: {good}{} answered{good:#}, {} busy, {} without answer\n  \
             the caller who was handed over heard the greeting ({:.1} s), pressed {} and was hung up\n  \
             {} events followed, none lost; {commands} commands sent; {seconds:.1} s\n",
            tally.calls,
            tally.answered,
            tally.busy,
            tally.no_answer,
            answered.greeting.as_secs_f64(),
            answered.digits,
            tally.events,
        );
        output.bytes(text.as_bytes())?;
        output.flush()
    }
}
