//! Child processes, CPU time and medians.

use std::alloc::System;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cpu_time::ProcessTime;
use stats_alloc::StatsAlloc;

use crate::Failure;

/// How many rounds there are; in each one every contestant runs once.
pub const ROUNDS: usize = 9;

/// Whether this process counts its allocations.
#[derive(Clone, Copy, Debug)]
pub enum Heap {
    /// CPU time is measured without counting.
    Uncounted,
    /// The counting allocator.
    Counted(&'static StatsAlloc<System>),
}

impl Heap {
    /// Allocations and reallocations so far.
    pub fn allocations(self) -> u64 {
        match self {
            Self::Uncounted => 0,
            Self::Counted(heap) => {
                let stats = heap.stats();
                (stats.allocations + stats.reallocations) as u64
            }
        }
    }

    /// Bytes that are allocated now.
    pub fn live(self) -> i64 {
        match self {
            Self::Uncounted => 0,
            Self::Counted(heap) => {
                // reallocations are in both sums already
                let stats = heap.stats();
                stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
            }
        }
    }
}

/// What one run of one contestant measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// CPU time of the process over the measured part, user and system.
    pub cpu: Duration,
    /// Time on the clock over the measured part.
    pub wall: Duration,
    /// Events decoded or commands answered.
    pub events: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Allocations over the measured part, if they were counted.
    pub allocations: u64,
    /// Bytes held, for the memory scenario.
    pub held: u64,
    /// Events that were sent and did not come.
    pub lost: u64,
    /// CPU time of the switch in the same process, where it has a thread of its own.
    pub switch: Duration,
    /// Two moments or quantiles; which, the scenario says.
    pub marks: [Duration; 2],
}

impl Sample {
    /// CPU nanoseconds per event.
    pub fn cpu_per_event(&self) -> f64 {
        self.cpu.as_nanos() as f64 / self.events.max(1) as f64
    }

    /// Events per second on the clock.
    pub fn events_per_second(&self) -> f64 {
        self.events as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// Allocations per event.
    pub fn allocations_per_event(&self) -> f64 {
        self.allocations as f64 / self.events.max(1) as f64
    }

    /// One line, for the pipe between child and parent.
    pub fn to_line(&self) -> String {
        format!(
            "{} {} {} {} {} {} {} {} {} {}",
            self.cpu.as_nanos(),
            self.wall.as_nanos(),
            self.events,
            self.bytes,
            self.allocations,
            self.held,
            self.lost,
            self.switch.as_nanos(),
            self.marks[0].as_nanos(),
            self.marks[1].as_nanos()
        )
    }

    fn from_line(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(|word| word.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            cpu: Duration::from_nanos(next()?),
            wall: Duration::from_nanos(next()?),
            events: next()?,
            bytes: next()?,
            allocations: next()?,
            held: next()?,
            lost: next()?,
            switch: Duration::from_nanos(next()?),
            marks: [Duration::from_nanos(next()?), Duration::from_nanos(next()?)],
        })
    }
}

/// Measures from its making to [`finish`](Self::finish).
#[derive(Debug)]
pub struct Meter {
    cpu: ProcessTime,
    wall: std::time::Instant,
    allocations: u64,
    heap: Heap,
}

impl Meter {
    /// Starts to measure.
    pub fn start(heap: Heap) -> Self {
        let allocations = heap.allocations();
        Self {
            cpu: ProcessTime::now(),
            wall: std::time::Instant::now(),
            allocations,
            heap,
        }
    }

    /// What it took.
    pub fn finish(self, events: u64, bytes: u64) -> Sample {
        Sample {
            cpu: self.cpu.elapsed(),
            wall: self.wall.elapsed(),
            events,
            bytes,
            allocations: self.heap.allocations() - self.allocations,
            ..Sample::default()
        }
    }
}

/// Builds the binary that counts allocations and says where it is.
///
/// # Errors
///
/// When it does not build.
pub fn build_counter() -> Result<PathBuf, Failure> {
    build("genesis-benches-count", &[])
}

/// Builds a binary of this package beside this one, as this one was built but for the features in
/// `more`, and says where it is.
///
/// # Errors
///
/// When it does not build.
pub(crate) fn build(name: &str, more: &[&str]) -> Result<PathBuf, Failure> {
    build_of("genesis-benches", name, more)
}

/// As [`build`], a binary of another package.
///
/// # Errors
///
/// When it does not build.
pub(crate) fn build_of(package: &str, name: &str, more: &[&str]) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", package, "--bin", name]);
    build.args(more);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !build.status()?.success() {
        return Err(format!("{name} does not build").into());
    }
    let this = std::env::current_exe()?;
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Ok(this.with_file_name(file))
}

/// Runs one contestant in a child process.
///
/// # Errors
///
/// When it fails; the child has said why on standard error.
pub fn child(program: &Path, arguments: &[&str]) -> Result<Sample, Failure> {
    let output = Command::new(program)
        .arg("run")
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{arguments:?} failed").into());
    }
    Sample::from_line(&text).ok_or_else(|| format!("{arguments:?} said {text:?}").into())
}

/// Runs every contestant once per round, all of them in turn, and gives each one's sample with
/// the median of what `key` says. There are [`ROUNDS`] rounds.
///
/// # Errors
///
/// When a child process fails.
pub fn interleaved(
    contestants: &[&[&str]],
    key: impl Fn(&Sample) -> Duration,
) -> Result<Vec<Sample>, Failure> {
    in_rounds(ROUNDS, contestants, key)
}

/// As [`interleaved`], in so many rounds.
///
/// # Errors
///
/// When a child process fails.
pub fn in_rounds(
    rounds: usize,
    contestants: &[&[&str]],
    key: impl Fn(&Sample) -> Duration,
) -> Result<Vec<Sample>, Failure> {
    let this = std::env::current_exe()?;
    let mut samples = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (contestant, samples) in contestants.iter().zip(&mut samples) {
            samples.push(child(&this, contestant)?);
        }
    }
    Ok(samples
        .into_iter()
        .map(|samples| median(samples, &key))
        .collect())
}

fn median(mut samples: Vec<Sample>, key: impl Fn(&Sample) -> Duration) -> Sample {
    samples.sort_by_key(key);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(nanos: u64) -> Sample {
        Sample {
            cpu: Duration::from_nanos(nanos),
            events: 2,
            ..Sample::default()
        }
    }

    #[test]
    fn a_sample_survives_the_pipe() {
        let sample = Sample {
            wall: Duration::from_secs(3),
            held: 7,
            marks: [Duration::from_secs(1), Duration::from_secs(2)],
            ..sample(11)
        };
        assert_eq!(Sample::from_line(&sample.to_line()), Some(sample));
        assert_eq!(Sample::from_line("1 2 3"), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(
            median(vec![sample(9), sample(1), sample(5)], |sample| sample.cpu),
            sample(5)
        );
        assert!((sample(9).cpu_per_event() - 4.5).abs() < 1e-9);
    }
}
