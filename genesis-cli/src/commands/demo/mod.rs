//! `genesis demo`: calls being controlled, on a simulated switch in this process.

mod answering;
mod dialling;
mod story;
mod watch;

use std::time::Duration;

use genesis_client::{Inbound, Outbound, Subscription};
use genesis_sim::Sim;
use genesis_sim::script::{Destination, Script};
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::answering::Answered;
use self::story::Teller;
use self::watch::{EVENTS, Tally};
use crate::exit::Failure;
use crate::output::Output;

/// The demo takes about four seconds; a machine that needs this long has not shown anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long 1003 is let ring.
const RING_TIME: Duration = Duration::from_secs(2);
/// What the caller presses.
const DIGITS: &str = "4711";
/// The one who calls us.
const CALLER: &str = "1004";
const PASSWORD: &str = "demo";

pub(crate) async fn run(output: &mut Output) -> Result<(), Failure> {
    let (teller, mut told) = Teller::new();
    story::heading(output)?;
    let mut act = std::pin::pin!(timeout(PATIENCE, act(teller)));
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
        Ok(Ok(summary)) => summary.print(output),
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

/// All that happened, as seen from outside.
struct Summary {
    tally: Tally,
    answered: Answered,
    seconds: f64,
    commands: u64,
}

/// The demo itself. Every step checks that it happened.
async fn act(teller: Teller) -> Result<Summary, Failure> {
    // a call to extension 5000 is handed over to this server by the switch's `socket` application
    let outbound = Outbound::builder().bind("127.0.0.1:0").await?;
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
        .connect(address.to_string())
        .await?;
    let version = client.api("version").await?.text().into_owned();
    let version = version
        .split(['~', '(', '+'])
        .next()
        .unwrap_or_default()
        .trim();
    teller.tell(
        "client",
        format!("connected and authenticated; the switch is {version}"),
    );
    let events = client
        .subscribe(Subscription::new().events(EVENTS.iter().cloned()))
        .await?;
    teller.tell(
        "client",
        format!("subscribed to {} kinds of events", EVENTS.len()),
    );
    teller.tell(
        "server",
        format!("waits on {application} for calls that the switch hands over"),
    );

    let (report, mut reports) = mpsc::unbounded_channel();
    let told = tokio::sync::watch::Sender::new(watch::Told::default());
    let (handler_teller, handler_told) = (teller.clone(), told.subscribe());
    let serve = outbound.serve(move |session| {
        answering::answer(
            session,
            handler_teller.clone(),
            handler_told.clone(),
            report.clone(),
        )
    });
    let calls = async {
        tokio::try_join!(
            watch::follow(events, 4, &teller, &told),
            dialling::all(&client, &teller),
            async {
                let taken = reports
                    .recv()
                    .await
                    .ok_or_else(|| broken("no call was handed over"))?;
                taken.map_err(|error| broken(format!("the session of 1004: {error}")))
            },
        )
    };
    let (tally, (), answered) = tokio::select! {
        done = calls => done?,
        served = serve => {
            served?;
            return Err(broken("the outbound server ended early"));
        }
    };
    tally.check()?;
    if answered.digits != DIGITS {
        return Err(broken(format!(
            "the caller pressed {DIGITS}, but {:?} was collected",
            answered.digits
        )));
    }
    let commands = client.stats().commands_sent;
    client.exit().await;
    sim.shutdown().await;
    let seconds = teller.seconds();
    teller.tell("client", "said goodbye; the switch is shut down");
    Ok(Summary {
        tally,
        answered,
        seconds,
        commands,
    })
}

/// Who answers and how.
fn script(socket: &str) -> Script {
    let second = Duration::from_secs(1);
    Script::new()
        .destination("user/1001", Destination::answer_after(second))
        .destination(
            "user/1002",
            Destination {
                after: second / 2,
                ..Destination::busy()
            },
        )
        .destination("user/1003", Destination::no_answer())
        .destination(
            "user/1004",
            Destination {
                // the call is put through at the early media: it is for us to answer it
                rings: false,
                early_media: true,
                digits: DIGITS.to_owned(),
                digit_gap: second * 3 / 10,
                ..Destination::answer_after(second)
            },
        )
        .extension("5000", &[socket])
}
