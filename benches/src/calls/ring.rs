//! A parallel ring: everybody rings, the last one answers after half a second.

use std::path::Path;
use std::time::Duration;

use genesis_channel::Pace;
use genesis_client::Inbound;
use genesis_ringgroup::{RingEvent, RingGroup, RingStep};
use memchr::memmem;

use super::plain::{Plain, event_is};
use super::switch::{Limits, SwitchThread};
use super::{Case, Measured, Stopwatch, Target, bounded, measure_cases, row, shown, uuid};
use crate::Failure;
use crate::measure::{self, Heap, Sample};
use crate::table::CallRow;

const ANSWERS: &str = "sim/answer?ring=500ms";
const SILENT: &str = "sim/no_answer";

pub(super) fn run(contestant: &str, number: u64, heap: Heap) -> Result<Sample, Failure> {
    match contestant {
        "plain" => bounded(plain(number, heap)),
        "genesis" => bounded(genesis(number, Limits::None, heap)),
        "paced" => bounded(genesis(number, Limits::Paced, heap)),
        "installed" => bounded(genesis(number, Limits::Installed, heap)),
        _ => Err(format!("no such contestant: {contestant}").into()),
    }
}

/// The one that answers rings for half a second after all others were called. While the heap is
/// looked at, which must be before, it takes longer.
fn answering(number: u64, heap: Heap) -> String {
    match heap {
        Heap::Uncounted => ANSWERS.to_owned(),
        Heap::Counted(_) => format!("sim/answer?ring={}ms", 1_000 + number / 2),
    }
}

async fn genesis(number: u64, limits: Limits, heap: Heap) -> Result<Sample, Failure> {
    let switch = SwitchThread::start(SwitchThread::builder(limits))?;
    let client = Inbound::builder().connect_over(switch.connect()).await?;
    let pace = match limits {
        Limits::Installed => Pace::OfTheSwitch,
        _ => Pace::Unlimited,
    };
    let answering = answering(number, heap);
    let silent = (1..number).map(|_| SILENT);
    let group = RingGroup::new(silent.chain([answering.as_str()])).pace(pace);
    let group = group.timeout(Duration::from_secs(120));
    client.api("status").await?;

    let watch = Stopwatch::start(heap);
    let mut held = 0;
    let mut ring = match heap {
        Heap::Uncounted => group.ring(&client).await?,
        Heap::Counted(_) => {
            let mut ringing = group.start(&client)?;
            let mut count = 0;
            while let Some(RingEvent { what, .. }) = ringing.next_event().await {
                if what == RingStep::Ringing {
                    count += 1;
                    if count == number {
                        held = watch.held();
                    }
                }
            }
            ringing.result().await?
        }
    };
    let answered = watch.elapsed();
    if matches!(heap, Heap::Counted(_)) && held == 0 {
        return Err("somebody answered before all rang".into());
    }
    ring.losers_gone().await?;
    let gone = watch.elapsed();
    let sample = watch.finish(number, held, [answered, gone]);
    let winner = ring.answered_by().map(|report| report.index);
    if winner != Some(number as usize - 1) {
        return Err(format!("not the one that answers has won: {ring}").into());
    }
    if switch.channels() != 1 {
        return Err(format!("{} channels are left", switch.channels()).into());
    }
    Ok(sample)
}

async fn plain(number: u64, heap: Heap) -> Result<Sample, Failure> {
    let switch = SwitchThread::start(SwitchThread::builder(Limits::None))?;
    let mut client = Plain::follow_all(switch.connect()).await?;

    let watch = Stopwatch::start(heap);
    let winner = number - 1;
    let answering = answering(number, heap);
    for place in 0..number {
        let dial = if place == winner { &answering } else { SILENT };
        let uuid = uuid(place);
        client.send(format!(
            "bgapi originate {{originate_timeout=122,ignore_early_media=true}}\
             [origination_uuid={uuid}]{dial} &park\nJob-UUID: {uuid}\n\n"
        ));
    }
    let mut ringing = 0;
    client
        .read(|frame| {
            ringing += u64::from(event_is(frame, "CHANNEL_PROGRESS"));
            (ringing == number).then_some(())
        })
        .await?;
    let held = watch.held();
    let job = format!("+OK {}", uuid(winner));
    client
        .read(|frame| {
            let done = event_is(frame, "BACKGROUND_JOB");
            (done && memmem::find(frame, job.as_bytes()).is_some()).then_some(())
        })
        .await?;
    let answered = watch.elapsed();
    for place in 0..winner {
        client.send(format!("api uuid_kill {} LOSE_RACE\n\n", uuid(place)));
    }
    let mut ended = 0;
    client
        .read(|frame| {
            ended += u64::from(event_is(frame, "CHANNEL_DESTROY"));
            (ended == winner).then_some(())
        })
        .await?;
    let gone = watch.elapsed();
    Ok(watch.finish(number, held, [answered, gone]))
}

fn case(contestant: &'static str, number: u64, what: String) -> Case {
    let heap = match contestant {
        "plain" => Measured::Switch,
        "genesis" => Measured::Beyond("plain"),
        _ => Measured::No,
    };
    let target = match (contestant, number) {
        ("plain", _) | (_, ..1_000) => Target::None,
        _ => Target::Done("one winner, nobody left"),
    };
    Case {
        contestant,
        number,
        what,
        rounds: if number < 10_000 { 3 } else { 1 },
        heap,
        target,
    }
}

pub(super) fn report(counter: &Path) -> Result<Vec<CallRow>, Failure> {
    // it waits for the switch most of the time, so it disturbs nobody
    let limited = std::thread::spawn(|| {
        let arguments = ["calls", "ring", "installed", "1000"];
        measure::in_rounds(1, &[&arguments], |sample| sample.cpu)
    });
    let mut cases = Vec::new();
    for number in [100, 1_000, 10_000] {
        for (contestant, what) in [("plain", "a plain client"), ("genesis", "RingGroup")] {
            let what = format!("{what}, {number}, no limits");
            cases.push(case(contestant, number, what));
        }
    }
    let paced = "RingGroup, 1000, a `bgapi` takes 1 ms";
    cases.push(case("paced", 1_000, paced.to_owned()));
    let time = |sample: &Sample| {
        let [answered, gone] = sample.marks;
        format!(
            "answered after {}, the last gone {} later",
            shown(answered),
            shown(gone.saturating_sub(answered))
        )
    };
    let mut rows = measure_cases("ring", counter, &cases, time)?;
    let samples = limited
        .join()
        .map_err(|_| "the ring with limits ended in a panic")??;
    let sample = samples.first().copied().unwrap_or_default();
    let installed = "RingGroup, 1000, 30 sessions a second";
    let installed = case("installed", 1_000, installed.to_owned());
    rows.push(row(&installed, &sample, time(&sample)));
    Ok(rows)
}
