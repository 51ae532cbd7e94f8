//! How `genesis originate` and `genesis ring` end when something else does: their stdout, their
//! terminal, the link. Nothing is left ringing, and what may be is named.

use std::fs::File;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::redis_server::RedisServer;
use crate::support::{
    Done, Following, Simulator, end, first_line, genesis, genesis_after, run, signal,
};
use crate::switch::Switch;

/// Rings for as long as a test could last.
const SILENT: &str = "sim/no_answer";

/// Both commands, on their way to a destination that does not answer.
fn ringing(port: &str) -> [Vec<&str>; 2] {
    [
        vec!["originate", "--port", port, SILENT],
        vec!["ring", "--port", port, SILENT, "sim/answer?after=60s"],
    ]
}

fn writing_to(stdout: impl Into<Stdio>, arguments: &[&str]) -> Done {
    let mut command = genesis(arguments);
    command.stdout(stdout).stderr(Stdio::piped());
    end(command.spawn().unwrap())
}

fn object(done: &Done) -> Value {
    assert_eq!(done.stdout.lines().count(), 1, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

#[cfg(unix)]
#[test]
fn output_that_nobody_reads_hangs_up_what_rings() {
    let switch = Switch::start();
    for arguments in ringing(&switch.port) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = writing_to(writer, &arguments);
        assert_eq!(done.code, 1, "{done:?}");
        assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
        assert!(done.stderr.contains("cannot write to stdout"), "{done:?}");
        assert!(done.stderr.contains("hung up"), "{done:?}");
        assert!(switch.channels().is_empty(), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn channels_are_hung_up_though_nobody_reads_of_it() {
    let switch = Switch::start();
    for _ in 0..3 {
        let done = run(&["originate", "--port", &switch.port, "sim/answer?after=1ms"]);
        assert_eq!(done.code, 0, "{done:?}");
    }
    assert_eq!(switch.channels().len(), 3);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let done = writing_to(
        writer,
        &["hangup", "--all", "--yes", "--port", &switch.port],
    );
    // who left has seen enough
    assert_eq!(done.code, 0, "{done:?}");
    assert!(switch.channels().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_hangs_up_what_rings_and_names_what_is_up() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let switch = Switch::start();
    for arguments in ringing(&switch.port) {
        let done = writing_to(full(), &arguments);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stderr.contains("No space left"), "{done:?}");
        assert!(switch.channels().is_empty(), "{arguments:?}");
    }
    // with --json it is noticed at the end, when somebody has answered
    for (command, number) in [("originate", 1), ("ring", 2)] {
        let arguments = [command, "--json", "--port", &switch.port, "sim/answer"];
        let done = writing_to(full(), &arguments);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stderr.contains("No space left"), "{done:?}");
        let up = switch.channels();
        assert_eq!(up.len(), number);
        assert!(up.iter().any(|uuid| done.stderr.contains(uuid)), "{done:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_is_closed_hangs_up_what_rings() {
    let switch = Switch::start();
    for arguments in ringing(&switch.port) {
        // these tests may run under nohup
        let command = genesis_after(&["env", "--default-signal=HUP"], &arguments);
        let call = Following::start_command(command);
        call.find(|line| line.ends_with("rings").then_some(()));
        // the shell and the kernel both say so
        call.signal("-HUP");
        call.signal("-HUP");
        let done = call.end();
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.stderr.contains("cancelled"), "{done:?}");
        assert!(switch.channels().is_empty(), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_is_respected() {
    let switch = Switch::start();
    let dial = "sim/answer?after=1ms&hangup_after=1s";
    let arguments = ["originate", "--port", &switch.port, dial];
    let command = genesis_after(
        &["sh", "-c", r#"trap "" HUP; exec "$@""#, "sh"],
        &[&arguments[..], &["--wait", "hangup"]].concat(),
    );
    let call = Following::start_command(command);
    call.find(|line| line.contains("Unique-ID").then_some(()));
    call.signal("-HUP");
    let last = call.find(|line| line.contains("hung up after").then(|| line.to_owned()));
    assert!(last.ends_with("NORMAL_CLEARING"), "{last}");
    assert_eq!(call.end().code, 0);
}

#[cfg(unix)]
#[test]
fn with_json_a_cancelled_call_says_what_it_was_hung_up_with() {
    let switch = Switch::start();
    let [originate, ring] = ringing(&switch.port);
    let cancelled = |arguments: &[&str], channels: usize| {
        let call = Following::start(arguments);
        switch.until_channels(channels);
        call.signal("-TERM");
        let object: Value = serde_json::from_str(&call.line()).unwrap();
        assert_eq!(object["result"], "cancelled");
        assert_eq!(call.end().code, 1);
        assert!(switch.channels().is_empty());
        object
    };
    let object = cancelled(&[&originate[..], &["--json"]].concat(), 1);
    assert_eq!(object["cause"], "ORIGINATOR_CANCEL", "{object}");
    // when the second one is there, the command has long known of the first one
    let object = cancelled(&[&ring[..], &["--json", "--pace", "1"]].concat(), 2);
    let first = json!({"dial_path": SILENT, "outcome": "cancelled", "cause": "ORIGINATOR_CANCEL"});
    assert_eq!(object["destinations"][0], first, "{object}");
}

#[test]
fn a_link_that_is_cut_is_made_again_and_the_call_goes_on() {
    let switch = Switch::start();
    let arguments = ["ring", "--port", &switch.port, "--hangup-after", "1"];
    let call = Following::start(&[&arguments[..], &["sim/answer"]].concat());
    call.find(|line| line.contains("Unique-ID").then_some(()));
    switch.cut();
    let last = call.find(|line| line.contains("hung up after").then(|| line.to_owned()));
    assert!(last.ends_with(" s, NORMAL_CLEARING"), "{last}");
    let seconds = last.split("hung up after ").nth(1).unwrap();
    let seconds: f64 = seconds.split(' ').next().unwrap().parse().unwrap();
    assert!(seconds >= 1.0, "{last}");
    let done = call.end();
    assert_eq!(done.code, 0, "{done:?}");
    assert!(switch.channels().is_empty());

    let dial = "sim/answer?hangup_after=1500ms&hangup_cause=USER_BUSY";
    let arguments = ["originate", "--port", &switch.port, "--wait", "hangup"];
    let call = Following::start(&[&arguments[..], &[dial]].concat());
    call.find(|line| line.contains("Unique-ID").then_some(()));
    switch.cut();
    call.find(|line| line.ends_with(" s, USER_BUSY").then_some(()));
    assert_eq!(call.end().code, 0);
}

#[test]
fn a_link_that_is_lost_for_good_names_the_call_that_is_up() {
    let switch = Switch::start();
    let dial = "sim/answer";
    for (number, arguments) in [
        &["ring", "--hangup-after", "60", dial][..],
        &["originate", "--wait", "hangup", dial],
    ]
    .into_iter()
    .enumerate()
    {
        let switch = Switch::start();
        let call = Following::start(&[arguments, &["--port", &switch.port]].concat());
        let told = call.find(|line| line.contains("Unique-ID").then(|| line.to_owned()));
        let uuid = told.rsplit(' ').next().unwrap();
        switch.cut_for_good();
        let done = call.end();
        assert_eq!(done.code, 3, "{number}: {done:?}");
        assert!(
            done.stderr
                .contains(&format!("still up as far as is known: {uuid}")),
            "{done:?}"
        );
        assert_eq!(switch.channels(), [uuid]);
    }
    // the winner is known once the loser is hung up
    let arguments = ["ring", "--json", "--port", &switch.port, "--hangup-after"];
    let destinations = ["60", "sim/answer?after=300ms", SILENT];
    let call = Following::start(&[&arguments[..], &destinations].concat());
    switch.until_channels(2);
    let up = switch.until_channels(1);
    switch.cut_for_good();
    let object: Value = serde_json::from_str(&call.line()).unwrap();
    assert_eq!(
        (&object["result"], &object["uuid"], &object["still_up"]),
        (&"answered".into(), &json!(up[0]), &json!(up[0])),
        "{object}"
    );
    assert!(object["error"].is_string() && object["talked"].is_null());
    assert_eq!(call.end().code, 3);
}

#[test]
fn a_link_that_is_lost_for_good_names_what_may_still_ring() {
    for json in [false, true] {
        let switch = Switch::start();
        let other = Switch::start();
        for (switch, arguments) in [&switch, &other].into_iter().zip([
            &["originate", SILENT][..],
            &["ring", "--mode", "sequential", SILENT, "sim/answer"],
        ]) {
            let port = ["--port", &switch.port];
            let form: &[&str] = if json { &["--json"] } else { &[] };
            let call = Following::start(&[arguments, &port, form].concat());
            let rings = switch.until_channels(1);
            switch.cut_for_good();
            if json {
                let object: Value = serde_json::from_str(&call.line()).unwrap();
                assert_eq!(
                    (&object["result"], &object["may_still_ring"]),
                    (&"error".into(), &json!(rings)),
                    "{object}"
                );
                assert!(object["error"].is_string());
            }
            let done = call.end();
            assert_eq!(done.code, 3, "{done:?}");
            let named = format!("may still ring: {}", rings[0]);
            assert!(done.stderr.contains(&named), "{done:?}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_switch_that_is_silent_does_not_hold_up_who_cannot_wait() {
    for (command, json) in [("originate", false), ("ring", false), ("originate", true)] {
        let switch = Switch::start();
        let form: &[&str] = if json { &["--json"] } else { &[] };
        let call = Following::start(&[&[command, SILENT, "--port", &switch.port], form].concat());
        let rings = switch.until_channels(1);
        let uuid = &*rings[0];
        if !json {
            call.find(|line| line.ends_with("rings").then_some(()));
        }
        switch.stall();
        call.signal("-INT");
        if json {
            // nothing tells that the first one was taken in: two that come at once may be one
            let object = loop {
                call.signal("-INT");
                if let Some(line) = call.line_soon() {
                    break serde_json::from_str::<Value>(&line).unwrap();
                }
            };
            assert_eq!(object["may_still_ring"], json!([uuid]), "{object}");
        } else {
            call.find(|line| line.contains("cancelled").then_some(()));
            // what comes at once belongs to the first
            while !call.is_over_soon() {
                call.signal("-INT");
            }
        }
        let done = call.end();
        assert_eq!(done.code, 3, "{done:?}");
        let named = format!("may still ring: {uuid}");
        assert!(done.stderr.contains(&named), "{done:?}");
    }
}

#[cfg(unix)]
#[test]
fn when_the_time_is_up_and_the_switch_is_silent_what_may_ring_is_named() {
    let switch = Switch::start();
    let dial = "sim/answer?after=2500ms";
    let call = Following::start(&["originate", dial, "--timeout", "3", "--port", &switch.port]);
    let rings = switch.until_channels(1);
    call.find(|line| line.ends_with("rings").then_some(()));
    switch.vanish();
    // it was answered, and nobody can hang it up
    call.find(|line| line.contains("NO_ANSWER").then_some(()));
    let done = call.interrupt();
    assert_eq!(done.code, 3, "{done:?}");
    let named = format!("may still ring: {}", rings[0]);
    assert!(done.stderr.contains(&named), "{done:?}");
}

#[test]
fn with_json_there_is_an_object_when_nothing_can_be_connected() {
    let switch = Switch::start();
    let failed = |arguments: &[&str], expected: &str| {
        let done = run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, 3, "{done:?}");
        let object = object(&done);
        assert_eq!(object["result"], "error", "{object}");
        let error = object["error"].as_str().unwrap();
        assert!(error.contains(expected), "{error}");
        object
    };
    for command in ["originate", "ring"] {
        failed(&[command, "sim/answer", "--port", "1"], "127.0.0.1:1");
        let wrong = ["--port", &switch.port, "--password", "hunter2"];
        let object = failed(&[&[command, "sim/answer"], &wrong[..]].concat(), "password");
        assert!(!object.to_string().contains("hunter2"));
    }
    let redis = ["--mode", "balancing", "--redis", "redis://127.0.0.1:1"];
    let ring = ["ring", "--port", &switch.port, "sim/answer"];
    let object = failed(&[&ring[..], &redis].concat(), "Redis at 127.0.0.1:1");
    let nobody = json!([{"dial_path": "sim/answer", "outcome": "not_tried", "cause": null}]);
    assert_eq!(object["destinations"], nobody);
}

#[cfg(unix)]
#[test]
fn redis_that_goes_away_does_not_hold_the_command_up() {
    let sim = Simulator::start(&[]);
    let mut redis = RedisServer::start();
    let url = redis.url();
    let arguments = [
        "ring",
        "--port",
        &sim.port,
        "--mode",
        "balancing",
        "--redis",
    ];
    let rest = [&*url, "--hangup-after", "60", "sim/answer"];
    let call = Following::start(&[&arguments[..], &rest].concat());
    call.find(|line| line.contains("Unique-ID").then_some(()));
    redis.kill();
    let done = call.interrupt();
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("Redis"), "{done:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn logs_that_cannot_be_written_stop_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    // it warns that others can reach it
    let mut command = genesis(&["sim", "--listen", "0.0.0.0:0", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(full).spawn().unwrap();
    let line = first_line(child.stdout.take().unwrap());
    let line: Value = serde_json::from_str(&line).unwrap();
    let port = line["listening"].as_str().unwrap().rsplit(':').next();
    let done = run(&["api", "status", "--port", port.unwrap()]);
    assert_eq!(done.code, 0, "{done:?}");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
