//! Every mode with everything that a destination, a link and a caller can do: the right winner,
//! everybody else hung up with the right cause, nothing left over, all counts given back.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod ring_support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use genesis_ringgroup::channel::client::Client;
use genesis_ringgroup::channel::client::proto::HangupCause;
use genesis_ringgroup::{Destination, MemoryBalancer, Outcome, Ring, RingGroup, RingMode};
use genesis_sim::Sim;
use ring_support::{Seen, connect, only_left, reconnecting, seconds, soon, switch};

const LOSER: HangupCause = HangupCause::PickedOff;

/// What happens besides the calls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    Nothing,
    /// The link is cut after 2 s, and made again.
    Cut,
    /// The link is cut after 2 s, and cannot be made again for this many seconds.
    Away(u64),
    /// The link is lost after 2 s, for good.
    Lost,
    /// The caller gives up after 2 s: the future is dropped.
    Dropped,
    /// The caller gives up after 2 s by `cancel`.
    Cancelled,
    /// The caller gives up while the link is away.
    DroppedAway,
    /// The time of the ring is up while the link is away.
    TooLongAway,
}

/// What the ring ends with, and what becomes of the destination in question, of the one that never
/// answers (own time 40 s), and of the one that answers after 30 s.
#[derive(Clone, Debug)]
enum Expected {
    Answered(usize, [Outcome; 3]),
    Nobody([Outcome; 3]),
    /// The connection is lost; so many may still ring.
    Disconnected(usize),
    /// So many rang when the caller gave up.
    GivenUp(usize),
}

struct Case {
    name: &'static str,
    subject: Destination,
    meanwhile: Meanwhile,
    parallel: Expected,
    in_turn: Expected,
}

fn cases() -> Vec<Case> {
    use Expected::{Answered, Disconnected, GivenUp, Nobody};
    use Outcome::{Answered as Won, Failed, Lost, NotTried, TimedOut};
    let case = |name, subject: &str, meanwhile, parallel, in_turn| Case {
        name,
        subject: Destination::new(subject),
        meanwhile,
        parallel,
        in_turn,
    };
    let wins = || Answered(0, [Won, Lost, Lost]);
    let wins_in_turn = || Answered(0, [Won, NotTried, NotTried]);
    let fails = |cause: HangupCause| Answered(2, [Failed(cause), Lost, Won]);
    let fails_in_turn = |cause: HangupCause| Answered(2, [Failed(cause), TimedOut, Won]);
    let still = Meanwhile::Nothing;
    let mut cases = vec![
        case(
            "answers",
            "sim/answer?after=1s",
            still,
            wins(),
            wins_in_turn(),
        ),
        case(
            "no answer",
            "sim/no_answer",
            still,
            Answered(2, [Lost, Lost, Won]),
            Nobody([TimedOut, NotTried, NotTried]),
        ),
        case(
            "answers late",
            "sim/answer?after=20s",
            still,
            Answered(2, [TimedOut, Lost, Won]),
            Answered(2, [TimedOut, TimedOut, Won]),
        ),
        case(
            "early media is no answer",
            "sim/answer?after=20s&early_media=true",
            still,
            Answered(2, [TimedOut, Lost, Won]),
            Answered(2, [TimedOut, TimedOut, Won]),
        ),
        case(
            "answers and hangs up",
            "sim/answer?after=1s&hangup_after=2s",
            still,
            wins(),
            wins_in_turn(),
        ),
    ];
    for late in &mut cases[2..4] {
        late.subject = late.subject.clone().timeout(seconds(10));
    }
    for (name, dial, cause) in [
        ("busy", "sim/busy", HangupCause::UserBusy),
        (
            "busy after ringing",
            "sim/busy?after=3s",
            HangupCause::UserBusy,
        ),
        ("reject", "sim/reject?after=3s", HangupCause::CallRejected),
        (
            "unregistered",
            "sim/unregistered",
            HangupCause::UserNotRegistered,
        ),
        (
            "no such endpoint",
            "nosuch/1",
            HangupCause::ChanNotImplemented,
        ),
    ] {
        let (parallel, in_turn) = (fails(cause.clone()), fails_in_turn(cause));
        cases.push(case(name, dial, still, parallel, in_turn));
    }
    let rings = "sim/answer?after=4s";
    for (name, meanwhile) in [
        (
            "link lost while ringing, answers afterwards",
            Meanwhile::Cut,
        ),
        (
            "link lost while ringing, answers meanwhile",
            Meanwhile::Away(8),
        ),
    ] {
        cases.push(case(name, rings, meanwhile, wins(), wins_in_turn()));
    }
    cases.push(case(
        "link lost while ringing, the time is up meanwhile",
        "sim/answer?after=200s",
        Meanwhile::TooLongAway,
        Nobody([TimedOut, TimedOut, TimedOut]),
        Nobody([TimedOut, NotTried, NotTried]),
    ));
    cases.push(case(
        "link lost while ringing, for good",
        rings,
        Meanwhile::Lost,
        Disconnected(3),
        Disconnected(1),
    ));
    for (name, meanwhile) in [
        ("caller gives up, the future is dropped", Meanwhile::Dropped),
        ("caller gives up by cancel", Meanwhile::Cancelled),
        (
            "caller gives up while the link is away",
            Meanwhile::DroppedAway,
        ),
    ] {
        cases.push(case(name, rings, meanwhile, GivenUp(3), GivenUp(1)));
    }
    cases
}

/// The group of a case. In every mode the destination in question is the first to have its turn.
fn group(case: &Case, mode: RingMode, balancer: &MemoryBalancer) -> RingGroup {
    // the link is back before the switch ends the calls by itself
    let timeout = match case.meanwhile {
        Meanwhile::TooLongAway => 6,
        _ => 120,
    };
    let quiet = Destination::new("sim/no_answer").timeout(seconds(40));
    RingGroup::new([case.subject.clone()])
        .destination(quiet.weight(0).delay(Duration::ZERO))
        .destination(Destination::new("sim/answer?after=30s").weight(0))
        .mode(mode)
        .timeout(seconds(timeout))
        .loser_cause(LOSER)
        .balancer(Arc::new(balancer.clone()))
}

#[tokio::test(start_paused = true)]
async fn every_mode_with_everything_that_can_happen() {
    let mut tried = 0;
    for mode in RingMode::ALL {
        for case in cases() {
            println!("{mode}: {}", case.name);
            // the order of the two with weight 0 is drawn
            let seed = (0..).find(|seed| draws_in_order(*seed)).unwrap();
            run(&case, *mode, seed).await;
            tried += 1;
        }
    }
    assert_eq!(tried, RingMode::ALL.len() * 17);
}

/// Whether a weighted order of this seed has the second destination before the third.
fn draws_in_order(seed: u64) -> bool {
    let mut random = fastrand::Rng::with_seed(seed);
    let _first = random.f64();
    let (second, third) = (1.0 - random.f64(), 1.0 - random.f64());
    second < third
}

async fn run(case: &Case, mode: RingMode, seed: u64) {
    let what = format!("{mode}: {}", case.name);
    let sim = switch().await;
    let client = match case.meanwhile {
        Meanwhile::Lost => connect(&sim).await,
        _ => reconnecting(&sim).await,
    };
    let mut seen = Seen::of(&sim);
    let balancer = MemoryBalancer::new();
    let group = group(case, mode, &balancer).seed(seed);
    let expected = match mode {
        RingMode::Parallel => case.parallel.clone(),
        _ => case.in_turn.clone(),
    };
    match expected {
        Expected::GivenUp(rang) => give_up(case, &group, &sim, &client, &balancer, rang).await,
        Expected::Disconnected(rang) => {
            let error = soon(both(group.ring(&client), disturb(case.meanwhile, &sim))).await;
            let error = error.unwrap_err();
            assert!(error.is_disconnected(), "{what}: {error}");
            let left: BTreeSet<_> = error.may_still_ring().iter().cloned().collect();
            let up: BTreeSet<_> = sim.switch().channels().into_iter().collect();
            assert_eq!(left.len(), rang, "{what}: {error}");
            assert_eq!(left, up, "{what}");
            assert!(left.iter().all(|uuid| error.to_string().contains(uuid)));
            // the switch ends what nobody can hang up, unless somebody answers
            tokio::time::sleep(seconds(130)).await;
            let answered = sim.switch().channels();
            assert_eq!(answered.len(), rang.div_ceil(2), "{what}");
            for uuid in answered {
                sim.switch().api("uuid_kill", &uuid).await;
            }
        }
        Expected::Answered(winner, outcomes) => {
            let ring = soon(both(group.ring(&client), disturb(case.meanwhile, &sim))).await;
            let mut ring = ring.unwrap();
            let told = ring.destinations().iter().map(|one| &one.outcome);
            assert_eq!(
                told.collect::<Vec<_>>(),
                outcomes.iter().collect::<Vec<_>>(),
                "{what}"
            );
            let by = ring.answered_by().unwrap();
            assert_eq!(by.index, winner, "{what}");
            let channel = ring.channel().unwrap().clone();
            assert_eq!(by.uuid(), Some(channel.uuid()), "{what}");
            assert!(channel.was_answered(), "{what}");
            let counted = u64::from(mode == RingMode::Balancing);
            assert_eq!(balancer.snapshot().total(), counted, "{what}");
            soon(ring.losers_gone()).await.unwrap();
            only_left(&sim, &[channel.uuid()], seconds(5)).await;
            check_causes(&mut seen, &ring, &what);
            if case.name != "answers and hangs up" {
                assert!(sim.switch().has_channel(channel.uuid()), "{what}");
                channel.hangup(None).await.unwrap();
            }
            let cause = soon(channel.ended_with()).await.unwrap();
            assert_eq!(cause, Some(HangupCause::NormalClearing), "{what}");
        }
        Expected::Nobody(outcomes) => {
            let ring = soon(both(group.ring(&client), disturb(case.meanwhile, &sim))).await;
            let mut ring = ring.unwrap();
            let told = ring.destinations().iter().map(|one| &one.outcome);
            assert_eq!(
                told.collect::<Vec<_>>(),
                outcomes.iter().collect::<Vec<_>>(),
                "{what}"
            );
            assert!(!ring.is_answered(), "{what}");
            soon(ring.losers_gone()).await.unwrap();
            only_left(&sim, &[], seconds(5)).await;
            check_causes(&mut seen, &ring, &what);
        }
    }
    only_left(&sim, &[], seconds(5)).await;
    assert_eq!(sim.switch().session_count(), 0, "{what}");
    given_back(&balancer, &what).await;
}

/// The ring, and what happens meanwhile.
async fn both<T>(ring: impl Future<Output = T>, meanwhile: impl Future<Output = ()>) -> T {
    let (ring, ()) = tokio::join!(ring, meanwhile);
    ring
}

async fn disturb(meanwhile: Meanwhile, sim: &Sim) {
    if meanwhile == Meanwhile::Nothing {
        return;
    }
    tokio::time::sleep(seconds(2)).await;
    let away = match meanwhile {
        Meanwhile::Away(time) => seconds(time),
        Meanwhile::DroppedAway => seconds(8),
        Meanwhile::TooLongAway => seconds(5),
        _ => Duration::ZERO,
    };
    sim.faults().refuse_connections(!away.is_zero());
    sim.faults().cut_all();
    tokio::time::sleep(away).await;
    sim.faults().refuse_connections(false);
}

async fn give_up(
    case: &Case,
    group: &RingGroup,
    sim: &Sim,
    client: &Client,
    balancer: &MemoryBalancer,
    rang: usize,
) {
    let mut seen = Seen::of(sim);
    match case.meanwhile {
        Meanwhile::Cancelled => {
            let ringing = group.start(client).unwrap();
            tokio::time::sleep(seconds(2)).await;
            assert_eq!(sim.switch().session_count(), rang);
            soon(ringing.cancel()).await.unwrap();
            assert_eq!(balancer.snapshot().total(), 0);
        }
        Meanwhile::DroppedAway => {
            let dropped = tokio::time::timeout(seconds(5), group.ring(client));
            let (dropped, ()) = tokio::join!(dropped, disturb(case.meanwhile, sim));
            assert!(dropped.is_err());
        }
        _ => {
            let dropped = tokio::time::timeout(seconds(2), group.ring(client)).await;
            assert!(dropped.is_err());
        }
    }
    only_left(sim, &[], seconds(60)).await;
    let causes = seen.causes();
    // the one that answers after 4 s has answered while the link was away, and is hung up all the same
    let cause = HangupCause::OriginatorCancel;
    assert_eq!(causes, vec![cause; rang], "{}", case.name);
}

/// Everybody who was hung up by the group was, with the cause for that; everybody else ended by
/// themselves. The report says the same.
fn check_causes(seen: &mut Seen, ring: &Ring, what: &str) {
    for report in ring.destinations() {
        let cause = report.uuid().and_then(|uuid| seen.cause(uuid));
        let expected = match &report.outcome {
            Outcome::Lost => Some(LOSER),
            Outcome::TimedOut => Some(HangupCause::NoAnswer),
            // nobody to be seen when there was no channel
            Outcome::Failed(HangupCause::UserNotRegistered | HangupCause::ChanNotImplemented) => {
                assert_eq!(report.cause.as_ref(), report.outcome.cause(), "{what}");
                continue;
            }
            Outcome::Failed(cause) => Some(cause.clone()),
            Outcome::NotTried => None,
            _ => continue,
        };
        assert_eq!(cause, expected, "{what}: {report}");
        assert_eq!(report.cause, expected, "{what}: {report}");
    }
}

/// All counts are given back.
async fn given_back(balancer: &MemoryBalancer, what: &str) {
    for _ in 0..100 {
        if balancer.snapshot().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: still counted: {:?}", balancer.snapshot());
}
