//! In which span lines are logged.

use std::io;
use std::sync::{Arc, Mutex};

use genesis_channel::Channel;
use genesis_client::Consumer;
use genesis_proto::EventName;
use opentelemetry::Context;
use opentelemetry::trace::{SpanId, TraceContextExt};
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc;
use tracing_subscriber::util::SubscriberInitExt;

use crate::watch::attribute;
use crate::{Served, Watch, connect, served, soon, switch};

/// The lines of this thread, each with the span that was current.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(String, SpanId)>>>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let current = Context::current().span().span_context().span_id();
        let text = String::from_utf8_lossy(line).into_owned();
        self.0.lock().unwrap().push((text, current));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Takes what is logged from here on.
    fn take() -> (Self, impl Sized) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        (lines, subscriber.finish().set_default())
    }

    /// The spans in which lines with this text were logged.
    fn with(&self, text: &str) -> Vec<SpanId> {
        let lines = self.0.lock().unwrap();
        let with = lines.iter().filter(|(line, _)| line.contains(text));
        with.map(|(_, span)| *span).collect()
    }
}

fn id(span: &SpanData) -> SpanId {
    span.span_context.span_id()
}

#[tokio::test(start_paused = true)]
async fn that_a_handler_failed_is_logged_in_the_span_of_its_event() {
    let (lines, _logging) = Lines::take();
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    let consumer = Consumer::new(client.clone())
        .on(EventName::ChannelAnswer, |_| async { Err("no".into()) })
        .on(EventName::ChannelPark, |_| async { panic!("a bug") });
    let running = consumer.start().await.unwrap();
    sim.switch().api("originate", "null/1 &park").await;
    client.api("status").await.unwrap();
    soon(running.stop()).await;

    let logged = lines.with("did not do its work");
    let events = watch.named("process_event");
    let of = |name: &str| {
        let is = |span: &&SpanData| attribute(span, "event.name").as_deref() == Some(name);
        id(events.iter().find(is).unwrap())
    };
    assert_eq!(logged, [of("CHANNEL_ANSWER"), of("CHANNEL_PARK")]);
}

#[tokio::test]
async fn that_a_call_failed_is_logged_in_its_span() {
    let (lines, _logging) = Lines::take();
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let Served {
        address,
        mut over,
        _serving,
    } = served(&watch.telemetry, |_| async { Err("no".into()) }).await;
    let line = format!("null/1 '&socket({address} async full)'");
    sim.switch().api("originate", &line).await;
    soon(over.recv()).await.unwrap().unwrap_err();
    soon(async {
        while watch.named("outbound_handle_connection").is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let call = watch.one("outbound_handle_connection");
    assert_eq!(lines.with("the handler of a call failed"), [id(&call)]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_of_digits_is_in_the_span_of_its_digit_from_its_first_word() {
    let (lines, _logging) = Lines::take();
    let watch = Watch::new();
    let sim = switch(|_| {}).await;
    let client = connect(&sim, &watch.telemetry).await;
    sim.switch()
        .api("originate", "{origination_uuid=leg}null/1 &park")
        .await;
    let channel = Channel::attach(&client, "leg").await.unwrap();
    let (called, mut calls) = mpsc::unbounded_channel();
    channel.on_digit('1', move |_| {
        let current = Context::current().span().span_context().span_id();
        let _ = called.send(current);
        async { panic!("a bug") }
    });
    client.api("uuid_recv_dtmf leg 1").await.unwrap();
    let current = soon(calls.recv()).await.unwrap();
    channel.hangup(None).await.unwrap();
    channel.ended_with().await.unwrap();
    let digit = watch.one("channel.dtmf.received");
    assert_eq!(current, id(&digit));
    assert_eq!(lines.with("a handler of digits panicked"), [id(&digit)]);
}
