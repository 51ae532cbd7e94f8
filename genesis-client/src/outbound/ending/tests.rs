use std::sync::Arc;
use std::time::Duration;

use genesis_proto::HangupCause;
use genesis_proto::command::{Execute, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};

use super::*;
use crate::observe::Telemetry;
use crate::outbound::server::{Config, handle};
use crate::outbound::session::Setup;
use crate::outbound::{AtDeadline, Drain, Session};
use crate::{Options, Subscription};

/// When the switch tells of a hangup that it was asked for, and what.
#[derive(Clone, Copy, PartialEq)]
enum Tells {
    After(Duration),
    /// It closes instead.
    Closes(Duration),
    Nothing,
}

fn event(name: &str) -> String {
    let event = format!("Event-Name: {name}\nUnique-ID: own\nHangup-Cause: NORMAL_CLEARING\n\n");
    let length = event.len();
    format!("Content-Length: {length}\nContent-Type: text/event-plain\n\n{event}")
}

/// Plays the switch until the connection closes: which events were sent before `exit` was said, and
/// when it was.
async fn switch(mut io: DuplexStream, tells: Tells) -> (usize, Option<Instant>) {
    let mut input = Vec::new();
    let (mut sent, mut left) = (0, None);
    let mut due = None;
    loop {
        let alarm = async {
            match due {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = io.read_buf(&mut input) => if read.unwrap_or(0) == 0 { return (sent, left) },
            () = alarm => {
                due = None;
                if let Tells::Closes(_) = tells {
                    return (sent, left);
                }
                for name in ["CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"] {
                    if io.write_all(event(name).as_bytes()).await.is_err() {
                        return (sent, left);
                    }
                    sent += usize::from(left.is_none());
                }
            }
        }
        while let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") {
            let command: Vec<u8> = input.drain(..end + 2).collect();
            let command = String::from_utf8(command).unwrap();
            let reply = match command.split_ascii_whitespace().next().unwrap() {
                "connect" => {
                    "Content-Type: command/reply\nReply-Text: +OK\nSocket-Mode: async\n\
                     Control: full\nEvent-Name: CHANNEL_DATA\nUnique-ID: own\n\n"
                }
                "api" => "Content-Type: api/response\nContent-Length: 4\n\n+OK\n",
                _ => "Content-Type: command/reply\nReply-Text: +OK\n\n",
            };
            io.write_all(reply.as_bytes()).await.unwrap();
            if command.starts_with("exit") {
                left = Some(Instant::now());
                return (sent, left);
            }
            if command.contains("hangup") || command.contains("uuid_kill own") {
                due = match tells {
                    Tells::After(wait) | Tells::Closes(wait) => Some(Instant::now() + wait),
                    Tells::Nothing => None,
                };
            }
        }
    }
}

/// A call whose handler is this one: the events that were sent before it was left, how long after the
/// handler had returned it was over, and whether `exit` was said.
async fn call<F>(tells: Tells, handler: fn(Session) -> F) -> (usize, Duration, bool)
where
    F: Future<Output = crate::Result<()>> + Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let switch = tokio::spawn(switch(theirs, tells));
    let setup = Setup {
        myevents: true,
        linger: Some(Duration::from_secs(5)),
    };
    let telemetry = Telemetry::default();
    let session =
        Session::open_handled(Box::new(ours), None, Options::default(), setup, &telemetry);
    let session = session.await.unwrap();
    let drain = Drain::new();
    let config = Config::defaults();
    let began = Instant::now();
    handle(session, &config, Arc::new(handler), drain.enter(), 1).await;
    let took = began.elapsed();
    let (sent, left) = switch.await.unwrap();
    (sent, took, left.is_some())
}

const SOON: Duration = Duration::from_millis(300);

#[tokio::test(start_paused = true)]
async fn the_end_of_a_call_that_its_handler_hung_up_is_read_before_it_is_left() {
    let by_message = call(Tells::After(SOON), |session| async move {
        session.hangup(None).await.map(drop)
    });
    assert_eq!(by_message.await, (2, SOON, true));
    let by_api = call(Tells::After(SOON), |session| async move {
        session.client().api("uuid_kill own").await.map(drop)
    });
    assert_eq!(by_api.await, (2, SOON, true));
    let by_application = call(Tells::After(SOON), |session| async move {
        session.execute("hangup", "USER_BUSY").await.map(drop)
    });
    assert_eq!(by_application.await, (2, SOON, true));
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_closes_or_says_nothing_is_not_waited_for_longer() {
    let closed = call(Tells::Closes(SOON), |session| async move {
        session.hangup(None).await.map(drop)
    });
    assert_eq!(closed.await, (0, SOON, false));
    let silent = call(Tells::Nothing, |session| async move {
        session.hangup(None).await.map(drop)
    });
    assert_eq!(silent.await, (0, LAST_WORDS, true));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_hung_up_is_left_at_once() {
    let returned = call(Tells::Nothing, |session| async move {
        // another channel's end is not its own
        session.client().api("uuid_kill other").await?;
        session
            .client()
            .message(Some("other"), &Message::Hangup(HangupCause::UserBusy))
            .await
            .map(drop)
    });
    assert_eq!(returned.await, (0, Duration::ZERO, true));
    let failed = call(Tells::Nothing, |session| async move {
        session.execute("answer", "").await.map(drop)
    });
    assert_eq!(failed.await, (0, Duration::ZERO, true));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_end_was_read_is_left_at_once() {
    let over = call(Tells::After(SOON), |session| async move {
        let ends = Subscription::new().event(genesis_proto::EventName::ChannelHangupComplete);
        let mut ends = session.client().subscribe(ends).await?;
        session.hangup(None).await?;
        ends.next_event().await;
        sleep(SOON).await;
        Ok(())
    });
    assert_eq!(over.await, (2, 2 * SOON, true));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_drain_does_not_wait_for_the_end() {
    let (ours, theirs) = tokio::io::duplex(64 << 10);
    let switch = tokio::spawn(switch(theirs, Tells::Nothing));
    let setup = Setup {
        myevents: true,
        linger: None,
    };
    let telemetry = Telemetry::default();
    let session =
        Session::open_handled(Box::new(ours), None, Options::default(), setup, &telemetry);
    let session = session.await.unwrap();
    let drain = Drain::new();
    let entered = drain.enter();
    let handling = tokio::spawn(async move {
        let config = Config::defaults();
        let handler = |session: Session| async move { session.hangup(None).await.map(drop) };
        handle(session, &config, Arc::new(handler), entered, 1).await;
    });
    sleep(SOON).await;
    let began = Instant::now();
    drain.end_all(&AtDeadline::Resume).await;
    handling.await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(switch.await.unwrap().1.is_some());
}

#[test]
fn what_hangs_the_channel_up() {
    let ending = Ending::new("own");
    let asked = |command: Command| ending.is_asked_by(&command);
    let hangup = Message::Hangup(HangupCause::UserBusy);
    assert!(asked(hangup.build(None).unwrap()));
    assert!(asked(hangup.build(Some("own")).unwrap()));
    assert!(!asked(hangup.build(Some("other")).unwrap()));
    let run = |name: &str| Execute::new(name).unwrap();
    assert!(asked(run("hangup").build(None).unwrap()));
    assert!(!asked(
        run("playback").arg("hangup").unwrap().build(None).unwrap()
    ));
    let text = run("log").text_arg("\ncall-command: hangup\n").unwrap();
    assert!(!asked(text.build(None).unwrap()));
    assert!(asked(Command::api("uuid_kill own USER_BUSY").unwrap()));
    assert!(!asked(Command::api("uuid_kill other").unwrap()));
    assert!(!asked(Command::exit()));
}
