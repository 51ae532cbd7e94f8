//! What once went wrong, one test each.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod support;

use std::time::Duration;

use genesis_client::proto::command::Execute;
use genesis_client::proto::session::CloseReason;
use genesis_client::proto::{Command, EventName};
use genesis_client::{AtDeadline, ErrorKind, Inbound, Options, Outbound, Session, Subscription};
use support::{Peer, api, connected, connected_with, event, reply, soon};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

fn custom(subclass: &str) -> String {
    event(&format!("Event-Name: CUSTOM\nEvent-Subclass: {subclass}\n"))
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_caller_left_at_once_is_taken_back() {
    let (client, mut peer) = connected().await;
    {
        let mut call = Box::pin(client.api("fsctl crash"));
        // the request is made, but the task has had no turn yet
        let first = futures_util::poll!(call.as_mut());
        assert!(first.is_pending());
    }
    let (answer, ()) = tokio::join!(client.api("status"), async {
        peer.expect("api status").await;
        peer.send(api("UP")).await;
    });
    assert_eq!(answer.unwrap().text(), "UP");
}

#[tokio::test(start_paused = true)]
async fn a_long_api_with_its_own_deadline_is_no_half_open_link() {
    let (client, mut peer) = connected().await;
    let patient = client.timeout(Duration::from_secs(600));
    let call = tokio::spawn(async move { patient.api("originate user/1 &park").await });
    peer.expect("api originate user/1 &park").await;
    sleep(Duration::from_secs(500)).await;
    peer.send(api("+OK 7f4d\n")).await;
    assert!(call.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_patience_for_a_long_command_ends_with_it() {
    let options = Options {
        idle_probe: Some(Duration::from_secs(10)),
        command_timeout: Duration::from_secs(300),
        ..Options::default()
    };
    let (client, mut peer) = connected_with(Inbound::builder().options(options)).await;
    let start = Instant::now();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.api("status").await }
    });
    peer.expect("api status").await;
    peer.expect("api hostname").await;
    assert_eq!(start.elapsed().as_secs(), 10);
    sleep(Duration::from_secs(1)).await;
    peer.send(api("UP")).await;
    peer.send(api("vm")).await;
    assert!(call.await.unwrap().is_ok());
    // silent from second 11 on: probed at 21, given up at 31
    peer.expect("api hostname").await;
    assert_eq!(start.elapsed().as_secs(), 21);
    client.closed().await;
    assert_eq!(start.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_is_not_answered_ends_with_the_deadline() {
    let options = Options {
        idle_probe: None,
        ..Options::default()
    };
    let (client, mut peer) = connected_with(Inbound::builder().options(options)).await;
    let start = Instant::now();
    let leaving = client.timeout(Duration::from_secs(7));
    let (_, ()) = tokio::join!(leaving.exit(), async {
        peer.expect("exit").await;
        peer.closed().await;
    });
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_without_an_end_is_waited_for_two_seconds() {
    let options = Options {
        idle_probe: None,
        ..Options::default()
    };
    let (client, mut peer) = connected_with(Inbound::builder().options(options)).await;
    let start = Instant::now();
    peer.send("Content-Type: text/disconnect-notice\nContent-Length: 22\n\nDisconnected, goodbye.")
        .await;
    let reason = soon(client.closed()).await;
    assert!(matches!(reason, CloseReason::Notice(_)), "{reason:?}");
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn taking_all_off_by_hand_leaves_the_subclasses_that_subscribers_want() {
    let (client, mut peer) = connected().await;
    let all = Command::raw("event plain ALL").unwrap();
    let (_, ()) = tokio::join!(client.send(all), peer.subscribed("ALL"));
    let mut events = client
        .subscribe(Subscription::new().subclass("x::y").event(EventName::Dtmf))
        .await
        .unwrap();
    let off = Command::raw("nixevent ALL").unwrap();
    let (answer, ()) = tokio::join!(client.send(off), async {
        peer.subscribed("DTMF BACKGROUND_JOB CUSTOM x::y").await;
        let command = peer.command().await;
        assert!(command.starts_with("nixevent ") && !command.contains("DTMF"));
        peer.send(reply("+OK events nixed")).await;
        peer.send(custom("x::y")).await;
    });
    assert_eq!(answer.unwrap().text(), "+OK events nixed");
    assert!(soon(events.next_event()).await.is_some());
}

/// A runtime of its own, for a connection that dies with it.
#[test]
fn everyone_is_told_when_the_runtime_of_the_connection_goes() {
    let theirs = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ours = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let (client, mut events, mut peer) = theirs.block_on(async {
        let (client, mut peer) = connected().await;
        let (events, ()) = tokio::join!(
            client.subscribe(Subscription::all()),
            peer.subscribed("ALL")
        );
        (client, events.unwrap(), peer)
    });
    let mut call = ours.spawn({
        let client = client.clone();
        async move { client.api("status").await }
    });
    ours.block_on(async {
        tokio::task::yield_now().await;
        assert!(futures_util::poll!(&mut call).is_pending());
    });
    theirs.block_on(async { peer.expect("api status").await });
    drop(theirs);
    ours.block_on(async {
        let error = soon(call).await.unwrap().unwrap_err();
        assert!(error.is_disconnected() && !error.is_not_sent(), "{error:?}");
        soon(client.closed()).await;
        assert!(soon(events.next()).await.is_none());
        let late = soon(client.api("status")).await.unwrap_err();
        assert!(late.is_not_sent(), "{late:?}");
    });
}

#[tokio::test(start_paused = true)]
async fn endless_times_are_no_panic() {
    let options = Options {
        idle_probe: Some(Duration::MAX),
        heartbeat_timeout: Some(Duration::MAX),
        command_timeout: Duration::MAX,
        ..Options::default()
    };
    let (ours, theirs) = duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let connecting = Inbound::builder().options(options).connect_over(ours);
    let (client, ()) = tokio::join!(connecting, async {
        peer.send("Content-Type: auth/request\n\n").await;
        peer.expect("auth ClueCon").await;
        peer.send(reply("+OK accepted")).await;
        peer.expect("event plain BACKGROUND_JOB HEARTBEAT").await;
        peer.send(reply("+OK event listener enabled plain")).await;
    });
    let client = client.unwrap();
    let (answer, ()) = tokio::join!(client.api("status"), async {
        peer.expect("api status").await;
        sleep(Duration::from_secs(200_000)).await;
        peer.send(api("UP")).await;
    });
    assert!(answer.is_ok());
}

/// What the switch answers to `connect`.
fn channel(mode: &str) -> String {
    format!(
        "Event-Name: CHANNEL_DATA\nUnique-ID: 7f4d\nSocket-Mode: {mode}\nControl: single-channel\n\
         Content-Type: command/reply\nReply-Text: %2BOK\n\n"
    )
}

/// Plays the switch over an outbound socket, says yes to everything, and gives what it was told.
async fn play_switch(mut io: impl AsyncRead + AsyncWrite + Unpin, mode: &str) -> Vec<String> {
    let (mut read, mut told) = (Vec::new(), Vec::new());
    loop {
        let mut chunk = [0; 1024];
        match io.read(&mut chunk).await {
            Ok(0) | Err(_) => return told,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
        while let Some(at) = read.windows(2).position(|w| w == b"\n\n") {
            let rest = read.split_off(at + 2);
            let command = String::from_utf8_lossy(&read[..at]).into_owned();
            read = rest;
            let answer = match command.as_str() {
                "connect" => channel(mode),
                _ => reply("+OK"),
            };
            let _ = io.write_all(answer.as_bytes()).await;
            let over = command == "exit";
            told.push(command);
            if over {
                return told;
            }
        }
    }
}

#[tokio::test]
async fn a_sync_call_over_the_limit_is_given_back_without_resume() {
    for (mode, expected) in [
        ("async", ["connect", "resume", "exit"].as_slice()),
        ("static", ["connect", "exit"].as_slice()),
    ] {
        let builder = Outbound::builder().max_sessions(0);
        let outbound = builder.bind("127.0.0.1:0").await.unwrap();
        let address = outbound.local_addr().unwrap();
        let serving = tokio::spawn(outbound.serve(|_| async { Ok(()) }));
        let stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(soon(play_switch(stream, mode)).await, expected, "{mode}");
        serving.abort();
    }
}

#[tokio::test]
async fn a_drain_gives_a_sync_call_back_without_resume() {
    for (mode, resumes) in [("async", true), ("static", false)] {
        let outbound = Outbound::builder().bind("127.0.0.1:0").await.unwrap();
        let address = outbound.local_addr().unwrap();
        let drain = outbound.drain();
        let (up, mut ups) = tokio::sync::mpsc::unbounded_channel();
        let serving = tokio::spawn(outbound.serve(move |session: Session| {
            let up = up.clone();
            async move {
                let _ = up.send(());
                session.closed().await;
                Ok(())
            }
        }));
        let stream = TcpStream::connect(address).await.unwrap();
        let (told, ()) = tokio::join!(soon(play_switch(stream, mode)), async {
            ups.recv().await;
            drain.start(Duration::ZERO, AtDeadline::Resume).await;
        });
        assert_eq!(told.contains(&"resume".to_owned()), resumes, "{told:?}");
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn resume_on_a_sync_socket_is_refused() {
    let (ours, theirs) = duplex(1 << 16);
    let switch = tokio::spawn(play_switch(theirs, "static"));
    let session = Session::over(ours, Options::default()).await.unwrap();
    let error = session.resume().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Mode);
    drop(session);
    assert!(!switch.await.unwrap().contains(&"resume".to_owned()));
}

/// Plays `userauth`, answered with these header lines.
async fn user(allowed: &str, events: &[(&str, &str)]) -> (genesis_client::Client, Peer) {
    let (ours, theirs) = duplex(1 << 16);
    let mut peer = Peer::new(theirs);
    let connecting = Inbound::builder()
        .user("limited", "example.org", "secret")
        .connect_over(ours);
    let (client, ()) = tokio::join!(connecting, async {
        peer.send("Content-Type: auth/request\n\n").await;
        peer.expect("userauth limited@example.org:secret").await;
        peer.send(format!(
            "Content-Type: command/reply\nReply-Text: +OK accepted\n{allowed}"
        ))
        .await;
        for (command, answer) in events {
            peer.expect(command).await;
            peer.send(reply(answer)).await;
        }
    });
    (client.unwrap(), peer)
}

/// A list of events that the switch cuts after 510 bytes, the blank line lost.
fn cut_list() -> String {
    let mut text = "Reply-Text: +OK accepted\nAllowed-Events: CHANNEL_CREATE CUSTOM".to_owned();
    for number in 0.. {
        text.push_str(&format!(" long::subclass_{number}"));
        if text.len() > 510 {
            break;
        }
    }
    text.truncate(510);
    text.split_off("Reply-Text: +OK accepted\n".len())
}

const JOBS: &str = "event plain BACKGROUND_JOB";

#[tokio::test(start_paused = true)]
async fn lesson_19_what_a_cut_list_does_not_name_is_asked_of_the_switch() {
    let (client, mut peer) = user(&cut_list(), &[(JOBS, "+OK event listener enabled plain")]).await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async { peer.subscribed("DTMF").await }
    );
    assert!(events.is_ok());
    let job = tokio::spawn({
        let client = client.clone();
        async move { client.bgapi("status").await }
    });
    let command = peer.command().await;
    let uuid = command.split("Job-UUID: ").nth(1).unwrap().to_owned();
    peer.send(reply("+OK")).await;
    peer.send(event(&format!(
        "Event-Name: BACKGROUND_JOB\nJob-UUID: {uuid}\n"
    )))
    .await;
    assert!(soon(job).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn lesson_27_a_job_event_that_a_cut_list_hid_and_the_switch_refuses_spoils_nothing() {
    let (client, mut peer) = user(&cut_list(), &[(JOBS, "-ERR permission denied")]).await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf)),
        async { peer.subscribed("DTMF").await }
    );
    assert!(events.is_ok());
    let error = soon(client.bgapi("status")).await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_the_switch_refuses_is_an_error() {
    use genesis_client::proto::name::LogLevel;
    let denied = "Allowed-Events: all\nAllowed-API: all\nAllowed-LOG: false\n\n";
    let (client, _peer) = user(denied, &[(JOBS, "+OK event listener enabled plain")]).await;
    assert!(client.log(LogLevel::Debug).await.unwrap_err().is_refused());
    // the answer was cut before it said so
    let (client, mut peer) = user(&cut_list(), &[(JOBS, "-ERR permission denied")]).await;
    for _ in 0..2 {
        let (log, ()) = tokio::join!(client.log(LogLevel::Debug), async {
            peer.expect("log 7").await;
            peer.send(reply("-ERR permission denied")).await;
        });
        assert!(log.unwrap_err().is_refused());
    }
}

#[tokio::test(start_paused = true)]
async fn two_who_ask_for_the_same_event_hear_the_same_answer() {
    let (client, mut peer) = connected().await;
    let wanted = || Subscription::new().event(EventName::Dtmf);
    let (first, second, ()) = tokio::join!(
        client.subscribe(wanted()),
        client.subscribe(wanted()),
        async {
            peer.expect("event plain DTMF").await;
            peer.send(reply("-ERR permission denied")).await;
        }
    );
    assert!(first.unwrap_err().is_refused());
    assert!(second.unwrap_err().is_refused());
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_end_cannot_be_seen_says_so() {
    let allowed = "Allowed-Events: BACKGROUND_JOB\nAllowed-API: all\nAllowed-LOG: true\n\n";
    let (client, mut peer) = user(allowed, &[(JOBS, "+OK event listener enabled plain")]).await;
    let start = Instant::now();
    let (execution, ()) = tokio::join!(
        client.execute(Some("7f4d"), Execute::new("answer").unwrap()),
        async {
            assert!(peer.command().await.starts_with("sendmsg 7f4d"));
            peer.send(reply("+OK")).await;
        }
    );
    let error = execution.unwrap().complete().await.unwrap_err();
    assert!(error.is_refused(), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn wire_filters_let_the_ends_of_executions_through() {
    let options = Options {
        wire_filters: true,
        ..Options::default()
    };
    let (client, mut peer) = connected_with(Inbound::builder().options(options)).await;
    let (events, ()) = tokio::join!(
        client.subscribe(Subscription::new().event(EventName::Dtmf).channel("a")),
        async {
            while peer.command().await != "event plain DTMF" {
                peer.send(reply("+OK")).await;
            }
            peer.send(reply("+OK")).await;
        }
    );
    let _events = events.unwrap();
    let (execution, filters) = tokio::join!(
        client.execute(Some("b"), Execute::new("answer").unwrap()),
        async {
            let mut filters = Vec::new();
            loop {
                let command = peer.command().await;
                peer.send(reply("+OK")).await;
                if command.starts_with("sendmsg") {
                    return filters;
                }
                filters.push(command);
            }
        }
    );
    assert!(execution.is_ok());
    for name in ["EXECUTE_COMPLETE", "HANGUP", "HANGUP_COMPLETE"] {
        let filter = format!("filter Event-Name CHANNEL_{name}");
        assert!(filters.contains(&filter), "{filters:?}");
    }
}
