//! A simulated switch in this process, and calls on it, for `dev --sim`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use genesis_client::proto::EventName;
use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};
use genesis_sim::switch::{EventFeed, IncomingCall, SwitchEvent};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::exit::Failure;
use crate::output::{Output, one_line, style};

const PASSWORD: &str = "ClueCon";
/// The extension that leads to the application.
const APPLICATION: &str = "app";
const ANSWERED: &str = "answered";
const BUSY: &str = "busy";
/// A caller whom nobody hangs up on leaves by itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time before each digit that the caller presses, so that a menu is heard.
const DIGIT_GAP: Duration = Duration::from_millis(1500);
/// The first caller's number; the next ones count on.
const FIRST: u32 = 1001;
/// So often it is looked whether a program has connected: nothing tells it.
const LOOK: Duration = Duration::from_millis(20);

/// A simulated switch and what is called on it.
pub(super) struct Rehearsal {
    sim: Sim,
    address: SocketAddr,
    events: EventFeed,
    what: What,
    /// How many calls there were.
    calls: u32,
    live: HashMap<String, Call>,
}

/// What is rehearsed.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A call is handed over to this address; the caller presses these digits.
    Outbound { address: String, digits: String },
    /// Calls happen, and their events are told.
    Consumer,
}

struct Call {
    number: String,
    began: Instant,
}

/// Something that happened on the simulated switch.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// The caller id number, or who is called.
    call: String,
    /// Since the call began.
    seconds: f64,
    event: String,
    text: String,
}

impl Rehearsal {
    /// Starts the switch.
    pub(super) async fn start(what: What) -> Result<Self, Failure> {
        let mut script = Script::new()
            .extension(
                ANSWERED,
                &["answer", "playback ivr/ivr-welcome.wav", "hangup"],
            )
            .extension(BUSY, &["hangup USER_BUSY"]);
        if let What::Outbound { address, .. } = &what {
            script = script.extension(APPLICATION, &[&format!("socket {address} async full")]);
        }
        let cannot = |what: String| Failure::failed(format!("the simulated switch: {what}"));
        let sim = Sim::builder()
            .password(PASSWORD)
            .listen("127.0.0.1:0")
            .switch(|switch| switch.script = script)
            .start()
            .await
            .map_err(|error| cannot(format!("cannot listen: {error}")))?;
        let address = sim
            .addr()
            .ok_or_else(|| cannot("it has no address".to_owned()))?;
        tracing::info!("simulated FreeSWITCH listens on {address}");
        Ok(Self {
            events: sim.switch().subscribe(),
            sim,
            address,
            what,
            calls: 0,
            live: HashMap::new(),
        })
    }

    /// Where the switch is, and its password.
    pub(super) fn switch(&self) -> (SocketAddr, &'static str) {
        (self.address, PASSWORD)
    }

    /// Makes the calls.
    pub(super) fn begin(&mut self) {
        match self.what.clone() {
            What::Outbound { digits, .. } => self.call(APPLICATION, &digits),
            What::Consumer => {
                self.call(ANSWERED, "");
                self.call(BUSY, "");
            }
        }
    }

    fn call(&mut self, extension: &str, digits: &str) {
        let number = (FIRST + self.calls % 1000).to_string();
        self.calls += 1;
        let caller = Destination {
            hangup_after: Some(PATIENCE),
            digits: digits.to_owned(),
            digit_gap: DIGIT_GAP,
            ..Destination::answer()
        };
        let call = IncomingCall::new(extension)
            .from("Simulated caller", &number)
            .variable("user", &number)
            .caller(caller);
        match self.sim.switch().incoming(call) {
            Ok(uuid) => {
                let began = Instant::now();
                self.live.insert(uuid, Call { number, began });
            }
            Err(cause) => tracing::warn!("the simulated call could not be made: {cause}"),
        }
    }

    /// The callers hang up: nobody is kept waiting by calls that are none.
    pub(super) async fn leave(&self) {
        for uuid in self.live.keys() {
            self.sim.switch().api("uuid_kill", uuid).await;
        }
    }

    /// Waits until a client has connected to the switch, for `patience` at most.
    pub(super) async fn connected(&self, patience: Duration) {
        let latest = Instant::now() + patience;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.sim.faults().connections().is_empty() && Instant::now() < latest {
            looks.tick().await;
        }
        // what it subscribes to it says in the next moment, and nothing tells when it is done
        looks.tick().await;
        looks.tick().await;
    }

    /// The next thing that a call did.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(super) async fn told(&mut self) -> Told {
        loop {
            let Some(event) = self.events.recv().await else {
                return std::future::pending().await;
            };
            if let Some(told) = self.tell(&event) {
                return told;
            }
        }
    }

    fn tell(&mut self, event: &SwitchEvent) -> Option<Told> {
        let uuid = event.unique_id.as_deref()?;
        let text = describe(event)?;
        let over = event.name == EventName::ChannelHangupComplete;
        let call = self.live.get(uuid)?;
        let told = Told {
            call: call.number.clone(),
            seconds: (call.began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            event: event.name.to_string(),
            text,
        };
        if over {
            self.live.remove(uuid);
        }
        Some(told)
    }
}

/// What an event says, if it is one to tell.
fn describe(event: &SwitchEvent) -> Option<String> {
    let of = |name: &str| event.header(name).unwrap_or_default();
    Some(match event.name {
        EventName::ChannelCreate => format!("calls {}", of("Caller-Destination-Number")),
        EventName::ChannelAnswer => "is answered".to_owned(),
        EventName::ChannelExecute => match &*of("Application") {
            // how the call came to the application
            "socket" => "is handed over to the application".to_owned(),
            name => format!("runs {name} {}", of("Application-Data")),
        },
        EventName::Dtmf => format!("presses {}", of("DTMF-Digit")),
        EventName::ChannelBridge => format!("is bridged to {}", of("Other-Leg-Channel-Name")),
        EventName::ChannelHangupComplete => format!("is hung up: {}", of("Hangup-Cause")),
        _ => return None,
    })
}

impl Told {
    pub(super) fn print(&self, output: &mut Output) -> Result<(), Failure> {
        if output.json {
            output.object(self)?;
            return output.flush();
        }
        let (dim, name) = (output.style(style::DIM), output.style(style::NAME));
        let text = one_line(self.text.trim_end());
        output.line(&format!(
            "{dim}{:8.3} s{dim:#}  {name}{}{name:#}  {text}",
            self.seconds,
            one_line(&self.call)
        ))?;
        output.flush()
    }
}

impl std::fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal")
            .field("address", &self.address)
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}
