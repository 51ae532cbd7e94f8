//! The same random operations on a plain model, on queues in memory and on queues in Redis.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod redis_server;

use std::collections::HashMap;
use std::time::Duration;

use genesis_ringgroup::ErrorKind;
use genesis_ringgroup::queue::{Queue, SlotOptions, Ticket};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// How many handles ("processes") share the queue.
const HANDLES: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    Enter {
        item: u8,
        limit: Option<usize>,
        max_waiting: usize,
    },
    /// Takes out the item, if it is in; by dropping it or with a confirmation.
    Leave {
        item: u8,
        drops: bool,
    },
    SetLimit(Option<usize>),
}

/// Through which handle, and what.
type Steps = Vec<(usize, Step)>;

fn steps() -> impl Strategy<Value = Steps> {
    let item = 0..8u8;
    let enter = (
        item.clone(),
        prop_oneof![3 => Just(None), 1 => (1..4usize).prop_map(Some)],
        prop_oneof![3 => Just(100), 1 => 0..3usize],
    )
        .prop_map(|(item, limit, max_waiting)| Step::Enter {
            item,
            limit,
            max_waiting,
        });
    let leave = (item, any::<bool>()).prop_map(|(item, drops)| Step::Leave { item, drops });
    let set =
        prop_oneof![1 => Just(None), 2 => (0..4usize).prop_map(Some)].prop_map(Step::SetLimit);
    let step = prop_oneof![6 => enter, 4 => leave, 1 => set];
    prop::collection::vec((0..HANDLES, step), 1..40)
}

/// What can be seen after a step: what it answered, the limit, who holds and who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    answer: &'static str,
    limit: usize,
    holding: Vec<String>,
    waiting: Vec<String>,
}

/// The rules in the plainest form.
#[derive(Default)]
struct Model {
    arrivals: Vec<String>,
    holding: Vec<String>,
    declared: Option<usize>,
    set: Option<usize>,
}

impl Model {
    fn limit(&self) -> usize {
        self.set.or(self.declared).unwrap_or(1)
    }

    fn waiting(&self) -> Vec<String> {
        let waits = |item: &&String| !self.holding.contains(item);
        self.arrivals.iter().filter(waits).cloned().collect()
    }

    fn serve(&mut self) {
        while self.holding.len() < self.limit() {
            let Some(next) = self.waiting().into_iter().next() else {
                break;
            };
            self.holding.push(next);
        }
        if self.arrivals.is_empty() {
            self.declared = None;
        }
    }

    fn step(&mut self, step: &Step) -> Seen {
        let answer = match step {
            Step::Enter {
                item,
                limit,
                max_waiting,
            } => self.enter(&item.to_string(), *limit, *max_waiting),
            Step::Leave { item, .. } => {
                self.arrivals.retain(|other| *other != item.to_string());
                self.holding.retain(|other| *other != item.to_string());
                "left"
            }
            Step::SetLimit(limit) => {
                self.set = *limit;
                "set"
            }
        };
        self.serve();
        let order = |item: &String| self.arrivals.iter().position(|other| other == item);
        self.holding.sort_by_key(order);
        Seen {
            answer,
            limit: self.limit(),
            holding: self.holding.clone(),
            waiting: self.waiting(),
        }
    }

    fn enter(&mut self, item: &str, limit: Option<usize>, max_waiting: usize) -> &'static str {
        if self.arrivals.iter().any(|other| other == item) {
            return "duplicate";
        }
        self.declared = limit.or(self.declared);
        if limit.is_some() {
            self.serve();
            self.declared = limit;
        }
        let depth = self.waiting().len();
        let at_once = depth == 0 && self.holding.len() < self.limit();
        if depth >= max_waiting && !at_once {
            return "full";
        }
        self.arrivals.push(item.to_owned());
        "entered"
    }
}

/// Runs the steps on a queue; the handles share it.
async fn run(handles: &[Queue; HANDLES], id: &str, steps: &Steps) -> Vec<Seen> {
    let mut tickets: HashMap<u8, (usize, Ticket)> = HashMap::new();
    let mut seen = Vec::new();
    for (handle, step) in steps {
        let queue = &handles[*handle];
        let answer = match step {
            Step::Enter {
                item,
                limit,
                max_waiting,
            } => {
                let mut options = SlotOptions::new()
                    .item_id(item.to_string())
                    .max_waiting(*max_waiting);
                if let Some(limit) = limit {
                    options = options.limit(*limit);
                }
                match queue.enter(id, options).await {
                    Ok(ticket) => {
                        tickets.insert(*item, (*handle, ticket));
                        "entered"
                    }
                    Err(error) if *error.kind() == ErrorKind::LimitExceeded => "full",
                    Err(error) if *error.kind() == ErrorKind::InvalidArgument => "duplicate",
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Leave { item, drops } => {
                if let Some((owner, ticket)) = tickets.remove(item) {
                    if *drops {
                        drop(ticket);
                        // a handle's own operations keep their order
                        handles[owner].state(id).await.unwrap();
                    } else {
                        ticket.leave().await.unwrap();
                    }
                }
                "left"
            }
            Step::SetLimit(Some(limit)) => {
                queue.set_limit(id, *limit).await.unwrap();
                "set"
            }
            Step::SetLimit(None) => {
                queue.unset_limit(id).await.unwrap();
                "set"
            }
        };
        let state = queue.state(id).await.unwrap();
        let items = queue.items(id).await.unwrap();
        let (holding, waiting): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.position == 0);
        assert_eq!((state.depth, state.in_use), (waiting.len(), holding.len()));
        let positions: Vec<_> = waiting.iter().map(|item| item.position).collect();
        assert_eq!(positions, (1..=waiting.len()).collect::<Vec<_>>());
        let names = |items: Vec<genesis_ringgroup::queue::QueueItem>| {
            items.into_iter().map(|item| item.item).collect::<Vec<_>>()
        };
        seen.push(Seen {
            answer,
            limit: state.limit,
            holding: names(holding),
            waiting: names(waiting),
        });
    }
    // whoever holds hears of it, through whichever handle it came
    let last = seen.last().cloned().unwrap();
    for item in &last.holding {
        let (_, ticket) = tickets.get_mut(&item.parse().unwrap()).unwrap();
        let told = tokio::time::timeout(Duration::from_secs(10), ticket.granted()).await;
        told.expect("the grant was not told").unwrap();
    }
    for (place, item) in last.waiting.iter().enumerate() {
        let (_, ticket) = &tickets[&item.parse().unwrap()];
        assert_eq!(ticket.position().await, Some(place + 1));
    }
    for (_, ticket) in tickets.into_values() {
        ticket.leave().await.unwrap();
    }
    handles[0].unset_limit(id).await.unwrap();
    seen
}

fn model(steps: &Steps) -> Vec<Seen> {
    let mut model = Model::default();
    steps.iter().map(|(_, step)| model.step(step)).collect()
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

#[test]
fn memory_does_as_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runner(500)
        .run(&steps(), |steps| {
            let queue = Queue::in_memory();
            let handles = [queue.clone(), queue];
            prop_assert_eq!(runtime.block_on(run(&handles, "q", &steps)), model(&steps));
            Ok(())
        })
        .unwrap();
}

#[cfg(feature = "redis")]
#[test]
fn redis_does_as_memory() {
    use genesis_ringgroup::RedisOptions;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = redis_server::RedisServer::start();
    let connect = |lease| Queue::redis(RedisOptions::new(server.url()).lease(lease));
    // a queue that is known: the youth of the server does not matter to the long leases, which end for
    // nobody, however slow the machine
    let id = "q";
    let handles = runtime.block_on(async {
        let quick = connect(Duration::from_millis(100)).await.unwrap();
        quick.set_limit(id, 1).await.unwrap();
        while quick.slot(id, SlotOptions::new()).await.is_err() {}
        let lease = Duration::from_secs(60);
        let handles = [connect(lease).await.unwrap(), connect(lease).await.unwrap()];
        let mut states = handles[0].watch(id).unwrap();
        while states.next().await.unwrap().in_use > 0 {}
        handles[0].unset_limit(id).await.unwrap();
        handles
    });
    runner(60)
        .run(&steps(), |steps| {
            let memory = Queue::in_memory();
            let memory = [memory.clone(), memory];
            let memory = runtime.block_on(run(&memory, id, &steps));
            prop_assert_eq!(runtime.block_on(run(&handles, id, &steps)), memory);
            Ok(())
        })
        .unwrap();
}
