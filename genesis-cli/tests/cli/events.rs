//! `genesis events` and `genesis logs` against a switch that follows a script.

use std::process::Stdio;

use crate::support::{Peer, Script, end, genesis, plain_event, run};

fn answer(caller: &str) -> String {
    plain_event(&[
        ("Event-Name", "CHANNEL_ANSWER"),
        ("Event-Date-Local", "2026-11-21%2010%3A34%3A43"),
        ("Event-Date-Timestamp", "1795222483123456"),
        ("Unique-ID", "6423c44e-0c5d-4692-a5dd-498c22000000"),
        ("Call-Direction", "inbound"),
        ("Channel-Call-State", "ACTIVE"),
        ("Caller-Caller-ID-Number", caller),
        ("Caller-Destination-Number", "9664"),
    ])
}

fn sends(send: String) -> Vec<Script> {
    vec![Script { send, close: false }]
}

#[test]
fn an_event_is_a_readable_line() {
    let peer = Peer::start(sends(answer("1001")));
    let done = run(&["events", "--port", &peer.port, "--count", "1"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert_eq!(
        done.stdout,
        "10:34:43.123  CHANNEL_ANSWER            6423c44e  caller=1001  destination=9664  \
         direction=inbound  callstate=ACTIVE\n"
    );
    assert_eq!(peer.commands.recv().unwrap(), "event plain ALL");
}

#[test]
fn with_json_an_event_is_an_object() {
    let peer = Peer::start(sends(answer("1001")));
    let done = run(&["--json", "events", "--port", &peer.port, "-n", "1"]);
    assert_eq!(done.code, 0);
    let event: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(event["headers"]["Event-Date-Local"], "2026-11-21 10:34:43");
    assert_eq!(event["body"], serde_json::Value::Null);
}

#[test]
fn a_hostile_value_cannot_leave_its_line() {
    let peer = Peer::start(sends(answer("1%1B[2J%0A1001")));
    let done = run(&["events", "--port", &peer.port, "--count", "1"]);
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    assert!(
        !done.stdout.trim_end().chars().any(char::is_control),
        "{:?}",
        done.stdout
    );
    assert!(done.stdout.contains("\\u{1b}[2J\\n1001"), "{}", done.stdout);
}

#[test]
fn names_subclasses_and_format_go_to_the_switch() {
    let json = r#"{"Event-Name":"CUSTOM","Event-Subclass":"sofia::register","from-user":"1000"}"#;
    let send = format!(
        "Content-Length: {}\nContent-Type: text/event-json\n\n{json}",
        json.len()
    );
    let peer = Peer::start(sends(send));
    let arguments = [
        "--format",
        "json",
        "--count",
        "1",
        "dtmf",
        "CUSTOM sofia::register",
    ];
    let done = run(&[&["events", "--port", &peer.port][..], &arguments].concat());
    assert!(done.stdout.contains("CUSTOM sofia::register"), "{done:?}");
    assert!(done.stdout.contains("user=1000"), "{}", done.stdout);
    let command = peer.commands.recv().unwrap();
    assert_eq!(command, "event json DTMF CUSTOM sofia::register");
}

#[test]
fn filters_must_all_match_and_only_what_matches_counts() {
    let events: String = ["1001", "1002", "2001", "1003"].map(answer).concat();
    let peer = Peer::start(sends(events));
    let filters = [
        "--filter",
        "Caller-Caller-ID-Number~^10",
        "--filter",
        "Caller-Destination-Number=9664",
    ];
    let done = run(&[
        &["events", "--port", &peer.port, "--count", "3"][..],
        &filters,
    ]
    .concat());
    let callers: Vec<_> = done
        .stdout
        .lines()
        .map(|line| line.contains("caller=100"))
        .collect();
    assert_eq!(callers, [true, true, true], "{}", done.stdout);
}

#[test]
fn a_lost_link_is_made_again_and_the_gap_is_shown() {
    let script = |caller, close| Script {
        send: answer(caller),
        close,
    };
    let peer = Peer::start(vec![script("1001", true), script("1002", false)]);
    let done = run(&[
        "events",
        "--reconnect",
        "--count",
        "2",
        "--port",
        &peer.port,
    ]);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", done.stdout);
    assert!(lines[0].contains("caller=1001"), "{}", done.stdout);
    assert!(
        lines[1].starts_with("-- the link was away for "),
        "{}",
        done.stdout
    );
    assert!(lines[2].contains("caller=1002"), "{}", done.stdout);
}

#[test]
fn with_json_the_gap_is_an_object() {
    let script = |caller, close| Script {
        send: answer(caller),
        close,
    };
    let peer = Peer::start(vec![script("1001", true), script("1002", false)]);
    let done = run(&[
        "events",
        "--json",
        "--reconnect",
        "--count",
        "2",
        "--port",
        &peer.port,
    ]);
    let objects: Vec<serde_json::Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(objects.len(), 3, "{}", done.stdout);
    assert!(
        objects[1]["gap"]["seconds"].as_f64().unwrap() > 0.0,
        "{}",
        objects[1]
    );
    assert_eq!(objects[1]["gap"]["attempts"], 1);
}

fn log_line() -> String {
    let text = "2026-11-21 00:58:54.228137 5.60% [WARNING] sofia.c:42 odd\u{1b}[0m\n";
    format!(
        "Content-Type: log/data\nContent-Length: {}\nLog-Level: 4\nText-Channel: 0\n\
         Log-File: sofia.c\nLog-Func: act\nLog-Line: 42\nUser-Data: \n\n{text}",
        text.len()
    )
}

/// Starts a command that follows, waits for its first line, and interrupts it.
#[cfg(unix)]
fn interrupt(arguments: &[&str], signal: &str) -> (String, crate::support::Done) {
    let mut command = genesis(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let line = crate::support::first_line(child.stdout.take().unwrap());
    crate::support::signal(&child, signal);
    (line, end(child))
}

#[cfg(unix)]
#[test]
fn the_log_is_followed_until_ctrl_c() {
    let peer = Peer::start(sends(log_line()));
    let (line, done) = interrupt(&["logs", "--level", "notice", "--port", &peer.port], "-INT");
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert_eq!(
        line,
        "2026-11-21 00:58:54.228137 5.60% [WARNING] sofia.c:42 odd\\u{1b}[0m\n"
    );
    assert_eq!(peer.commands.recv().unwrap(), "log 5");
}

#[cfg(unix)]
#[test]
fn with_json_a_log_line_is_an_object() {
    let peer = Peer::start(sends(log_line()));
    let (line, done) = interrupt(&["--json", "logs", "--port", &peer.port], "-TERM");
    assert_eq!(done.code, 0, "{done:?}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["level"], &line["line"]),
        (&"WARNING".into(), &42.into())
    );
    assert_eq!(line["unique_id"], serde_json::Value::Null);
}

#[cfg(unix)]
#[test]
fn events_are_followed_until_ctrl_c() {
    let peer = Peer::start(sends(answer("1001")));
    let (line, done) = interrupt(&["events", "--port", &peer.port], "-INT");
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert!(line.contains("caller=1001"), "{line}");
}
