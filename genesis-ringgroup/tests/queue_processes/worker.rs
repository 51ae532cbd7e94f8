//! A process that takes slots and says so: this test binary, run again.
//!
//! Commands are lines of its input, what happens are lines of its output: `KIND ITEM NANOSECONDS`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::queue::{Queue, Slot, SlotOptions};
use tokio::sync::{mpsc as async_mpsc, watch};

pub(crate) const LEASE: Duration = Duration::from_millis(500);
pub(crate) const ID: &str = "support";

const URL: &str = "GENESIS_TEST_QUEUE_URL";
/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn nanoseconds() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_nanos()
}

/// The worker's side.
#[test]
#[ignore = "not a test: the other tests run it as a process of its own"]
fn worker() {
    let url = std::env::var(URL).expect("the tests say where Redis is");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (lines, mut commands) = async_mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { break };
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    runtime.block_on(async {
        let queue = Queue::redis(RedisOptions::new(url).lease(LEASE))
            .await
            .unwrap();
        say("ready", "-");
        let released = watch::Sender::new(Vec::<String>::new());
        // ends with its input: with the test
        while let Some(line) = commands.recv().await {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["enter", item] => {
                    let task = one(queue.clone(), (*item).to_owned(), released.subscribe());
                    tokio::spawn(task);
                }
                ["release", item] => released.send_modify(|items| items.push((*item).to_owned())),
                ["churn", name, tasks] => {
                    for task in 0..tasks.parse().unwrap() {
                        tokio::spawn(churn(queue.clone(), format!("{name}.{task}")));
                    }
                }
                _ => panic!("unknown command {line}"),
            }
        }
    });
    runtime.shutdown_background();
}

fn say(kind: &str, item: &str) {
    println!("{kind} {item} {}", nanoseconds());
}

/// Takes one slot and holds it until told.
async fn one(queue: Queue, item: String, mut released: watch::Receiver<Vec<String>>) {
    let options = SlotOptions::new().item_id(&item);
    let ticket = match queue.enter(ID, options).await {
        Ok(ticket) => ticket,
        Err(error) => return say(&format!("refused:{:?}", error.kind()), &item),
    };
    say("entered", &item);
    match ticket.slot().await {
        Ok(slot) => {
            let told = async { drop(released.wait_for(|items| items.contains(&item)).await) };
            hold(slot, told).await;
        }
        Err(error) => say(&format!("refused:{:?}", error.kind()), &item),
    }
}

async fn hold(slot: Slot, done: impl Future<Output = ()>) {
    let item = slot.item_id().to_owned();
    if slot.is_lost() {
        return;
    }
    say("begin", &item);
    tokio::select! {
        biased;
        () = slot.lost() => say("lost", &item),
        () = done => {
            say(if slot.is_lost() { "lost" } else { "end" }, &item);
            // an error is the loss of the place, or a server that is away
            let _ = slot.release().await;
        }
    }
}

/// Takes slots for ever, for a few milliseconds each.
async fn churn(queue: Queue, name: String) {
    for round in 0.. {
        let item = format!("{name}.{round}");
        match queue.slot(ID, SlotOptions::new().item_id(item)).await {
            // the work that the slot is for
            Ok(slot) => hold(slot, tokio::time::sleep(Duration::from_millis(4))).await,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// One line of a worker.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) worker: usize,
    pub(crate) kind: String,
    pub(crate) item: String,
    pub(crate) at: u128,
}

/// Workers, seen from the test.
pub(crate) struct Workers {
    url: String,
    workers: Vec<Worker>,
    said: mpsc::Receiver<Said>,
    sender: mpsc::Sender<Said>,
    /// Everything that was said and heard so far.
    pub(crate) log: Vec<Said>,
    /// Whose loss of a place is no surprise; `["*"]`: everybody's.
    pub(crate) may_lose: &'static [&'static str],
}

struct Worker {
    child: Child,
    input: ChildStdin,
    killed: bool,
}

impl Workers {
    pub(crate) fn start(url: String, count: usize) -> Self {
        let (sender, said) = mpsc::channel();
        let mut workers = Self {
            url,
            workers: Vec::new(),
            said,
            sender,
            log: Vec::new(),
            may_lose: &[],
        };
        for _ in 0..count {
            workers.add();
        }
        workers
    }

    /// Starts one more; returns when it is connected.
    pub(crate) fn add(&mut self) -> usize {
        let worker = self.workers.len();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["worker::worker", "--exact", "--ignored", "--nocapture"])
            .env(URL, &self.url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let words: Vec<&str> = line.split(' ').collect();
                // the test harness says things too
                if let [kind, item, at] = words.as_slice()
                    && let Ok(at) = at.parse()
                {
                    let said = Said {
                        worker,
                        kind: (*kind).to_owned(),
                        item: (*item).to_owned(),
                        at,
                    };
                    if sender.send(said).is_err() {
                        return;
                    }
                }
            }
            // the test may be over
            let _ = sender.send(Said {
                worker,
                kind: "ended".to_owned(),
                item: "-".to_owned(),
                at: nanoseconds(),
            });
        });
        let input = child.stdin.take().unwrap();
        self.workers.push(Worker {
            child,
            input,
            killed: false,
        });
        self.hear_until(|said| said.worker == worker && said.kind == "ready");
        worker
    }

    pub(crate) fn tell(&mut self, worker: usize, command: &str) {
        writeln!(self.workers[worker].input, "{command}").unwrap();
    }

    /// Has an item enter; returns when it is in the line.
    pub(crate) fn enter(&mut self, worker: usize, item: &str) -> Option<Said> {
        self.tell(worker, &format!("enter {item}"));
        self.wait_for("entered", item)
    }

    /// The first line of this kind about this item. `None`: somebody lost a place who should not have;
    /// the machine is too slow for the lease.
    pub(crate) fn wait_for(&mut self, kind: &str, item: &str) -> Option<Said> {
        let fits = |said: &Said| said.kind == kind && said.item == item;
        match self.log.iter().find(|said| fits(said)) {
            Some(said) => Some(said.clone()),
            None => self.wait(fits),
        }
    }

    /// The next line that fits; `None` as above.
    pub(crate) fn wait(&mut self, fits: impl Fn(&Said) -> bool) -> Option<Said> {
        let may_lose = self.may_lose;
        let surprise = |said: &Said| {
            let expected = may_lose == ["*"] || may_lose.contains(&said.item.as_str());
            // a place that came too late to be taken is a place lost; and who could not enter in time
            // had no time
            let kind = said.kind.as_str();
            ["lost", "refused:Lost", "refused:Backend"].contains(&kind) && !expected
        };
        let said = self.hear_until(|said| fits(said) || surprise(said));
        let earlier = self.log.iter().any(surprise);
        (!earlier).then_some(said)
    }

    fn hear_until(&mut self, fits: impl Fn(&Said) -> bool) -> Said {
        loop {
            let Ok(said) = self.said.recv_timeout(PATIENCE) else {
                panic!("nothing was said for {PATIENCE:?}; before: {:#?}", self.log);
            };
            self.log.push(said.clone());
            let ended = said.kind == "ended" && !self.workers[said.worker].killed;
            assert!(!ended, "a worker ended by itself; before: {:#?}", self.log);
            if fits(&said) {
                return said;
            }
        }
    }

    /// Takes in what was said up to now.
    pub(crate) fn hear(&mut self) {
        while let Ok(said) = self.said.try_recv() {
            self.log.push(said);
        }
    }

    pub(crate) fn has(&mut self, kind: &str, item: &str) -> bool {
        self.hear();
        self.log
            .iter()
            .any(|said| said.kind == kind && said.item == item)
    }

    /// SIGKILL; returns when it is dead, with that time.
    pub(crate) fn kill(&mut self, worker: usize) -> u128 {
        self.workers[worker].killed = true;
        self.workers[worker].child.kill().unwrap();
        self.workers[worker].child.wait().unwrap();
        nanoseconds()
    }

    /// Sends any signal, by name.
    pub(crate) fn signal(&self, worker: usize, name: &str) {
        let pid = self.workers[worker].child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // those that were killed before are dead already
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}
