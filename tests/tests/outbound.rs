//! Outbound sessions on the simulated switch: modes, applications, the end of calls, drain.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::time::Duration;

use genesis_client::proto::HangupCause;
use genesis_client::{
    AtDeadline, Control, ErrorKind, Mode, Options, Outbound, Session, Subscription,
};
use genesis_sim::Sim;
use genesis_sim::script::Script;
use tokio::sync::mpsc;

/// A call that runs `socket app:1 MODE` in the simulated switch, taken over by a session.
async fn call(mode: &str) -> (Sim, Session) {
    let sim = Sim::builder().start().await.unwrap();
    let mut arrivals = sim.listen_in_memory("app:1");
    let answer = sim
        .switch()
        .api("originate", &format!("null/1 '&socket(app:1 {mode})'"))
        .await;
    assert!(answer.starts_with("+OK"), "{answer}");
    let io = arrivals.accept().await.unwrap();
    let session = Session::over(io, Options::default()).await.unwrap();
    (sim, session)
}

#[tokio::test(start_paused = true)]
async fn lesson_34_the_four_modes_are_told_and_what_they_do_not_allow_is_its_own_error() {
    for (words, mode, control) in [
        ("async full", Mode::Async, Control::Full),
        ("full", Mode::Sync, Control::Full),
        ("async", Mode::Async, Control::SingleChannel),
        ("", Mode::Sync, Control::SingleChannel),
    ] {
        let (_sim, session) = call(words).await;
        assert_eq!(
            (session.mode(), session.control()),
            (mode, control),
            "{words}"
        );
        let full = control == Control::Full;
        for (what, result) in [
            ("api", session.client().api("status").await.map(drop)),
            ("linger", session.linger(None).await.map(drop)),
            ("variable", session.current_variable("uuid").await.map(drop)),
            (
                "all events",
                session
                    .client()
                    .subscribe(Subscription::all())
                    .await
                    .map(drop),
            ),
        ] {
            match result {
                Ok(()) => assert!(full, "{what} on {words:?}"),
                Err(error) => {
                    assert!(!full, "{what} on {words:?}: {error}");
                    assert_eq!(*error.kind(), ErrorKind::Mode);
                    assert!(error.to_string().contains("`full`"), "{error}");
                }
            }
        }
        // what every mode can do
        let _events = session.events().await.unwrap();
        let played = session
            .execute("playback", "silence_stream://500")
            .await
            .unwrap();
        let done = played.complete().await.unwrap();
        assert_eq!(
            done.get("Application").as_deref(),
            Some("playback"),
            "{words}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_that_the_call_outlives_not_ends_with_the_cause() {
    let (sim, session) = call("async full").await;
    let playing = session
        .execute("playback", "silence_stream://60000")
        .await
        .unwrap();
    let uuid = session.uuid().to_owned();
    let answer = sim
        .switch()
        .api("uuid_kill", &format!("{uuid} USER_BUSY"))
        .await;
    assert!(answer.starts_with("+OK"), "{answer}");
    match playing.complete().await {
        // the application itself completes when the channel goes, as on the real switch
        Ok(event) => assert_eq!(event.unique_id().as_deref(), Some(uuid.as_str())),
        Err(error) => assert!(error.is_hung_up(), "{error}"),
    }
    // and what can never run says why
    let late = session.execute("playback", "silence_stream://1000").await;
    let error = match late {
        Ok(execution) => execution.complete().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(
        error.is_hung_up() || error.is_refused() || error.is_disconnected(),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_the_session_of_an_async_socket_ends_the_call_unless_it_resumes() {
    let (sim, session) = call("async full").await;
    let uuid = session.uuid().to_owned();
    let mut gone = sim.switch().hangup_watch(&uuid);
    drop(session);
    tokio::time::timeout(Duration::from_secs(10), gone.wait_for(|gone| *gone))
        .await
        .expect("the call goes on")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_session_are_those_of_its_own_channel() {
    let (sim, session) = call("async full").await;
    let mut events = session.events().await.unwrap();
    let answer = sim.switch().api("originate", "null/2 &park").await;
    assert!(answer.starts_with("+OK"), "{answer}");
    session
        .execute("set", "a=b")
        .await
        .unwrap()
        .complete()
        .await
        .unwrap();
    session
        .hangup(Some(HangupCause::CallRejected))
        .await
        .unwrap();
    loop {
        let event = events
            .next_event()
            .await
            .expect("the hangup comes before the end");
        assert_eq!(event.unique_id().as_deref(), Some(session.uuid()));
        if event.hangup_cause().is_some() {
            assert_eq!(event.hangup_cause(), Some(HangupCause::CallRejected));
            break;
        }
    }
}

/// A switch and a server on loopback. The handler tells which calls it has and keeps them until
/// they end.
async fn serve(
    change: impl FnOnce(genesis_client::OutboundBuilder) -> genesis_client::OutboundBuilder,
) -> (Sim, genesis_client::Drain, mpsc::UnboundedReceiver<String>) {
    let outbound = change(Outbound::builder())
        .bind("127.0.0.1:0")
        .await
        .unwrap();
    let address = outbound.local_addr().unwrap();
    let action = format!("socket {address} async full");
    let script = Script::new().extension("5000", &[action.as_str(), "park"]);
    let sim = Sim::builder()
        .switch(|options| options.script = script)
        .start()
        .await
        .unwrap();
    let drain = outbound.drain();
    let (tell, calls) = mpsc::unbounded_channel();
    tokio::spawn(outbound.serve(move |session: Session| {
        let tell = tell.clone();
        async move {
            let _ = tell.send(session.uuid().to_owned());
            if session.variable("caller").as_deref() == Some("panic") {
                panic!("a handler that panics");
            }
            session.closed().await;
            Ok(())
        }
    }));
    (sim, drain, calls)
}

/// These tests run on real sockets and real time: what does not happen must not hang.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("it does not happen: {what}"),
    }
}

async fn originate(sim: &Sim, caller: &str) {
    let args = format!("{{caller={caller}}}null/1 5000");
    let answer = sim.switch().api("originate", &args).await;
    assert!(answer.starts_with("+OK"), "{answer}");
}

#[tokio::test]
async fn a_panicking_handler_harms_no_other_call() {
    let (sim, _drain, mut calls) = serve(|builder| builder).await;
    originate(&sim, "1").await;
    let kept = soon("first call", calls.recv()).await.unwrap();
    originate(&sim, "panic").await;
    let broken = soon("second call", calls.recv()).await.unwrap();
    let mut gone = sim.switch().hangup_watch(&broken);
    soon("hangup", gone.wait_for(|gone| *gone)).await.unwrap();
    assert!(sim.switch().has_channel(&kept));
    // and the server takes further calls
    originate(&sim, "2").await;
    soon("third call", calls.recv()).await.unwrap();
}

#[tokio::test]
async fn over_the_limit_the_dialplan_goes_on() {
    let (sim, drain, mut calls) = serve(|builder| builder.max_sessions(1)).await;
    originate(&sim, "1").await;
    soon("call", calls.recv()).await.unwrap();
    let mut events = sim.switch().subscribe();
    originate(&sim, "2").await;
    // the next action of the extension runs
    loop {
        let event = soon("event", events.recv()).await.unwrap();
        if event.header("Application").as_deref() == Some("park") {
            break;
        }
    }
    assert_eq!((drain.sessions(), drain.calls()), (1, 1));
    assert_eq!(sim.switch().session_count(), 2);
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_refused_without_a_word() {
    let elsewhere = "192.0.2.0/24".parse().unwrap();
    let (sim, drain, _calls) = serve(|builder| builder.allow([elsewhere])).await;
    let mut events = sim.switch().subscribe();
    originate(&sim, "1").await;
    // nothing is said to it, so what becomes of the call is the switch's own affair
    loop {
        let event = soon("event", events.recv()).await.unwrap();
        if event.header("Hangup-Cause").is_some() {
            break;
        }
    }
    assert_eq!(drain.sessions(), 0);
}

#[tokio::test]
async fn a_drain_hands_live_calls_back_to_the_dialplan_or_hangs_them_up() {
    for (then, parked) in [
        (AtDeadline::Resume, true),
        (AtDeadline::Hangup(HangupCause::SystemShutdown), false),
    ] {
        let (sim, drain, mut calls) = serve(|builder| builder).await;
        originate(&sim, "1").await;
        let uuid = soon("call", calls.recv()).await.unwrap();
        let mut events = sim.switch().subscribe();
        drain.start(Duration::from_millis(50), then).await;
        assert_eq!(drain.sessions(), 0);
        loop {
            let event = soon("event", events.recv()).await.unwrap();
            if event.unique_id.as_deref() != Some(uuid.as_str()) {
                continue;
            }
            if parked && event.header("Application").as_deref() == Some("park") {
                break;
            }
            if !parked && event.name.as_str() == "CHANNEL_HANGUP" {
                assert_eq!(
                    event.header("Hangup-Cause").as_deref(),
                    Some("SYSTEM_SHUTDOWN")
                );
                break;
            }
        }
    }
}
