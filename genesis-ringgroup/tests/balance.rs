//! The in-memory balancer: spreading, ties, bounds, and a comparison with a plain model.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use genesis_ringgroup::ErrorKind;
use genesis_ringgroup::balance::{Load, LoadBalancer, MAX_DESTINATION_BYTES, MemoryBalancer};
use proptest::prelude::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn lesson_39_an_answered_call_counts_until_it_ends() {
    let balancer = MemoryBalancer::new();
    let load = balancer.count("a").await.unwrap();
    load.answered("7f4d").await.unwrap();
    assert_eq!(balancer.get_count("a").await.unwrap(), 1);
    load.release().await.unwrap();
    assert_eq!(balancer.get_count("a").await.unwrap(), 0);

    let load = balancer.count("a").await.unwrap();
    assert_eq!(load.destination(), "a");
    assert!(!load.is_local_fallback());
    drop(load);
    assert_eq!(balancer.get_count("a").await.unwrap(), 0);
    assert!(balancer.snapshot().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tasks_choosing_at_once_spread_evenly() {
    let balancer = MemoryBalancer::new();
    let all = Arc::new(names(&["a", "b", "c", "d", "e", "f", "g"]));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (balancer, all) = (balancer.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for _ in 0..50 {
                    kept.push(balancer.choose(&all).await.unwrap().load);
                    tokio::task::yield_now().await;
                }
                kept
            })
        })
        .collect();
    let mut kept = Vec::new();
    for task in tasks {
        kept.push(task.await.unwrap());
    }
    let counts = balancer.snapshot();
    assert_eq!(counts.total(), 5000);
    let most = counts.iter().map(|(_, count)| count).max().unwrap();
    let least = counts.iter().map(|(_, count)| count).min().unwrap();
    assert!(most - least <= 1, "{counts:?}");
    drop(kept);
    assert_eq!(balancer.snapshot().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn bad_destinations_and_too_many_calls_count_nothing() {
    let balancer = MemoryBalancer::with_limit(2);
    let long = "x".repeat(MAX_DESTINATION_BYTES + 1);
    for bad in [names(&[]), names(&["a", ""]), names(&["a", &long])] {
        let error = balancer.choose(&bad).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::InvalidArgument, "{error}");
    }
    assert!(balancer.count("").await.is_err());
    assert!(balancer.snapshot().is_empty());

    let first = balancer.count("a").await.unwrap();
    for bad in ["", "two words", "line\nfeed", &"u".repeat(257)] {
        let error = first.answered(bad).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::InvalidArgument, "{error}");
    }
    let _second = balancer.count("a").await.unwrap();
    let error = balancer.choose(&names(&["a", "b"])).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::LimitExceeded, "{error}");
    assert_eq!(balancer.get_count("a").await.unwrap(), 2);
    drop(first);
    assert_eq!(balancer.choose(&names(&["a", "b"])).await.unwrap().index, 1);
}

#[tokio::test(start_paused = true)]
async fn a_closure_gives_back_exactly_once() {
    let given_back = Arc::new(AtomicU64::new(0));
    let load = || {
        let given_back = Arc::clone(&given_back);
        Load::with_release("a", move || {
            given_back.fetch_add(1, Ordering::Relaxed);
        })
    };
    drop(load());
    assert_eq!(given_back.load(Ordering::Relaxed), 1);
    load().release().await.unwrap();
    assert_eq!(given_back.load(Ordering::Relaxed), 2);
    // released, but nobody waited for it
    drop(load().release());
    assert_eq!(given_back.load(Ordering::Relaxed), 3);
    assert!(load().as_local_fallback().is_local_fallback());
}

/// What somebody may do with a balancer.
#[derive(Clone, Debug)]
enum Step {
    Choose(Vec<u8>),
    Count(u8),
    Answered(usize),
    Release(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::collection::vec(0..6_u8, 1..6).prop_map(Step::Choose),
        1 => (0..6_u8).prop_map(Step::Count),
        1 => any::<usize>().prop_map(Step::Answered),
        2 => any::<usize>().prop_map(Step::Release),
        1 => any::<usize>().prop_map(Step::Drop),
    ]
}

/// The same rules, written as plainly as can be: a list of calls in progress, and the history of
/// all choices.
#[derive(Default)]
struct Model {
    calls: Vec<u8>,
    history: Vec<u8>,
}

impl Model {
    fn get(&self, destination: u8) -> u64 {
        self.calls
            .iter()
            .filter(|call| **call == destination)
            .count() as u64
    }

    fn choose(&mut self, destinations: &[u8]) -> usize {
        let mut best = 0;
        for index in 1..destinations.len() {
            let (this, other) = (destinations[index], destinations[best]);
            let last = |d: u8| self.history.iter().rposition(|chosen| *chosen == d);
            let less = self.get(this) < self.get(other);
            let longer_ago = self.get(this) == self.get(other) && last(this) < last(other);
            if less || longer_ago {
                best = index;
            }
        }
        self.count(destinations[best]);
        best
    }

    fn count(&mut self, destination: u8) {
        self.calls.push(destination);
        self.history.push(destination);
    }
}

proptest! {
    #[test]
    fn the_memory_balancer_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (balancer, mut model) = (MemoryBalancer::new(), Model::default());
            let mut loads: Vec<Load> = Vec::new();
            for step in steps {
                let place = |n: usize| (!loads.is_empty()).then(|| n % loads.len());
                match step {
                    Step::Choose(destinations) => {
                        let named: Vec<String> = destinations.iter().map(u8::to_string).collect();
                        let choice = balancer.choose(&named).await.unwrap();
                        prop_assert_eq!(choice.index, model.choose(&destinations));
                        prop_assert_eq!(choice.load.destination(), &named[choice.index]);
                        loads.push(choice.load);
                    }
                    Step::Count(destination) => {
                        loads.push(balancer.count(&destination.to_string()).await.unwrap());
                        model.count(destination);
                    }
                    Step::Answered(n) => if let Some(place) = place(n) {
                        loads[place].answered("7f4d").await.unwrap();
                    },
                    Step::Release(n) => if let Some(place) = place(n) {
                        loads.remove(place).release().await.unwrap();
                        model.calls.remove(place);
                    },
                    Step::Drop(n) => if let Some(place) = place(n) {
                        drop(loads.remove(place));
                        model.calls.remove(place);
                    },
                }
                for destination in 0..6 {
                    let count = balancer.get_count(&destination.to_string()).await.unwrap();
                    prop_assert_eq!(count, model.get(destination));
                }
                prop_assert_eq!(balancer.snapshot().total(), model.calls.len() as u64);
            }
            Ok(())
        })?;
    }
}
