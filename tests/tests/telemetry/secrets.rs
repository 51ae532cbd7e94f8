//! What must not be seen is not seen.

use genesis_otel::{Lifecycle, SpanDetails, Subject};
use genesis_proto::{Event, EventName};
use opentelemetry::KeyValue;
use opentelemetry::trace::TraceContextExt;

use crate::{Watch, attribute, events, total};

/// None of them has what ends a secret where they are put; all have the same end.
const SECRETS: [&str; 4] = ["hunter2", "p;u>n:ter2", "p]u)n|t&er2", "/!p<u;>~=ter2"];
const END: &str = "ter2";

/// The event with the secret in everything that can hold one.
fn seeded(event: &Event, secret: &str) -> Event {
    let mut builder = genesis_proto::event::EventBuilder::from_event(event).unwrap();
    let dial = format!("{{sip_auth_password={secret},x=1}}sofia/gateway/gw/1000");
    let own = format!("{{^^+sip_auth_password=a,{secret},b+x=1}}sofia/gateway/gw/1000");
    let quoted = format!("[x=1,my_password='a,{secret}',y=2]user/1000");
    let set = format!("vm-password={secret}, and {secret}");
    let api = format!("7f4d sip_auth_password {secret}");
    let url = format!("https://joe:{secret}@example.com/greeting.wav");
    let conference = format!("3001@default+{secret}+flags{{mute}}");
    let headers = [
        ("variable_sip_auth_password", secret),
        ("variable_sip_auth_response", secret),
        ("variable_conf_pin", secret),
        ("variable_a1-hash", secret),
        ("variable_sip_h_Proxy-Authorization", secret),
        ("variable_vm-password", secret),
        ("sip_auth_nonce", secret),
        ("variable_originate_string", &dial),
        ("variable_dial_own", &own),
        ("variable_dial_quoted", &quoted),
        ("variable_access_token", secret),
        ("user_pin_code", secret),
        ("variable_last_arg", &set),
        ("API-Command-Argument", &api),
        ("variable_current_application", "conference"),
        ("variable_current_application_data", &conference),
        ("Application-Response", &url),
        ("Caller-Destination-Number", &dial),
        ("Channel-Name", &url),
        ("Bridged-To", &url),
        ("Gateway", &dial),
        (
            "Application-Data",
            if event.get("Application").is_some_and(|a| a == "conference") {
                &conference
            } else {
                &dial
            },
        ),
    ];
    for (name, value) in headers {
        builder.push(name, value).unwrap();
    }
    builder.build()
}

#[test]
fn lesson_42_secrets_do_not_show_in_spans_and_metrics() {
    let mut spans = 0;
    for recording in crate::RECORDINGS {
        let watch = Watch::new();
        let mut lifecycle = Lifecycle::new(&watch.telemetry);
        for (event, secret) in events(recording).iter().zip(SECRETS.iter().cycle()) {
            let event = seeded(event, secret);
            lifecycle.on_event(&event);
            drop(lifecycle.process(&event));
        }
        let made = watch.spans();
        spans += made.len();
        for span in &made {
            let shown = format!("{span:?}");
            assert!(!shown.contains(END), "{shown}");
        }
        let shown = format!("{:?}", watch.metrics());
        assert!(!shown.contains(END));
        let shown = format!("{lifecycle:?} {:?}", watch.telemetry);
        assert!(!shown.contains(END));
    }
    assert!(spans > 2_000, "{spans}");
}

#[test]
fn hidden_digits_are_nowhere() {
    let watch = Watch::with(|builder| builder.hide_dtmf_digits(true));
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    let digits = Event::builder(EventName::Dtmf)
        .header("Unique-ID", "a")
        .and_then(|event| event.header("DTMF-Digit", "7"))
        .unwrap()
        .build();
    lifecycle.on_event(&digits);
    drop(lifecycle.process(&digits));
    let sent = Event::builder(EventName::ChannelExecute)
        .header("Unique-ID", "a")
        .and_then(|event| event.header("Application", "send_dtmf"))
        .and_then(|event| event.header("Application-Data", "7777"))
        .unwrap()
        .build();
    lifecycle.on_event(&sent);
    let spans = watch.spans();
    assert_eq!(spans.len(), 2);
    assert_eq!(attribute(&spans[0], "event.header.dtmf_digit"), None);
    assert_eq!(
        attribute(&spans[1], "application.data").as_deref(),
        Some("hidden")
    );
    let metrics = watch.metrics();
    let digit = metrics
        .iter()
        .find(|s| s.name == "genesis_channel_dtmf_received_total");
    assert_eq!(digit.unwrap().labels["dtmf.digit"], "hidden");
}

#[test]
fn lesson_46_handlers_run_inside_the_span_of_their_event() {
    let watch = Watch::new();
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    let event = &events("call_full_plain")[5];
    let processing = lifecycle.process(event);
    let context = processing.context().unwrap().clone();
    assert!(watch.spans().is_empty(), "it ends after its handlers");
    assert!(context.span().is_recording());
    drop(processing);
    let spans = watch.spans();
    assert_eq!(spans[0].name, "process_event");
    assert_eq!(
        attribute(&spans[0], "event.name").as_deref(),
        Some(event.name().as_str())
    );
    assert_eq!(
        total(
            &watch.metrics(),
            "genesis_event_processing_duration_seconds"
        ),
        1
    );
}

#[test]
fn hooks_and_details_are_used_and_a_panic_in_them_harms_nothing() {
    let details = |subject: Subject<'_>| match subject {
        Subject::Event {
            span: "process_event",
            ..
        } => Some(SpanDetails {
            name: Some("mine".into()),
            attributes: vec![KeyValue::new("mine", true)],
        }),
        _ => panic!("not mine"),
    };
    let watch = Watch::with(|builder| {
        builder
            .span_details(details)
            .on_event(|span, _| {
                span.set_attribute(KeyValue::new("hooked", true));
                panic!("in a hook")
            })
            .on_connection(|_| panic!("in a hook"))
            .before_command(|_, _| panic!("in a hook"))
            .after_reply(|_, _| panic!("in a hook"))
    });
    // each panic would be printed
    std::panic::set_hook(Box::new(|_| {}));
    let events = events("sofia_register");
    let mut lifecycle = Lifecycle::new(&watch.telemetry);
    for event in &events {
        lifecycle.on_event(event);
        drop(lifecycle.process(event));
    }
    let context = opentelemetry::Context::new();
    watch.telemetry.connected(&context.span());
    watch
        .telemetry
        .command_starts(&context.span(), "api status");
    watch.telemetry.reply_came(&context.span(), "+OK");
    let _ = std::panic::take_hook();
    let spans = watch.spans();
    let mine: Vec<_> = spans.iter().filter(|span| span.name == "mine").collect();
    assert_eq!(mine.len(), events.len());
    assert!(mine.iter().all(|span| attribute(span, "mine").is_some()));
    assert!(mine.iter().all(|span| attribute(span, "hooked").is_some()));
    assert!(
        spans
            .iter()
            .any(|span| span.name == "freeswitch.sofia.register")
    );
    assert_eq!(
        total(&watch.metrics(), "genesis_events_received_total"),
        events.len() as u64
    );
}

#[test]
fn what_is_excluded_or_switched_off_becomes_no_span() {
    let spans = |watch: &Watch| {
        let mut lifecycle = Lifecycle::new(&watch.telemetry);
        for event in &events("call_full_plain") {
            lifecycle.on_event(event);
            drop(lifecycle.process(event));
        }
        let names: Vec<String> = watch
            .spans()
            .iter()
            .map(|span| span.name.to_string())
            .collect();
        names
    };
    let starts =
        |names: &[String], with: &str| names.iter().filter(|name| name.starts_with(with)).count();
    let all = spans(&Watch::new());
    assert!(starts(&all, "freeswitch.sofia") > 0 && starts(&all, "freeswitch.channel") > 0);
    let without = spans(&Watch::with(|builder| builder.lifecycle(false)));
    assert_eq!(
        starts(&without, "freeswitch.channel") + starts(&without, "freeswitch.call."),
        0
    );
    assert!(starts(&without, "freeswitch.sofia") > 0);
    let without = spans(&Watch::with(|builder| builder.custom_subclasses(false)));
    assert_eq!(starts(&without, "freeswitch.sofia"), 0);
    assert!(starts(&without, "freeswitch.channel") > 0);
    let without = spans(&Watch::with(|builder| {
        builder.exclude_events(["sofia::*", "CHANNEL_*", "CODEC"])
    }));
    assert_eq!(
        starts(&without, "freeswitch.sofia") + starts(&without, "freeswitch.channel"),
        0
    );
    assert!(
        starts(&without, "process_event") > 0
            && starts(&without, "process_event") < starts(&all, "process_event")
    );
}
