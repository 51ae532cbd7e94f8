//! Processes that balance: this test binary, run again with an environment variable.
//!
//! A worker obeys lines on its standard input and answers each with one line that begins with `@`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::BufRead;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use genesis_client::Inbound;
use genesis_ringgroup::RedisOptions;
use genesis_ringgroup::balance::{Load, LoadBalancer, RedisBalancer, Watch};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const VARIABLE: &str = "GENESIS_BALANCE_WORKER";

/// Another process, from the outside. It is killed when it is dropped.
pub(crate) struct Worker {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts a process with a balancer of its own.
    pub(crate) async fn start(url: &str, lease: Duration) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["worker::worker_process", "--exact", "--nocapture"])
            .env(VARIABLE, format!("{url} {}", lease.as_millis()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut worker = Self {
            child,
            stdin,
            lines,
        };
        assert_eq!(worker.answer().await, "ready");
        worker
    }

    pub(crate) async fn tell(&mut self, line: impl Display) {
        let line = format!("{line}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> String {
        let answer = async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.expect("the worker ended");
                // the test harness of the worker writes lines too
                if let Some((_, answer)) = line.split_once('@') {
                    return answer.to_owned();
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), answer)
            .await
            .expect("the worker is silent")
    }

    pub(crate) async fn ask(&mut self, line: impl Display) -> String {
        self.tell(line).await;
        self.answer().await
    }

    /// SIGKILL; returns when the process is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGSTOP or SIGCONT.
    pub(crate) async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.await.unwrap().success());
    }
}

/// The life of a worker. Does nothing when it is run as a test.
#[test]
fn worker_process() {
    let Ok(settings) = std::env::var(VARIABLE) else {
        return;
    };
    let (url, lease) = settings.split_once(' ').unwrap();
    let redis = RedisOptions::new(url)
        .lease(Duration::from_millis(lease.parse().unwrap()))
        .command_timeout(Duration::from_secs(20));
    let (sender, mut commands) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let balancer = RedisBalancer::connect(redis).await.unwrap();
        let mut life = Life {
            balancer,
            loads: BTreeMap::new(),
            next: 0,
            adopted: Arc::default(),
        };
        println!("@ready");
        while let Some(command) = commands.recv().await {
            let words: Vec<&str> = command.split(' ').collect();
            println!("@{}", life.obey(&words).await);
        }
    });
}

struct Life {
    balancer: RedisBalancer,
    loads: BTreeMap<usize, Load>,
    next: usize,
    adopted: Arc<Mutex<Vec<usize>>>,
}

/// Notes every number of calls that the watch follows.
async fn note(watch: Watch, adopted: Arc<Mutex<Vec<usize>>>) {
    let mut now = watch.adopted();
    while let Some(next) = watch.adopted_changed(now).await {
        adopted.lock().unwrap().push(next);
        now = next;
    }
}

impl Life {
    fn keep(&mut self, load: Load) -> usize {
        self.next += 1;
        self.loads.insert(self.next, load);
        self.next
    }

    async fn obey(&mut self, words: &[&str]) -> String {
        match *words {
            // so many choices, eight at a time, all kept
            ["choose", times, ref destinations @ ..] => {
                let all: Vec<String> = destinations.iter().map(|d| (*d).to_owned()).collect();
                let mut left: usize = times.parse().unwrap();
                while left > 0 {
                    let now = left.min(8);
                    let choices = (0..now).map(|_| self.balancer.choose(&all));
                    for choice in futures_util::future::join_all(choices).await {
                        self.keep(choice.unwrap().load);
                    }
                    left -= now;
                }
                format!("chosen {times}")
            }
            ["count", destination] => {
                let load = self.balancer.count(destination).await.unwrap();
                self.keep(load).to_string()
            }
            ["answered", number, uuid] => {
                let load = &self.loads[&number.parse().unwrap()];
                load.answered(uuid).await.unwrap();
                "up".to_owned()
            }
            ["release", number] => {
                let load = self.loads.remove(&number.parse().unwrap()).unwrap();
                load.release().await.unwrap();
                "released".to_owned()
            }
            ["drop_some", every] => {
                let every: usize = every.parse().unwrap();
                self.loads.retain(|number, _| number % every != 0);
                // what is given back later is given back after the rest
                self.balancer
                    .count("barrier")
                    .await
                    .unwrap()
                    .release()
                    .await
                    .unwrap();
                self.loads.len().to_string()
            }
            ["watch", address] => {
                let client = Inbound::builder()
                    .password("ClueCon")
                    .connect(address)
                    .await
                    .unwrap();
                let watch = self.balancer.watch(&client).await.unwrap();
                tokio::spawn(note(watch, Arc::clone(&self.adopted)));
                "watching".to_owned()
            }
            // how many calls its watch followed, one number after another
            ["adopted"] => {
                let adopted = self.adopted.lock().unwrap().clone();
                format!("{adopted:?}")
            }
            _ => panic!("unknown command {words:?}"),
        }
    }
}
