//! `genesis channels` against the simulated switch.

use serde_json::Value;

use crate::support::{Following, Simulator, run};

fn rows(sim: &Simulator) -> Vec<Value> {
    let done = run(&["channels", "--json", "--port", &sim.port]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn a_switch_without_calls_has_no_channels() {
    let sim = Simulator::start(&[]);
    let done = run(&["channels", "--port", &sim.port]);
    assert_eq!((done.code, &*done.stdout), (0, "no channels\n"));
    assert_eq!(rows(&sim), [] as [Value; 0]);
}

#[test]
fn a_bridged_call_is_two_rows_that_name_each_other() {
    let sim = Simulator::start(&[]);
    let a = sim.originate(
        "{origination_caller_id_name=Alice,origination_caller_id_number=1001}sim/answer \
         &bridge(sim/answer)",
    );
    let rows = rows(&sim);
    assert_eq!(rows.len(), 2, "{rows:?}");
    let of = |uuid: &str| rows.iter().find(|row| row["uuid"] == uuid).unwrap();
    let b = of(&a)["bridged_to"].as_str().unwrap();
    assert_eq!(of(b)["bridged_to"], *a);
    assert_eq!(of(&a)["application"], "bridge");
    assert_eq!(of(&a)["callstate"], "ACTIVE");
    assert!(of(&a)["duration"].as_u64().unwrap() < 60);

    let table = run(&["channels", "--port", &sim.port]).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("UUID "), "{table}");
    let row = lines.iter().find(|line| line.starts_with(&a)).unwrap();
    for text in ["outbound", "ACTIVE", "0:0", "bridge sim/answer", b] {
        assert!(row.contains(text), "{text}: {table}");
    }
    assert_eq!(*lines.last().unwrap(), "2 channels, 2 of them bridged");
}

#[test]
fn with_watch_and_json_every_change_is_an_object() {
    let sim = Simulator::start(&[]);
    let there = sim.originate("sim/answer &park");
    let watch = Following::start(&["channels", "--watch", "--json", "--port", &sim.port]);
    let next = || serde_json::from_str::<Value>(&watch.line()).unwrap();
    let first = next();
    assert_eq!(
        (&first["change"], &first["channel"]["uuid"]),
        (&"present".into(), &(*there).into())
    );

    let came = sim.originate("sim/answer?after=100ms &park");
    let change = next();
    assert_eq!(
        (&change["change"], &change["channel"]["uuid"]),
        (&"new".into(), &(*came).into())
    );
    assert!(change["event_date_timestamp"].as_u64().unwrap() > 1_700_000_000_000_000);
    run(&["hangup", "--cause", "USER_BUSY", "--port", &sim.port, &came]);
    let mut states = Vec::new();
    let ended = loop {
        let change = next();
        if change["change"] == "ended" {
            break change;
        }
        assert_eq!(change["change"], "changed");
        states.push(change["channel"]["callstate"].as_str().unwrap().to_owned());
    };
    states.dedup();
    assert_eq!(states, ["DOWN", "RINGING", "ACTIVE", "HANGUP"]);
    assert_eq!(ended["channel"]["uuid"], *came);
    assert_eq!(ended["channel"]["hangup_cause"], "USER_BUSY");
    #[cfg(unix)]
    assert_eq!(watch.interrupt().code, 0);
}

#[test]
fn without_a_terminal_a_change_is_a_line() {
    let sim = Simulator::start(&[]);
    let watch = Following::start(&["channels", "--watch", "--port", &sim.port]);
    // whoever is shown here was there before, or came after
    let uuid = sim.originate("sim/answer &park");
    watch.find(|line| (line.contains(&uuid) && line.contains("callstate=ACTIVE")).then_some(()));
    run(&["hangup", "--port", &sim.port, &uuid]);
    let ended = watch.find(|line| line.contains("ended").then(|| line.to_owned()));
    assert!(
        ended.contains(&uuid) && ended.contains("cause=NORMAL_CLEARING"),
        "{ended}"
    );
}

#[test]
fn what_ended_while_the_link_was_away_is_told_after_the_gap() {
    let sim = Simulator::start(&[]);
    let address = format!("127.0.0.1:{}", sim.port);
    let uuid = sim.originate("sim/answer &park");
    let arguments = ["channels", "--watch", "--reconnect", "--json", "--port"];
    let watch = Following::start(&[&arguments[..], &[&sim.port]].concat());
    let next = || serde_json::from_str::<Value>(&watch.line()).unwrap();
    assert_eq!(next()["change"], "present");
    drop(sim);
    let sim = Simulator::start_at(&address, &[]);
    assert!(next()["gap"]["seconds"].as_f64().is_some());
    let ended = next();
    assert_eq!(
        (&ended["change"], &ended["channel"]["uuid"]),
        (&"ended".into(), &(*uuid).into())
    );
    // and it goes on
    let after = sim.originate("sim/answer &park");
    assert_eq!(next()["channel"]["uuid"], *after);
}

#[test]
fn a_lost_link_ends_the_watch() {
    let sim = Simulator::start(&[]);
    sim.originate("sim/answer &park");
    let watch = Following::start(&["channels", "--watch", "--port", &sim.port]);
    watch.line();
    drop(sim);
    let done = watch.end();
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("lost the link"), "{}", done.stderr);
}
