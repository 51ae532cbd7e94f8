//! A channel's state, waits and operations on the simulated switch.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use genesis_channel::{
    BroadcastLeg, Channel, DigitsResult, ErrorKind, OriginateOptions, Pace, PlayAndGetDigits,
    RecordOptions, Say, Transfer,
};
use genesis_client::Client;
use genesis_client::proto::command::Execute;
use genesis_client::proto::name::{AnswerState, CallState, ChannelState, LogLevel};
use genesis_client::proto::{Event, EventName, HangupCause};
use genesis_sim::Sim;
use support::{only_left, reconnecting, session, soon, switch};
use tokio::time::Instant;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

async fn originate(client: &Client, dial: &str) -> Channel {
    let options = OriginateOptions::new().pace(Pace::Unlimited);
    soon(Channel::originate(client, dial, options))
        .await
        .unwrap()
}

/// Every way to have a channel that allows everything.
async fn everywhere() -> Vec<(&'static str, Sim, Channel)> {
    let (sim, client) = switch().await;
    let originated = originate(&client, "sim/answer").await;
    let mut ways = vec![("originated", sim, originated)];
    let (sim, client) = switch().await;
    let made = originate(&client, "sim/answer").await;
    let attached = Channel::attach(&client, made.uuid()).await.unwrap();
    ways.push(("attached", sim, attached));
    for mode in ["async full", "full"] {
        let (sim, session) = session(mode).await;
        ways.push((mode, sim, Channel::from_session(&session).await.unwrap()));
    }
    ways
}

#[tokio::test(start_paused = true)]
async fn a_channel_is_attached_with_its_state_and_variables() {
    let (sim, client) = switch().await;
    let answer = sim
        .switch()
        .api("originate", "{colour=blue}sim/answer?after=2s &park")
        .await;
    let uuid = answer.trim().strip_prefix("+OK ").unwrap().to_owned();
    let channel = Channel::attach(&client, &uuid).await.unwrap();
    assert!(channel.was_answered());
    assert_eq!(channel.answer_state(), AnswerState::Answered);
    assert_eq!(channel.call_state(), CallState::Active);
    assert!(!channel.state().is_over());
    assert_eq!(channel.variable("colour").as_deref(), Some("blue"));
    assert!(channel.answered_at().unwrap() > channel.created_at().unwrap());
    channel.hangup(HangupCause::UserBusy).await.unwrap();
    assert_eq!(
        soon(channel.ended_with()).await.unwrap(),
        Some(HangupCause::UserBusy)
    );

    for gone in [uuid.as_str(), "never-was"] {
        let error = Channel::attach(&client, gone).await.unwrap_err();
        assert!(error.is_unknown_channel(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_methods_work_over_every_connection() {
    for (way, _sim, channel) in everywhere().await {
        let done = channel.answer().await.unwrap().complete().await.unwrap();
        assert_eq!(
            done.event().get("Application").as_deref(),
            Some("answer"),
            "{way}"
        );
        let played = channel.playback("silence_stream://500").await.unwrap();
        let played = soon(played.complete()).await.unwrap();
        assert_eq!(played.response().as_deref(), Some("FILE PLAYED"), "{way}");
        let said = channel.say(&Say::new("en", "NUMBER", "12")).await.unwrap();
        soon(said.complete()).await.unwrap();
        soon(channel.sleep(seconds(1)).await.unwrap().complete())
            .await
            .unwrap();
        soon(
            channel
                .log(LogLevel::Info, "hello")
                .await
                .unwrap()
                .complete(),
        )
        .await
        .unwrap();

        channel
            .set_variable("note", "it's 5 o'clock")
            .await
            .unwrap();
        let note = channel.get_variable("note").await.unwrap();
        assert_eq!(note.as_deref(), Some("it's 5 o'clock"), "{way}");
        channel.set_variable("note", "").await.unwrap();
        assert_eq!(channel.get_variable("note").await.unwrap(), None, "{way}");

        let held = channel.expect(CallState::Held);
        channel.hold().await.unwrap();
        held.within(seconds(5)).await.unwrap();
        channel.unhold().await.unwrap();
        channel
            .wait(EventName::ChannelUnhold, seconds(5))
            .await
            .unwrap();

        channel.send_dtmf("12#", None).await.unwrap();
        channel.start_recording("/tmp/x.wav", None).await.unwrap();
        channel.stop_recording("/tmp/x.wav").await.unwrap();
        channel
            .broadcast("tone_stream://%(100,0,440)", BroadcastLeg::This)
            .await
            .unwrap();
        channel.break_media(true).await.unwrap();
        channel.hangup(HangupCause::NormalClearing).await.unwrap();
        let cause = soon(channel.ended_with()).await.unwrap();
        assert_eq!(cause, Some(HangupCause::NormalClearing), "{way}");
        assert_eq!(channel.call_state(), CallState::Hangup, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_full_what_the_mode_does_not_allow_names_the_mode() {
    for mode in ["async", ""] {
        let (sim, session) = session(mode).await;
        let channel = Channel::from_session(&session).await.unwrap();
        assert_eq!(channel.uuid(), session.uuid());
        let refused = [
            ("hold", channel.hold().await),
            ("unhold", channel.unhold().await),
            ("break", channel.break_media(false).await),
            ("get", channel.get_variable("a").await.map(drop)),
            (
                "broadcast",
                channel.broadcast("a", BroadcastLeg::This).await,
            ),
            ("bridge", channel.bridge(&session).await.map(drop)),
            (
                "attach",
                Channel::attach(session.client(), "x").await.map(drop),
            ),
        ];
        for (what, result) in refused {
            let error = result.unwrap_err();
            assert!(error.is_mode(), "{what} over {mode:?}: {error:?}");
            assert!(error.to_string().contains("full`"), "{error}");
        }
        // and these work
        channel.set_variable("note", "it's").await.unwrap();
        soon(
            channel
                .playback("silence_stream://100")
                .await
                .unwrap()
                .complete(),
        )
        .await
        .unwrap();
        let expected = sim.switch().get_variable(channel.uuid(), "note");
        assert_eq!(expected.as_deref(), Some("it's"), "{mode:?}");
        channel.hangup(HangupCause::UserBusy).await.unwrap();
        let cause = soon(channel.ended_with()).await.unwrap();
        assert_eq!(cause, Some(HangupCause::UserBusy), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_on_a_channel_that_hung_up_says_so_with_the_cause() {
    for (way, _sim, channel) in everywhere().await {
        channel.hangup(HangupCause::CallRejected).await.unwrap();
        soon(channel.ended_with()).await.unwrap();
        let other = channel.clone();
        let results = [
            channel.answer().await.map(drop),
            channel.playback("a").await.map(drop),
            channel.hold().await,
            channel.transfer("9664").await,
            channel.bridge(&other).await.map(drop),
            channel.bridge("sim/answer").await.map(drop),
            channel.set_variable("a", "b").await,
            channel.wait(EventName::Dtmf, seconds(5)).await,
            channel.wait(CallState::Held, seconds(5)).await,
        ];
        for result in results {
            let error = result.unwrap_err();
            assert!(error.is_hung_up(), "{way}: {error:?}");
            assert_eq!(error.hangup_cause(), Some(&HangupCause::CallRejected));
            assert!(error.to_string().contains("CALL_REJECTED"), "{error}");
        }
        // it is over already
        channel.hangup(None).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_by_what_it_waits_for_the_hangup_the_deadline_or_the_link() {
    let (sim, client) = switch().await;
    let channel = originate(
        &client,
        "sim/answer?hangup_after=10s&hangup_cause=USER_BUSY",
    )
    .await;
    // what came first counts
    channel
        .wait(EventName::ChannelAnswer, seconds(1))
        .await
        .unwrap();
    channel
        .wait(ChannelState::Routing, seconds(1))
        .await
        .unwrap();
    channel
        .wait(AnswerState::Answered, seconds(1))
        .await
        .unwrap();
    // and for the next time it does not
    let next = channel.expect(EventName::ChannelAnswer);
    let start = Instant::now();
    assert!(next.within(seconds(2)).await.unwrap_err().is_timeout());
    assert_eq!(start.elapsed(), seconds(2));
    let error = channel
        .wait(CallState::Held, seconds(60))
        .await
        .unwrap_err();
    assert_eq!(error.hangup_cause(), Some(&HangupCause::UserBusy));
    assert!((9..=10).contains(&start.elapsed().as_secs()));
    // the end itself can be waited for
    channel
        .wait(EventName::ChannelHangupComplete, seconds(5))
        .await
        .unwrap();
    channel
        .wait(ChannelState::Destroy, seconds(5))
        .await
        .unwrap();

    let channel = originate(&client, "sim/answer").await;
    let (waited, ()) = tokio::join!(channel.wait(CallState::Held, seconds(600)), async {
        tokio::time::sleep(seconds(1)).await;
        sim.faults().cut_all();
    });
    assert!(waited.unwrap_err().is_disconnected());
    // nothing can come any more
    let again = soon(channel.wait(CallState::Held, seconds(600))).await;
    assert!(again.unwrap_err().is_disconnected());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_state_does_not_need_can_be_waited_for() {
    let (sim, client) = switch().await;
    let channel = originate(&client, "sim/answer?hangup_after=10s").await;
    let uuid = channel.uuid().to_owned();
    let (waited, ()) = tokio::join!(channel.wait(EventName::Talk, seconds(60)), async {
        tokio::time::sleep(seconds(1)).await;
        let event = Event::builder(EventName::Talk).header("Unique-ID", &uuid);
        sim.switch().fire(event.unwrap());
    });
    waited.unwrap();
    let error = channel
        .wait(EventName::Talk, seconds(60))
        .await
        .unwrap_err();
    assert!(error.is_hung_up(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn executions_nest_and_each_is_told_of_its_own_end() {
    let (_sim, client) = switch().await;
    let channel = originate(&client, "sim/answer").await;
    let long = channel.playback("silence_stream://5000").await.unwrap();
    let start = Instant::now();
    let short = channel.execute("set", "a=b").await.unwrap();
    let inner = soon(short.complete()).await.unwrap();
    assert!(start.elapsed() < seconds(5), "it ran inside the playback");
    assert_eq!(inner.event().get("Application").as_deref(), Some("set"));
    let outer = soon(long.complete()).await.unwrap();
    assert_eq!(
        outer.event().get("Application").as_deref(),
        Some("playback")
    );
    // of the caller's own naming
    let named = Execute::new("playback").unwrap();
    let named = named
        .arg("silence_stream://100")
        .unwrap()
        .event_uuid("mine")
        .unwrap();
    let named = channel.execute_with(named).await.unwrap();
    assert_eq!(named.uuid(), "mine");
    soon(named.complete()).await.unwrap();
    // and the end of the call is the end of all: what plays is told as done, what waits is not
    let playing = channel.playback("silence_stream://-1").await.unwrap();
    let locked = Execute::new("playback").unwrap().event_lock();
    let locked = locked.arg("silence_stream://-1").unwrap();
    let waiting = channel.execute_with(locked).await.unwrap();
    channel.hangup(HangupCause::UserBusy).await.unwrap();
    for execution in [playing, waiting] {
        if let Err(error) = soon(execution.complete()).await {
            let cause = Some(&HangupCause::UserBusy);
            assert_eq!(error.hangup_cause(), cause, "{error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn digits_are_collected_or_it_is_said_why_not() {
    let (_sim, client) = switch().await;
    let ask = PlayAndGetDigits::new("silence_stream://200")
        .digits(2, 4)
        .tries(2)
        .timeout(seconds(3))
        .regex("[1-5]+")
        .invalid_file("silence_stream://100");
    for (digits, expected) in [
        (
            "34%23",
            DigitsResult::Digits {
                digits: "34".to_owned(),
                terminator: Some('#'),
            },
        ),
        (
            "1234",
            DigitsResult::Digits {
                digits: "1234".to_owned(),
                terminator: None,
            },
        ),
        (
            "7799",
            DigitsResult::Invalid {
                digits: "7799".to_owned(),
            },
        ),
        ("", DigitsResult::Timeout),
    ] {
        let digits = digits.replace("%23", "#");
        let channel = originate(&client, &format!("sim/answer?digits={digits}")).await;
        let result = soon(channel.play_and_get_digits(&ask)).await.unwrap();
        assert_eq!(result, expected);
    }
    let channel = originate(&client, "sim/answer?hangup_after=1s").await;
    let error = soon(channel.play_and_get_digits(&ask)).await.unwrap_err();
    assert!(error.is_hung_up(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn lesson_41_a_digit_with_a_handler_of_its_own_does_not_reach_the_handler_for_any() {
    let (sim, client) = switch().await;
    let channel = originate(&client, "sim/answer").await;
    let other = originate(&client, "sim/answer").await;
    let (own, any) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counter = own.clone();
    channel.on_digit('1', move |digit| {
        let counter = counter.clone();
        assert_eq!(digit.digit, '1');
        async move {
            // a handler that takes its time delays the next digit, and reorders nothing
            tokio::time::sleep(seconds(1)).await;
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let counter = any.clone();
    let id = channel.on_any_digit(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    channel.on_digit('9', |_| async { panic!("a handler with a fault") });
    let mut stream = channel.digits();
    let press = async |uuid: &str, digits: &str| {
        let answer = sim
            .switch()
            .api("uuid_recv_dtmf", &format!("{uuid} {digits}"))
            .await;
        assert!(answer.starts_with("+OK"), "{answer}");
        tokio::time::sleep(seconds(10)).await;
    };
    press(channel.uuid(), "1291").await;
    press(other.uuid(), "1234").await;
    assert_eq!(own.load(Ordering::SeqCst), 2);
    assert_eq!(any.load(Ordering::SeqCst), 1);
    let mut seen = String::new();
    while let Ok(Some(digit)) = tokio::time::timeout(seconds(1), stream.next()).await {
        seen.push(digit.digit);
    }
    assert_eq!((seen.as_str(), stream.lost()), ("1291", 0));

    assert!(channel.remove_digit_handler(id));
    assert!(!channel.remove_digit_handler(id));
    press(channel.uuid(), "5").await;
    assert_eq!(any.load(Ordering::SeqCst), 1);
    channel.hangup(None).await.unwrap();
    assert_eq!(
        soon(stream.next()).await.map(|digit| digit.digit),
        Some('5')
    );
    assert_eq!(soon(stream.next()).await, None);
    assert_eq!(soon(channel.digits().next()).await, None);
}

#[tokio::test(start_paused = true)]
async fn two_calls_are_bridged_and_the_end_of_the_bridge_is_told() {
    let (sim, client) = switch().await;
    let a = originate(&client, "sim/answer").await;
    let b = originate(&client, "sim/answer").await;
    let bridge = a
        .bridge(&b)
        .await
        .unwrap()
        .connected(seconds(5))
        .await
        .unwrap();
    let parked = async {
        tokio::time::sleep(seconds(3)).await;
        b.transfer(Transfer::to("park").context("default"))
            .await
            .unwrap();
    };
    let (ended, ()) = tokio::join!(soon(bridge.ended()), parked);
    // what becomes of the other leg is the switch's business
    assert!(ended.is_ok() || ended.unwrap_err().is_hung_up());

    let c = originate(&client, "sim/answer").await;
    // otherwise the switch ends the caller with the cause of the called leg
    c.set_variable("continue_on_fail", "true").await.unwrap();
    let bridging = c.bridge("sim/busy").await.unwrap();
    let error = soon(bridging.connected(seconds(30))).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotAnswered(HangupCause::UserBusy));
    let bridging = c
        .bridge("sim/answer?after=2s&hangup_after=5s")
        .await
        .unwrap();
    let bridge = soon(bridging.connected(seconds(30))).await.unwrap();
    let ended = soon(bridge.ended()).await;
    assert!(ended.is_ok() || ended.unwrap_err().is_hung_up());
    let gone = originate(&client, "sim/answer").await;
    gone.hangup(HangupCause::UserBusy).await.unwrap();
    soon(gone.ended_with()).await.unwrap();
    let d = originate(&client, "sim/answer").await;
    let error = d.bridge(&gone).await.unwrap_err();
    assert!(
        error.is_hung_up() && error.to_string().contains(gone.uuid()),
        "{error}"
    );
    drop(sim);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_handle_leaves_the_call_alone_and_a_guard_hangs_it_up() {
    let (sim, client) = switch().await;
    let uuid = originate(&client, "sim/answer").await.uuid().to_owned();
    tokio::time::sleep(seconds(60)).await;
    assert!(sim.switch().has_channel(&uuid));
    let channel = Channel::attach(&client, &uuid).await.unwrap();
    let kept = channel.hangup_on_drop(HangupCause::UserBusy).keep();
    tokio::time::sleep(seconds(60)).await;
    assert!(!kept.is_over());
    let watch = kept.clone();
    drop(kept.hangup_on_drop(HangupCause::UserBusy));
    let cause = soon(watch.ended_with()).await.unwrap();
    assert_eq!(cause, Some(HangupCause::UserBusy));
    only_left(&sim, &[], seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn lesson_32_after_a_gap_the_state_is_what_the_switch_shows() {
    let (sim, client) = reconnecting().await;
    let stays = originate(&client, "sim/answer").await;
    let goes = originate(&client, "sim/answer?hangup_after=1s").await;
    let rings = OriginateOptions::new().uuid("rings");
    let ringing = Channel::originate_start(&client, "sim/answer?after=1s", rings)
        .await
        .unwrap();
    let answered = Channel::attach(&client, "rings").await.unwrap();
    sim.faults().refuse_connections(true);
    sim.faults().cut_all();
    tokio::time::sleep(seconds(2)).await;
    assert!(!goes.is_over(), "nobody can know yet");
    sim.faults().refuse_connections(false);
    soon(client.ready()).await.unwrap();
    assert_eq!(soon(goes.ended_with()).await.unwrap(), None);
    // what told of its end was not seen, and is not waited for
    goes.wait(EventName::ChannelHangupComplete, seconds(60))
        .await
        .unwrap();
    let never = goes.expect(EventName::ChannelHangupComplete);
    assert!(
        soon(never.within(Duration::MAX))
            .await
            .unwrap_err()
            .is_hung_up()
    );
    assert!(goes.playback("a").await.unwrap_err().is_hung_up());
    assert!(!stays.is_over());
    soon(answered.wait(AnswerState::Answered, seconds(5)))
        .await
        .unwrap();
    soon(
        stays
            .playback("silence_stream://100")
            .await
            .unwrap()
            .complete(),
    )
    .await
    .unwrap();
    drop(ringing);
}

#[tokio::test(start_paused = true)]
async fn bad_arguments_are_refused_and_harm_nothing() {
    let (_sim, client) = switch().await;
    let channel = originate(&client, "sim/answer").await;
    let results = [
        channel.execute("playback", "a\nb").await.map(drop),
        channel.execute("two words", "").await.map(drop),
        channel.set_variable("a b", "c").await,
        channel.set_variable("a", "b\nc").await,
        channel.send_dtmf("12x", None).await,
        channel.send_dtmf("", None).await,
        channel.transfer("a\nb").await,
        channel.say(&Say::new("en", "NUMBER", "")).await.map(drop),
        channel.bridge("a\nb").await.map(drop),
        channel.record("a\nb", RecordOptions::new()).await.map(drop),
    ];
    for (at, result) in results.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidArgument, "{at}: {error}");
    }
    assert!(!channel.is_over());
    soon(
        channel
            .playback("silence_stream://100")
            .await
            .unwrap()
            .complete(),
    )
    .await
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_recording_of_the_caller_ends_by_its_limit() {
    let (_sim, client) = switch().await;
    let channel = originate(&client, "sim/answer").await;
    let start = Instant::now();
    let options = RecordOptions::new().limit(seconds(3));
    let recorded = channel
        .record("/tmp/voice mail.wav", options)
        .await
        .unwrap();
    soon(recorded.complete()).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_thread_serves_the_socket_cannot_be_bridged_with_one_that_is_up() {
    let (_sim, session) = session("full").await;
    let channel = Channel::from_session(&session).await.unwrap();
    let other = originate(session.client(), "sim/answer").await;
    let error = channel.bridge(&other).await.unwrap_err();
    assert!(
        error.is_mode() && error.to_string().contains("an `async full`"),
        "{error}"
    );
    // with somebody who is called for it, it can
    let bridging = channel.bridge("sim/answer?hangup_after=2s").await.unwrap();
    drop(bridging);
}

#[tokio::test(start_paused = true)]
async fn handlers_and_streams_of_digits_outlive_the_handles_of_the_channel() {
    let (sim, client) = switch().await;
    let channel = originate(&client, "sim/answer").await;
    let uuid = channel.uuid().to_owned();
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    channel.on_any_digit(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    let mut stream = channel.digits();
    drop(channel);
    sim.switch()
        .api("uuid_recv_dtmf", &format!("{uuid} 12"))
        .await;
    assert_eq!(
        soon(stream.next()).await.map(|digit| digit.digit),
        Some('1')
    );
    assert_eq!(
        soon(stream.next()).await.map(|digit| digit.digit),
        Some('2')
    );
    sim.switch().api("uuid_kill", &uuid).await;
    assert_eq!(soon(stream.next()).await, None);
    assert_eq!(heard.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_has_no_terminator_of_an_earlier_one() {
    let (sim, client) = switch().await;
    let channel = originate(&client, "sim/answer").await;
    let ask = PlayAndGetDigits::new("silence_stream://100")
        .digits(0, 4)
        .timeout(seconds(2));
    let press = async {
        tokio::time::sleep(seconds(1)).await;
        let line = format!("{} #", channel.uuid());
        sim.switch().api("uuid_recv_dtmf", &line).await;
    };
    let (first, ()) = tokio::join!(soon(channel.play_and_get_digits(&ask)), press);
    let empty = DigitsResult::Digits {
        digits: String::new(),
        terminator: Some('#'),
    };
    assert_eq!(first.unwrap(), empty);
    let second = soon(channel.play_and_get_digits(&ask)).await.unwrap();
    assert_eq!(second, DigitsResult::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_media_is_not_bridged() {
    let (sim, client) = switch().await;
    let agent = originate(&client, "sim/answer").await;
    let options = OriginateOptions::new().uuid("rings");
    let ringing = Channel::originate_start(&client, "sim/no_answer", options)
        .await
        .unwrap();
    let caller = Channel::attach(&client, "rings").await.unwrap();
    for (one, other) in [(&caller, &agent), (&agent, &caller)] {
        let error = one.bridge(other).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("answer()"), "{error}");
    }
    assert_eq!(sim.switch().session_count(), 2);
    drop(ringing);
}

#[tokio::test(start_paused = true)]
async fn what_a_socket_does_not_allow_is_named_with_the_mode_to_write() {
    for (mode, write) in [("async", "async full"), ("", "full")] {
        let (_sim, session) = session(mode).await;
        let channel = Channel::from_session(&session).await.unwrap();
        let errors = [
            ("hold", channel.hold().await.unwrap_err()),
            ("unhold", channel.unhold().await.unwrap_err()),
            ("break_media", channel.break_media(true).await.unwrap_err()),
            (
                "broadcast",
                channel
                    .broadcast("a.wav", BroadcastLeg::This)
                    .await
                    .unwrap_err(),
            ),
            ("get_variable", channel.get_variable("a").await.unwrap_err()),
            (
                "attach",
                Channel::attach(session.client(), "other")
                    .await
                    .unwrap_err(),
            ),
            (
                "originate",
                Channel::originate(session.client(), "sim/answer", OriginateOptions::new())
                    .await
                    .unwrap_err(),
            ),
            (
                "api status",
                session.client().api("status").await.unwrap_err().into(),
            ),
        ];
        for (operation, error) in errors {
            assert!(error.is_mode(), "{error}");
            let text = format!(
                "{operation} needs a `full` outbound socket; write `socket HOST:PORT {write}` in \
                 the dialplan"
            );
            assert_eq!(error.to_string(), text);
        }
    }
}
