//! An IVR: a menu, digits that work at any time, numbers read aloud, and a transfer.
//!
//! 1 transfers to sales, 2 reads the caller's number aloud, 3 plays music until `#` is pressed; 0
//! transfers to the operator at any moment, whatever is being played.
//!
//! In the dialplan: `<action application="socket" data="127.0.0.1:8084 async full"/>`. With the
//! simulated switch, whose phone here presses 2, then 3 and `#`, and then 1:
//!
//! ```text
//! cargo run -p genesis-cli -- sim
//! cargo run -p genesis-examples --bin ivr -- --sales 9664
//! cargo run -p genesis-cli -- originate 'sim/answer?digits=23#1&digit_gap=2s' --app 'socket 127.0.0.1:8084 async full'
//! ```

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use genesis_channel::{Channel, PlayAndGetDigits, Result, Say, SayMethod};
use genesis_client::{AtDeadline, Drain, Outbound, Session};
use tokio::sync::Notify;

/// An IVR with a menu.
#[derive(Clone, Parser)]
struct Options {
    /// Where FreeSWITCH's `socket` application connects to
    #[arg(long, default_value = "127.0.0.1:8084")]
    listen: String,
    /// The extension of the dialplan that 1 leads to
    #[arg(long, default_value = "sales")]
    sales: String,
    /// The extension of the dialplan that 0 leads to
    #[arg(long, default_value = "operator")]
    operator: String,
}

#[tokio::main]
async fn main() -> genesis_client::Result<()> {
    let options = Options::parse();
    let outbound = Outbound::builder().bind(&options.listen).await?;
    println!("waiting for calls on {}", outbound.local_addr()?);
    tokio::spawn(stop_on_ctrl_c(outbound.drain()));
    outbound
        .serve(move |session| {
            let options = options.clone();
            async move {
                let caller = caller_of(&session);
                match take_call(&session, &caller, &options).await {
                    Ok(()) => println!("{caller}: has left the menu"),
                    Err(error) => println!("{caller}: {error}"),
                }
                Ok(())
            }
        })
        .await
}

/// Where a call goes when it leaves the menu.
enum Choice {
    Sales,
    Operator,
    Nowhere,
}

async fn take_call(session: &Session, name: &str, options: &Options) -> Result<()> {
    let mode = session.client().socket_mode();
    if !mode.is_some_and(|mode| mode.is_async() && mode.is_full()) {
        println!("{name}: write `async full` behind the address in the dialplan");
        return Ok(());
    }
    println!("{name}: calls");
    let caller = Channel::from_session(session).await?;
    caller.answer().await?.complete().await?;
    play(&caller, "ivr/ivr-welcome.wav").await?;

    let zero = Arc::new(Notify::new());
    let pressed = zero.clone();
    caller.on_digit('0', move |_| {
        pressed.notify_one();
        async {}
    });
    let choice = tokio::select! {
        choice = menu(&caller, name) => choice?,
        // the menu is left where it stands
        () = zero.notified() => Choice::Operator,
    };
    match choice {
        Choice::Sales => caller.transfer(&*options.sales).await,
        Choice::Operator => caller.transfer(&*options.operator).await,
        Choice::Nowhere => {
            play(&caller, "voicemail/vm-goodbye.wav").await?;
            caller.hangup(None).await
        }
    }
}

/// Asks until the caller leaves the menu.
async fn menu(caller: &Channel, name: &str) -> Result<Choice> {
    let question = PlayAndGetDigits::new("ivr/ivr-please_choose_from_the_following.wav")
        .regex("[1-3]")
        .invalid_file("ivr/ivr-that_was_an_invalid_entry.wav")
        .timeout(Duration::from_secs(5))
        .tries(3);
    loop {
        let pressed = caller.play_and_get_digits(&question).await?;
        match pressed.digits() {
            Some("1") => return Ok(Choice::Sales),
            Some("2") => {
                println!("{name}: hears the number");
                let number = Say::new("en", "NUMBER", name).method(SayMethod::Iterated);
                caller.say(&number).await?.complete().await?;
            }
            Some("3") => music(caller, name).await?,
            // three times nothing, or nothing that is on the menu
            _ => return Ok(Choice::Nowhere),
        }
    }
}

/// Plays music until `#` is pressed. Any other digit does nothing, but for 0 with its own handler.
async fn music(caller: &Channel, name: &str) -> Result<()> {
    let playing = caller.playback("local_stream://moh").await?;
    println!("{name}: listens to the music");
    let channel = caller.clone();
    let stop = caller.on_digit('#', move |_| {
        let channel = channel.clone();
        async move {
            if let Err(error) = channel.break_media(false).await {
                println!("the music cannot be stopped: {error}");
            }
        }
    });
    let who = name.to_owned();
    let other = caller.on_any_digit(move |digit| {
        println!("{who}: {} does nothing here", digit.digit);
        async {}
    });
    let played = playing.complete().await;
    caller.remove_digit_handler(stop);
    caller.remove_digit_handler(other);
    played.map(drop)
}

/// Plays a file to its end.
async fn play(caller: &Channel, file: &str) -> Result<()> {
    caller.playback(file).await?.complete().await.map(drop)
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
