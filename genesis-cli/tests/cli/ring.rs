//! `genesis ring` against the simulated switch.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::redis_server::RedisServer;
use crate::support::{Done, Following, Simulator, run};

fn ring(sim: &Simulator, arguments: &[&str]) -> Done {
    run(&[&["ring", "--port", &sim.port], arguments].concat())
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
fn the_first_to_answer_wins_and_the_others_are_hung_up() {
    let sim = Simulator::start(&[]);
    let answers = "sim/answer?after=300ms";
    let done = ring(&sim, &["sim/busy", "sim/no_answer", answers]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
    let up = channels(&sim);
    assert_eq!(up.len(), 1, "{up:?}");
    let uuid = up[0]["uuid"].as_str().unwrap();
    let last = done.stdout.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("{answers} answered after "))
            && last.ends_with(&format!(" s, Unique-ID {uuid}")),
        "{last}"
    );
    let said = |destination: &str| -> Vec<String> {
        let lines = done.stdout.lines().filter_map(|line| {
            let (_, told) = line.split_once(" s  ")?;
            Some(told.strip_prefix(destination)?.trim().to_owned())
        });
        lines.collect()
    };
    assert_eq!(said("sim/busy"), ["is being called", "busy (USER_BUSY)"]);
    assert_eq!(
        said("sim/no_answer"),
        [
            "is being called",
            "rings",
            "hung up, another answered first"
        ]
    );
}

#[test]
fn with_json_there_is_one_object_about_everybody() {
    let sim = Simulator::start(&[]);
    let arguments = ["--json", "--mode", "sequential", "--ring-time", "0.3"];
    let destinations = [
        "sim/no_answer",
        "sim/unregistered",
        "sim/answer",
        "user/1000",
    ];
    let done = ring(
        &sim,
        &[&arguments[..], &destinations, &["--hangup-after", "0.1"]].concat(),
    );
    assert_eq!((done.code, &*done.stderr), (0, ""));
    let result = object(&done);
    assert_eq!(result["result"], "answered");
    assert_eq!(result["dial_path"], "sim/answer");
    assert_eq!(result["uuid"].as_str().unwrap().len(), 36);
    assert!(result["duration"].as_f64().unwrap() >= 0.3, "{result}");
    assert!(result["talked"].as_f64().unwrap() >= 0.1, "{result}");
    assert_eq!(
        result["destinations"],
        json!([
            {"dial_path": "sim/no_answer", "outcome": "timeout", "cause": "NO_ANSWER"},
            {"dial_path": "sim/unregistered", "outcome": "failed", "cause": "USER_NOT_REGISTERED"},
            {"dial_path": "sim/answer", "outcome": "answered", "cause": null},
            {"dial_path": "user/1000", "outcome": "not_tried", "cause": null},
        ])
    );
    assert!(channels(&sim).is_empty());
}

#[test]
fn when_nobody_answers_it_is_exit_code_1_at_once() {
    let sim = Simulator::start(&[]);
    let done = ring(&sim, &["sim/busy", "sim/reject"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(
        done.stderr,
        "error: nobody answered: sim/busy busy (USER_BUSY), sim/reject rejected the call \
         (CALL_REJECTED)\n"
    );
    assert_eq!(
        done.stdout.lines().last().unwrap(),
        "nobody answered: sim/busy busy (USER_BUSY), sim/reject rejected the call (CALL_REJECTED)"
    );
    let one_by_one = ["--mode", "sequential", "--timeout", "0.5", "sim/no_answer"];
    let done = ring(
        &sim,
        &[&one_by_one[..], &["sim/busy", "sim/answer"]].concat(),
    );
    assert_eq!(
        done.stderr,
        "error: nobody answered: sim/no_answer did not answer in time, 2 not tried\n"
    );
    let done = ring(&sim, &["--json", "--timeout", "0.5", "sim/no_answer"]);
    let result = object(&done);
    assert_eq!(
        (done.code, &result["result"], &result["uuid"]),
        (1, &"no_answer".into(), &Value::Null)
    );
    assert_eq!(result["destinations"][0]["cause"], "NO_ANSWER", "{result}");
    assert!(channels(&sim).is_empty());
}

#[test]
fn variables_reach_every_destination_and_a_delay_its_own() {
    let sim = Simulator::start(&[]);
    let late = "sim/answer?after=1ms";
    let arguments = ["--var", "account=42", "--delay", "sim/answer?after=1ms=0.4"];
    let done = ring(
        &sim,
        &[&arguments[..], &["--json", "sim/busy", late]].concat(),
    );
    let result = object(&done);
    assert!(result["duration"].as_f64().unwrap() >= 0.4, "{result}");
    let uuid = result["uuid"].as_str().unwrap();
    let variable = run(&["api", "--port", &sim.port, "uuid_getvar", uuid, "account"]);
    assert_eq!(variable.stdout.trim(), "42");
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_they_ring_leaves_nobody_ringing() {
    let sim = Simulator::start(&[]);
    let destinations = ["sim/no_answer", "sim/answer?after=60s"];
    let ringing =
        Following::start(&[&["ring", "--port", &*sim.port][..], &destinations[..]].concat());
    for _ in 0..2 {
        ringing.find(|line| line.ends_with("rings").then_some(()));
    }
    let done = ringing.interrupt();
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("cancelled"), "{}", done.stderr);
    assert!(channels(&sim).is_empty());
}

#[test]
fn with_redis_processes_balance_together() {
    let sim = Simulator::start(&[]);
    let redis = RedisServer::start();
    let url = redis.url();
    let balancing = ["--mode", "balancing", "--redis", &url];
    let destinations = ["sim/answer?rings=true", "sim/answer?rings=false"];
    // its call is up, and counts
    let arguments = ["ring", "--port", &sim.port, "--hangup-after", "60"];
    let first = Following::start(&[&arguments[..], &balancing, &destinations].concat());
    let told = first.find(|line| line.contains("Unique-ID").then(|| line.to_owned()));
    assert!(told.starts_with(destinations[0]), "{told}");
    let chosen = |arguments: &[&str]| {
        let done = ring(&sim, &[&balancing[..], &["--json"], arguments].concat());
        object(&done)["dial_path"].as_str().unwrap().to_owned()
    };
    for _ in 0..3 {
        // whose call is over by then
        let over = [&destinations[..], &["--hangup-after", "0.01"]].concat();
        assert_eq!(chosen(&over), destinations[1]);
        // and given back when the process ends
        assert_eq!(says(&redis, "HLEN genesis:{balance}:entries", 1), [":1"]);
    }
    #[cfg(unix)]
    {
        // Ctrl-C ends the call, and its count
        let done = first.interrupt();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(channels(&sim).is_empty());
        assert_eq!(chosen(&destinations), destinations[0]);
    }
}

/// The first lines of what Redis answers.
fn says(redis: &RedisServer, command: &str, lines: usize) -> Vec<String> {
    let mut line = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    line.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    let answer = BufReader::new(line).lines().take(lines);
    answer.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_call_that_goes_on_is_left_counted_and_what_is_over_is_not() {
    let sim = Simulator::start(&[]);
    let redis = RedisServer::start();
    let url = redis.url();
    let balancing = ["--json", "--mode", "balancing", "--redis", &url];
    let result = object(&ring(
        &sim,
        &[&balancing[..], &["sim/busy", "sim/answer"]].concat(),
    ));
    let uuid = result["uuid"].as_str().unwrap();
    // how many there are, the length of the first one, and which it is
    let counted = says(&redis, "HVALS genesis:{balance}:entries", 3);
    assert_eq!(counted[0], "*1", "{counted:?}");
    assert!(
        counted[2].ends_with(&format!(" {uuid} sim/answer")),
        "{counted:?}"
    );
}

#[test]
fn redis_that_is_down_is_exit_code_3() {
    let sim = Simulator::start(&[]);
    let redis = [
        "--mode",
        "balancing",
        "--redis",
        "redis://127.0.0.1:1",
        "sim/answer",
    ];
    let done = ring(&sim, &redis);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("127.0.0.1:1"), "{}", done.stderr);
    assert!(channels(&sim).is_empty());
}

#[test]
fn a_redis_password_that_is_wrong_or_missing_is_told_and_not_shown() {
    let sim = Simulator::start(&[]);
    let redis = RedisServer::start();
    let port = redis.port();
    assert_eq!(says(&redis, "CONFIG SET requirepass s3cret", 1), ["+OK"]);
    let url = |user: &str| format!("redis://{user}127.0.0.1:{port}/");
    for user in [":hunter2@", "alice:hunter2@", ""] {
        let url = url(user);
        let balancing = ["--mode", "balancing", "--redis", &url, "sim/answer"];
        let done = ring(&sim, &balancing);
        assert_eq!(done.code, 3, "{done:?}");
        let expected = format!("Redis at 127.0.0.1:{port} refused the user or password");
        assert!(done.stderr.contains(&expected), "{}", done.stderr);
        assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    }
    let right = url(":s3cret@");
    let balancing = ["--mode", "balancing", "--redis", &right, "sim/answer"];
    assert_eq!(ring(&sim, &balancing).code, 0);
}
