//! A simulated switch in memory, scripts on it, and what they logged.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part"
)]

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use genesis_channel::Channel;
use genesis_lua::client::{Client, Inbound, Session};
use genesis_lua::{App, Live, Options, Runtime};
use genesis_sim::Sim;
use genesis_sim::script::Script;
use genesis_sim::switch::EventFeed;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// A log line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pub level: String,
    pub text: String,
    pub app: String,
    pub traceback: String,
    pub unique_id: String,
    pub place: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let slot = match field.name() {
            "app" => &mut self.app,
            "traceback" => &mut self.traceback,
            "unique_id" => &mut self.unique_id,
            "place" => &mut self.place,
            _ => return,
        };
        *slot = value.to_owned();
    }
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<Line>>,
    news: Notify,
}

struct Capture(Arc<Log>);

impl<S: tracing::Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line {
            level: event.metadata().level().to_string(),
            ..Line::default()
        };
        event.record(&mut line);
        if !line.app.is_empty() {
            self.0.lines.lock().unwrap().push(line);
            self.0.news.notify_waiters();
        }
    }
}

/// One log for the process: lines are told apart by the names of the applications.
fn log() -> &'static Arc<Log> {
    static LOG: OnceLock<Arc<Log>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::<Log>::default();
        let subscriber = tracing_subscriber::registry().with(Capture(log.clone()));
        let _ = tracing::subscriber::set_global_default(subscriber);
        log
    })
}

/// A switch, threads for scripts, and one application.
pub struct Stage {
    pub sim: Arc<Sim>,
    pub runtime: Runtime,
    pub live: Live,
    pub name: String,
    pub path: PathBuf,
    feed: Mutex<Option<EventFeed>>,
}

/// A folder of its own for a test's files.
pub fn folder() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lua-{process}-{number}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a script into a folder of its own.
pub fn write(source: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder().join(format!("app{number}.lua"));
    fs::write(&path, source).unwrap();
    path
}

pub fn options() -> Options {
    let mut options = Options::default();
    options.computing = Duration::from_millis(200);
    options
}

pub async fn switch() -> Arc<Sim> {
    let script = Script::new()
        .file("short*", Duration::from_millis(5))
        .file("music*", Duration::from_secs(600))
        .extension("sales", &["answer", "park"])
        .extension("operator", &["answer", "park"]);
    let sim = Sim::builder().listen("127.0.0.1:0").switch(|options| {
        options.heartbeat = None;
        options.sessions_per_second = 10_000;
        options.script = script;
    });
    Arc::new(sim.start().await.unwrap())
}

impl Stage {
    pub async fn new(source: &str) -> Self {
        Self::with(source, options()).await
    }

    pub async fn with(source: &str, options: Options) -> Self {
        Self::of(&write(source), options).await
    }

    pub async fn of(path: &Path, options: Options) -> Self {
        log();
        let app = App::load(path).unwrap_or_else(|error| panic!("{error}"));
        let sim = switch().await;
        let feed = sim.switch().subscribe();
        Self {
            sim,
            runtime: Runtime::new(options, Handle::current()).unwrap(),
            name: app.name().to_owned(),
            live: Live::new(app),
            path: path.to_owned(),
            feed: Mutex::new(Some(feed)),
        }
    }

    pub async fn client(&self) -> Client {
        let client = Inbound::builder().connect_over(self.sim.connect());
        client.await.unwrap()
    }

    /// Where the switch waits for connections of a kind that can be lost and made again.
    pub fn address(&self) -> String {
        self.sim.addr().unwrap().to_string()
    }

    /// A call that the script handles; the task ends with the script.
    pub async fn call(&self) -> (String, JoinHandle<()>) {
        self.call_in("async full", "").await
    }

    /// A call over a socket of this mode, with these variables.
    pub async fn call_in(&self, mode: &str, variables: &str) -> (String, JoinHandle<()>) {
        let (uuid, session) = self.session(mode, variables).await;
        let handler = self.runtime.outbound(&self.live);
        let task = tokio::spawn(async move { handler(session).await.unwrap() });
        (uuid, task)
    }

    /// A call that is followed to its end, and no more.
    pub async fn call_without_script(&self) -> (String, JoinHandle<()>) {
        let (uuid, session) = self.session("async full", "").await;
        let channel = Channel::from_session(&session).await.unwrap();
        channel.answer().await.unwrap().complete().await.unwrap();
        channel.set_variable("a", "b").await.unwrap();
        let mut digits = channel.digits();
        let task = tokio::spawn(async move {
            digits.next().await;
            drop(session);
        });
        (uuid, task)
    }

    /// A call that the switch hands over.
    async fn session(&self, mode: &str, variables: &str) -> (String, Session) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let address = format!("app:{number}");
        let mut arrivals = self.sim.listen_in_memory(&address);
        let line = format!("{{{variables}}}null/1 '&socket({address} {mode})'");
        let answer = self.sim.switch().api("originate", &line).await;
        let uuid = answer
            .strip_prefix("+OK ")
            .unwrap_or_else(|| panic!("{answer}"));
        let io = soon(arrivals.accept()).await.unwrap();
        let session = Session::over(io, genesis_lua::client::Options::default());
        (uuid.trim().to_owned(), soon(session).await.unwrap())
    }

    /// The log line with this text of this call, once it is there.
    pub async fn line_of(&self, uuid: &str, text: &str) -> Line {
        soon(async {
            loop {
                let lines = self.lines();
                let mut found = lines.iter().filter(|line| line.unique_id == uuid);
                if let Some(line) = found.find(|line| line.text.contains(text)) {
                    return line.clone();
                }
                self.line_after(lines.len()).await;
            }
        })
        .await
    }

    /// One call, to the end of its script.
    pub async fn run(&self) -> String {
        let (uuid, task) = self.call().await;
        soon(task).await.unwrap();
        uuid
    }

    /// One call whose script must not fail.
    pub async fn passes(&self) {
        self.run().await;
        let stats = self.runtime.stats();
        assert_eq!(stats.failed, 0, "{:#?}", self.lines());
        assert_eq!(stats.callbacks_failed, 0, "{:#?}", self.lines());
    }

    /// One call whose script fails; the log line.
    pub async fn fails(&self) -> Line {
        self.run().await;
        let line = self.line("a script failed").await;
        assert_eq!(line.level, "ERROR");
        line
    }

    /// Waits until every state is gone: the threads drop them after what they ran is told.
    pub async fn no_states(&self) {
        soon(async {
            while self.runtime.stats().states > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// What was logged of this application.
    pub fn lines(&self) -> Vec<Line> {
        let lines = log().lines.lock().unwrap();
        lines
            .iter()
            .filter(|line| line.app == self.name)
            .cloned()
            .collect()
    }

    /// The first log line with this text, once it is there.
    pub async fn line(&self, text: &str) -> Line {
        soon(async {
            loop {
                let news = log().news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if let Some(line) = self
                    .lines()
                    .into_iter()
                    .find(|line| line.text.contains(text))
                {
                    return line;
                }
                news.await;
            }
        })
        .await
    }

    /// Waits until more than so many lines were logged.
    pub async fn line_after(&self, count: usize) {
        loop {
            let news = log().news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if self.lines().len() > count {
                return;
            }
            news.await;
        }
    }

    pub async fn api(&self, command: &str, rest: &str) -> String {
        self.sim.switch().api(command, rest).await
    }

    /// Waits for an event with this header, of those since the stage was set.
    pub async fn event(&self, name: &str, header: &str, value: &str) -> String {
        let mut feed = self.feed.lock().unwrap().take().unwrap();
        let found = soon(async {
            loop {
                let event = feed.recv().await.expect("the switch has ended");
                if event.header("Event-Name").as_deref() == Some(name)
                    && event.header(header).as_deref() == Some(value)
                {
                    return event.header("Unique-ID").unwrap_or_default().to_owned();
                }
            }
        })
        .await;
        *self.feed.lock().unwrap() = Some(feed);
        found
    }
}

/// Fails the test if it takes longer than half a minute.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("it hangs")
}
