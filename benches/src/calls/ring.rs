//! A parallel ring: everybody rings, the last one answers after half a second.

use std::path::Path;
use std::time::Duration;

use genesis_channel::Pace;
use genesis_client::Inbound;
use genesis_ringgroup::{RingEvent, RingGroup, RingStep};
use memchr::memmem;

use super::plain::{Plain, event_is};
use super::switch::{Limits, SwitchThread};
use super::{Case, Stopwatch, measure_cases, shown, uuid};
use crate::measure::{Heap, Sample};
use crate::table::CallRow;
use crate::{Failure, block_on};

/// How long the one that answers rings, after all others were called.
const ANSWERS: &str = "sim/answer?ring=500ms";
/// The same while the heap is looked at, when all others ring.
const ANSWERS_LATE: &str = "sim/answer?ring=5s";
const SILENT: &str = "sim/no_answer";

pub(super) fn run(contestant: &str, number: u64, heap: Heap) -> Result<Sample, Failure> {
    match contestant {
        "plain" => block_on(plain(number, heap)),
        "genesis" => block_on(genesis(number, Limits::None, heap)),
        "paced" => block_on(genesis(number, Limits::Paced, heap)),
        "installed" => block_on(genesis(number, Limits::Installed, heap)),
        _ => Err(format!("no such contestant: {contestant}").into()),
    }
}

fn answering(heap: Heap) -> &'static str {
    match heap {
        Heap::Uncounted => ANSWERS,
        Heap::Counted(_) => ANSWERS_LATE,
    }
}

async fn genesis(number: u64, limits: Limits, heap: Heap) -> Result<Sample, Failure> {
    let switch = SwitchThread::start(SwitchThread::builder(limits))?;
    let client = Inbound::builder().connect_over(switch.connect()).await?;
    let pace = match limits {
        Limits::Installed => Pace::OfTheSwitch,
        _ => Pace::Unlimited,
    };
    let silent = (1..number).map(|_| SILENT);
    let group = RingGroup::new(silent.chain([answering(heap)])).pace(pace);
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
    for place in 0..number {
        let dial = if place == winner {
            answering(heap)
        } else {
            SILENT
        };
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

pub(super) fn report(counter: &Path) -> Result<Vec<CallRow>, Failure> {
    let mut cases = Vec::new();
    for (number, rounds) in [(100, 5), (1_000, 5), (10_000, 1)] {
        for (contestant, what) in [("plain", "a plain client"), ("genesis", "RingGroup")] {
            cases.push(Case {
                contestant,
                number,
                what: format!("{what}, {number} destinations, no limits"),
                rounds,
                baseline: (contestant == "genesis").then_some("plain"),
                target: "",
            });
        }
    }
    for (contestant, what) in [
        ("paced", "a `bgapi` takes 1 ms"),
        ("installed", "30 sessions a second"),
    ] {
        cases.push(Case {
            contestant,
            number: 1_000,
            what: format!("RingGroup, 1000 destinations, {what}"),
            rounds: 1,
            baseline: Some("plain"),
            target: "",
        });
    }
    measure_cases("ring", counter, &cases, |sample| {
        let [answered, gone] = sample.marks;
        format!(
            "answered after {}, the last gone {} later",
            shown(answered),
            shown(gone.saturating_sub(answered))
        )
    })
}
