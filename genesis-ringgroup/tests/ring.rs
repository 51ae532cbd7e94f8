//! Ring groups on the simulated switch, in virtual time: one by one what the table of all
//! combinations does not show.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod ring_support;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use genesis_ringgroup::channel::client::proto::HangupCause;
use genesis_ringgroup::channel::{Channel, Pace};
use genesis_ringgroup::{
    Destination, ErrorKind, MemoryBalancer, Outcome, RingGroup, RingMode, RingStep,
};
use genesis_sim::Sim;
use ring_support::{
    Seen, clear, connect, ms, only_left, outcomes, seconds, soon, switch, switch_with, won,
};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn lesson_36_when_all_have_failed_the_answer_comes_at_once() {
    for mode in RingMode::ALL {
        let sim = switch().await;
        let client = connect(&sim).await;
        let group = RingGroup::new(["sim/busy?after=2s", "sim/reject", "sim/unregistered"]);
        let start = Instant::now();
        let mut ring = soon(group.mode(*mode).ring(&client)).await.unwrap();
        assert!(!ring.is_answered() && ring.channel().is_none());
        assert!(start.elapsed() < ms(2100), "{mode}: {:?}", start.elapsed());
        assert!(ring.duration() >= seconds(2), "{mode}");
        let expected = [
            Outcome::Failed(HangupCause::UserBusy),
            Outcome::Failed(HangupCause::CallRejected),
            Outcome::Failed(HangupCause::UserNotRegistered),
        ];
        assert_eq!(outcomes(&ring), expected, "{mode}");
        let text = ring.to_string();
        assert!(
            text.contains("sim/reject rejected the call (CALL_REJECTED)"),
            "{text}"
        );
        soon(ring.losers_gone()).await.unwrap();
        assert_eq!(sim.switch().session_count(), 0, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_answers_at_the_same_moment_one_wins() {
    // without the time that the switch takes for each, so that they answer in the same instant
    let sim = Sim::builder().listener(|options| options.bgapi_pace = Duration::ZERO);
    let sim = sim.start().await.unwrap();
    let client = connect(&sim).await;
    let mut seen = Seen::of(&sim);
    let group = RingGroup::new(["sim/answer?after=3s"; 20]).pace(Pace::Unlimited);
    let mut ring = soon(group.ring(&client)).await.unwrap();
    let up: Vec<_> = ring.destinations().iter().collect();
    assert!(up.iter().all(|report| report.uuid().is_some()));
    let winners = up
        .iter()
        .filter(|report| report.outcome == Outcome::Answered);
    assert_eq!(winners.count(), 1);
    soon(ring.losers_gone()).await.unwrap();
    let uuid = ring.channel().unwrap().uuid().to_owned();
    only_left(&sim, &[&uuid], seconds(1)).await;
    for report in ring.destinations() {
        let cause = report.uuid().and_then(|uuid| seen.cause(uuid));
        let expected = (report.outcome == Outcome::Lost).then_some(HangupCause::LoseRace);
        assert_eq!(cause, expected, "{report}");
    }
    // several had answered in the switch before one was chosen
    assert!(seen.answered() > 1);
    clear(&sim, ring).await;
}

#[tokio::test(start_paused = true)]
async fn a_delayed_destination_rings_later_or_not_at_all() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let mut seen = Seen::of(&sim);
    let late = Destination::new("sim/answer?after=1s").delay(seconds(10));
    let group = RingGroup::new(["sim/no_answer"]).destination(&late);
    let ring = soon(group.ring(&client)).await.unwrap();
    assert_eq!(won(&ring), 1);
    assert_eq!(outcomes(&ring), [Outcome::Lost, Outcome::Answered]);
    let called = ring.destinations()[1].called_after.unwrap();
    assert!(called >= seconds(10) && called < ms(10_100), "{called:?}");
    let lasted = ring.destinations()[1].duration;
    assert!(lasted >= seconds(1) && lasted < ms(1100), "{lasted:?}");
    clear(&sim, ring).await;
    assert_eq!(seen.created(), 2);

    // somebody answers before its time, and the time of the group is over before it
    for (other, timeout, outcome) in [
        ("sim/answer?after=9s", 60, Outcome::Answered),
        ("sim/no_answer", 10, Outcome::TimedOut),
    ] {
        let group = RingGroup::new([other]).destination(&late);
        let ring = group.timeout(seconds(timeout)).ring(&client).await.unwrap();
        assert_eq!(outcomes(&ring), [outcome, Outcome::NotTried]);
        assert!(ring.destinations()[1].called_after.is_none());
        clear(&sim, ring).await;
    }
    assert_eq!(seen.created(), 4);

    // one after the other it is a pause
    let group = RingGroup::new(["sim/busy"]).destination(&late);
    let ring = group
        .mode(RingMode::Sequential)
        .ring(&client)
        .await
        .unwrap();
    let called = ring.destinations()[1].called_after.unwrap();
    assert!(called >= seconds(10) && called < ms(10_100), "{called:?}");
    clear(&sim, ring).await;
}

#[tokio::test(start_paused = true)]
async fn a_ring_does_not_wait_for_a_turn_that_cannot_come() {
    for mode in RingMode::ALL {
        let sim = switch().await;
        let client = connect(&sim).await;
        let never = Destination::new("sim/answer").delay(seconds(60));
        let group = RingGroup::new(["sim/busy?after=2s"]).destination(never);
        let group = group.destination("sim/reject").mode(*mode);
        let ring = soon(group.ring(&client)).await.unwrap();
        let expected = [
            Outcome::Failed(HangupCause::UserBusy),
            Outcome::NotTried,
            Outcome::Failed(HangupCause::CallRejected),
        ];
        assert_eq!(outcomes(&ring), expected, "{mode}");
        let lasted = ring.duration();
        assert!(lasted >= seconds(2) && lasted < seconds(3), "{lasted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_before_the_command_left_calls_nobody() {
    for mode in [RingMode::Parallel, RingMode::Balancing] {
        let sim = switch().await;
        let client = connect(&sim).await;
        let balancer = MemoryBalancer::new();
        let group = RingGroup::new(["sim/answer", "sim/no_answer"])
            .mode(mode)
            .balancer(Arc::new(balancer.clone()));
        let mut seen = Seen::of(&sim);
        sim.faults().update(|plan| plan.reply_delay = Some(ms(200)));
        // the pace is asked for first (only once), then the events of the legs
        for (pace, after) in [
            (Pace::Unlimited, 100),
            (Pace::OfTheSwitch, 100),
            (Pace::OfTheSwitch, 300),
        ] {
            let group = group.clone().pace(pace);
            let ringing = group.start(&client).unwrap();
            tokio::time::sleep(ms(after)).await;
            ringing.cancel().await.unwrap();
            tokio::time::sleep(seconds(5)).await;
        }
        let group = group.pace(Pace::Unlimited);
        let dropped = tokio::time::timeout(ms(100), group.ring(&client)).await;
        assert!(dropped.is_err());
        tokio::time::sleep(seconds(5)).await;
        assert_eq!(seen.created(), 0, "{mode}");
        assert_eq!(balancer.snapshot().total(), 0, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_destinations_keep_to_what_the_switch_allows() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let mut seen = Seen::of(&sim);
    let ring = soon(RingGroup::new(["sim/busy"; 100]).ring(&client))
        .await
        .unwrap();
    assert_eq!(
        outcomes(&ring),
        vec![Outcome::Failed(HangupCause::UserBusy); 100]
    );
    assert_eq!(seen.created(), 100);
    // four fifths of the 30 that the switch allows
    assert_eq!(seen.busiest_second(), 24);
    assert!(ring.duration() >= ms(4400) && ring.duration() < seconds(5));

    // legs count, not destinations; and rings over one connection share the pace
    tokio::time::sleep(seconds(1)).await;
    let mut seen = Seen::of(&sim);
    let group = RingGroup::new(["sim/busy,sim/busy,sim/busy|sim/busy"; 20]);
    let rings = join_all((0..2).map(|_| group.ring(&client))).await;
    for ring in rings {
        assert_eq!(
            outcomes(&ring.unwrap()),
            vec![Outcome::Failed(HangupCause::UserBusy); 20]
        );
    }
    assert_eq!(seen.created(), 160);
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_first_in_a_large_group_is_called_first() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let group = RingGroup::new(["sim/busy"; 300]);
    let ring = soon(group.ring(&client)).await.unwrap();
    let called = ring.destinations().iter().map(|report| report.called_after);
    let called: Vec<Duration> = called.flatten().collect();
    assert_eq!(called.len(), 300);
    assert!(called.is_sorted(), "{called:?}");
}

#[tokio::test(start_paused = true)]
async fn destinations_that_were_not_called_do_not_slow_the_next_ring() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let mut names = vec!["sim/no_answer"; 500];
    names[0] = "sim/answer?after=2s";
    let ring = soon(RingGroup::new(names).ring(&client)).await.unwrap();
    let tried = outcomes(&ring);
    let waiting = tried
        .iter()
        .filter(|outcome| **outcome == Outcome::NotTried);
    assert!(waiting.count() > 400);
    clear(&sim, ring).await;
    let ring = soon(RingGroup::new(["sim/answer"]).ring(&client))
        .await
        .unwrap();
    assert!(ring.duration() <= seconds(1), "{:?}", ring.duration());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_destinations_at_once() {
    let sim = switch_with(|options| {
        options.sessions_per_second = 100_000;
        options.max_sessions = 10_000;
    })
    .await;
    let client = connect(&sim).await;
    let mut seen = Seen::of(&sim);
    let mut names = vec!["sim/no_answer"; 1000];
    names[777] = "sim/answer?after=20s";
    let group = RingGroup::new(names).pace(Pace::Unlimited);
    let mut ring = soon(group.ring(&client)).await.unwrap();
    assert_eq!(won(&ring), 777);
    assert_eq!(seen.created(), 1000);
    soon(ring.losers_gone()).await.unwrap();
    let uuid = ring.channel().unwrap().uuid().to_owned();
    only_left(&sim, &[&uuid], seconds(5)).await;
    let causes = seen.causes();
    assert_eq!(causes, vec![HangupCause::LoseRace; 999]);
}

#[tokio::test(start_paused = true)]
async fn own_times_end_when_they_should() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let first = Destination::new("sim/no_answer").timeout(ms(2500));
    // all legs of a failover together
    let second = Destination::new("sim/no_answer|sim/answer").timeout(seconds(4));
    let third = Destination::new("[leg_timeout=1]sim/no_answer|sim/answer");
    let group = RingGroup::new([first, second, third]).mode(RingMode::Sequential);
    let ring = soon(group.ring(&client)).await.unwrap();
    use Outcome::{Answered, TimedOut};
    assert_eq!(outcomes(&ring), [TimedOut, TimedOut, Answered]);
    let lasted: Vec<_> = ring.destinations().iter().map(|one| one.duration).collect();
    for (lasted, expected) in lasted.iter().zip([2500, 4000, 1000]) {
        assert!(
            *lasted >= ms(expected) && *lasted < ms(expected + 50),
            "{lasted:?}"
        );
    }
    clear(&sim, ring).await;

    // the time of the group goes before; who rings a fraction of a second is hung up by us, too
    let mut seen = Seen::of(&sim);
    let long = Destination::new("sim/no_answer").timeout(seconds(100));
    let group = RingGroup::new([long]).timeout(ms(300));
    let mut ring = group.ring(&client).await.unwrap();
    assert_eq!(ring.duration(), ms(300));
    assert_eq!(outcomes(&ring), [TimedOut]);
    ring.losers_gone().await.unwrap();
    only_left(&sim, &[], seconds(1)).await;
    assert_eq!(seen.causes(), [HangupCause::NoAnswer]);
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_told_before_anything_is_sent() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let fine = || RingGroup::new(["sim/answer"]);
    let none: [&str; 0] = [];
    let uuid = |uuid: &str| Destination::new("sim/answer").variable("origination_uuid", uuid);
    let cases = [
        (RingGroup::new(none), "no destination"),
        (fine().destination(""), "destination 1"),
        (fine().destination("[a=b"), "destination 1:"),
        (fine().destination("sim/a\nb"), "destination 1"),
        (
            fine().destination(Destination::new("sim/1").variable("a", "b\nc")),
            "destination 1 (sim/1)",
        ),
        (fine().variable("a", "b\nc"), "destination 0 (sim/answer)"),
        (fine().timeout(Duration::ZERO), "0ns"),
        (fine().timeout(Duration::MAX), "at most a day"),
        (
            fine().destination(Destination::new("sim/1").timeout(Duration::ZERO)),
            "destination 1 (sim/1)",
        ),
        (RingGroup::new([uuid("a"), uuid("a")]), "Unique-ID a"),
        (
            RingGroup::new(["sim/1", "sim/2"]).variable("origination_uuid", "a"),
            "Unique-ID a",
        ),
        (
            fine().destination("[origination_uuid=a]sim/1,[origination_uuid=a]sim/2"),
            "destination 1",
        ),
        (RingGroup::new(["sim/answer"; 10_001]), "10001"),
    ];
    let mut seen = Seen::of(&sim);
    for (group, expected) in cases {
        let error = group.ring(&client).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(error.to_string().contains(expected), "{error}: {expected}");
        assert!(group.start(&client).is_err());
    }
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(seen.created(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_each_destination_does_is_told_as_it_happens() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let group = RingGroup::new([
        Destination::new("sim/busy?after=1s"),
        Destination::new("sim/answer?after=5s&early_media=true"),
        Destination::new("sim/no_answer").timeout(seconds(3)),
        Destination::new("sim/no_answer"),
        Destination::new("sim/no_answer").delay(seconds(30)),
    ]);
    let mut ringing = group.start(&client).unwrap();
    let mut told: HashMap<usize, Vec<String>> = HashMap::new();
    let mut last = Duration::ZERO;
    while let Some(event) = ringing.next_event().await {
        assert!(event.at >= last, "{event:?}");
        last = event.at;
        if let RingStep::Dialing { uuid } = &event.what {
            assert!(sim.switch().has_channel(uuid));
        }
        told.entry(event.destination).or_default().push(format!(
            "{}: {}",
            event.at.as_secs(),
            event.what
        ));
    }
    let expected = [
        ["0: dialing", "0: ringing", "1: busy (USER_BUSY)"].as_slice(),
        &["0: dialing", "0: early media", "5: answered"],
        &["0: dialing", "0: ringing", "3: did not answer in time"],
        &[
            "0: dialing",
            "0: ringing",
            "5: hung up, another answered first",
        ],
    ];
    for (index, expected) in expected.iter().enumerate() {
        assert_eq!(told[&index], *expected);
    }
    assert_eq!(told.len(), 4);
    // what was told is what is reported
    let ring = ringing.await.unwrap();
    let uuid = ring.channel().unwrap().uuid().to_owned();
    assert_eq!(won(&ring), 1);
    assert_eq!(outcomes(&ring)[4], Outcome::NotTried);
    only_left(&sim, &[&uuid], seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_takes_is_hung_up() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let group = RingGroup::new(["sim/answer?after=1s", "sim/no_answer"]);
    for cancel in [false, true] {
        let mut seen = Seen::of(&sim);
        let mut ringing = group.start(&client).unwrap();
        while ringing.next_event().await.is_some() {}
        tokio::time::sleep(seconds(1)).await;
        assert_eq!(sim.switch().channels().len(), 1);
        if cancel {
            ringing.cancel().await.unwrap();
            assert!(sim.switch().channels().is_empty());
        } else {
            drop(ringing);
        }
        only_left(&sim, &[], seconds(1)).await;
        let mut causes = seen.causes();
        causes.sort_by_key(ToString::to_string);
        // one lost, the other had won for nothing
        assert_eq!(
            causes,
            [HangupCause::LoseRace, HangupCause::OriginatorCancel]
        );
    }
    // a result that was taken and dropped leaves the call alone
    let ring = group.ring(&client).await.unwrap();
    let uuid = ring.channel().unwrap().uuid().to_owned();
    drop(ring);
    tokio::time::sleep(seconds(30)).await;
    assert!(sim.switch().has_channel(&uuid));
}

#[tokio::test(start_paused = true)]
async fn dropped_at_every_step_nothing_is_left() {
    for mode in [RingMode::Parallel, RingMode::Balancing] {
        let sim = switch_with(|options| options.sessions_per_second = 100_000).await;
        let client = connect(&sim).await;
        let balancer = MemoryBalancer::new();
        let group = RingGroup::new(["sim/answer?after=3ms", "sim/answer?after=3ms", "sim/busy"])
            .mode(mode)
            .pace(Pace::Unlimited)
            .balancer(Arc::new(balancer.clone()));
        let mut answered = false;
        let mut steps = 0;
        while !answered {
            let mut ring = Box::pin(group.ring(&client));
            // each turn lets every other task run once
            for _ in 0..steps {
                if let Poll::Ready(ring) = poll_fn(|cx| Poll::Ready(ring.as_mut().poll(cx))).await {
                    answered = true;
                    clear(&sim, ring.unwrap()).await;
                    break;
                }
                tokio::task::yield_now().await;
                if steps % 2 == 1 {
                    tokio::time::advance(Duration::from_micros(100)).await;
                }
            }
            drop(ring);
            only_left(&sim, &[], seconds(5)).await;
            steps += 1;
            assert!(steps < 1000);
        }
        assert!(steps > 10, "{mode}: {steps}");
        tokio::time::sleep(seconds(1)).await;
        assert_eq!(balancer.snapshot().total(), 0, "{mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_answers_and_hangs_up_at_once_is_no_winner() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let short = "sim/answer?after=1s&hangup_after=0s";
    let group = RingGroup::new([short, "sim/answer?after=3s"]);
    let ring = soon(group.ring(&client)).await.unwrap();
    assert_eq!(won(&ring), 1);
    println!("{ring:?}");
    let first = &outcomes(&ring)[0];
    assert_eq!(first.cause(), Some(&HangupCause::NormalClearing), "{first}");
    assert!(!ring.channel().unwrap().is_over());
}

#[tokio::test(start_paused = true)]
async fn round_robin_begins_one_further_each_time() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let group = RingGroup::new(["sim/answer", "sim/busy", "sim/answer"]);
    let group = group.mode(RingMode::RoundRobin).pace(Pace::Unlimited);
    let mut winners = Vec::new();
    for turn in 0..7 {
        // clones count together
        let ring = match turn % 2 {
            0 => soon(group.ring(&client)).await.unwrap(),
            _ => soon(group.clone().ring(&client)).await.unwrap(),
        };
        winners.push(won(&ring));
        clear(&sim, ring).await;
    }
    // the busy one's turn goes to the next
    assert_eq!(winners, [0, 2, 2, 0, 2, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn weights_are_how_often_a_destination_is_the_first() {
    let sim = switch_with(|options| options.sessions_per_second = 100_000).await;
    let client = connect(&sim).await;
    let weighted = |weight| Destination::new("sim/answer").weight(weight);
    let group = RingGroup::new([weighted(1), weighted(3), weighted(0)]);
    let group = group
        .mode(RingMode::WeightedRandom)
        .pace(Pace::Unlimited)
        .seed(11);
    let mut winners = [0; 3];
    for _ in 0..200 {
        let ring = soon(group.ring(&client)).await.unwrap();
        winners[won(&ring)] += 1;
        clear(&sim, ring).await;
    }
    assert_eq!(winners[2], 0, "{winners:?}");
    assert!((35..=65).contains(&winners[0]), "{winners:?}");
}

#[tokio::test(start_paused = true)]
async fn rings_at_once_over_one_connection_do_not_mix() {
    let sim = switch_with(|options| options.sessions_per_second = 100_000).await;
    let client = connect(&sim).await;
    let rings = (0..50_u64).map(|n| {
        let client = client.clone();
        async move {
            let winner = Destination::new(format!("sim/answer?after={}ms", 1000 + n * 37))
                .variable("ring", n.to_string());
            let group = RingGroup::new(["sim/no_answer", "sim/busy"]).destination(winner);
            let group = group
                .mode(RingMode::ALL[(n % 2) as usize])
                .timeout(seconds(9));
            group.pace(Pace::Unlimited).ring(&client).await.unwrap()
        }
    });
    let rings = soon(join_all(rings)).await;
    let mut kept = Vec::new();
    for (n, ring) in rings.iter().enumerate() {
        // in turn the silent one takes all the time
        if n % 2 == 1 {
            use Outcome::{NotTried, TimedOut};
            assert_eq!(outcomes(ring), [TimedOut, NotTried, NotTried]);
            continue;
        }
        assert_eq!(won(ring), 2);
        let uuid = ring.channel().unwrap().uuid();
        let variable = sim.switch().get_variable(uuid, "ring");
        assert_eq!(variable, Some(n.to_string()));
        kept.push(uuid);
    }
    only_left(&sim, &kept, seconds(1)).await;
    assert_eq!(sim.switch().session_count(), 25);
}

#[tokio::test(start_paused = true)]
async fn options_reach_the_legs() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let own = Destination::new("[colour=blue]sim/busy|sim/answer?after=1s")
        .variable("shape", "round")
        .variable("size", "own, 'quoted'");
    let group = RingGroup::new([own])
        .variable("size", "all")
        .variable("tone", "all")
        .variable("colour", "all")
        .caller_id("Sales & more", "3200")
        .application("playback", "local_stream://moh");
    let ring = soon(group.ring(&client)).await.unwrap();
    let channel = ring.channel().unwrap();
    for (name, value) in [
        ("shape", "round"),
        ("size", "own, 'quoted'"),
        ("tone", "all"),
        ("colour", "all"),
        ("ignore_early_media", "true"),
        ("origination_caller_id_name", "Sales & more"),
        ("origination_caller_id_number", "3200"),
    ] {
        let set = sim.switch().get_variable(channel.uuid(), name);
        assert_eq!(set.as_deref(), Some(value), "{name}");
    }
    let shown = sim.switch().api("show", "channels").await;
    assert!(shown.contains("local_stream://moh"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_group_rings_inside_a_runtime_only() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let outside = std::thread::spawn(move || {
        let error = RingGroup::new(["sim/answer"]).start(&client).unwrap_err();
        (error.kind().clone(), client)
    });
    let (kind, _client) = outside.join().unwrap();
    assert_eq!(kind, ErrorKind::InvalidArgument);
}

#[tokio::test(start_paused = true)]
async fn lesson_42_what_variables_hold_does_not_show() {
    let sim = switch().await;
    let client = connect(&sim).await;
    let dials = [
        "{sip_auth_password=hunter2}sim/busy",
        "[sip_auth_password=hunter2]sim/reject|nosuch/1",
        "{sip_auth_password=hunter2}sim/unregistered",
    ];
    let group = RingGroup::new(dials)
        .destination(Destination::new("sim/busy").variable("sip_auth_password", "hunter2"))
        .variable("sip_auth_password", "hunter2");
    let mut shown = format!("{group:?}");
    let mut ringing = group.start(&client).unwrap();
    while let Some(event) = ringing.next_event().await {
        shown += &format!("{event:?} {}", event.what);
    }
    let ring = ringing.await.unwrap();
    shown += &format!("{ring} {ring:?}");
    assert!(shown.contains("sim/reject|nosuch/1"), "{shown}");
    for bad in [
        Destination::new("[sip_auth_password=hunter2"),
        Destination::new("sim/1").variable("sip_auth_password", "hunter2\n"),
        Destination::new("[sip_auth_password=hunter2,origination_uuid=a]sim/1"),
    ] {
        let group = RingGroup::new(["[origination_uuid=a]sim/2"]).destination(bad);
        let error = group.ring(&client).await.unwrap_err();
        shown += &format!("{group:?} {error} {error:?}");
    }
    for dial in dials {
        let options = genesis_ringgroup::channel::OriginateOptions::new();
        let error = Channel::originate(&client, dial, options)
            .await
            .unwrap_err();
        shown += &format!("{error} {error:?}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}
