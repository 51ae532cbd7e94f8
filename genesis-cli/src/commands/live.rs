//! What calls do, told as they do it.

use std::time::Instant;

use crate::exit::Failure;
use crate::output::{Output, one_line, style};

/// Tells lines with the seconds since it was made. With `--json` it tells nothing: there is one
/// object at the end.
#[derive(Debug)]
pub(super) struct Live {
    start: Instant,
    /// How wide the column of destinations is.
    width: usize,
}

/// Longer destinations do not widen the column.
const WIDEST: usize = 32;

impl Live {
    pub(super) fn new<'a>(destinations: impl IntoIterator<Item = &'a str>) -> Self {
        let widths = destinations.into_iter().map(|name| name.chars().count());
        Self {
            start: Instant::now(),
            width: widths.max().unwrap_or(0).min(WIDEST),
        }
    }

    /// Seconds since the start, to the millisecond.
    pub(super) fn seconds(&self) -> f64 {
        rounded(self.start.elapsed().as_secs_f64())
    }

    /// Tells what a destination does.
    pub(super) fn tell(
        &self,
        destination: &str,
        style: anstyle::Style,
        text: &str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        if output.json {
            return Ok(());
        }
        let (dim, style) = (output.style(style::DIM), output.style(style));
        output.line(&format!(
            "{dim}{:8.3} s{dim:#}  {:<width$}  {style}{text}{style:#}",
            self.seconds(),
            one_line(destination),
            width = self.width
        ))?;
        output.flush()
    }
}

/// To the millisecond.
pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
