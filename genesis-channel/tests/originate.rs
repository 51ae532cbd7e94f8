//! Originating on the simulated switch: what is answered, what fails, and that nothing is left of
//! what was cancelled.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use genesis_channel::{Channel, ErrorKind, OriginateOptions, Origination, Pace, Progress};
use genesis_client::Client;
use genesis_client::proto::session::Outcome;
use genesis_client::proto::{EventName, HangupCause};
use genesis_sim::Sim;
use support::{only_left, reconnecting, session, soon, switch};
use tokio::time::Instant;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// As fast as it goes, so that one test does not slow another's calls.
fn options() -> OriginateOptions {
    OriginateOptions::new().pace(Pace::Unlimited)
}

async fn originate(client: &Client, dial: &str) -> genesis_channel::Result<Channel> {
    soon(Channel::originate(client, dial, options())).await
}

#[tokio::test(start_paused = true)]
async fn an_answered_call_is_a_channel_with_its_variables() {
    let (sim, client) = switch().await;
    let options = options()
        .caller_id("Reception", "1000")
        .variable("colour", "dark 'blue', or not")
        .uuid("chosen-1");
    let channel = Channel::originate(&client, "sim/answer?after=2s", options)
        .await
        .unwrap();
    assert_eq!(channel.uuid(), "chosen-1");
    assert!(sim.switch().has_channel("chosen-1"));
    assert!(channel.was_answered() && !channel.is_over());
    assert_eq!(channel.dial_path(), Some("sim/answer?after=2s"));
    let colour = channel.variable("colour");
    assert_eq!(colour.as_deref(), Some("dark 'blue', or not"));
    let caller = channel.header("Caller-Orig-Caller-ID-Number");
    assert_eq!(caller.as_deref(), Some("1000"));
    let rang = channel
        .answered_at()
        .unwrap()
        .duration_since(channel.created_at().unwrap());
    assert_eq!(rang.unwrap().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_an_error_with_the_cause() {
    let (sim, client) = switch().await;
    for (dial, cause) in [
        ("sim/busy", HangupCause::UserBusy),
        ("sim/reject", HangupCause::CallRejected),
        ("sim/unregistered", HangupCause::UserNotRegistered),
        ("sim/no_answer", HangupCause::NoAnswer),
        ("nosuch/1000", HangupCause::ChanNotImplemented),
    ] {
        let error = originate(&client, dial).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::NotAnswered(cause), "{dial}");
        assert!(error.to_string().contains(dial), "{error}");
    }
    assert_eq!(sim.switch().session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_rings_no_longer_than_its_timeout() {
    let (sim, client) = switch().await;
    for timeout in [Duration::from_millis(2500), seconds(3)] {
        let start = Instant::now();
        let options = options().timeout(timeout);
        let error = Channel::originate(&client, "sim/no_answer", options)
            .await
            .unwrap_err();
        assert_eq!(error.hangup_cause(), Some(&HangupCause::NoAnswer));
        assert_eq!(start.elapsed(), timeout);
        only_left(&sim, &[], seconds(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_legs_the_channel_is_the_one_that_answered() {
    let (sim, client) = switch().await;
    for (dial, path) in [
        ("sim/no_answer,sim/answer?after=2s", "sim/answer?after=2s"),
        ("sim/busy|sim/answer?after=1s", "sim/answer?after=1s"),
        ("sim/no_answer:_:sim/answer?after=1s", "sim/answer?after=1s"),
    ] {
        let channel = originate(&client, dial).await.unwrap();
        assert_eq!(channel.dial_path(), Some(path), "{dial}");
        assert!(channel.was_answered());
        only_left(&sim, &[channel.uuid()], seconds(1)).await;
        channel.hangup(None).await.unwrap();
        only_left(&sim, &[], seconds(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn early_media_counts_only_if_asked_for() {
    let (_sim, client) = switch().await;
    let dial = "sim/answer?after=5s&early_media=true";
    let start = Instant::now();
    let early = options().early_media(true);
    let channel = Channel::originate(&client, dial, early).await.unwrap();
    assert!(start.elapsed() < seconds(5) && !channel.was_answered());
    let start = Instant::now();
    let channel = originate(&client, dial).await.unwrap();
    assert!(start.elapsed() == seconds(5) && channel.was_answered());
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_while_it_rings() {
    let (_sim, client) = switch().await;
    let dial = "sim/answer?after=3s";
    let mut origination = Channel::originate_start(&client, dial, options())
        .await
        .unwrap();
    let mut seen = vec![origination.progress()];
    while seen.last() != Some(&Progress::Answered) {
        let last = *seen.last().unwrap();
        seen.push(soon(origination.progress_changed(last)).await);
    }
    assert!(seen.contains(&Progress::Ringing), "{seen:?}");
    let channel = origination.answered().await.unwrap();
    assert!(channel.was_answered());
    let again = origination.answered().await.unwrap_err();
    assert_eq!(*again.kind(), ErrorKind::InvalidArgument);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let (sim, client) = switch().await;
    let before = client.stats().commands_sent;
    for (dial, options) in [
        ("", options()),
        ("sim/answer,sim/answer", options().uuid("one-for-two")),
        (
            "[origination_uuid=x]sim/answer,[origination_uuid=x]sim/answer",
            options(),
        ),
        ("sim/answer", options().variable("a", "line\nbreak")),
    ] {
        let error = Channel::originate(&client, dial, options)
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidArgument, "{dial}: {error}");
    }
    assert_eq!(client.stats().commands_sent, before);
    assert_eq!(sim.switch().session_count(), 0);
}

/// Calls that come in every way a call can: at once, late, with legs that come later.
const DIALS: [&str; 11] = [
    "user/1000",
    "user/1000,sim/no_answer",
    "sim/answer",
    "sim/answer?after=2s",
    "sim/answer?after=1s&hangup_after=1s",
    "sim/no_answer",
    "sim/busy",
    "[leg_delay_start=2]sim/answer?after=1s",
    "sim/answer?after=1s,sim/answer?after=1s",
    "sim/busy|sim/answer?after=1s",
    "sim/no_answer:_:sim/answer?after=3s",
];

#[tokio::test(start_paused = true)]
async fn a_future_dropped_between_any_two_steps_leaves_nothing() {
    for dial in DIALS {
        // counted in polls of the future: every place where it can be dropped
        for polls in 0.. {
            let (sim, client) = switch().await;
            let finished = {
                let mut originating = pin!(Channel::originate(&client, dial, options()));
                let mut done = 0;
                soon(std::future::poll_fn(|cx| {
                    if done == polls {
                        return Poll::Ready(false);
                    }
                    done += 1;
                    originating.as_mut().poll(cx).map(|_| true)
                }))
                .await
            };
            if finished {
                break;
            }
            only_left(&sim, &[], seconds(100)).await;
        }
    }
}

/// The same by the clock, over a slow line: the call goes on while nobody polls.
#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_time_leaves_nothing() {
    for dial in DIALS {
        for at in (0..45).map(|n| Duration::from_millis(n * 100)) {
            let (sim, client) = switch().await;
            sim.faults().update(|plan| {
                plan.reply_delay = Some(Duration::from_millis(150));
            });
            let originating = Channel::originate(&client, dial, options());
            if tokio::time::timeout(at, originating).await.is_err() {
                only_left(&sim, &[], seconds(100)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_waits_until_nothing_is_left() {
    for dial in DIALS {
        for at in (0..40).map(|n| Duration::from_millis(n * 100)) {
            let (sim, client) = switch().await;
            let origination = Channel::originate_start(&client, dial, options())
                .await
                .unwrap();
            tokio::time::sleep(at).await;
            soon(origination.cancel(None)).await.unwrap();
            only_left(&sim, &[], Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_cause_of_a_cancelled_call_is_the_one_that_was_chosen() {
    let (sim, client) = switch().await;
    let options = options().cancel_cause(HangupCause::LoseRace).uuid("a");
    let dial = "sim/no_answer";
    let origination = Channel::originate_start(&client, dial, options)
        .await
        .unwrap();
    let channel = Channel::attach(&client, "a").await.unwrap();
    drop(origination);
    let cause = soon(channel.ended_with()).await.unwrap();
    assert_eq!(cause, Some(HangupCause::LoseRace));
    only_left(&sim, &[], seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_before_a_prepared_originate_is_started() {
    let (sim, client) = switch().await;
    let mut events = sim.switch().subscribe();
    let dial = "sim/answer?after=1s";
    let prepare = || Channel::originate_prepare(&client, dial, options());
    let prepared = prepare().await.unwrap();
    assert_eq!(prepared.uuids().len(), 1);
    drop(prepared);
    // not even when it is cancelled before its task has run
    let started = prepare().await.unwrap().start();
    soon(started.cancel(None)).await.unwrap();
    drop(prepare().await.unwrap().start());
    tokio::time::sleep(seconds(5)).await;
    while let Some(event) = events.try_recv() {
        assert_ne!(event.name, EventName::ChannelCreate);
    }
    let mut started = prepare().await.unwrap().start();
    let uuids = started.uuids();
    let channel = soon(started.answered()).await.unwrap();
    assert_eq!(uuids, [channel.uuid()]);
    started.accepted().await.unwrap();

    // why it could not be sent is told also to who only asks for the answer
    let prepared = prepare().await.unwrap();
    sim.faults().cut_all();
    tokio::time::sleep(seconds(1)).await;
    let error = soon(prepared.start().answered()).await.unwrap_err();
    let not_sent = ErrorKind::Disconnected(Outcome::NotSent);
    assert_eq!(*error.kind(), not_sent, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cancelled_ends_with_the_cause_of_the_cancelling() {
    let (sim, client) = switch().await;
    let dial = "sim/answer?after=1s";
    let origination = Channel::originate_start(&client, dial, options().uuid("a"))
        .await
        .unwrap();
    // answered, and nobody has looked at it
    tokio::time::sleep(seconds(2)).await;
    let channel = Channel::attach(&client, "a").await.unwrap();
    assert!(channel.was_answered());
    let cancelled = origination.cancel(Some(HangupCause::PickedOff));
    soon(cancelled).await.unwrap();
    let cause = soon(channel.ended_with()).await.unwrap();
    assert_eq!(cause, Some(HangupCause::PickedOff));
    only_left(&sim, &[], seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_the_answer_of_a_call_that_was_answered_in_the_same_moment() {
    let (sim, client) = switch().await;
    let dial = "sim/answer?after=2s";
    let origination = Channel::originate_start(&client, dial, options())
        .await
        .unwrap();
    // the outcome has been given out, and nobody has looked at it
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(sim.switch().session_count(), 1);
    drop(origination);
    only_left(&sim, &[], seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_comes_back_still_finds_the_answer() {
    for (cut_after, dial) in [(1, "sim/answer?after=3s"), (1, "sim/answer?after=30s")] {
        let (sim, client) = reconnecting().await;
        let calling = Channel::originate(&client, dial, options());
        let cutting = async {
            tokio::time::sleep(seconds(cut_after)).await;
            sim.faults().cut_all();
        };
        let (channel, ()) = soon(async { tokio::join!(calling, cutting) }).await;
        let channel = channel.unwrap();
        assert!(channel.was_answered() && !channel.is_over(), "{dial}");
        only_left(&sim, &[channel.uuid()], seconds(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_failed_while_the_link_was_away_is_told_as_such() {
    let (sim, client) = reconnecting().await;
    let dial = "{originate_timeout=60}sim/fail?after=1200ms";
    let calling = Channel::originate(&client, dial, options());
    let cutting = async {
        tokio::time::sleep(seconds(1)).await;
        sim.faults().cut_all();
    };
    let (channel, ()) = soon(async { tokio::join!(calling, cutting) }).await;
    let error = channel.unwrap_err();
    assert!(
        error.is_disconnected() || error.is_not_answered(),
        "{error:?}"
    );
    assert!(error.may_still_ring().is_empty());
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_the_link_is_away_it_is_hung_up_over_the_next() {
    for dial in DIALS {
        let (sim, client) = reconnecting().await;
        let origination = Channel::originate_start(&client, dial, options())
            .await
            .unwrap();
        sim.faults().cut_all();
        drop(origination);
        only_left(&sim, &[], seconds(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_lost_for_good_says_which_legs_may_still_ring() {
    let (sim, client) = switch().await;
    let dial = "sim/no_answer,sim/no_answer";
    let mut origination = Channel::originate_start(&client, dial, options())
        .await
        .unwrap();
    let uuids: Vec<String> = origination.uuids();
    tokio::time::sleep(seconds(1)).await;
    sim.faults().cut_all();
    let error = soon(origination.answered()).await.unwrap_err();
    assert!(error.is_disconnected());
    assert_eq!(error.may_still_ring(), uuids);
    assert!(
        uuids.iter().all(|uuid| error.to_string().contains(uuid)),
        "{error}"
    );
    // the switch was told how long it may ring
    only_left(&sim, &[], seconds(61)).await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_never_came_does_not_make_a_second_call() {
    let (sim, client) = reconnecting().await;
    // the command is read and carried out, its reply is lost
    let sent = client.stats().commands_sent;
    let mut events = sim.switch().subscribe();
    sim.faults()
        .update(|plan| plan.reply_delay = Some(seconds(2)));
    let calling = Channel::originate(&client, "sim/answer?after=5s", options());
    let cutting = async {
        tokio::time::sleep(seconds(1)).await;
        sim.faults().clear();
        sim.faults().cut_all();
    };
    let (channel, ()) = soon(async { tokio::join!(calling, cutting) }).await;
    assert!(client.stats().commands_sent > sent);
    // whatever became of it, there was one call at most, and it is the one that was told
    let mut created = 0;
    while let Some(event) = events.try_recv() {
        created += usize::from(event.name == EventName::ChannelCreate);
    }
    assert!(created <= 1, "{created} calls");
    match channel {
        Ok(channel) => only_left(&sim, &[channel.uuid()], seconds(100)).await,
        Err(_) => only_left(&sim, &[], seconds(100)).await,
    }
}

#[tokio::test(start_paused = true)]
async fn originates_keep_to_what_the_switch_allows() {
    let (sim, client) = switch().await;
    let start = Instant::now();
    let calls = (0..95).map(|_| {
        let client = client.clone();
        async move {
            let options = OriginateOptions::new();
            Channel::originate(&client, "sim/answer", options)
                .await
                .map(drop)
        }
    });
    let results = soon(futures_util::future::join_all(calls)).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(sim.switch().session_count(), 95);
    // four fifths of 30 at once, as many a little more than a second later, …
    assert!((3300..3400).contains(&start.elapsed().as_millis()));
}

#[tokio::test(start_paused = true)]
async fn a_session_calls_others_and_sees_them() {
    let (sim, session) = session("async full").await;
    let client = session.client().clone();
    let channel = originate(&client, "sim/answer?after=2s&hangup_after=5s")
        .await
        .unwrap();
    assert!(channel.was_answered());
    let cause = soon(channel.ended_with()).await.unwrap();
    assert_eq!(cause, Some(HangupCause::NormalClearing));
    // and nothing of calls that are not its own
    let others = sim.switch().api("originate", "sim/answer &park").await;
    let other = others.trim().strip_prefix("+OK ").unwrap();
    // what the call left behind
    tokio::time::sleep(seconds(1)).await;
    let before = client.stats().events;
    sim.switch().api("uuid_kill", other).await;
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(client.stats().events, before);
}

#[tokio::test(start_paused = true)]
async fn without_full_the_mode_is_named() {
    for mode in ["async", ""] {
        let (_sim, session) = session(mode).await;
        let error = originate(session.client(), "sim/answer").await.unwrap_err();
        assert!(
            error.is_mode() && error.to_string().contains("`full`"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_switch_never_sees_a_kill_for_a_call_that_was_wanted() {
    let sim = Sim::builder().start().await.unwrap();
    let io = sim.connect();
    let client = genesis_client::Inbound::builder()
        .connect_over(io)
        .await
        .unwrap();
    let channel = originate(&client, "sim/answer").await.unwrap();
    let kept = channel.clone();
    drop(channel);
    tokio::time::sleep(seconds(300)).await;
    assert!(!kept.is_over() && sim.switch().has_channel(kept.uuid()));
}

#[tokio::test(start_paused = true)]
async fn legs_that_choose_their_own_unique_id_are_found_and_followed() {
    let (sim, client) = switch().await;
    let mut origination = Channel::originate_start(&client, "user/1000", options())
        .await
        .unwrap();
    let ringing = soon(origination.progress_changed(Progress::Dialing)).await;
    assert!(ringing >= Progress::Calling, "{ringing:?}");
    assert_eq!(origination.uuids(), sim.switch().channels());
    let channel = soon(origination.answered()).await.unwrap();
    assert_eq!(sim.switch().channels(), [channel.uuid()]);
    assert!(channel.was_answered());
    let uuid = sim
        .switch()
        .get_variable(channel.uuid(), "origination_uuid");
    assert_eq!(uuid, None, "several contacts would all get it");
}

#[tokio::test(start_paused = true)]
async fn a_session_finds_such_legs_too() {
    let (sim, session) = session("async full").await;
    for at in [10, 500] {
        let client = session.client();
        let origination = Channel::originate_start(client, "user/1000", options())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(at)).await;
        assert_eq!(origination.uuids().len(), 1);
        soon(origination.cancel(None)).await.unwrap();
        only_left(&sim, &[session.uuid()], Duration::from_millis(1)).await;
    }
}

/// The timeout and the answer are so close that the kill and the answer cross.
#[tokio::test(start_paused = true)]
async fn once_a_failure_is_told_nothing_is_left() {
    for delay in [1, 100, 300] {
        let (sim, client) = switch().await;
        let delayed = Duration::from_millis(delay);
        sim.faults().update(|plan| plan.reply_delay = Some(delayed));
        let options = options().timeout(Duration::from_millis(1200));
        let dial = "[originate_timeout=9]sim/answer?after=1300ms";
        let called = soon(Channel::originate(&client, dial, options)).await;
        match called {
            Ok(channel) => only_left(&sim, &[channel.uuid()], Duration::ZERO).await,
            Err(error) => {
                assert_eq!(error.hangup_cause(), Some(&HangupCause::NoAnswer));
                assert!(error.may_still_ring().is_empty(), "{error}");
                assert_eq!(sim.switch().session_count(), 0, "delay {delay}");
            }
        }
    }
}

/// The first link dies without a word while it rings, and somebody answers; later ones work.
async fn half_open(dial: &str) -> (Arc<Sim>, Client, Origination) {
    let (sim, client) = reconnecting().await;
    let options = options().timeout(seconds(4));
    let origination = Channel::originate_start(&client, dial, options)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let first = sim.faults().connections()[0];
    sim.faults().update_connection(first, |plan| {
        plan.stall_reads = true;
        plan.stall_writes = true;
    });
    (sim, client, origination)
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_behind_a_dead_link_is_named_and_hung_up_over_the_next() {
    for dial in ["sim/answer?after=3s", "user/1000"] {
        let (sim, _client, mut origination) = half_open(dial).await;
        let uuids = origination.uuids();
        let error = soon(origination.answered()).await.unwrap_err();
        assert!(error.is_not_answered(), "{error}");
        assert_eq!(error.may_still_ring(), uuids, "{error}");
        assert_eq!(sim.switch().channels(), uuids);
        soon(origination.gone()).await.unwrap();
        only_left(&sim, &[], Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_cancels_behind_a_dead_link_hears_of_the_end_when_it_came() {
    for dial in ["sim/answer?after=3s", "user/1000"] {
        let (sim, _client, origination) = half_open(dial).await;
        soon(origination.cancel(None)).await.unwrap();
        only_left(&sim, &[], Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_stays_silent_is_given_up_and_what_is_up_is_named() {
    let (sim, _client, origination) = half_open("sim/answer?after=3s").await;
    let uuids = origination.uuids();
    sim.faults().update(|plan| {
        plan.stall_reads = true;
        plan.stall_writes = true;
    });
    let error = soon(origination.cancel(None)).await.unwrap_err();
    assert_eq!(error.may_still_ring(), uuids, "{error}");
    assert_eq!(sim.switch().channels(), uuids);
}

#[tokio::test(start_paused = true)]
async fn exit_waits_for_what_was_dropped() {
    let (sim, client) = switch().await;
    let dial = "sim/answer?after=2s";
    let origination = Channel::originate_start(&client, dial, options())
        .await
        .unwrap();
    drop(origination);
    soon(client.exit()).await;
    only_left(&sim, &[], Duration::from_millis(1)).await;
}
