//! Calls that are up while their application is reloaded, drained or cut.
#![cfg(unix)]

use std::collections::HashMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use genesis_client::proto::EventName;
use genesis_sim::Sim;
use genesis_sim::script::Script;
use genesis_sim::switch::{EventFeed, IncomingCall};
use tokio::time::timeout;

use crate::lua::{start, wait_for};
use crate::support::{Folder, Following};

const PATIENCE: Duration = Duration::from_secs(60);
const CALLS: usize = 100;
/// It waits for the 5, and says on the channel which version it began and ended with.
const APP: &str = r#"
local version = "VERSION"
genesis.outbound(function(session)
  local call = session.channel
  call:answer()
  call:set_variable("began", version)
  call:play_and_get_digits("silence_stream://-1", { regex = "5", timeout = 300, tries = 1 })
  call:set_variable("ended", version)
  call:hangup()
end)
"#;

/// How [`APP`] waits, and how one waits whose channel runs nothing meanwhile: a switch ends no application
/// because its socket has gone.
const DIGITS: &str =
    r#"play_and_get_digits("silence_stream://-1", { regex = "5", timeout = 300, tries = 1 })"#;
const IDLE: &str = r#"playback("silence_stream://10") genesis.sleep(300)"#;

/// A switch whose extension `app` leads to the application, which goes on with `after`.
struct Switch {
    sim: Sim,
    events: EventFeed,
    /// By Unique-ID.
    live: Vec<String>,
    application: String,
}

impl Switch {
    async fn start(port: &str, after: &str) -> Self {
        let application = format!("127.0.0.1:{port}");
        let socket = format!("socket {application} async full");
        let script = Script::new().extension("app", &[&socket, after, "hangup"]);
        let sim = Sim::builder()
            .switch(|switch| {
                switch.script = script;
                switch.sessions_per_second = 10_000;
            })
            .start()
            .await
            .unwrap();
        let events = sim.switch().subscribe();
        Self {
            sim,
            events,
            live: Vec::new(),
            application,
        }
    }

    /// Makes calls, and waits until their scripts wait for a digit.
    async fn call(&mut self, calls: usize) {
        for _ in 0..calls {
            let uuid = self
                .sim
                .switch()
                .incoming(IncomingCall::new("app"))
                .unwrap();
            self.live.push(uuid);
        }
        let mut waiting = 0;
        while waiting < calls {
            let event = timeout(PATIENCE, self.events.recv())
                .await
                .unwrap()
                .unwrap();
            let application = event.header("Application").unwrap_or_default();
            assert_ne!(event.name, EventName::ChannelHangup, "none is cut");
            let waits = ["play_and_get_digits", "playback"].contains(&&*application);
            if event.name == EventName::ChannelExecute && waits {
                waiting += 1;
            }
        }
    }

    /// Presses 5 on all.
    async fn press(&self) {
        for uuid in &self.live {
            let said = self
                .sim
                .switch()
                .api("uuid_recv_dtmf", &format!("{uuid} 5"))
                .await;
            assert!(said.starts_with("+OK"), "{said}");
        }
    }

    /// Waits until all have hung up: how many with which cause and variables.
    async fn ends(&mut self, variables: &[&str]) -> HashMap<String, usize> {
        let mut ends = HashMap::new();
        for _ in 0..std::mem::take(&mut self.live).len() {
            let event = loop {
                let event = timeout(PATIENCE, self.events.recv())
                    .await
                    .unwrap()
                    .unwrap();
                if event.name == EventName::ChannelHangupComplete {
                    break event;
                }
            };
            let mut end = event.header("Hangup-Cause").unwrap_or_default();
            for name in variables {
                let value = event.header(&format!("variable_{name}"));
                end += &format!(" {}", value.as_deref().unwrap_or("-"));
            }
            *ends.entry(end).or_default() += 1;
        }
        ends
    }
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// The application and the switch that calls it.
async fn begin(
    name: &str,
    mode: &str,
    waits: &str,
    options: &[&str],
) -> (Folder, Following, Switch) {
    let folder = Folder::new(name);
    assert!(APP.contains(DIGITS));
    save(&folder, "one", waits);
    let port = free_port();
    let arguments = [&["outbound", mode, "app.lua", "--port", &port], options].concat();
    let running = start(&folder, &arguments, &[]);
    wait_for(&running, "app waits for calls on");
    let switch = Switch::start(&port, "set gone_on=true").await;
    (folder, running, switch)
}

fn save(folder: &Folder, version: &str, waits: &str) {
    let text = APP.replace("VERSION", version).replace(DIGITS, waits);
    fs::write(folder.path().join("app.lua"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_while_a_hundred_calls_are_up_cuts_none() {
    let (folder, running, mut switch) = begin("lua-hundred", "dev", DIGITS, &[]).await;
    switch.call(CALLS).await;

    fs::write(folder.path().join("app.lua"), "genesis.outbound(function(").unwrap();
    let line = wait_for(&running, "the version before it goes on");
    assert!(line.contains("app.lua:1: "), "{line}");
    switch.call(1).await;

    save(&folder, "two", DIGITS);
    wait_for(&running, "app was saved and is reloaded");
    switch.call(CALLS).await;

    switch.press().await;
    let ends = switch.ends(&["began", "ended"]).await;
    let expected = [
        ("NORMAL_CLEARING one one".to_owned(), CALLS + 1),
        ("NORMAL_CLEARING two two".to_owned(), CALLS),
    ];
    assert_eq!(ends, HashMap::from(expected));
    running.signal("-TERM");
    assert_eq!(running.end().code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_calls_finish_and_takes_no_new_ones() {
    let (_folder, running, mut switch) = begin("lua-drain", "run", DIGITS, &[]).await;
    switch.call(3).await;
    // who connects and says nothing is no call
    let connect = || TcpStream::connect(&switch.application).unwrap();
    let idle: Vec<TcpStream> = (0..20).map(|_| connect()).collect();
    running.signal("-TERM");
    wait_for(&running, "takes no more calls; 3 may finish within 30 s");
    drop(idle);
    switch.press().await;
    let ends = switch.ends(&["ended"]).await;
    assert_eq!(ends, HashMap::from([("NORMAL_CLEARING one".to_owned(), 3)]));
    assert_eq!(running.end().code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_up_at_the_deadline_go_on_in_their_dialplan() {
    let (_folder, running, mut switch) =
        begin("lua-deadline", "run", IDLE, &["--drain", "0.3"]).await;
    switch.call(2).await;
    running.signal("-INT");
    wait_for(
        &running,
        "the time of the drain is over; 2 calls are given back to the dialplan",
    );
    let ends = switch.ends(&["ended", "gone_on"]).await;
    assert_eq!(
        ends,
        HashMap::from([("NORMAL_CLEARING - true".to_owned(), 2)])
    );
    assert_eq!(running.end().code, 0);
}

/// The switch ends no application because its socket has gone, so the calls are still up then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_ends_at_its_deadline_whatever_the_channels_run() {
    let (_folder, running, mut switch) =
        begin("lua-busy", "run", DIGITS, &["--drain", "0.3"]).await;
    switch.call(2).await;
    let begun = Instant::now();
    running.signal("-TERM");
    wait_for(&running, "takes no more calls; 2 may finish within 0.3 s");
    assert_eq!(running.end().code, 0);
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    for uuid in &switch.live {
        assert!(switch.sim.switch().has_channel(uuid));
    }
    // what they run ends, and they go on in their dialplan
    switch.press().await;
    let ends = switch.ends(&["ended", "gone_on"]).await;
    assert_eq!(
        ends,
        HashMap::from([("NORMAL_CLEARING - true".to_owned(), 2)])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once() {
    let (_folder, running, mut switch) = begin("lua-cut", "run", IDLE, &[]).await;
    switch.call(1).await;
    running.signal("-TERM");
    wait_for(&running, "takes no more calls");
    running.signal("-TERM");
    let ends = switch.ends(&["ended"]).await;
    assert_eq!(ends.values().sum::<usize>(), 1);
    assert!(ends.keys().all(|end| end.ends_with(" -")), "{ends:?}");
    assert_eq!(running.end().code, 0);
}

#[cfg(feature = "telemetry")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_drains_is_well_and_not_ready() {
    let port = free_port();
    let options = ["--metrics-port", &port];
    let (_folder, running, mut switch) = begin("lua-unready", "run", DIGITS, &options).await;
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    switch.call(1).await;
    let ready = crate::lua::get(address, "/ready");
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    running.signal("-TERM");
    wait_for(&running, "takes no more calls; 1 may finish");
    let ready = crate::lua::get(address, "/ready");
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    let health = crate::lua::get(address, "/health");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    switch.press().await;
    switch.ends(&[]).await;
    assert_eq!(running.end().code, 0);
}
