//! One markdown table.

#![expect(clippy::print_stdout, reason = "the one module that writes")]

use std::net::SocketAddr;

use crate::Failure;
use crate::measure::Sample;

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was done.
    pub scenario: String,
    /// By whom.
    pub contestant: String,
    /// Nanoseconds of CPU time per event or command.
    pub cost: String,
    /// MB/s of CPU time, or events or commands per second on the clock.
    pub speed: String,
    /// Allocations per event, counted in a run of their own.
    pub allocations: Option<f64>,
    /// The figure that the target speaks of.
    pub ratio: String,
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
        if self.rows.is_empty() {
            return;
        }
        println!(
            "| scenario | contestant | ns CPU per event | speed | allocations per event | ratio | target |"
        );
        println!("|---|---|--:|--:|--:|--:|---|");
        for row in &self.rows {
            println!(
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.scenario,
                row.contestant,
                row.cost,
                row.speed,
                row.allocations
                    .map_or(String::new(), |count| format!("{count:.2}")),
                row.ratio,
                row.target,
            );
        }
    }
}

/// One line of a table of call control.
#[derive(Clone, Debug, Default)]
pub struct CallRow {
    /// By whom, and how many.
    pub contestant: String,
    /// Microseconds of CPU time per destination, channel, session or step.
    pub cost: String,
    /// How that is beside the same with the smallest number.
    pub growth: String,
    /// The CPU time of the switch, which is a thread of the same process.
    pub switch: String,
    /// On the clock.
    pub time: String,
    /// Heap per destination, channel or session, and the switch's own.
    pub heap: [String; 2],
    /// The target in words.
    pub target: String,
    /// Whether it is met.
    pub met: String,
}

impl CallRow {
    const HEADS: [&str; 9] = [
        "who, how many",
        "µs CPU each",
        "grown",
        "µs CPU of the switch",
        "on the clock",
        "KB heap each",
        "KB of the switch",
        "target",
        "met",
    ];
    const RULES: [&str; 9] = [
        "---", "--:", "--:", "--:", "---", "--:", "--:", "---", "---",
    ];

    fn cells(&self) -> [&str; 9] {
        let [heap, of_the_switch] = &self.heap;
        [
            &self.contestant,
            &self.cost,
            &self.growth,
            &self.switch,
            &self.time,
            heap,
            of_the_switch,
            &self.target,
            &self.met,
        ]
    }
}

/// Writes one table of call control to standard output, as it stands in the README. Columns without
/// anything in them are left out.
pub fn print_calls(scenario: &str, rows: &[CallRow]) {
    if rows.is_empty() {
        return;
    }
    let used: Vec<usize> = (0..CallRow::HEADS.len())
        .filter(|&column| rows.iter().any(|row| !row.cells()[column].is_empty()))
        .collect();
    let of = |cells: [&str; 9]| -> String {
        let cells: Vec<&str> = used.iter().map(|&column| cells[column]).collect();
        cells.join(" | ")
    };
    println!("### `{scenario}`\n");
    println!("| {} |", of(CallRow::HEADS));
    println!("|{}|", of(CallRow::RULES).replace(' ', ""));
    for row in rows {
        println!("| {} |", of(row.cells()));
    }
    println!();
}

/// One line of the table of telemetry.
#[derive(Clone, Debug, Default)]
pub struct TelemetryRow {
    /// What was done.
    pub scenario: String,
    /// Who observed it.
    pub case: String,
    /// Nanoseconds of CPU time per event or command.
    pub cost: String,
    /// How much more that is than without the feature.
    pub more: String,
    /// Allocations per event or command, counted in a run of their own.
    pub allocations: String,
    /// Spans per event or command that have arrived at the exporter.
    pub spans: String,
    /// The target in words.
    pub target: String,
    /// Whether it is met.
    pub met: String,
}

/// Writes the table of telemetry to standard output, as it stands in the README.
pub fn print_telemetry(rows: &[TelemetryRow]) {
    if rows.is_empty() {
        return;
    }
    println!(
        "| scenario | case | ns CPU each | beside feature off | allocations each | spans each | target | met |"
    );
    println!("|---|---|--:|--:|--:|--:|---|---|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            row.scenario,
            row.case,
            row.cost,
            row.more,
            row.allocations,
            row.spans,
            row.target,
            row.met,
        );
    }
    println!();
}

/// Writes what a child process measured, for its parent to read.
pub fn print_sample(sample: &Sample) {
    println!("{}", sample.to_line());
}

/// Says where the mock switch is and what it plays, and waits for standard input to end.
///
/// # Errors
///
/// When standard input cannot be read.
pub fn serving(address: SocketAddr, events: u64, part: u64) -> Result<(), Failure> {
    println!("{address}: {events} events in a burst, {part} in a part");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
