//! A group call: whoever calls in reaches the first phone of a group that is picked up.
//!
//! All phones ring at once, or one after the other with `--mode sequential`; a phone given with
//! `--later` joins after ten seconds. The caller hears ringing meanwhile. If nobody answers, the
//! caller is told so; if the caller hangs up, the phones stop ringing.
//!
//! In the dialplan: `<action application="socket" data="127.0.0.1:8084 async full"/>`. With the
//! simulated switch:
//!
//! ```text
//! cargo run -p genesis-cli -- sim
//! cargo run -p genesis-examples --bin group_call -- sim/busy sim/no_answer 'sim/answer?after=3s&hangup_after=5s'
//! cargo run -p genesis-cli -- originate user/2001 --app 'socket 127.0.0.1:8084 async full'
//! ```

use std::time::Duration;

use clap::{Parser, ValueEnum};
use genesis_channel::Channel;
use genesis_client::{AtDeadline, Drain, Outbound, Session};
use genesis_ringgroup::{Destination, Result, RingGroup, RingMode};

/// What the caller hears while the phones ring.
const RINGBACK: &str = "tone_stream://%(2000,4000,440,480);loops=-1";

/// Rings a group of phones for each call.
#[derive(Parser)]
struct Options {
    /// Where FreeSWITCH's `socket` application connects to
    #[arg(long, default_value = "127.0.0.1:8084")]
    listen: String,
    /// Who rings when
    #[arg(long, value_enum, default_value = "parallel")]
    mode: Mode,
    /// For how many seconds
    #[arg(long, default_value_t = 30)]
    timeout: u64,
    /// The dial string of a phone that rings after ten seconds; may be repeated
    #[arg(long)]
    later: Vec<String>,
    /// The dial strings of the phones
    #[arg(default_values = ["user/1000", "user/1001"])]
    phones: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Parallel,
    Sequential,
    RoundRobin,
}

impl From<Mode> for RingMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Parallel => Self::Parallel,
            Mode::Sequential => Self::Sequential,
            Mode::RoundRobin => Self::RoundRobin,
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let mut group = RingGroup::new(options.phones)
        .mode(options.mode.into())
        .timeout(Duration::from_secs(options.timeout));
    for phone in options.later {
        group = group.destination(Destination::new(phone).delay(Duration::from_secs(10)));
    }
    let outbound = Outbound::builder().bind(&options.listen).await?;
    println!("waiting for calls on {}", outbound.local_addr()?);
    tokio::spawn(stop_on_ctrl_c(outbound.drain()));
    outbound
        .serve(move |session| {
            let group = group.clone();
            async move {
                let caller = caller_of(&session);
                match take_call(&session, &caller, group).await {
                    Ok(()) => println!("{caller}: the call is over"),
                    Err(error) => println!("{caller}: {error}"),
                }
                Ok(())
            }
        })
        .await?;
    Ok(())
}

async fn take_call(session: &Session, name: &str, group: RingGroup) -> Result<()> {
    let mode = session.client().socket_mode();
    if !mode.is_some_and(|mode| mode.is_async() && mode.is_full()) {
        println!("{name}: write `async full` behind the address in the dialplan");
        return Ok(());
    }
    println!("{name}: calls");
    let caller = Channel::from_session(session).await?;
    caller.pre_answer().await?.complete().await?;
    // until the caller is connected
    let ringback = caller.playback(RINGBACK).await?;

    // ends by itself when the caller hangs up
    let group = group.caller_id("Group call", name);
    let mut ringing = group.start_for(&caller)?;
    while let Some(event) = ringing.next_event().await {
        let phone = &group.destinations()[event.destination];
        println!("{name}: {} {}", phone.dial_string(), event.what);
    }
    let mut ring = ringing.await?;
    match ring.channel() {
        Some(phone) => {
            println!("{name}: {ring}");
            let talked = talk(&caller, phone).await;
            phone.hangup(None).await?;
            talked?;
        }
        None if ring.caller_hung_up() => println!("{name}: gave up"),
        None => {
            println!("{name}: {ring}");
            caller.break_media(false).await?;
            ringback.complete().await?;
            let sorry = caller.playback("ivr/ivr-no_user_response.wav").await?;
            sorry.complete().await?;
            caller.hangup(None).await?;
        }
    }
    // they are hung up over this connection, so it must stay until then
    ring.losers_gone().await
}

/// Connects the two until one of them hangs up.
async fn talk(caller: &Channel, phone: &Channel) -> Result<()> {
    caller.answer().await?;
    let bridge = caller.bridge(phone).await?;
    let bridge = bridge.connected(Duration::from_secs(5)).await?;
    match bridge.ended().await {
        Err(error) if !error.is_hung_up() => Err(error.into()),
        _ => Ok(()),
    }
}

fn caller_of(session: &Session) -> String {
    let number = session.get("Caller-Caller-ID-Number");
    number.unwrap_or_default().into_owned()
}

/// Ctrl-C: no new calls; those that are up have ten seconds, then they go on in the dialplan.
async fn stop_on_ctrl_c(drain: Drain) {
    if tokio::signal::ctrl_c().await.is_ok() {
        drain
            .start(Duration::from_secs(10), AtDeadline::Resume)
            .await;
    }
}
