//! One span per channel, where that is wanted.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, Span, SpanProcessor};

use super::*;

const CHANNEL: &str = "freeswitch.channel";

fn watch() -> Watch {
    Watch::with(|builder| builder.channel_spans(true))
}

fn linked(watch: &Watch, ends: Ends) -> Reader {
    let mut reader = watch.connection().reader();
    reader.link_up();
    reader.hears(ends);
    reader
}

fn of(name: EventName, uuid: &str, state: &str) -> Event {
    event(name, &[("Unique-ID", uuid), ("Channel-State", state)])
}

fn answered(uuid: &str) -> Event {
    of(EventName::ChannelAnswer, uuid, "CS_EXECUTE")
}

/// Tells the reader an event.
fn tell(reader: &mut Reader, event: &Event) {
    reader.read(event, &event.route());
    reader.event(event, Routed::default());
}

impl Watch {
    /// The spans of channels that have ended.
    fn over(&self) -> Vec<SpanData> {
        let mut spans = self.spans();
        spans.retain(|span| span.name == CHANNEL);
        spans
    }
}

#[test]
fn a_channel_has_one_span_around_its_others() {
    let watch = watch();
    let mut readers = [linked(&watch, Ends::All), linked(&watch, Ends::All)];
    let hangup = [
        ("Unique-ID", "a"),
        ("Channel-State", "CS_HANGUP"),
        ("Hangup-Cause", "USER_BUSY"),
        ("variable_sip_call_id", "x@y"),
    ];
    let mut number = 0;
    let mut both = |event: &Event| {
        number += 1;
        let mut numbered = Event::builder(EventName::from(event.name().as_str()));
        numbered.push("Event-Sequence", number.to_string()).unwrap();
        for header in event
            .headers()
            .iter()
            .filter(|it| it.name() != "Event-Name")
        {
            numbered.push(&header.name(), &*header.value()).unwrap();
        }
        let event = numbered.build();
        readers.iter_mut().for_each(|reader| tell(reader, &event));
    };
    both(&created("a"));
    both(&answered("a"));
    both(&event(EventName::ChannelHangup, &hangup));
    both(&of(EventName::ChannelHangupComplete, "a", "CS_REPORTING"));
    assert!(watch.over().is_empty());
    both(&of(EventName::ChannelDestroy, "a", "CS_REPORTING"));
    let over = watch.over();
    assert_eq!(over.len(), 1);
    let channel = &over[0];
    assert_eq!(channel.parent_span_id, SpanId::INVALID);
    for (name, value) in [
        ("channel.uuid", "a"),
        ("channel.direction", "inbound"),
        ("sip.call_id", "x@y"),
        ("hangup.cause", "USER_BUSY"),
    ] {
        assert_eq!(attribute(channel, name).as_deref(), Some(value), "{name}");
    }
    let others: Vec<_> = watch
        .spans()
        .into_iter()
        .filter(|span| span.name != CHANNEL)
        .collect();
    // five of the life of the channel, ten of events being processed
    assert_eq!(others.len(), 15);
    for span in others {
        assert_eq!(
            span.parent_span_id,
            channel.span_context.span_id(),
            "{}",
            span.name
        );
    }
    // what comes late is below it all the same
    both(&of(EventName::ChannelState, "a", "CS_DESTROY"));
    let last = watch.spans().pop().unwrap();
    assert_eq!(last.parent_span_id, channel.span_context.span_id());
    assert_eq!(watch.over().len(), 1);
}

#[test]
fn it_is_off_by_default_and_without_who_is_told_the_end() {
    for (watch, ends) in [
        (Watch::new(), Ends::All),
        (watch(), Ends::default()),
        (watch(), Ends::Of(vec!["b".to_owned()])),
    ] {
        let mut reader = linked(&watch, ends);
        for name in [EventName::ChannelCreate, EventName::ChannelDestroy] {
            tell(&mut reader, &of(name, "a", "CS_INIT"));
        }
        drop(reader);
        assert!(watch.over().is_empty());
        assert!(!watch.spans().is_empty());
    }
}

#[test]
fn it_is_in_the_trace_of_the_call_and_begins_when_that_is_known() {
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let watch = watch();
    let mut reader = linked(&watch, Ends::All);
    tell(
        &mut reader,
        &of(EventName::ChannelOutgoing, "leg", "CS_INIT"),
    );
    let variable = [
        ("Unique-ID", "leg"),
        ("Channel-State", "CS_INIT"),
        ("variable_traceparent", TRACE),
    ];
    tell(&mut reader, &event(EventName::ChannelCreate, &variable));
    let originated = [
        ("Unique-ID", "other"),
        ("Channel-State", "CS_INIT"),
        ("Other-Type", "originator"),
        ("Other-Leg-Unique-ID", "leg"),
    ];
    tell(&mut reader, &event(EventName::ChannelCreate, &originated));
    for uuid in ["leg", "other"] {
        tell(
            &mut reader,
            &of(EventName::ChannelDestroy, uuid, "CS_REPORTING"),
        );
    }
    let over = watch.over();
    let parent = crate::traceparent::parse(TRACE).unwrap();
    assert_eq!(over[0].parent_span_id, parent.span_id());
    assert_eq!(over[0].span_context.trace_id(), parent.trace_id());
    assert_eq!(over[1].parent_span_id, over[0].span_context.span_id());
}

#[test]
fn it_ends_five_seconds_after_the_hangup_if_no_destroy_comes() {
    let watch = watch();
    let mut reader = linked(&watch, Ends::All);
    let start = Instant::now();
    for uuid in ["a", "b"] {
        tell(&mut reader, &created(uuid));
        assert_eq!(reader.due(|| start), None);
    }
    let complete = |uuid| of(EventName::ChannelHangupComplete, uuid, "CS_REPORTING");
    tell(&mut reader, &complete("a"));
    assert_eq!(reader.due(|| start), Some(start + 5 * SECOND));
    tell(&mut reader, &complete("b"));
    let due = reader.due(|| start + 2 * SECOND);
    assert_eq!(due, Some(start + 5 * SECOND));
    assert!(watch.over().is_empty());
    let due = reader.due(|| start + 5 * SECOND);
    assert_eq!(due, Some(start + 7 * SECOND));
    assert_eq!(watch.over().len(), 1);
    // that is the other one's
    tell(
        &mut reader,
        &of(EventName::ChannelDestroy, "b", "CS_REPORTING"),
    );
    assert_eq!(watch.over().len(), 2);
    assert_eq!(reader.due(|| start + 6 * SECOND), None);
}

#[test]
fn it_ends_when_nobody_is_told_of_the_end_any_more() {
    let leave: [fn(&mut Reader); 3] = [
        Reader::link_lost,
        |reader| reader.hears(Ends::default()),
        |reader| reader.hears(Ends::Of(vec!["other".to_owned()])),
    ];
    for leave in leave {
        let watch = watch();
        let mut readers = [linked(&watch, Ends::All), linked(&watch, Ends::All)];
        readers
            .iter_mut()
            .for_each(|reader| tell(reader, &created("a")));
        readers.iter_mut().for_each(leave);
        assert_eq!(watch.over().len(), 1);
        // one channel, one span: what follows is below the one that was
        readers[0].link_up();
        readers[0].hears(Ends::All);
        tell(&mut readers[0], &answered("a"));
        drop(readers);
        let over = watch.over();
        assert_eq!(over.len(), 1);
        let last = watch.spans().pop().unwrap();
        assert_eq!(last.parent_span_id, over[0].span_context.span_id());
    }
    // and with the connection
    let watch = watch();
    let mut reader = linked(&watch, Ends::All);
    tell(&mut reader, &created("a"));
    drop(reader);
    assert_eq!(watch.over().len(), 1);
}

#[test]
fn there_are_no_more_of_them_than_channels_are_remembered() {
    let watch = Watch::with(|builder| builder.channel_spans(true).max_channels(10));
    let mut reader = linked(&watch, Ends::All);
    for number in 0..100 {
        tell(&mut reader, &created(&number.to_string()));
    }
    assert_eq!(watch.over().len(), 90);
}

#[test]
fn what_is_not_sampled_has_none() {
    let exporter = InMemorySpanExporterBuilder::new().build();
    let off = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .with_sampler(Sampler::AlwaysOff)
        .build();
    let watch = Watch::with(|builder| builder.tracer_provider(off).channel_spans(true));
    let mut reader = linked(&watch, Ends::All);
    tell(&mut reader, &created("a"));
    tell(&mut reader, &answered("a"));
    drop(reader);
    assert!(exporter.get_finished_spans().unwrap().is_empty());
}

/// Counts the spans that are open.
#[derive(Clone, Debug, Default)]
struct Open(std::sync::Arc<AtomicI64>);

impl SpanProcessor for Open {
    fn on_start(&self, _: &mut Span, _: &Context) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_end(&self, _: SpanData) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn none_is_left_open_whatever_comes() {
    let names = [
        EventName::ChannelCreate,
        EventName::ChannelAnswer,
        EventName::ChannelUuid,
        EventName::ChannelHangup,
        EventName::ChannelHangupComplete,
        EventName::ChannelDestroy,
    ];
    let states = ["CS_INIT", "CS_EXECUTE", "CS_REPORTING"];
    let uuids = ["a", "b", "c", "d", "e"];
    for seed in 1..=50u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut below = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % limit as u64) as usize
        };
        let open = Open::default();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(open.clone())
            .build();
        let watch = Watch::with(|builder| {
            let builder = builder.tracer_provider(provider).channel_spans(true);
            builder.max_channels(4)
        });
        let mut readers = vec![linked(&watch, Ends::All), linked(&watch, Ends::All)];
        let start = Instant::now();
        for step in 0..200 {
            let reader = below(readers.len());
            let reader = &mut readers[reader];
            match below(20) {
                0 => reader.link_lost(),
                1 => reader.link_up(),
                2 => reader.hears(Ends::Of(vec![uuids[below(5)].to_owned()])),
                3 => reader.hears(Ends::All),
                4 => drop(reader.due(|| start + step * SECOND)),
                _ => {
                    let headers = [
                        ("Unique-ID", uuids[below(5)]),
                        ("Channel-State", states[below(3)]),
                        ("Old-Unique-ID", uuids[below(5)]),
                    ];
                    tell(reader, &event(names[below(6)].clone(), &headers));
                }
            }
            let open = open.0.load(Ordering::Relaxed);
            assert!((0..=4).contains(&open), "seed {seed}: {open}");
        }
        drop(readers);
        assert_eq!(open.0.load(Ordering::Relaxed), 0, "seed {seed}");
    }
}
