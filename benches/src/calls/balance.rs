//! Choosing the destination with the fewest calls, and giving the call back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use cpu_time::ProcessTime;
use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::balance::{Choice, LoadBalancer, MemoryBalancer, RedisBalancer};
use tokio::runtime::Builder;

use super::redis::RedisServer;
use crate::Failure;
use crate::measure::{self, Sample};
use crate::table::CallRow;

/// How many calls each task has at any time.
const HELD: usize = 8;

/// `tasks` tasks choose among `number` destinations. CPU time is that of this process.
pub(super) fn run(
    backend: &str,
    tasks: u64,
    number: u64,
    url: Option<&str>,
) -> Result<Sample, Failure> {
    // with several tasks those of other threads are in the way, as they would be
    let runtime = match tasks {
        1 => Builder::new_current_thread().enable_all().build()?,
        _ => Builder::new_multi_thread().enable_all().build()?,
    };
    let decisions = match (backend, number) {
        ("memory", ..=100) => 200_000,
        ("memory", _) => 20_000,
        (_, ..=100) => 4_000,
        _ => 1_000,
    };
    let url = url.map(str::to_owned);
    let backend = backend.to_owned();
    runtime.block_on(super::in_time(async move {
        let balancer: Arc<dyn LoadBalancer> = match (backend.as_str(), url) {
            ("memory", _) => Arc::new(MemoryBalancer::new()),
            ("redis", Some(url)) => {
                let prefix = format!("bench-{}:", std::process::id());
                let options = RedisOptions::new(url).prefix(prefix);
                Arc::new(RedisBalancer::connect(options).await?)
            }
            _ => return Err(format!("no such balancer: {backend}").into()),
        };
        let destinations: Arc<[String]> = (0..number).map(|n| format!("user/{n:05}")).collect();
        let (cpu, wall) = (ProcessTime::now(), Instant::now());
        let mut choosing = tokio::task::JoinSet::new();
        for _ in 0..tasks {
            let each = decisions / tasks;
            choosing.spawn(choose(balancer.clone(), destinations.clone(), each));
        }
        while let Some(chosen) = choosing.join_next().await {
            chosen??;
        }
        let sample = Sample {
            cpu: cpu.elapsed(),
            wall: wall.elapsed(),
            events: decisions / tasks * tasks,
            ..Sample::default()
        };
        if balancer.get_count(&destinations[0]).await? != 0 {
            return Err("a call was not given back".into());
        }
        Ok(sample)
    }))
}

async fn choose(
    balancer: Arc<dyn LoadBalancer>,
    destinations: Arc<[String]>,
    decisions: u64,
) -> Result<(), genesis_ringgroup::Error> {
    let mut held: VecDeque<Choice> = VecDeque::with_capacity(HELD);
    for _ in 0..decisions {
        if held.len() == HELD
            && let Some(choice) = held.pop_front()
        {
            choice.load.release().await?;
        }
        held.push_back(balancer.choose(&destinations).await?);
    }
    for choice in held {
        choice.load.release().await?;
    }
    Ok(())
}

pub(super) fn report() -> Result<Vec<CallRow>, Failure> {
    let server = RedisServer::start()?;
    let url = server.url();
    let mut rows = Vec::new();
    for (backend, name) in [("memory", "MemoryBalancer"), ("redis", "RedisBalancer")] {
        for tasks in [1, 64] {
            for number in [10, 100, 1_000] {
                let (tasks_text, number_text) = (tasks.to_string(), number.to_string());
                let arguments = ["calls", "balance", backend, &tasks_text, &number_text, &url];
                let samples = measure::in_rounds(3, &[&arguments], |sample| sample.wall)?;
                let sample = samples.first().copied().unwrap_or_default();
                let who = match tasks {
                    1 => "one after the other".to_owned(),
                    tasks => format!("{tasks} tasks"),
                };
                rows.push(CallRow {
                    contestant: format!("{name}, {number} destinations, {who}"),
                    cost: format!("{:.2}", sample.cpu_per_event() / 1e3),
                    time: format!("{:.0} decisions/s", sample.events_per_second()),
                    ..CallRow::default()
                });
            }
        }
    }
    Ok(rows)
}
