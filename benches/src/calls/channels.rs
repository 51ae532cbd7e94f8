//! Many channels alive, each followed by its events.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use genesis_channel::{Channel, OriginateOptions, Pace};
use genesis_client::Inbound;
use genesis_client::proto::EventName;

use super::plain::{Plain, event_is};
use super::switch::{Limits, SwitchThread};
use super::{Case, Measured, Stopwatch, Target, bounded, measure_cases, shown, uuid};
use crate::Failure;
use crate::measure::{Heap, Sample};
use crate::table::CallRow;

/// How many calls are being set up at the same time.
const WINDOW: u64 = 64;
const ANSWERS: &str = "sim/answer";
const DEADLINE: Duration = super::PATIENCE;

pub(super) fn run(contestant: &str, number: u64, heap: Heap) -> Result<Sample, Failure> {
    match contestant {
        "plain" => bounded(plain(number, heap)),
        "genesis" => bounded(genesis(number, heap)),
        _ => Err(format!("no such contestant: {contestant}").into()),
    }
}

async fn genesis(number: u64, heap: Heap) -> Result<Sample, Failure> {
    let switch = SwitchThread::start(SwitchThread::builder(Limits::None))?;
    let client = Inbound::builder().connect_over(switch.connect()).await?;
    let options = OriginateOptions::new().pace(Pace::Unlimited);
    client.api("status").await?;

    let watch = Stopwatch::start(heap);
    let mut channels: Vec<Channel> = Vec::with_capacity(number as usize);
    let mut calls = stream::iter(0..number)
        .map(|_| async {
            let channel = Channel::originate(&client, ANSWERS, options.clone()).await?;
            channel.wait(EventName::ChannelPark, DEADLINE).await?;
            Ok::<_, genesis_channel::Error>(channel)
        })
        .buffer_unordered(WINDOW as usize);
    while let Some(channel) = calls.next().await {
        channels.push(channel?);
    }
    drop(calls);
    // whatever came with the last event has been read when this is answered
    client.api("status").await?;
    let up = watch.elapsed();
    let sample = watch.finish(number, watch.held(), [up, up]);
    let lost = channels.iter().filter(|channel| channel.is_over()).count();
    if lost > 0 || switch.channels() as u64 != number {
        return Err(format!("of {number} channels {} are up", switch.channels()).into());
    }
    Ok(sample)
}

async fn plain(number: u64, heap: Heap) -> Result<Sample, Failure> {
    let switch = SwitchThread::start(SwitchThread::builder(Limits::None))?;
    let mut client = Plain::follow_all(switch.connect()).await?;
    let call = |place: u64| {
        let uuid = uuid(place);
        format!(
            "bgapi originate {{originate_timeout=60,ignore_early_media=true}}\
             [origination_uuid={uuid}]{ANSWERS} &park\nJob-UUID: {uuid}\n\n"
        )
    };

    let watch = Stopwatch::start(heap);
    let mut sent = WINDOW.min(number);
    for place in 0..sent {
        client.send(call(place));
    }
    let (mut answered, mut parked) = (0, 0);
    while parked < number || answered < number {
        let done = client
            .read(|frame| {
                if event_is(frame, "BACKGROUND_JOB") {
                    return Some(true);
                }
                event_is(frame, "CHANNEL_PARK").then_some(false)
            })
            .await?;
        match done {
            false => parked += 1,
            true => {
                answered += 1;
                if sent < number {
                    client.send(call(sent));
                    sent += 1;
                }
            }
        }
    }
    let up = watch.elapsed();
    let sample = watch.finish(number, watch.held(), [up, up]);
    if switch.channels() as u64 != number {
        return Err(format!("of {number} channels {} are up", switch.channels()).into());
    }
    Ok(sample)
}

pub(super) fn report(counter: &Path) -> Result<Vec<CallRow>, Failure> {
    let mut cases = Vec::new();
    for (number, rounds) in [(100, 9), (1_000, 5), (10_000, 3)] {
        for (contestant, what) in [("plain", "a plain client"), ("genesis", "Channel")] {
            let (heap, target) = match contestant {
                "plain" => (Measured::Switch, Target::None),
                _ => (Measured::Beyond("plain"), Target::Heap(4.0)),
            };
            cases.push(Case {
                contestant,
                number,
                what: format!("{what}, {number} alive"),
                rounds,
                heap,
                target,
            });
        }
    }
    measure_cases("channels", counter, &cases, |sample| {
        format!(
            "all up after {}, {:.0} calls/s",
            shown(sample.marks[0]),
            sample.events as f64 / sample.marks[0].as_secs_f64()
        )
    })
}
