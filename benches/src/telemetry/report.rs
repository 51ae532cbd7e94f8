//! All cases in turn, and their table.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Failure;
use crate::measure::{self, Sample};
use crate::table::TelemetryRow;

/// More rounds than elsewhere: what is looked for is a few per cent.
const ROUNDS: usize = 15;

/// A case, what it is called, and how much more CPU time per event it may take than without the
/// feature, in per cent.
struct Case {
    name: &'static str,
    what: &'static str,
    most: Option<f64>,
    /// It may not allocate more than the build without the feature either.
    allocates: bool,
}

const fn case(name: &'static str, what: &'static str, most: Option<f64>) -> Case {
    Case {
        name,
        what,
        most,
        allocates: true,
    }
}

const CASES: [Case; 8] = [
    case("off", "feature off", None),
    Case {
        allocates: false,
        ..case("nothing", "on, nothing installed", Some(3.0))
    },
    case("sdk-off", "on, SDK with AlwaysOff", Some(10.0)),
    case("sampled", "on, 1 % of the traces sampled", None),
    case("all", "on, all sampled, no header attributes", None),
    case(
        "all-headers",
        "on, all sampled, with header attributes",
        None,
    ),
    case("prometheus", "on, Prometheus recorder", Some(15.0)),
    // how far two runs of the same are apart
    case("off", "feature off, again", None),
];

/// The build that a case is measured with.
struct Programs {
    off: PathBuf,
    on: PathBuf,
}

impl Programs {
    fn of(&self, case: &Case) -> &Path {
        if case.name == "off" {
            &self.off
        } else {
            &self.on
        }
    }
}

/// Measures all cases.
///
/// # Errors
///
/// When the build with the feature fails, or a child process.
pub(crate) fn report(
    counter: &Path,
    address: SocketAddr,
    events: u64,
) -> Result<Vec<TelemetryRow>, Failure> {
    let measured = Programs {
        off: std::env::current_exe()?,
        on: measure::build("genesis-benches-otel", &["--features", "otel"])?,
    };
    let counted = Programs {
        off: counter.to_path_buf(),
        on: measure::build("genesis-benches-otel-count", &["--features", "otel"])?,
    };
    let (address, events) = (address.to_string(), events.to_string());
    let mut rows = Vec::new();
    for (what, scenario) in [
        ("events", "the burst to one subscriber"),
        ("commands", "commands from 64 tasks"),
    ] {
        let arguments =
            |case: &Case| ["telemetry", case.name, what, &address, &events].map(String::from);
        let run = |programs: &Programs, case: &Case| -> Result<Sample, Failure> {
            let arguments = arguments(case);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            measure::child(programs.of(case), &arguments)
        };
        let mut rounds: Vec<Vec<Sample>> = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            // every other one backwards: none is always behind the same neighbour
            let mut samples = vec![Sample::default(); CASES.len()];
            let mut order: Vec<usize> = (0..CASES.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for at in order {
                samples[at] = run(&measured, &CASES[at])?;
            }
            rounds.push(samples);
        }
        let mut base_allocations = 0.0;
        for (at, case) in CASES.iter().enumerate() {
            let allocations = run(&counted, case)?.allocations_per_event();
            if at == 0 {
                base_allocations = allocations;
            }
            rows.push(row(
                scenario,
                case,
                at,
                &rounds,
                [allocations, base_allocations],
            ));
        }
    }
    Ok(rows)
}

fn row(
    scenario: &str,
    case: &Case,
    at: usize,
    rounds: &[Vec<Sample>],
    [allocations, base_allocations]: [f64; 2],
) -> TelemetryRow {
    let of = |samples: &[Sample], at: usize| samples[at].cpu_per_event();
    let cost = median(rounds.iter().map(|samples| of(samples, at)));
    // beside its own round's, so that the machine's mood is in both
    let more = median(rounds.iter().map(|samples| {
        let last = samples.len() - 1;
        let base = match at {
            0 => of(samples, 0),
            at if at == last => of(samples, 0),
            _ => f64::midpoint(of(samples, 0), of(samples, last)),
        };
        100.0 * (of(samples, at) / base - 1.0)
    }));
    let spans = rounds[0][at].held as f64 / rounds[0][at].events.max(1) as f64;
    let is_target = scenario.contains("burst");
    let most = case.most.filter(|_| is_target);
    // a figure is met as it is printed
    let same = (allocations - base_allocations).abs() < 0.05;
    let met = most.map(|most| more <= most && (case.allocates || same));
    TelemetryRow {
        scenario: scenario.into(),
        case: case.what.into(),
        cost: format!("{cost:.0}"),
        more: if at == 0 {
            String::new()
        } else {
            format!("{more:+.1} %")
        },
        allocations: format!("{allocations:.2}"),
        spans: if spans > 0.0 {
            format!("{spans:.2}")
        } else {
            String::new()
        },
        target: match most {
            Some(most) if case.allocates => format!("≤ {most:.0} %"),
            Some(most) => format!("≤ {most:.0} %, no more allocations"),
            None => String::new(),
        },
        met: match met {
            Some(true) => "yes".into(),
            Some(false) => "no".into(),
            None => String::new(),
        },
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(nanos: u64) -> Sample {
        Sample {
            cpu: Duration::from_nanos(nanos),
            events: 1,
            ..Sample::default()
        }
    }

    #[test]
    fn a_case_is_compared_with_its_own_round_and_with_its_target() {
        let round = |base: u64, more: u64| {
            let mut samples = vec![sample(base); CASES.len()];
            samples[2] = sample(base + more);
            samples
        };
        // the machine was busy in one of them
        let rounds = [round(100, 8), round(300, 24), round(110, 9)];
        let burst = "the burst to one subscriber";
        let met = row(burst, &CASES[2], 2, &rounds, [2.0, 2.0]);
        assert_eq!((met.more.as_str(), met.met.as_str()), ("+8.0 %", "yes"));
        let nothing = |allocations| row(burst, &CASES[1], 1, &rounds, [allocations, 2.0]).met;
        assert_eq!(
            (nothing(2.0).as_str(), nothing(2.5).as_str()),
            ("yes", "no")
        );
        let slow = [round(100, 11)];
        assert_eq!(row(burst, &CASES[2], 2, &slow, [2.0, 2.0]).met, "no");
        assert_eq!(row("commands", &CASES[2], 2, &slow, [2.0, 2.0]).met, "");
    }
}
