//! A span for each channel of recorded traffic.

use std::collections::{BTreeMap, BTreeSet};

use genesis_otel::vocabulary::spans::{self, FREESWITCH_CHANNEL};
use opentelemetry::trace::{SpanId, SpanKind};

use crate::contract::{contract, entries, text};
use crate::{RECORDINGS, Watch, attribute, events, level, named};

#[test]
fn every_channel_has_one_span_around_its_others_and_no_other_name_appears() {
    let contract = contract();
    let contract = entries(&contract, "span");
    let mut seen = BTreeSet::new();
    for recording in RECORDINGS {
        let watch = Watch::with(|builder| builder.channel_spans(true));
        let events = events(recording);
        let lifecycle = watch.replay(&events);
        let spans = watch.spans();
        let channels: BTreeMap<String, SpanId> = spans
            .iter()
            .filter(|span| span.name == FREESWITCH_CHANNEL.name)
            .map(|span| {
                assert_eq!(span.span_kind, SpanKind::Internal);
                let has: BTreeSet<&str> = span.attributes.iter().map(|a| a.key.as_str()).collect();
                let always = FREESWITCH_CHANNEL.always;
                assert!(always.iter().all(|name| has.contains(name)), "{has:?}");
                let known =
                    |name: &&str| always.contains(name) || FREESWITCH_CHANNEL.when.contains(name);
                assert!(has.iter().all(known), "{has:?}");
                seen.extend(has.into_iter().map(str::to_owned));
                let uuid = attribute(span, "channel.uuid").unwrap();
                assert!(
                    attribute(span, "hangup.cause").is_some(),
                    "{recording} {uuid}"
                );
                (uuid, span.span_context.span_id())
            })
            .collect();
        // each of them ended with its DESTROY
        let created = named(&events, "CHANNEL_CREATE").count();
        assert_eq!(channels.len(), created, "{recording}");
        let over = spans
            .iter()
            .filter(|span| span.name == FREESWITCH_CHANNEL.name);
        assert_eq!(over.count(), created, "{recording}");
        let renamed: BTreeMap<String, String> = named(&events, "CHANNEL_UUID")
            .map(|event| {
                let old = event.get("Old-Unique-ID").unwrap().into_owned();
                (old, event.unique_id().unwrap().into_owned())
            })
            .collect();
        for span in spans
            .iter()
            .filter(|span| span.name != FREESWITCH_CHANNEL.name)
        {
            let known = contract
                .iter()
                .any(|entry| text(entry, "name") == span.name);
            assert!(known, "{}", span.name);
            let of_a_channel = spans::named(&span.name).unwrap().is_of_a_channel();
            if let Some(uuid) = attribute(span, "channel.uuid").filter(|_| of_a_channel) {
                let uuid = renamed.get(&uuid).unwrap_or(&uuid);
                assert_eq!(
                    span.parent_span_id, channels[uuid],
                    "{recording} {}",
                    span.name
                );
            }
        }
        let active = level(&watch.metrics(), "genesis_calls_active");
        assert_eq!(active, 0.0, "{recording}");
        let before = spans.len();
        drop(lifecycle);
        assert_eq!(
            watch.spans().len(),
            before,
            "{recording}: one was left open"
        );
    }
    let all = FREESWITCH_CHANNEL
        .always
        .iter()
        .chain(FREESWITCH_CHANNEL.when);
    assert_eq!(seen, all.map(|&name| name.to_owned()).collect());
}
