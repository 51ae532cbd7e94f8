//! `genesis sim`, and `api` and `bgapi` against it.

use std::fs;

use crate::support::{Simulator, end, finish, genesis, run};

#[test]
fn api_prints_the_output() {
    let sim = Simulator::start(&[]);
    let done = run(&["api", "--port", &sim.port, "echo", "hello", "there"]);
    assert_eq!(
        (done.code, &*done.stdout, &*done.stderr),
        (0, "hello there\n", "")
    );
    let done = run(&["api", "--port", &sim.port, "--", "echo", "--json", "-1"]);
    assert_eq!(done.stdout, "--json -1\n");
    let done = run(&["api", "--port", &sim.port, "global_getvar", "not_set"]);
    assert_eq!((done.code, &*done.stdout), (0, ""));
}

#[test]
fn json_may_stand_before_or_after_the_command() {
    let sim = Simulator::start(&[]);
    let port = &*sim.port;
    for arguments in [
        ["--json", "api", "--port", port, "echo", "x"],
        ["api", "--json", "--port", port, "echo", "x"],
        ["api", "--port", port, "echo", "x", "--json"],
    ] {
        let done = run(&arguments);
        assert_eq!(
            done.stdout, "{\"command\":\"echo x\",\"ok\":true,\"body\":\"x\"}\n",
            "{arguments:?}"
        );
    }
}

#[test]
fn bgapi_waits_for_the_job() {
    let sim = Simulator::start(&[]);
    let done = run(&[
        "bgapi",
        "--port",
        &sim.port,
        "originate",
        "null/1000",
        "&park",
    ]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.stdout.starts_with("+OK ") && done.stdout.ends_with('\n'),
        "{}",
        done.stdout
    );
    let done = run(&["bgapi", "--json", "--port", &sim.port, "echo", "x"]);
    let result: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&result["ok"], &result["body"]),
        (&true.into(), &"x".into())
    );
    assert_eq!(result["job_uuid"].as_str().unwrap().len(), 36);
}

#[test]
fn the_environment_says_where_and_who() {
    let sim = Simulator::start(&["--password", "s3cret"]);
    let mut command = genesis(&["api", "echo", "x"]);
    command
        .env("ESL_HOST", "127.0.0.1")
        .env("ESL_PORT", &sim.port)
        .env("ESL_PASSWORD", "s3cret");
    let done = finish(command, b"");
    assert_eq!((done.code, &*done.stdout), (0, "x\n"), "{done:?}");
}

#[test]
fn output_for_pipes_has_no_colours() {
    let sim = Simulator::start(&[]);
    for arguments in [&["api", "status"][..], &["api", "nosuch"]] {
        let done = run(&[arguments, &["--port", &sim.port]].concat());
        assert!(!format!("{done:?}").contains("\\u{1b}"), "{done:?}");
    }
}

#[test]
fn a_script_says_who_answers() {
    let path = std::env::temp_dir().join(format!("genesis-sim-{}.json", std::process::id()));
    fs::write(
        &path,
        r#"{"destinations": [{"match": "user/*", "then": "busy"}]}"#,
    )
    .unwrap();
    let sim = Simulator::start(&["--script", path.to_str().unwrap()]);
    let done = run(&[
        "bgapi",
        "--port",
        &sim.port,
        "originate",
        "user/1000",
        "&park",
    ]);
    assert!(
        done.code == 1 && done.stderr.contains("USER_BUSY"),
        "{done:?}"
    );

    fs::write(
        &path,
        r#"{"destinations": [{"match": "user/*", "then": "explode"}]}"#,
    )
    .unwrap();
    let done = run(&[
        "sim",
        "--listen",
        "127.0.0.1:0",
        "--script",
        path.to_str().unwrap(),
    ]);
    fs::remove_file(&path).unwrap();
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.contains("there is no outcome \"explode\""),
        "{}",
        done.stderr
    );
}

#[test]
fn it_listens_on_a_host_by_name() {
    let sim = Simulator::start_at("localhost:0", &[]);
    let arguments = ["--host", "localhost", "--port", &sim.port, "echo", "x"];
    let done = run(&[&["api"][..], &arguments].concat());
    assert_eq!((done.code, &*done.stdout, &*done.stderr), (0, "x\n", ""));
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let sim = Simulator::start(&[]);
    let address = format!("127.0.0.1:{}", sim.port);
    let done = run(&["sim", "--listen", &address]);
    assert_eq!((done.code, &*done.stdout), (1, ""));
    assert!(
        done.stderr.contains(&format!("cannot listen on {address}")),
        "{}",
        done.stderr
    );
}

#[cfg(unix)]
#[test]
fn it_runs_until_it_is_told_to_stop() {
    for signal in ["-INT", "-TERM"] {
        let mut command = genesis(&["sim", "--listen", "127.0.0.1:0"]);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let line = crate::support::first_line(child.stdout.take().unwrap());
        assert!(
            line.starts_with("simulated FreeSWITCH listens on 127.0.0.1:"),
            "{line}"
        );
        crate::support::signal(&child, signal);
        let done = end(child);
        assert_eq!((done.code, &*done.stderr), (0, ""), "{signal}");
    }
}
