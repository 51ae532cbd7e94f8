//! What calls do, told as they do it.

use std::time::Instant;

use serde::Serialize;

use crate::exit::Failure;
use crate::output::{Output, one_line, style};

/// Tells lines with the seconds since it was made. With `--json` it tells nothing: there is one
/// object at the end.
///
/// Stdout that cannot be written is no reason to leave at once, while calls ring: it is
/// [remembered](Self::is_broken), nothing more is written, and [`end`](Self::end) gives the error.
#[derive(Debug)]
pub(super) struct Live<'a> {
    start: Instant,
    /// How wide the column of destinations is.
    width: usize,
    output: &'a mut Output,
    /// Why nothing can be written.
    broken: Option<String>,
}

/// Longer destinations do not widen the column.
const WIDEST: usize = 32;

impl<'a> Live<'a> {
    pub(super) fn new<'b>(
        destinations: impl IntoIterator<Item = &'b str>,
        output: &'a mut Output,
    ) -> Self {
        let widths = destinations.into_iter().map(|name| name.chars().count());
        Self {
            start: Instant::now(),
            width: widths.max().unwrap_or(0).min(WIDEST),
            output,
            broken: None,
        }
    }

    /// Seconds since the start, to the millisecond.
    pub(super) fn seconds(&self) -> f64 {
        rounded(self.start.elapsed().as_secs_f64())
    }

    /// Whether lines are told and can be written.
    pub(super) fn tells(&self) -> bool {
        !self.output.json && !self.is_broken()
    }

    /// Tells what a destination does.
    pub(super) fn tell(&mut self, destination: &str, style: anstyle::Style, text: &str) {
        let (dim, style) = (self.output.style(style::DIM), self.output.style(style));
        let line = format!(
            "{dim}{:8.3} s{dim:#}  {:<width$}  {style}{}{style:#}",
            self.seconds(),
            one_line(destination),
            one_line(text),
            width = self.width
        );
        self.write(&line);
    }

    /// Tells a line of its own, of which the beginning has the style.
    pub(super) fn line(&mut self, style: anstyle::Style, text: &str, rest: &str) {
        let style = self.output.style(style);
        let line = format!("{style}{}{style:#}{}", one_line(text), one_line(rest));
        self.write(&line);
    }

    fn write(&mut self, line: &str) {
        if !self.output.json {
            self.try_to(|output| output.line(line));
        }
    }

    fn try_to(&mut self, write: impl FnOnce(&mut Output) -> Result<(), Failure>) {
        if self.broken.is_none()
            && let Err(failure) = write(self.output).and_then(|()| self.output.flush())
        {
            self.broken = Some(failure.text());
        }
    }

    /// Nothing can be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// The end: with `--json` the object, and how it all went. `up`: the Unique-ID of a call that goes
    /// on, for whoever could not read it.
    pub(super) fn end(
        mut self,
        report: &impl Serialize,
        done: Result<(), Failure>,
        up: Option<&str>,
    ) -> Result<(), Failure> {
        if self.output.json {
            self.try_to(|output| output.object(report));
        }
        match (self.broken, done) {
            (None, done) => done,
            (Some(broken), Err(failure)) => Err(failure.after(&broken)),
            (Some(broken), Ok(())) => Err(Failure::failed(match up {
                Some(uuid) => format!("{broken}; the call is up, Unique-ID {uuid}"),
                None => broken,
            })),
        }
    }
}

/// To the millisecond.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
