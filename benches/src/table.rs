//! One markdown table.

#![expect(clippy::print_stdout, reason = "the one module that writes")]

use crate::measure::Sample;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub scenario: String,
    /// By whom.
    pub contestant: String,
    /// The run with the median CPU time.
    pub sample: Sample,
    /// Allocations per event, counted in a run of their own.
    pub allocations: Option<f64>,
    /// The figure that the target speaks of.
    pub ratio: Option<f64>,
    /// The target in words.
    pub target: String,
}

/// All rows.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Writes the table to standard output.
    pub fn print(&self) {
        println!(
            "| scenario | contestant | ns CPU per event | MB/s | allocations per event | ratio | target |"
        );
        println!("|---|---|--:|--:|--:|--:|---|");
        for row in &self.rows {
            let sample = &row.sample;
            let speed = match sample.bytes {
                0 => String::new(),
                bytes => {
                    format!(
                        "{:.0}",
                        bytes as f64 / 1e6 / sample.cpu.as_secs_f64().max(1e-9)
                    )
                }
            };
            println!(
                "| {} | {} | {:.0} | {} | {} | {} | {} |",
                row.scenario,
                row.contestant,
                sample.cpu_per_event(),
                speed,
                row.allocations
                    .map_or(String::new(), |count| format!("{count:.2}")),
                row.ratio
                    .map_or(String::new(), |ratio| format!("{ratio:.2}")),
                row.target,
            );
        }
    }
}

/// Writes what a child process measured, for its parent to read.
pub fn print_sample(sample: &Sample) {
    println!("{}", sample.to_line());
}
