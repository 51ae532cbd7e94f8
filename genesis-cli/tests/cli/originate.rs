//! `genesis originate` against the simulated switch.

use serde_json::Value;

use crate::support::{Done, Simulator, run};

fn originate(sim: &Simulator, arguments: &[&str]) -> Done {
    run(&[&["originate", "--port", &sim.port], arguments].concat())
}

fn object(done: &Done) -> Value {
    assert_eq!(done.stdout.lines().count(), 1, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

fn channels(sim: &Simulator) -> Vec<Value> {
    let done = run(&["channels", "--json", "--port", &sim.port]);
    serde_json::from_str(&done.stdout).unwrap()
}

#[test]
fn it_tells_how_the_call_goes_and_leaves_it_up() {
    let sim = Simulator::start(&[]);
    let done = originate(&sim, &["sim/answer?after=200ms"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    let told: Vec<&str> = done
        .stdout
        .lines()
        .map(|line| line.split_once(" s  ").unwrap().1)
        .collect();
    let rows = channels(&sim);
    let uuid = rows[0]["uuid"].as_str().unwrap();
    assert_eq!(
        told,
        [
            "sim/answer?after=200ms  is being called",
            "sim/answer?after=200ms  rings",
            &*format!("sim/answer?after=200ms  answered, Unique-ID {uuid}"),
        ]
    );
    assert_eq!(rows[0]["application"], "park");
}

#[test]
fn variables_caller_id_and_application_reach_the_call() {
    let sim = Simulator::start(&[]);
    let arguments = [
        "--json",
        "sim/answer",
        "--var",
        "account=a b, c",
        "--caller-id",
        "Front Desk <1000>",
        "--app",
        "playback local_stream://moh",
    ];
    let result = object(&originate(&sim, &arguments));
    assert_eq!(result["result"], "answered");
    assert_eq!(result["cause"], Value::Null);
    let uuid = result["uuid"].as_str().unwrap();
    let get = |name: &str| {
        let done = run(&["api", "--port", &sim.port, "uuid_getvar", uuid, name]);
        done.stdout.trim().to_owned()
    };
    assert_eq!(get("account"), "a b, c");
    assert_eq!(get("origination_caller_id_name"), "Front Desk");
    assert_eq!(get("origination_caller_id_number"), "1000");
    let row = &channels(&sim)[0];
    assert_eq!(row["application"], "playback");
    assert_eq!(row["application_data"], "local_stream://moh");
}

#[test]
fn it_waits_for_the_end_when_asked() {
    let sim = Simulator::start(&[]);
    let dial = "sim/answer?hangup_after=300ms&hangup_cause=USER_BUSY";
    let result = object(&originate(&sim, &[dial, "--wait", "hangup", "--json"]));
    assert_eq!(
        (&result["result"], &result["cause"]),
        (&"answered".into(), &"USER_BUSY".into())
    );
    assert!(result["talked"].as_f64().unwrap() >= 0.2, "{result}");
    let done = originate(&sim, &[dial, "--wait", "hangup"]);
    let last = done.stdout.lines().last().unwrap();
    assert!(
        last.contains("hung up after 0.") && last.ends_with(" s, USER_BUSY"),
        "{last}"
    );
}

#[test]
fn a_call_that_is_not_answered_is_exit_code_1_and_says_why() {
    let sim = Simulator::start(&[]);
    for (dial, words) in [
        ("sim/busy", "busy (USER_BUSY)"),
        ("sim/reject", "rejected the call (CALL_REJECTED)"),
        ("sim/unregistered", "not registered (USER_NOT_REGISTERED)"),
        ("sim/no_answer", "did not answer (NO_ANSWER)"),
        (
            "nosuch/1",
            "no such kind of endpoint (CHAN_NOT_IMPLEMENTED)",
        ),
    ] {
        let done = originate(&sim, &[dial, "--timeout", "1"]);
        assert_eq!(done.code, 1, "{done:?}");
        let error = format!("error: no answer from {dial}: {words}\n");
        assert_eq!(done.stderr, error);
        let last = done.stdout.lines().last().unwrap();
        assert!(last.ends_with(&format!("{dial}  {words}")), "{last}");
    }
    let done = originate(&sim, &["sim/busy", "--json"]);
    let result = object(&done);
    assert_eq!(done.code, 1);
    assert_eq!(
        (&result["result"], &result["cause"], &result["uuid"]),
        (&"no_answer".into(), &"USER_BUSY".into(), &Value::Null)
    );
    assert!(channels(&sim).is_empty());
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_it_rings_leaves_nothing_ringing() {
    use crate::support::Following;

    let sim = Simulator::start(&[]);
    let call = Following::start(&["originate", "--port", &sim.port, "sim/no_answer"]);
    call.find(|line| line.ends_with("rings").then_some(()));
    let done = call.interrupt();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("cancelled"), "{}", done.stderr);
    assert!(channels(&sim).is_empty());
}
