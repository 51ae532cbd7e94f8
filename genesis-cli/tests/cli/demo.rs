//! `genesis demo`.

use std::time::{Duration, Instant};

use crate::support::run;

#[test]
fn it_shows_a_ring_group_and_a_queue() {
    let start = Instant::now();
    let done = run(&["demo"]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{}", done.stdout);
    assert!(start.elapsed() < Duration::from_secs(10), "{}", done.stdout);
    for text in [
        "1001    rings",
        "1002    is over: busy (USER_BUSY)",
        "1003    answers",
        "1001    is over: hung up, another answered first",
        "1003    has heard the message to its end and is hung up",
        "2001    enters the queue, which is free, and is served",
        "2002    enters the queue at position 1 and hears music",
        "2003    enters the queue at position 2 and hears music",
        "all 6 channels are gone",
        "queue: 2001, 2002, 2003 served in the order they came",
    ] {
        assert!(done.stdout.contains(text), "{text}: {}", done.stdout);
    }
}

#[test]
fn with_json_every_line_is_an_object() {
    let done = run(&["demo", "--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<serde_json::Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, story) = lines.split_last().unwrap();
    assert!(
        story
            .iter()
            .all(|line| line["seconds"].is_f64() && line["text"].is_string())
    );
    let summary = &summary["summary"];
    assert_eq!(summary["answered_by"], "1003");
    assert_eq!(summary["others"][1]["cause"], "USER_BUSY");
    assert_eq!(
        summary["served"],
        serde_json::json!(["2001", "2002", "2003"])
    );
}

#[cfg(feature = "telemetry")]
#[test]
fn with_telemetry_it_ends_with_the_trace_of_the_call_and_metrics() {
    let done = run(&["demo", "--telemetry"]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{}", done.stdout);
    // each with what it belongs to, in the order in which they began
    let mut rest = &*done.stdout;
    for text in [
        "Trace of the ring group's call",
        "demo.call",
        "├─ ring_group.ring  ring_group.mode=parallel",
        "│  ├─ channel.create  channel.dial_path=user/1001",
        "│  │  ├─ send_command  command.name=bgapi originate",
        "freeswitch.channel.create",
        "freeswitch.channel.hangup  hangup.cause=LOSE_RACE",
        "│  ├─ channel.create  channel.dial_path=user/1002 error.type=not_answered",
        "hangup.cause=USER_BUSY",
        "│  └─ channel.create  channel.dial_path=user/1003",
        "freeswitch.channel.answer",
        "├─ channel.playback  playback.path=tone_stream://%(600,0,640)",
        "└─ channel.hangup  hangup.cause=NORMAL_CLEARING",
        "times process_event",
        "Some metrics",
    ] {
        let found = rest.find(text);
        let at = found.unwrap_or_else(|| panic!("{text}: {}", done.stdout));
        rest = &rest[at..];
    }
    for text in [
        "genesis_ring_group_results_total{mode=\"parallel\",result=\"answered\",has_balancer=\"false\"} 1",
        "genesis_calls_active{direction=\"outbound\"} 0",
        "genesis_queue_operations_total{op=\"acquire\"} 3",
        "genesis_call_duration_seconds_count 6",
    ] {
        assert!(rest.contains(text), "{text}: {rest}");
    }
}

#[cfg(feature = "telemetry")]
#[test]
fn with_json_the_trace_is_one_object() {
    let done = run(&["--json", "demo", "--telemetry"]);
    assert_eq!(done.code, 0, "{done:?}");
    let last = done.stdout.lines().last().unwrap();
    let object: serde_json::Value = serde_json::from_str(last).unwrap();
    let telemetry = &object["telemetry"];
    assert_eq!(telemetry["trace_id"].as_str().unwrap().len(), 32);
    let spans = telemetry["spans"].as_array().unwrap();
    let ring = spans.iter().find(|span| span["name"] == "ring_group.ring");
    let ring = ring.unwrap();
    assert_eq!(ring["parent_span_id"], spans[0]["span_id"]);
    assert_eq!(ring["attributes"]["ring_group.result"], "answered");
    assert!(!telemetry["metrics"].as_array().unwrap().is_empty());
}

#[cfg(feature = "telemetry")]
#[test]
fn a_sampler_that_keeps_no_trace_is_no_failure() {
    let sampled = |words: &[&str]| {
        let mut command = crate::support::genesis(words);
        command.env("OTEL_TRACES_SAMPLER", "always_off");
        let done = crate::support::finish(command, b"");
        assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
        done.stdout
    };
    let text = sampled(&["demo", "--telemetry"]);
    let sentence = "The sampler kept no trace: OTEL_TRACES_SAMPLER=always_off\n";
    assert!(text.contains(sentence), "{text}");
    assert!(!text.contains("Trace of"), "{text}");
    assert!(
        text.contains("\n  genesis_call_duration_seconds_count 6\n"),
        "{text}"
    );

    let text = sampled(&["--json", "demo", "--telemetry"]);
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let telemetry = &last["telemetry"];
    assert!(telemetry["trace_id"].is_null(), "{telemetry}");
    assert_eq!(telemetry["spans"], serde_json::json!([]));
    assert!(!telemetry["metrics"].as_array().unwrap().is_empty());
}
