//! What goes wrong on the way to FreeSWITCH, and what it refuses: exit codes and messages.

use std::io::Write as _;
use std::net::TcpListener;

use crate::support::{Done, Peer, Script, Simulator, run};

fn one_line(done: &Done, code: i32, expected: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    assert!(done.stderr.contains(expected), "{}", done.stderr);
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    for command in [
        &["api", "status"][..],
        &["bgapi", "status"],
        &["events"],
        &["logs"],
    ] {
        let done = run(&[command, &["--port", &port]].concat());
        one_line(&done, 3, &format!("127.0.0.1:{port}"));
    }
}

#[test]
fn the_password_is_wrong() {
    let sim = Simulator::start(&["--password", "s3cret"]);
    let done = run(&["api", "status", "--port", &sim.port, "--password", "wrong"]);
    one_line(&done, 3, "refused the password");
    let done = run(&["events", "--port", &sim.port, "--reconnect"]);
    one_line(&done, 3, "refused the password");
}

#[test]
fn the_access_list_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let switch = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let frame =
            b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n";
        stream.write_all(frame).unwrap();
    });
    one_line(&run(&["api", "status", "--port", &port]), 3, "access list");
    switch.join().unwrap();
}

#[test]
fn the_switch_refuses_the_command() {
    let sim = Simulator::start(&[]);
    let port = &*sim.port;
    one_line(
        &run(&["api", "--port", port, "nosuch"]),
        1,
        "-ERR nosuch Command not found!",
    );
    one_line(&run(&["api", "--port", port, "uuid_kill"]), 1, "-USAGE");
    one_line(
        &run(&["bgapi", "--port", port, "nosuch"]),
        1,
        "-ERR nosuch Command not found!",
    );
    let done = run(&["bgapi", "--port", port, "originate sim/busy &park"]);
    one_line(&done, 1, "FreeSWITCH refused originate: -ERR USER_BUSY");
    assert_eq!(done.stdout, "");
}

#[test]
fn with_json_a_refusal_is_a_result_too() {
    let sim = Simulator::start(&[]);
    let done = run(&[
        "bgapi",
        "--json",
        "--port",
        &sim.port,
        "originate sim/busy &park",
    ]);
    assert_eq!(done.code, 1);
    let result: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(result["ok"], false);
    assert_eq!(result["body"], "-ERR USER_BUSY");
    let error: serde_json::Value = serde_json::from_str(&done.stderr).unwrap();
    assert_eq!(error["level"], "ERROR");
}

#[test]
fn the_switch_does_not_answer_in_time() {
    let sim = Simulator::start(&[]);
    let done = run(&[
        "api",
        "--port",
        &sim.port,
        "--timeout",
        "0.2",
        "msleep",
        "3000",
    ]);
    one_line(&done, 3, "got no answer within");
}

#[test]
fn the_link_is_lost() {
    for command in ["events", "logs"] {
        let peer = Peer::start(vec![Script {
            close: true,
            ..Script::default()
        }]);
        one_line(&run(&[command, "--port", &peer.port]), 3, "lost the link");
    }
    let notice =
        "Content-Type: text/disconnect-notice\nContent-Length: 21\n\nGoing down right now\n";
    let peer = Peer::start(vec![Script {
        send: notice.to_owned(),
        close: true,
    }]);
    one_line(
        &run(&["events", "--port", &peer.port]),
        3,
        "Going down right now",
    );
}
