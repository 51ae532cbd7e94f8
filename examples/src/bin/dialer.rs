//! A dialer: calls a list of numbers, so many a second and so many at once, plays each a message,
//! and counts what became of them.
//!
//! Ctrl-C ends it cleanly: nobody else is called, what rings stops ringing, who listens is hung up,
//! and the summary is printed.
//!
//! ```text
//! cargo run -p genesis-cli -- sim
//! cargo run -p genesis-examples --bin dialer -- --prefix sim/ answer busy 'answer?after=3s' reject unregistered
//! cargo run -p genesis-examples --bin dialer -- --per-second 2 --at-once 3 1001 1002 1003 1004 1005 1006
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use clap::Parser;
use genesis_channel::{Channel, Error, ErrorKind, OriginateOptions, Origination, Pace};
use genesis_client::Inbound;
use genesis_client::proto::HangupCause;
use genesis_ringgroup::Queue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Calls a list of numbers.
#[derive(Parser)]
struct Options {
    /// FreeSWITCH's event socket
    #[arg(long, default_value = "127.0.0.1:8021")]
    switch: String,
    /// Its password
    #[arg(
        long,
        env = "ESL_PASSWORD",
        default_value = "ClueCon",
        hide_env_values = true
    )]
    password: String,
    /// How many calls are begun in a second
    #[arg(long, default_value_t = 5)]
    per_second: u32,
    /// How many calls there are at once
    #[arg(long, default_value_t = 10)]
    at_once: usize,
    /// How many seconds a phone rings
    #[arg(long, default_value_t = 30)]
    ring: u64,
    /// What those who answer hear
    #[arg(long, default_value = "ivr/ivr-welcome.wav")]
    play: String,
    /// What makes a number a dial string
    #[arg(long, default_value = "user/")]
    prefix: String,
    /// Whom to call
    #[arg(required = true)]
    numbers: Vec<String>,
}

/// What became of a call.
enum Outcome {
    Answered(Duration),
    NotAnswered(HangupCause),
    /// By Ctrl-C.
    Stopped,
    Failed(Error),
}

impl From<Error> for Outcome {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::NotAnswered(cause) => Self::NotAnswered(cause.clone()),
            _ => Self::Failed(error),
        }
    }
}

impl Outcome {
    /// What it is counted as.
    fn kind(&self) -> String {
        match self {
            Self::Answered(_) => "answered".to_owned(),
            Self::NotAnswered(cause) => cause.to_string(),
            Self::Stopped => "stopped".to_owned(),
            Self::Failed(_) => "failed".to_owned(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(talked) => write!(f, "answered, {:.1} s", talked.as_secs_f64()),
            Self::Failed(error) => write!(f, "failed: {error}"),
            other => f.write_str(&other.kind()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let client = Inbound::builder()
        .password(options.password)
        .connect(options.switch)
        .await?;
    let at_once = Queue::in_memory().semaphore("dialer", options.at_once);
    let originate = OriginateOptions::new()
        .pace(Pace::PerSecond(options.per_second))
        .timeout(Duration::from_secs(options.ring))
        .application("playback", options.play);

    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                println!("stopping");
                stop.cancel();
            }
        }
    });

    let mut calls = JoinSet::new();
    for number in &options.numbers {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            place = at_once.acquire() => place?,
        };
        let dial = format!("{}{number}", options.prefix);
        // returns when the switch has taken the call, which is when the pace allows it
        let call = Channel::originate_start(&client, &*dial, originate.clone()).await;
        let stop = stop.clone();
        calls.spawn(async move {
            let outcome = follow(&dial, call, &stop)
                .await
                .unwrap_or_else(Outcome::from);
            println!("{dial}: {outcome}");
            drop(place); // the next one may be called
            outcome
        });
    }
    let mut summary: BTreeMap<String, usize> = BTreeMap::new();
    let not_dialled = options.numbers.len() - calls.len();
    while let Some(outcome) = calls.join_next().await {
        *summary.entry(outcome?.kind()).or_default() += 1;
    }
    client.exit().await;

    println!("\n{:>5} numbers", options.numbers.len());
    for (kind, count) in summary {
        println!("{count:>5} {kind}");
    }
    if not_dialled > 0 {
        println!("{not_dialled:>5} not dialled");
    }
    Ok(())
}

/// Follows a call to its end, or ends it.
async fn follow(
    dial: &str,
    call: Result<Origination, Error>,
    stop: &CancellationToken,
) -> Result<Outcome, Error> {
    let mut call = call?;
    println!("{dial}: dialling");
    let channel = tokio::select! {
        biased;
        answered = call.answered() => answered?,
        () = stop.cancelled() => {
            // returns when nothing of it rings any more
            call.cancel(None).await?;
            return Ok(Outcome::Stopped);
        }
    };
    println!("{dial}: listening");
    let began = Instant::now();
    tokio::select! {
        biased;
        // the switch hangs up when the message is over
        ended = channel.ended_with() => drop(ended?),
        () = stop.cancelled() => {
            channel.hangup(HangupCause::NormalClearing).await?;
            channel.ended_with().await?;
        }
    }
    Ok(Outcome::Answered(began.elapsed()))
}
