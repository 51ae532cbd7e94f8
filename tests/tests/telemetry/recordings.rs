//! Recorded traffic, replayed: every span and every metric that events make.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use genesis_otel::vocabulary::{metrics, sources, spans, values};
use genesis_proto::Event;
use genesis_proto::name::{AnswerState, CallDirection, ChannelState, EventName, HangupCause};
use genesis_tests::Recording;
use metrics_util::MetricKind;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;

use crate::contract::{contract, entries, list, text};
use crate::{RECORDINGS, Series, Watch, attribute, events, level, named, readable_events, total};

/// The metrics that events feed.
const FROM_EVENTS: [&str; 13] = [
    "genesis_events_received_total",
    "genesis_event_lag_seconds",
    "genesis_events_without_sip_call_id_total",
    "genesis_calls_active",
    "genesis_call_duration_seconds",
    "genesis_channel_hangup_causes_total",
    "genesis_channel_hangup_causes_q850_total",
    "genesis_channel_bridge_events_total",
    "genesis_channel_transfers_total",
    "genesis_channel_codec_changes_total",
    "genesis_dialplan_applications_total",
    "genesis_channel_dtmf_received_total",
    "genesis_event_processing_duration_seconds",
];

/// What no recording shows: before media there is no codec, and no header of a CDR names a profile.
const NEVER_SEEN: [(&str, &str); 3] = [
    ("freeswitch.channel.progress", "channel.read_codec"),
    ("freeswitch.channel.progress", "channel.write_codec"),
    ("freeswitch.conference.cdr", "conference.profile"),
];

struct Replayed {
    spans: Vec<SpanData>,
    metrics: Vec<Series>,
}

fn replay(recording: &str) -> (Vec<Event>, Replayed) {
    let watch = Watch::new();
    let events = events(recording);
    let mut lifecycle = watch.replay(&events);
    drop(lifecycle.process(&events[0]));
    let mut spans = watch.spans();
    assert_eq!(spans.pop().unwrap().name, "process_event");
    drop(lifecycle);
    let metrics = watch.metrics();
    (events, Replayed { spans, metrics })
}

fn replay_all() -> Replayed {
    let mut all = Replayed {
        spans: Vec::new(),
        metrics: Vec::new(),
    };
    for recording in RECORDINGS {
        let (_, replayed) = replay(recording);
        all.spans.extend(replayed.spans);
        all.metrics.extend(replayed.metrics);
    }
    all
}

fn names_of(span: &SpanData) -> BTreeSet<&str> {
    span.attributes.iter().map(|a| a.key.as_str()).collect()
}

#[test]
fn every_span_of_the_contract_appears_with_its_attributes_and_no_others() {
    let Replayed { spans, .. } = replay_all();
    let mut by_name: BTreeMap<&str, Vec<&SpanData>> = BTreeMap::new();
    for span in &spans {
        by_name.entry(&*span.name).or_default().push(span);
    }
    let contract = contract();
    let wanted: Vec<_> = entries(&contract, "span")
        .into_iter()
        .filter(|entry| text(entry, "crate") == "genesis-otel")
        .collect();
    let names: BTreeSet<&str> = wanted.iter().map(|entry| text(entry, "name")).collect();
    assert!(names.len() > 20);
    assert_eq!(names, by_name.keys().copied().collect());

    for entry in &wanted {
        let name = text(entry, "name");
        let of_name = &by_name[name];
        let of_a_channel = spans::named(name).unwrap().is_of_a_channel();
        let always = list(entry, "attributes");
        let mut allowed: BTreeSet<&str> = always.iter().copied().collect();
        for when in list(entry, "when") {
            allowed.extend(sources::expand(when));
        }
        if of_a_channel {
            allowed.extend(spans::OF_A_CHANNEL);
        }
        let mut seen = BTreeSet::new();
        for span in of_name {
            let has = names_of(span);
            for attribute in &always {
                assert!(
                    has.contains(attribute),
                    "{name}: {attribute} is missing in {has:?}"
                );
            }
            assert!(has.is_subset(&allowed), "{name}: {has:?}");
            assert_eq!(span.span_kind, SpanKind::Internal);
            assert_eq!(span.status, Status::Unset);
            assert_eq!(span.instrumentation_scope.name(), "genesis");
            assert!(span.instrumentation_scope.version().is_some());
            assert!(span.instrumentation_scope.schema_url().is_some());
            let events: Vec<&str> = span.events.iter().map(|event| &*event.name).collect();
            let expected = list(entry, "events");
            assert_eq!(events.len(), expected.len(), "{name}: {events:?}");
            for (event, expected) in events.iter().zip(expected) {
                let fixed = expected.split('<').next().unwrap();
                assert!(event.starts_with(fixed), "{name}: {event}");
                assert_eq!(
                    expected.contains('<'),
                    *event != expected,
                    "{name}: {event}"
                );
            }
            seen.extend(has);
        }
        for when in list(entry, "when").into_iter().flat_map(sources::expand) {
            let never = NEVER_SEEN.contains(&(name, when));
            assert_eq!(seen.contains(when), !never, "{name}: {when}");
        }
    }
}

#[test]
fn every_metric_that_events_feed_appears_with_its_labels_and_no_others() {
    let Replayed { metrics: found, .. } = replay_all();
    let names: BTreeSet<&str> = found.iter().map(|series| &*series.name).collect();
    assert_eq!(names, BTreeSet::from(FROM_EVENTS));
    for name in names {
        let metric = metrics::named(name).unwrap();
        let mut seen = BTreeSet::new();
        for series in found.iter().filter(|series| series.name == name) {
            let labels: BTreeSet<&str> = series.labels.keys().map(String::as_str).collect();
            for label in metric.labels {
                assert!(labels.contains(label), "{name}: {label}");
            }
            for label in &labels {
                let known = metric.labels.contains(label) || metric.when.contains(label);
                assert!(known, "{name}: {label}");
            }
            seen.extend(series.labels.keys().cloned());
            let counts = matches!(series.kind, MetricKind::Counter | MetricKind::Histogram);
            assert!(!counts || series.count() > 0, "{series:?}");
        }
        // the label `error` is for what we asked for ourselves
        for label in metric.when.iter().filter(|label| **label != "error") {
            assert!(seen.contains(*label), "{name}: {label}");
        }
    }
}

#[test]
fn every_event_and_every_call_is_counted_once() {
    for recording in RECORDINGS {
        let (events, Replayed { spans, metrics }) = replay(recording);
        let count = |name: &str| named(&events, name).count() as u64;
        let total = |name: &str| total(&metrics, name);
        assert_eq!(total("genesis_events_received_total"), events.len() as u64);
        let calls = count("CHANNEL_HANGUP_COMPLETE");
        assert_eq!(calls, count("CHANNEL_CREATE"), "{recording}");
        assert_eq!(total("genesis_call_duration_seconds"), calls, "{recording}");
        assert_eq!(total("genesis_channel_hangup_causes_total"), calls);
        assert_eq!(total("genesis_channel_hangup_causes_q850_total"), calls);
        assert_eq!(level(&metrics, "genesis_calls_active"), 0.0, "{recording}");
        let bridges = count("CHANNEL_BRIDGE") + count("CHANNEL_UNBRIDGE");
        assert_eq!(total("genesis_channel_bridge_events_total"), bridges);
        assert_eq!(total("genesis_channel_codec_changes_total"), count("CODEC"));
        assert_eq!(total("genesis_channel_dtmf_received_total"), count("DTMF"));
        let executed = count("CHANNEL_EXECUTE") + count("CHANNEL_EXECUTE_COMPLETE");
        assert_eq!(total("genesis_dialplan_applications_total"), executed);
        let created = spans
            .iter()
            .filter(|span| span.name == "freeswitch.channel.create");
        assert_eq!(created.count() as u64, calls);
    }
}

#[test]
fn every_span_of_a_sip_channel_has_its_call_id_once_it_was_shown() {
    let mut remembered = 0;
    for recording in RECORDINGS {
        let (events, Replayed { spans, .. }) = replay(recording);
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        let mut spans = spans.iter();
        for event in &events {
            let id = event.get("variable_sip_call_id").map(|id| id.into_owned());
            let uuid = event.unique_id().unwrap_or_default().into_owned();
            if let Some(id) = &id {
                ids.entry(uuid.clone()).or_insert(id.clone());
            }
            let name = event.name();
            let Some(span) = spans::from_event(name.as_str()).filter(|span| span.is_of_a_channel())
            else {
                continue;
            };
            // spans come in the order of events
            let span = spans.find(|made| made.name == span.name).unwrap();
            assert_eq!(attribute(span, "channel.uuid").as_deref(), Some(&*uuid));
            let shown = attribute(span, "sip.call_id");
            assert_eq!(
                shown.as_ref(),
                id.as_ref().or(ids.get(&uuid)),
                "{recording} {name}"
            );
            remembered += usize::from(id.is_none() && shown.is_some());
        }
    }
    assert!(remembered > 50, "{remembered}");
}

#[test]
fn transfers_are_told_apart() {
    let transfers = |recording| {
        let (_, Replayed { spans, metrics }) = replay(recording);
        let transfers = spans
            .iter()
            .filter(|span| span.name == "freeswitch.sofia.transfer");
        let told: Vec<_> = transfers
            .map(|span| {
                (
                    attribute(span, "transfer.role").unwrap(),
                    attribute(span, "transfer.type").unwrap(),
                    attribute(span, "sofia.profile").unwrap(),
                )
            })
            .collect();
        let counted = metrics
            .iter()
            .filter(|s| s.name == "genesis_channel_transfers_total");
        assert_eq!(counted.count(), told.len());
        told
    };
    let of = |role: &str, kind: &str, profile: &str| {
        (role.to_owned(), kind.to_owned(), profile.to_owned())
    };
    assert_eq!(
        transfers("sip_hold_transfer"),
        [
            of("transferor", "blind", "internal"),
            of("transferee", "blind", "external")
        ]
    );
    assert_eq!(
        transfers("sip_attended_transfer"),
        [
            of("transferor", "attended", "internal"),
            of("transferee", "attended", "external")
        ]
    );
}

#[test]
fn registrations_conferences_and_reinvites_are_read_where_they_are() {
    let Replayed { spans, .. } = replay_all();
    let values = |span: &str, name: &str| -> BTreeSet<String> {
        let of_name = spans.iter().filter(|made| made.name == span);
        of_name.filter_map(|made| attribute(made, name)).collect()
    };
    let actions = values("freeswitch.sofia.register", "register.action");
    let expected = ["expire", "gateway_state", "register", "unregister"];
    assert_eq!(actions, expected.map(str::to_owned).into());
    let aors = values("freeswitch.sofia.register", "register.aor");
    assert!(
        aors.contains("1000@127.0.0.1") && aors.contains("1019@127.0.0.1"),
        "{aors:?}"
    );
    let profiles = values("freeswitch.sofia.reinvite", "sofia.profile");
    assert!(profiles.contains("internal"), "{profiles:?}");
    let rooms = values("freeswitch.conference.cdr", "conference.name");
    assert!(rooms.contains("3001"), "{rooms:?}");
    let done: BTreeSet<&str> = spans
        .iter()
        .filter(|span| span.name == "freeswitch.channel.execute_complete")
        .flat_map(|span| span.events.iter().map(|event| &*event.name))
        .collect();
    assert!(done.contains("app.answer.done") && done.contains("app.playback.done"));
    let hung_up: BTreeSet<&str> = spans
        .iter()
        .filter(|span| span.name == "freeswitch.channel.hangup")
        .flat_map(|span| span.events.iter().map(|event| &*event.name))
        .collect();
    assert!(hung_up.contains("hangup.cause.user_busy"), "{hung_up:?}");
}

/// What the headers say of an event, as labels.
fn labels_of(event: &Event) -> BTreeMap<String, String> {
    let known = |values: &[&str], value: &str| {
        let value = values.iter().find(|known| **known == value);
        String::from(*value.unwrap_or(&values::OTHER))
    };
    let names: Vec<&str> = EventName::ALL_KNOWN.iter().map(EventName::as_str).collect();
    let directions: Vec<&str> = (CallDirection::ALL_KNOWN.iter())
        .map(CallDirection::as_str)
        .collect();
    let states: Vec<&str> = (ChannelState::ALL_KNOWN.iter())
        .map(ChannelState::as_str)
        .collect();
    let answers: Vec<&str> = (AnswerState::ALL_KNOWN.iter())
        .map(AnswerState::as_str)
        .collect();
    let causes: Vec<&str> = (HangupCause::ALL_KNOWN.iter())
        .map(HangupCause::as_str)
        .collect();
    let headers = [
        ("event_name", "Event-Name", names.as_slice()),
        ("event_subclass", "Event-Subclass", values::SUBCLASSES),
        ("direction", "Call-Direction", &directions),
        ("channel_state", "Channel-State", &states),
        ("answer_state", "Answer-State", &answers),
        ("hangup_cause", "Hangup-Cause", &causes),
    ];
    let headers = headers.into_iter();
    headers
        .filter_map(|(label, header, values)| {
            // every event has a name, were it none
            let always = (label == "event_name").then(Cow::default);
            let value = event.get(header).or(always)?;
            Some((label.to_owned(), known(values, &value)))
        })
        .collect()
}

#[test]
fn every_recorded_event_is_counted_by_what_its_headers_say() {
    let mut counted = 0;
    for recording in Recording::all_but_bursts() {
        let events = readable_events(&recording);
        // each alone, so that nothing is taken for what it is not
        for event in &events {
            let watch = Watch::new();
            watch.replay(std::slice::from_ref(event));
            let metrics = watch.metrics();
            let mut received = metrics
                .iter()
                .filter(|series| series.name == "genesis_events_received_total");
            let one = received.next().unwrap();
            assert!(received.next().is_none());
            assert_eq!(one.labels, labels_of(event), "{event:?}");
            counted += 1;
        }
    }
    assert!(counted > 2_000, "{counted}");
}
