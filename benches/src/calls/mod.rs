//! Call control against the simulated switch: rings, channels, sessions, balancing and queues.
//!
//! Switch and client are in one child process, joined by pipes in memory (or loopback TCP where a
//! contestant says so), each on a thread and a runtime of its own, so that each one's CPU time is
//! known. What the switch itself holds is in the same heap: a plain client ([`plain`]) makes the same
//! calls, and what Genesis holds beyond that is its own.

mod balance;
mod channels;
mod plain;
mod queue;
mod redis;
mod ring;
mod sessions;
pub(crate) mod switch;

use std::path::Path;
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};

use crate::Failure;
use crate::measure::{self, Heap, Sample};
use crate::table::CallRow;

/// What can be run alone.
pub const SCENARIOS: [&str; 5] = ["ring", "channels", "sessions", "balance", "queue"];

/// How long one run may take. The longest takes 46 s, because the switch allows no more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Runs one contestant in this process: `SCENARIO CONTESTANT NUMBER …`.
///
/// # Errors
///
/// When there is no such contestant, or it fails.
pub(crate) fn run(arguments: &[&str], heap: Heap) -> Result<Sample, Failure> {
    match arguments {
        ["ring", contestant, number] => ring::run(contestant, number.parse()?, heap),
        ["channels", contestant, number] => channels::run(contestant, number.parse()?, heap),
        ["sessions", contestant, number] => sessions::run(contestant, number.parse()?, heap),
        ["balance", backend, tasks, number, url @ ..] => balance::run(
            backend,
            tasks.parse()?,
            number.parse()?,
            url.first().copied(),
        ),
        ["queue", backend, handles, url @ ..] => {
            queue::run(backend, handles.parse()?, url.first().copied())
        }
        _ => Err(format!("no such contestant: {arguments:?}").into()),
    }
}

/// Measures one scenario.
///
/// # Errors
///
/// When a child process fails, or there is no Redis for a scenario that needs one.
pub(crate) fn report(scenario: &str, counter: &Path) -> Result<Vec<CallRow>, Failure> {
    match scenario {
        "ring" => ring::report(counter),
        "channels" => channels::report(counter),
        "sessions" => sessions::report(counter),
        "balance" => balance::report(),
        "queue" => queue::report(),
        _ => Err(format!("no such scenario: {scenario}").into()),
    }
}

/// CPU time of this thread and of the process, time on the clock, and heap, from its making on.
/// Start and end must be seen by the same thread.
pub(crate) struct Stopwatch {
    thread: Duration,
    process: ProcessTime,
    wall: Instant,
    held: i64,
    heap: Heap,
}

impl Stopwatch {
    pub(crate) fn start(heap: Heap) -> Self {
        Self {
            held: heap.live(),
            heap,
            wall: Instant::now(),
            process: ProcessTime::now(),
            thread: ThreadTime::now().as_duration(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.wall.elapsed()
    }

    /// Bytes that were allocated since the start and still are.
    pub(crate) fn held(&self) -> u64 {
        let held = self.heap.live() - self.held;
        u64::try_from(held).unwrap_or(0)
    }

    /// What it took for so many.
    pub(crate) fn finish(&self, number: u64, held: u64, marks: [Duration; 2]) -> Sample {
        let thread = ThreadTime::now().as_duration().saturating_sub(self.thread);
        Sample {
            cpu: thread,
            switch: self.process.elapsed().saturating_sub(thread),
            wall: self.elapsed(),
            events: number,
            held,
            marks,
            ..Sample::default()
        }
    }
}

/// What a row is to show.
#[derive(Clone, Copy)]
enum Target {
    None,
    /// The run itself checks this, and fails without it.
    Done(&'static str),
    /// KB of heap each, beyond the switch's own.
    Heap(f64),
}

/// A contestant with a number of calls.
struct Case {
    /// After the name of the scenario.
    contestant: &'static str,
    number: u64,
    what: String,
    rounds: usize,
    heap: Measured,
    target: Target,
}

/// Whether the heap is measured.
#[derive(Clone, Copy, PartialEq)]
enum Measured {
    No,
    /// What is held is the switch's own.
    Switch,
    /// This contestant's heap with the same number is the switch's own.
    Beyond(&'static str),
}

/// Measures all cases: CPU time as a median, heap in a run of its own. Each row's time on the clock
/// is made by `time`.
fn measure_cases(
    scenario: &str,
    counter: &Path,
    cases: &[Case],
    time: impl Fn(&Sample) -> String,
) -> Result<Vec<CallRow>, Failure> {
    let mut rows = Vec::new();
    let mut heaps: Vec<(&str, u64, f64)> = Vec::new();
    let mut costs: Vec<(&str, f64)> = Vec::new();
    for case in cases {
        let number = case.number.to_string();
        let arguments = ["calls", scenario, case.contestant, number.as_str()];
        let samples = measure::in_rounds(case.rounds, &[&arguments], |sample| sample.cpu)?;
        let sample = samples.first().copied().unwrap_or_default();
        let mut held = None;
        if case.heap != Measured::No {
            let counted = measure::child(counter, &arguments)?;
            let each = counted.held as f64 / 1024.0 / case.number.max(1) as f64;
            heaps.push((case.contestant, case.number, each));
            held = Some(each);
        }
        let own = match case.heap {
            Measured::No => None,
            Measured::Switch => held,
            Measured::Beyond(baseline) => heaps
                .iter()
                .find(|(name, number, _)| *name == baseline && *number == case.number)
                .map(|(_, _, own)| *own),
        };
        let beyond = match case.heap {
            Measured::Beyond(_) => held.zip(own).map(|(held, own)| held - own),
            Measured::No | Measured::Switch => None,
        };
        let mut row = row(case, &sample, time(&sample));
        let shown =
            |kilobytes: Option<f64>| kilobytes.map_or(String::new(), |kb| format!("{kb:.1}"));
        row.heap = [shown(beyond), shown(own)];
        if let (Target::Heap(most), Some(beyond)) = (case.target, beyond) {
            row.met = if beyond <= most { "yes" } else { "no" }.to_owned();
        }
        let cost = sample.cpu_per_event();
        match costs.iter().find(|(name, _)| *name == case.contestant) {
            Some((_, first)) => row.growth = format!("{:.2} ×", cost / first),
            None => costs.push((case.contestant, cost)),
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The row of a case, without its heap.
fn row(case: &Case, sample: &Sample, time: String) -> CallRow {
    let each = |time: Duration| time.as_nanos() as f64 / 1e3 / case.number.max(1) as f64;
    let (target, met) = match case.target {
        Target::None => (String::new(), ""),
        Target::Done(what) => (what.to_owned(), "yes"),
        Target::Heap(most) => (format!("≤ {most} KB heap each"), ""),
    };
    CallRow {
        contestant: case.what.clone(),
        cost: format!("{:.1}", each(sample.cpu)),
        switch: format!("{:.1}", each(sample.switch)),
        time,
        target,
        met: met.to_owned(),
        ..CallRow::default()
    }
}

/// Runs one contestant, unless it takes longer than anything here should.
pub(crate) fn bounded<T: Send + 'static>(
    future: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    crate::block_on(in_time(future))
}

async fn in_time<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| Err(format!("not done after {PATIENCE:?}").into()))
}

/// `1.23 s`, or in smaller units.
pub(crate) fn shown(time: Duration) -> String {
    let micros = time.as_nanos() as f64 / 1e3;
    match micros {
        micros if micros < 1e3 => format!("{micros:.0} µs"),
        micros if micros < 1e6 => format!("{:.1} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}

/// The sample of these that so much of all of them do not exceed.
fn quantile(sorted: &[Duration], part: f64) -> Duration {
    let at = (sorted.len() as f64 * part).ceil() as usize;
    let at = at.saturating_sub(1).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// A Unique-ID per number.
fn uuid(number: u64) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let samples: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(quantile(&samples, 0.5), Duration::from_millis(100));
        assert_eq!(quantile(&samples, 0.99), Duration::from_millis(198));
        assert_eq!(quantile(&samples[..1], 0.99), Duration::from_millis(1));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn times_are_shown_in_their_unit() {
        assert_eq!(shown(Duration::from_micros(12)), "12 µs");
        assert_eq!(shown(Duration::from_micros(1500)), "1.5 ms");
        assert_eq!(shown(Duration::from_millis(2345)), "2.35 s");
    }

    #[test]
    fn every_contestant_without_redis_runs() {
        for arguments in [
            ["ring", "plain", "20"],
            ["ring", "genesis", "20"],
            ["ring", "paced", "20"],
            ["channels", "plain", "20"],
            ["channels", "genesis", "20"],
            ["sessions", "plain", "20"],
            ["sessions", "over", "20"],
            ["sessions", "outbound", "20"],
        ] {
            let sample = run(&arguments, Heap::Uncounted).unwrap();
            assert_eq!(sample.events, 20, "{arguments:?}");
        }
    }
}
