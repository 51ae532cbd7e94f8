//! `genesis demo`: a ring group and a queue, on a simulated switch in this process.

mod picture;
mod queueing;
mod ringing;
mod story;

use std::time::Duration;

use genesis_client::observe::Telemetry;
use genesis_client::proto::EventName;
use genesis_client::{Client, EventStream, Inbound, Item, Outbound, Subscription};
use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};
use tokio::time::timeout;

use self::queueing::{CALLERS, Desk, EXTENSION, Served};
use self::ringing::Rang;
use self::story::Teller;
use crate::cli::Demo;
use crate::exit::Failure;
use crate::observability::Picture;
use crate::output::Output;

/// The demo takes about four seconds; a machine that needs this long has not shown anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// Three that are rung, and three that call.
const CHANNELS: usize = 6;
const PASSWORD: &str = "demo";

pub(crate) async fn run(options: Demo, output: &mut Output) -> Result<(), Failure> {
    let picture = options.telemetry.then(Picture::new).transpose()?;
    let (teller, mut told) = Teller::new();
    story::heading(output)?;
    let mut act = std::pin::pin!(timeout(PATIENCE, act(teller, picture.as_ref())));
    let done = loop {
        tokio::select! {
            biased;
            Some(line) = told.recv() => story::print(&line, output)?,
            done = &mut act => break done,
        }
    };
    while let Ok(line) = told.try_recv() {
        story::print(&line, output)?;
    }
    match done {
        Ok(Ok(summary)) => {
            summary.print(output)?;
            match &picture {
                Some(picture) => picture::print(picture, output),
                None => Ok(()),
            }
        }
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(broken(format!(
            "it was not done after {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// What is said when a step did not happen.
fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("the demo failed: {what}"))
}

/// All that happened.
struct Summary {
    rang: Rang,
    served: Vec<Served>,
    seconds: f64,
    commands: u64,
}

/// The demo itself. Every step checks that it happened.
async fn act(teller: Teller, picture: Option<&Picture>) -> Result<Summary, Failure> {
    let telemetry = picture.map_or_else(Telemetry::default, |it| it.telemetry().clone());
    // a call to extension 5000 is handed over to this server by the switch's `socket` application
    let outbound = Outbound::builder().telemetry(telemetry.clone());
    let outbound = outbound.bind("127.0.0.1:0").await?;
    let application = outbound.local_addr()?;
    let sim = Sim::builder()
        .password(PASSWORD)
        .listen("127.0.0.1:0")
        .switch(|switch| switch.script = script(&format!("socket {application} async full")))
        .start()
        .await
        .map_err(|error| broken(format!("the simulated switch cannot listen: {error}")))?;
    let address = sim
        .addr()
        .ok_or_else(|| broken("the simulated switch has no address"))?;
    teller.tell(
        "switch",
        format!("simulated FreeSWITCH listens on {address}"),
    );
    let client = Inbound::builder()
        .password(PASSWORD)
        .telemetry(telemetry.clone())
        .connect(address.to_string())
        .await?;
    teller.tell("client", "connected and authenticated");

    // from here on every channel is counted
    let mut lives = Lives::watch(&client).await?;
    let ringing = ringing::ring(&client, &teller);
    let rang = match picture {
        Some(picture) => picture.around(picture::ROOT, ringing).await?,
        None => ringing.await?,
    };

    teller.tell(
        "server",
        format!("waits on {application} for calls that the switch hands over"),
    );
    let (desk, hearing) = Desk::new(teller.clone(), telemetry);
    let serve = outbound.serve(move |session| {
        let desk = desk.clone();
        async move {
            desk.serve(session).await;
            Ok(())
        }
    });
    let served = tokio::select! {
        served = queueing::callers(&client, &teller, hearing) => served?,
        ended = serve => {
            ended?;
            return Err(broken("the outbound server ended early"));
        }
    };
    let channels = lives.all_over().await?;
    let commands = client.stats().commands_sent;
    client.exit().await;
    sim.shutdown().await;
    let seconds = teller.seconds();
    teller.tell(
        "client",
        format!("all {channels} channels are gone; the switch is shut down"),
    );
    Ok(Summary {
        rang,
        served,
        seconds,
        commands,
    })
}

/// Counts channels as they come and go.
struct Lives(EventStream);

impl Lives {
    async fn watch(client: &Client) -> Result<Self, Failure> {
        let names = [EventName::ChannelCreate, EventName::ChannelDestroy];
        let subscription = Subscription::new().events(names);
        Ok(Self(client.subscribe(subscription).await?))
    }

    /// Waits until all channels there were are gone, and gives how many there were.
    async fn all_over(&mut self) -> Result<usize, Failure> {
        let (mut channels, mut left) = (0, 0);
        while channels < CHANNELS || left > 0 {
            match self.0.next().await {
                Some(Item::Event(event)) if event.name() == EventName::ChannelCreate => {
                    channels += 1;
                    left += 1;
                }
                Some(Item::Event(_)) => left -= 1,
                Some(other) => return Err(broken(format!("events were lost: {other:?}"))),
                None => return Err(Failure::lost(self.0.close_reason().as_ref())),
            }
        }
        Ok(channels)
    }
}

/// Who answers and how.
fn script(socket: &str) -> Script {
    let ms = Duration::from_millis;
    let busy = Destination {
        after: ms(300),
        ..Destination::busy()
    };
    let script = Script::new()
        .destination("user/1001", Destination::no_answer())
        .destination("user/1002", busy)
        .destination("user/1003", Destination::answer_after(ms(800)))
        .extension(EXTENSION, &[socket]);
    CALLERS.into_iter().fold(script, |script, caller| {
        script.destination(&format!("user/{caller}"), Destination::answer())
    })
}
