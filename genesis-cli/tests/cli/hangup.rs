//! `genesis hangup` against the simulated switch.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Done, Peer, Script, Simulator, run};

fn hangup(sim: &Simulator, arguments: &[&str]) -> Done {
    run(&[&["hangup", "--port", &sim.port], arguments].concat())
}

#[test]
fn a_channel_hangs_up_with_the_cause() {
    let sim = Simulator::start(&[]);
    let uuid = sim.originate("sim/answer &park");
    let done = hangup(&sim, &[&uuid]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    assert_eq!(done.stdout, format!("{uuid}  hung up, NORMAL_CLEARING\n"));
    for (given, cause) in [("call_rejected", "CALL_REJECTED"), ("17", "USER_BUSY")] {
        let uuid = sim.originate("sim/answer &park");
        let done = hangup(&sim, &["--cause", given, &uuid]);
        assert_eq!(done.stdout, format!("{uuid}  hung up, {cause}\n"));
    }
    let left = run(&["channels", "--port", &sim.port]).stdout;
    assert_eq!(left, "no channels\n");
}

#[test]
fn a_channel_that_does_not_exist_is_said_and_the_others_hang_up() {
    let sim = Simulator::start(&[]);
    let uuid = sim.originate("sim/answer &park");
    let done = hangup(&sim, &["nosuch", &uuid, &uuid]);
    assert_eq!(done.code, 1, "{done:?}");
    let lines: BTreeSet<&str> = done.stdout.lines().collect();
    let hung_up = format!("{uuid}  hung up, NORMAL_CLEARING");
    assert_eq!(
        lines,
        BTreeSet::from(["nosuch  no such channel", &*hung_up])
    );
    assert_eq!(done.stdout.lines().count(), 2, "{}", done.stdout);
    assert!(done.stderr.contains("1 of 2 channels"), "{}", done.stderr);

    let done = hangup(&sim, &["--json", "nosuch"]);
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stdout,
        "{\"uuid\":\"nosuch\",\"outcome\":\"no_such_channel\",\"cause\":null}\n"
    );
}

#[test]
fn all_channels_hang_up_and_are_counted() {
    let sim = Simulator::start(&[]);
    let none = hangup(&sim, &["--all"]);
    assert_eq!((none.code, &*none.stdout), (0, "no channels\n"));
    let mut uuids: BTreeSet<String> = (0..3).map(|_| sim.originate("sim/answer &park")).collect();
    // stdin is no terminal: it does not ask
    let done = hangup(&sim, &["--all", "--json", "--cause", "MANAGER_REQUEST"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    let lines: Vec<Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, channels) = lines.split_last().unwrap();
    assert_eq!(summary["summary"]["hung_up"], 3);
    for channel in channels {
        assert_eq!(channel["outcome"], "hung_up");
        assert_eq!(channel["cause"], "MANAGER_REQUEST");
        assert!(uuids.remove(channel["uuid"].as_str().unwrap()));
    }
    assert!(uuids.is_empty());
}

#[test]
fn both_legs_of_a_call_are_gone_whichever_was_first() {
    let sim = Simulator::start(&[]);
    sim.originate("sim/answer &bridge(sim/answer)");
    let done = hangup(&sim, &["--all"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.ends_with("2 channels hung up\n"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_hangup_that_nobody_confirms_is_not_told_as_done() {
    // says yes to everything and never sends the event
    let peer = Peer::start(vec![Script::default()]);
    let done = run(&["hangup", "--port", &peer.port, "--timeout", "0.2", "leg-1"]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(
        done.stdout.starts_with("leg-1  not confirmed"),
        "{}",
        done.stdout
    );
    assert!(
        done.stderr
            .contains("did not say within 0.2 s that the channel hung up"),
        "{}",
        done.stderr
    );
}
