//! Running a program, and watching the switch that it works on.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use genesis_sim::Sim;
use genesis_sim::script::Script;
use genesis_sim::switch::{EventFeed, IncomingCall, SwitchEvent};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program whose lines are read as they come.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Program {
    pub(crate) fn start(path: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(path)
            .args(arguments)
            .env_remove("ESL_PASSWORD")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
            seen: Vec::new(),
        }
    }

    /// A server for the `socket` application, and the address that it listens on.
    pub(crate) async fn server(path: &str, arguments: &[&str]) -> (Self, String) {
        let listen = ["--listen", "127.0.0.1:0"];
        let mut program = Self::start(path, &[&listen, arguments].concat());
        let line = program.line("waiting for calls on ").await;
        let address = line.rsplit(' ').next().unwrap().to_owned();
        (program, address)
    }

    async fn next(&mut self) -> Option<String> {
        match timeout(PATIENCE, self.lines.next_line()).await {
            Ok(line) => line.unwrap(),
            Err(_) => panic!("nothing more is printed after {:#?}", self.seen),
        }
    }

    /// The next line that contains this.
    pub(crate) async fn line(&mut self, text: &str) -> String {
        while let Some(line) = self.next().await {
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
        panic!("{text:?} is not printed: {:#?}", self.seen);
    }

    /// Everything that was read.
    pub(crate) fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Whether these lines were printed in this order, others in between.
    pub(crate) fn printed(&self, lines: &[&str]) -> bool {
        let mut seen = self.seen.iter();
        lines.iter().all(|line| seen.any(|other| other == line))
    }

    /// Presses Ctrl-C.
    pub(crate) async fn interrupt(&self) {
        let id = self.child.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-INT", &id]).status();
        assert!(kill.await.unwrap().success());
    }

    /// Reads to the end, which must be a success. Gives what was printed.
    pub(crate) async fn end(mut self) -> String {
        while let Some(line) = self.next().await {
            self.seen.push(line);
        }
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.expect("it ends").unwrap();
        assert!(status.success(), "{status}: {:#?}", self.seen);
        self.seen.join("\n")
    }
}

/// A switch on which every file lasts a moment, and what happened on it.
pub(crate) struct Switch {
    pub(crate) sim: Sim,
    feed: EventFeed,
    events: Vec<Arc<SwitchEvent>>,
}

impl Switch {
    pub(crate) async fn start(script: Script) -> Self {
        let moment = Duration::from_millis(20);
        let script = script.file("ivr/*", moment).file("voicemail/*", moment);
        let sim = Sim::builder()
            .listen("127.0.0.1:0")
            .switch(|options| options.script = script);
        let sim = sim.start().await.unwrap();
        let feed = sim.switch().subscribe();
        Self {
            sim,
            feed,
            events: Vec::new(),
        }
    }

    /// A switch whose extension 7000 hands calls to this address.
    pub(crate) async fn with_socket(address: &str, script: Script) -> Self {
        let socket = format!("socket {address} async full");
        Self::start(script.extension("7000", &[&socket])).await
    }

    /// Where clients connect to.
    pub(crate) fn address(&self) -> String {
        self.sim.addr().unwrap().to_string()
    }

    /// A call to 7000; gives its Unique-ID.
    pub(crate) fn call_from(&self, number: &str) -> String {
        let call = IncomingCall::new("7000").from("Caller", number);
        self.sim.switch().incoming(call).unwrap()
    }

    pub(crate) async fn api(&self, command: &str, arguments: &str) {
        let reply = self.sim.switch().api(command, arguments).await;
        assert!(reply.starts_with("+OK"), "{command} {arguments}: {reply}");
    }

    async fn next(&mut self) {
        let event = timeout(PATIENCE, self.feed.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("nothing more happens: {:#?}", self.story()));
        self.events.push(event.unwrap());
    }

    /// Waits for the next event of this name with this header.
    pub(crate) async fn event(
        &mut self,
        name: &str,
        header: &str,
        value: &str,
    ) -> Arc<SwitchEvent> {
        loop {
            self.next().await;
            let event = self.events.last().unwrap();
            if event.name.as_str() == name && event.header(header).as_deref() == Some(value) {
                return event.clone();
            }
        }
    }

    /// Waits until no channel is left.
    pub(crate) async fn quiet(&mut self) {
        while self.sim.switch().session_count() > 0 {
            self.next().await;
        }
        while let Some(event) = self.feed.try_recv() {
            self.events.push(event);
        }
    }

    /// The events of this name that were seen so far.
    pub(crate) fn seen(&self, name: &str) -> Vec<&SwitchEvent> {
        let events = self.events.iter().map(|event| &**event);
        events.filter(|event| event.name.as_str() == name).collect()
    }

    /// The cause that a channel of this name hung up with.
    pub(crate) fn cause(&self, channel: &str) -> Option<String> {
        let hangups = self.seen("CHANNEL_HANGUP");
        let of = |event: &&&SwitchEvent| event.header("Channel-Name").as_deref() == Some(channel);
        hangups.iter().find(of)?.header("Hangup-Cause")
    }

    fn story(&self) -> Vec<String> {
        let told = self.events.iter().map(|event| {
            let channel = event.header("Channel-Name").unwrap_or_default();
            let application = event.header("Application").unwrap_or_default();
            format!("{} {channel} {application}", event.name)
        });
        told.collect()
    }
}
