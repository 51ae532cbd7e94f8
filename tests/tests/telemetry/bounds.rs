//! Series are bounded, whatever arrives; and what is installed is used.

use std::collections::{BTreeMap, BTreeSet};

use genesis_otel::vocabulary::{metrics, values};
use genesis_otel::{Lifecycle, Telemetry};
use genesis_proto::name::{AnswerState, ChannelState, HangupCause};
use genesis_proto::{Event, EventName};
use metrics_util::debugging::DebuggingRecorder;

use crate::{Watch, events, total};

/// A value that is known, or one that nobody knows.
fn value(random: &mut fastrand::Rng, known: &[&str]) -> String {
    if random.u8(..4) > 0 {
        random.choice(known).unwrap().to_string()
    } else {
        format!("hostile-{}", random.u64(..))
    }
}

#[test]
fn lesson_44_a_hundred_thousand_hostile_values_make_few_series() {
    let watch = Watch::with(|builder| builder.exclude_events(["*"]));
    // several connections share the bound
    let mut lifecycles: Vec<_> = (0..3).map(|_| Lifecycle::new(&watch.telemetry)).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let names: Vec<&str> = EventName::ALL_KNOWN.iter().map(EventName::as_str).collect();
    let causes: Vec<&str> = HangupCause::ALL_KNOWN
        .iter()
        .map(HangupCause::as_str)
        .collect();
    let states: Vec<&str> = ChannelState::ALL_KNOWN
        .iter()
        .map(ChannelState::as_str)
        .collect();
    let answers: Vec<&str> = AnswerState::ALL_KNOWN
        .iter()
        .map(AnswerState::as_str)
        .collect();
    let headers: [(&str, &[&str]); 13] = [
        ("Event-Subclass", values::SUBCLASSES),
        ("Call-Direction", &["inbound", "outbound"]),
        ("Channel-State", &states),
        ("Answer-State", &answers),
        ("Hangup-Cause", &causes),
        ("Application", values::APPLICATIONS),
        ("Application-Response", &["_none_", "PLAYBACK ERROR"]),
        ("Channel-Read-Codec-Name", values::CODECS),
        ("Channel-Write-Codec-Name", values::CODECS),
        ("variable_hangup_cause_q850", values::Q850),
        ("DTMF-Digit", values::DIGITS),
        ("Unique-ID", &["a"]),
        ("Core-UUID", &["core"]),
    ];
    for _ in 0..100_000 {
        let mut event = Event::builder(EventName::from(&*value(&mut random, &names)));
        for (name, known) in headers {
            event.push(name, value(&mut random, known)).unwrap();
        }
        let event = event.build();
        let lifecycle = random.choice(&mut lifecycles).unwrap();
        lifecycle.on_event(&event);
        drop(lifecycle.process(&event));
    }
    let metrics = watch.metrics();
    assert!(
        metrics.len() > 500 && metrics.len() <= 2_000,
        "{}",
        metrics.len()
    );
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for series in &metrics {
        *by_name.entry(&series.name).or_default() += 1;
        for value in series.labels.values() {
            assert!(!value.contains("hostile"), "{series:?}");
        }
    }
    for (name, series) in by_name {
        let most = metrics::named(name).unwrap().max_series;
        assert!(series <= most, "{name}: {series} of {most}");
    }
    assert_eq!(total(&metrics, "genesis_events_received_total"), 100_000);
}

#[test]
fn real_traffic_stays_below_the_bounds() {
    let watch = Watch::new();
    for recording in crate::RECORDINGS {
        watch.replay(&events(recording));
    }
    let metrics = watch.metrics();
    let received = metrics
        .iter()
        .filter(|series| series.name == "genesis_events_received_total");
    let (mut count, mut other) = (0, 0);
    for series in received {
        count += 1;
        other += usize::from(series.labels["event_name"] == values::OTHER);
    }
    assert!(count < 300, "{count}");
    assert_eq!(other, 0);
}

#[test]
fn labels_have_one_order_and_bools_one_spelling() {
    assert_eq!([values::bool(true), values::bool(false)], values::BOOLS);
    let watch = Watch::new();
    watch.replay(&events("call_full_plain"));
    let orders: BTreeSet<Vec<String>> = watch
        .snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "genesis_events_received_total")
        .map(|(key, ..)| {
            key.key()
                .labels()
                .map(|label| label.key().to_owned())
                .collect()
        })
        .collect();
    let metric = metrics::EVENTS_RECEIVED_TOTAL;
    let order: Vec<&str> = metric.labels.iter().chain(metric.when).copied().collect();
    assert!(orders.len() > 1);
    for labels in orders {
        let places: Vec<_> = labels
            .iter()
            .map(|label| order.iter().position(|o| o == label))
            .collect();
        assert!(places.is_sorted() && !places.contains(&None), "{labels:?}");
    }
}

#[test]
fn the_recorder_that_is_installed_is_used_by_the_next_connection() {
    let telemetry = Telemetry::builder().metric_prefix("my_").build();
    let events = events("sofia_register");
    let mut early = Lifecycle::new(&telemetry);
    // the first span shows that nobody is there
    drop(early.process(&events[0]));
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    ::metrics::with_local_recorder(&recorder, || {
        early.on_event(&events[0]);
        let mut late = Lifecycle::new(&telemetry);
        late.on_event(&events[0]);
    });
    let names: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, description, _)| {
            assert!(description.is_some());
            key.key().name().to_owned()
        })
        .collect();
    assert!(
        names.contains(&"my_genesis_events_received_total".to_owned()),
        "{names:?}"
    );
    assert!(!early.is_active());
}

#[test]
fn lag_is_measured_against_the_smallest_difference_of_the_clocks() {
    use std::time::{Duration, UNIX_EPOCH};

    let watch = Watch::new();
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    let at = |micros: u64| {
        Event::builder(EventName::Heartbeat)
            .header("Event-Date-Timestamp", micros.to_string())
            .unwrap()
            .build()
    };
    let read = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    // the clock of the switch is 100 s ahead
    lifecycle.on_event_at(&at(1_100_000_000), read(1_000));
    lifecycle.on_event_at(&at(1_101_000_000), read(1_004));
    let lag = watch.metrics();
    let lag = lag
        .iter()
        .find(|series| series.name == "genesis_event_lag_seconds")
        .unwrap();
    assert!((lag.gauge() - 3.0).abs() < 1e-9, "{lag:?}");
}
