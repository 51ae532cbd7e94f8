//! The same random operations on both backends: they choose and count the same.

use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::balance::{Load, LoadBalancer, MemoryBalancer, RedisBalancer};
use proptest::prelude::*;

use crate::server::Server;

/// What somebody may do with a balancer.
#[derive(Clone, Debug)]
enum Step {
    Choose(Vec<u8>),
    Count(u8),
    Answered(usize),
    Release(usize),
    /// Drop these in the background, one in so many.
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec(0..6_u8, 1..6).prop_map(Step::Choose),
        1 => (0..6_u8).prop_map(Step::Count),
        1 => any::<usize>().prop_map(Step::Answered),
        2 => any::<usize>().prop_map(Step::Release),
        1 => (1..5_usize).prop_map(Step::Drop),
    ]
}

#[test]
fn redis_and_memory_choose_and_count_the_same() {
    let server = Server::start();
    let url = server.url();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in proptest::collection::vec(step(), 1..60))| {
        runtime.block_on(run(&url, steps))?;
    });
}

/// Names of all kinds, since they are keys and patterns and text on the way.
fn name(number: u8) -> String {
    let names = [
        "user/1000",
        "a b\nc %s {x}",
        "ü",
        "-",
        "\0",
        "[a=1]user/1,sofia/2",
    ];
    names[usize::from(number)].to_owned()
}

async fn run(url: &str, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let prefix = format!("{:x}:", fastrand::u64(..));
    let redis = RedisBalancer::connect(RedisOptions::new(url).prefix(prefix))
        .await
        .unwrap();
    let memory = MemoryBalancer::new();
    let mut loads: Vec<(Load, Load)> = Vec::new();
    for step in steps {
        let place = |n: usize| (!loads.is_empty()).then(|| n % loads.len());
        match step {
            Step::Choose(destinations) => {
                let named: Vec<String> = destinations.into_iter().map(name).collect();
                let there = redis.choose(&named).await.unwrap();
                let here = memory.choose(&named).await.unwrap();
                prop_assert_eq!(there.index, here.index);
                prop_assert_eq!(there.load.destination(), here.load.destination());
                prop_assert!(!there.is_local_fallback());
                loads.push((there.load, here.load));
            }
            Step::Count(destination) => {
                let there = redis.count(&name(destination)).await.unwrap();
                loads.push((there, memory.count(&name(destination)).await.unwrap()));
            }
            Step::Answered(n) => {
                if let Some(place) = place(n) {
                    loads[place].0.answered("7f4d").await.unwrap();
                    loads[place].1.answered("7f4d").await.unwrap();
                }
            }
            Step::Release(n) => {
                if let Some(place) = place(n) {
                    let (there, here) = loads.remove(place);
                    there.release().await.unwrap();
                    here.release().await.unwrap();
                }
            }
            Step::Drop(every) => {
                let mut number = 0;
                loads.retain(|_| {
                    number += 1;
                    number % every != 0
                });
                // calls are given back in order, so all of them are when this one is
                redis
                    .count("barrier")
                    .await
                    .unwrap()
                    .release()
                    .await
                    .unwrap();
            }
        }
        let there = redis.snapshot().await.unwrap();
        prop_assert_eq!(&there, &memory.snapshot());
        for number in 0..6 {
            let count = redis.get_count(&name(number)).await.unwrap();
            prop_assert_eq!(count, there.get(&name(number)));
        }
    }
    Ok(())
}
