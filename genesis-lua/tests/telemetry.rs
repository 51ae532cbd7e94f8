//! What scripts do, as spans.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use genesis_lua::client::observe::Telemetry;
use genesis_lua::client::{Client, Inbound, Outbound};
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, InMemorySpanExporterBuilder, SdkTracerProvider, SpanData,
};
use support::{Stage, soon};

/// Spans that stay here.
struct Watch {
    telemetry: Telemetry,
    exporter: InMemorySpanExporter,
}

impl Watch {
    fn new() -> Self {
        let exporter = InMemorySpanExporterBuilder::new().build();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let builder = Telemetry::builder().tracer_provider(provider);
        Self {
            telemetry: builder.build(),
            exporter,
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().unwrap()
    }

    fn one(&self, name: &str) -> SpanData {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        assert_eq!(spans.len(), 1, "{name}");
        spans.remove(0)
    }

    async fn client(&self, stage: &Stage) -> Client {
        let client = Inbound::builder().telemetry(self.telemetry.clone());
        client.connect_over(stage.sim.connect()).await.unwrap()
    }

    /// One call that the script handles, from the switch's socket to the end of its server.
    async fn call(&self, stage: &Stage) {
        let outbound = Outbound::builder().telemetry(self.telemetry.clone());
        let outbound = outbound.bind("127.0.0.1:0").await.unwrap();
        let (address, drain) = (outbound.local_addr().unwrap(), outbound.drain());
        let serving = tokio::spawn(outbound.serve(stage.runtime.outbound(&stage.live)));
        let line = format!("null/1 '&socket({address} async full)'");
        let answer = stage.api("originate", &line).await;
        assert!(answer.starts_with("+OK"), "{answer}");
        // the span of the call ends after its script
        self.comes("outbound_handle_connection").await;
        let resume = genesis_lua::client::AtDeadline::Resume;
        drain.start(std::time::Duration::from_secs(5), resume).await;
        soon(serving).await.unwrap().unwrap();
    }

    /// Waits until a span of this name has ended.
    async fn comes(&self, name: &str) {
        soon(async {
            while !self.spans().iter().any(|span| span.name == name) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|a| a.key.as_str() == name);
    found.map(|a| a.value.as_str().into_owned())
}

/// The names of the spans above this one, the nearest first.
fn above<'a>(spans: &'a [SpanData], span: &'a SpanData) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut at = span;
    let is_above = |at: &SpanData, other: &SpanData| {
        let (of, other) = (&at.span_context, &other.span_context);
        other.span_id() == at.parent_span_id && other.trace_id() == of.trace_id()
    };
    while let Some(parent) = spans.iter().find(|other| is_above(at, other)) {
        names.push(&*parent.name);
        at = parent;
    }
    names
}

/// What the one `exception` of a span says.
fn exception(span: &SpanData) -> (String, String, String) {
    let found = span.events.iter().filter(|event| event.name == "exception");
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), 1, "{}: {:?}", span.name, span.events);
    let of = |name: &str| {
        let value = found[0].attributes.iter().find(|a| a.key.as_str() == name);
        value.map_or_else(String::new, |a| a.value.as_str().into_owned())
    };
    (
        of("exception.type"),
        of("exception.message"),
        of("exception.stacktrace"),
    )
}

/// The span is that of an error of the script at this line.
fn failed_at(span: &SpanData, stage: &Stage, line: u32, text: &str) {
    let place = format!("{}:{line}", stage.path.display());
    let (kind, message, stack) = exception(span);
    assert_eq!(kind, "script");
    assert!(message.contains(&format!("{place}: {text}")), "{message}");
    assert!(stack.contains(&place), "{stack}");
    assert_eq!(attribute(span, "error.type").as_deref(), Some("script"));
    assert_eq!(span.status, Status::error(message));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_a_script_stand_below_its_call() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          local channel = session.channel
          genesis.span("menu", { language = "en", depth = -1, ratio = 0.5, vip = true, my_pin = "1234" }, function()
            channel:answer()
            genesis.span("choice", function() channel:playback("short.wav") end)
          end)
          channel:hangup()
        end)"#,
    )
    .await;
    let watch = Watch::new();
    watch.call(&stage).await;

    let spans = watch.spans();
    let call = "outbound_handle_connection";
    let (menu, choice) = (watch.one("menu"), watch.one("choice"));
    assert_eq!(above(&spans, &menu), [call]);
    assert_eq!(above(&spans, &choice), ["menu", call]);
    assert_eq!(above(&spans, &watch.one("channel.answer")), ["menu", call]);
    assert_eq!(
        above(&spans, &watch.one("channel.playback")),
        ["choice", "menu", call]
    );
    assert_eq!(above(&spans, &watch.one("channel.hangup")), [call]);
    let given = |name| attribute(&menu, name).unwrap();
    assert_eq!(given("language"), "en");
    assert_eq!(given("depth"), "-1");
    assert_eq!(given("ratio"), "0.5");
    assert_eq!(given("vip"), "true");
    assert_eq!(given("my_pin"), "***");
    assert_eq!(watch.one(call).status, Status::Unset);
    assert_eq!(menu.status, Status::Unset);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_script_is_one_of_its_call_with_its_place() {
    let stage = Stage::new(
        r#"
        local function choose(menu)
          return menu.first.second
        end
        genesis.outbound(function(session)
          session.channel:answer()
          genesis.span("menu", function()
            local chosen = choose({})
            return chosen
          end)
        end)"#,
    )
    .await;
    let watch = Watch::new();
    watch.call(&stage).await;

    let text = "attempt to index a nil value";
    failed_at(&watch.one("menu"), &stage, 3, text);
    let call = watch.one("outbound_handle_connection");
    failed_at(&call, &stage, 3, text);
    // how it came there
    let (_, _, stack) = exception(&call);
    let place = |line: u32| format!("{}:{line}", stage.path.display());
    assert!(
        stack.contains(&place(8)) && stack.contains(&place(7)),
        "{stack}"
    );
    assert!(!stack.contains("xpcall"), "{stack}");
    let logged = stage.line("a script failed").await;
    assert!(logged.text.contains(&exception(&call).1), "{logged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_fails_says_where_the_script_asked_for_it() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:answer()
          session.client:api("no_such_command")
        end)"#,
    )
    .await;
    let watch = Watch::new();
    watch.call(&stage).await;
    let call = watch.one("outbound_handle_connection");
    failed_at(&call, &stage, 4, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_of_events_does_and_its_error_stand_at_the_event() {
    let stage = Stage::new(
        r#"
        local app = genesis.consumer()
        app:handle("CHANNEL_ANSWER", function(event)
          genesis.span("check", { user = event["variable_user"] }, function()
            app.client:api("uuid_exists", event.uuid)
          end)
        end)
        app:handle("CHANNEL_ANSWER", function(event)
          error("cannot go on")
        end)
        app:handle("CHANNEL_PARK", function(event)
          genesis.span("park", function() genesis.sleep(0.001) error("nor here") end)
        end)"#,
    )
    .await;
    let watch = Watch::new();
    let running = stage
        .runtime
        .consumer(&stage.live.current(), watch.client(&stage).await);
    let running = running.start().await.unwrap();
    stage.api("originate", "{user=1001}null/1 &park()").await;
    stage.line("cannot go on").await;
    stage.line("nor here").await;
    let stats = soon(running.stop()).await;
    assert_eq!((stats.succeeded, stats.failed), (1, 2));

    let spans = watch.spans();
    let check = watch.one("check");
    assert_eq!(above(&spans, &check)[0], "process_event");
    assert_eq!(attribute(&check, "user").as_deref(), Some("1001"));
    let asked = spans
        .iter()
        .find(|span| attribute(span, "command.name").as_deref() == Some("api uuid_exists"));
    assert_eq!(
        above(&spans, asked.unwrap())[..2],
        ["check", "process_event"]
    );
    let of = |name: &str| {
        let events = spans.iter().filter(|span| span.name == "process_event");
        let mut events =
            events.filter(|span| attribute(span, "event.name").as_deref() == Some(name));
        events.next().unwrap()
    };
    failed_at(of("CHANNEL_ANSWER"), &stage, 9, "cannot go on");
    failed_at(of("CHANNEL_PARK"), &stage, 12, "nor here");
    failed_at(&watch.one("park"), &stage, 12, "nor here");
    assert_eq!(above(&spans, &watch.one("park"))[0], "process_event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_of_digits_does_and_its_error_stand_at_the_digit() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          local channel = session.channel
          local pressed
          channel:on_digit("1", function(digit)
            genesis.span("pressed", function() session.client:api("uuid_exists", session.uuid) end)
            pressed = true
            error("no such menu")
          end)
          channel:answer()
          session.client:api("uuid_recv_dtmf", session.uuid .. " 1")
          while not pressed do genesis.sleep(0.001) end
          channel:hangup()
        end)"#,
    )
    .await;
    let watch = Watch::new();
    watch.call(&stage).await;
    watch.comes("channel.dtmf.received").await;

    let spans = watch.spans();
    let digit = watch.one("channel.dtmf.received");
    let call = watch.one("outbound_handle_connection");
    assert_eq!(
        above(&spans, &watch.one("pressed")),
        ["channel.dtmf.received", "outbound_handle_connection"]
    );
    failed_at(&digit, &stage, 8, "no such menu");
    failed_at(&call, &stage, 8, "no such menu");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_hangup_handler_is_one_of_the_call() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:on_hangup(function(cause)
            error("too late")
          end)
          session.channel:answer()
          session.channel:hangup()
        end)"#,
    )
    .await;
    let watch = Watch::new();
    watch.call(&stage).await;
    let call = watch.one("outbound_handle_connection");
    failed_at(&call, &stage, 4, "too late");
}
