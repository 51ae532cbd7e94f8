//! From one holder's release to the next one's grant, with 200 in line.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::queue::{Queue, SlotOptions};
use tokio::task::JoinSet;

use super::redis::RedisServer;
use super::{bounded, quantile, shown};
use crate::Failure;
use crate::measure::{self, Sample};
use crate::table::CallRow;

/// How many wait in line.
const WAITERS: u64 = 200;
/// How often each of them has its turn.
const TURNS: u64 = 15;
const ID: &str = "support";

/// `handles` handles on one backend; those who wait are dealt out to them in turn, so that with two
/// every place goes from one handle to the other.
pub(super) fn run(backend: &str, handles: u64, url: Option<&str>) -> Result<Sample, Failure> {
    let backend = backend.to_owned();
    let url = url.map(str::to_owned);
    bounded(async move {
        let mut queues = Vec::new();
        let prefix = format!("bench-{}:", std::process::id());
        for _ in 0..handles {
            queues.push(match (backend.as_str(), &url) {
                ("memory", _) => Queue::in_memory(),
                ("redis", Some(url)) => {
                    Queue::redis(RedisOptions::new(url).prefix(&prefix)).await?
                }
                _ => return Err(format!("no such queue: {backend}").into()),
            });
        }
        measured(&queues).await
    })
}

#[derive(Default)]
struct Handing {
    /// When the last holder began to give its place back.
    released: Option<Instant>,
    times: Vec<Duration>,
}

async fn measured(queues: &[Queue]) -> Result<Sample, Failure> {
    let handing = Arc::new(Mutex::new(Handing::default()));
    let first = queues.first().ok_or("no queue")?;
    let gate = first.slot(ID, SlotOptions::new()).await?;
    let mut waiters = JoinSet::new();
    // one after the other, so that neighbours in line are of different handles
    for (_, queue) in (0..WAITERS).zip(queues.iter().cycle()) {
        let mut ticket = queue.enter(ID, SlotOptions::new()).await?;
        let (queue, handing) = (queue.clone(), handing.clone());
        waiters.spawn(async move {
            for turn in 1..=TURNS {
                let slot = ticket.slot().await?;
                let now = Instant::now();
                // in line again before the place is given back: there are always as many in line
                let next = match turn {
                    TURNS => None,
                    _ => Some(queue.enter(ID, SlotOptions::new()).await?),
                };
                {
                    let mut handing = handing.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(released) = handing.released {
                        handing.times.push(now - released);
                    }
                    handing.released = Some(Instant::now());
                }
                slot.release().await?;
                match next {
                    Some(next) => ticket = next,
                    None => break,
                }
            }
            Ok::<(), genesis_ringgroup::Error>(())
        });
    }
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    gate.release().await?;
    while let Some(waiter) = waiters.join_next().await {
        waiter??;
    }
    let (cpu, wall) = (cpu.elapsed(), wall.elapsed());
    let mut times = {
        let mut handing = handing.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut handing.times)
    };
    // the line gets shorter in the last turn
    times.truncate((WAITERS * (TURNS - 1)) as usize);
    times.sort();
    Ok(Sample {
        cpu,
        wall,
        events: WAITERS * TURNS,
        marks: [quantile(&times, 0.5), quantile(&times, 0.99)],
        ..Sample::default()
    })
}

pub(super) fn report() -> Result<Vec<CallRow>, Failure> {
    let server = RedisServer::start()?;
    let url = server.url();
    let mut rows = Vec::new();
    for (backend, handles, what) in [
        ("memory", "1", "in memory"),
        ("redis", "1", "Redis, within one handle"),
        ("redis", "2", "Redis, from one handle to another"),
    ] {
        let arguments = ["calls", "queue", backend, handles, &url];
        let samples = measure::in_rounds(5, &[&arguments], |sample| sample.marks[0])?;
        let sample = samples.first().copied().unwrap_or_default();
        let [p50, p99] = sample.marks;
        rows.push(CallRow {
            contestant: format!("{what}, {WAITERS} in line"),
            cost: format!("{:.1}", sample.cpu_per_event() / 1e3),
            time: format!("hand-over: p50 {}, p99 {}", shown(p50), shown(p99)),
            ..CallRow::default()
        });
    }
    Ok(rows)
}
