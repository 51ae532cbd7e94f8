//! `genesis new`: the project it writes builds and passes its test.

use std::fs;
#[cfg(unix)]
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::support::{Folder, finish, genesis, run};
#[cfg(unix)]
use crate::support::{Following, genesis_after};

#[test]
fn nothing_is_overwritten_and_mistakes_are_told() {
    let folder = Folder::new("new-mistakes");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let refused = |arguments: &[&str], expected: &str| {
        let done = run(&[&["new"], arguments].concat());
        assert_eq!(
            (done.code, &*done.stdout),
            (2, ""),
            "{arguments:?}: {done:?}"
        );
        assert!(
            done.stderr.contains(expected),
            "{arguments:?}: {}",
            done.stderr
        );
    };
    fs::create_dir(at("there")).unwrap();
    fs::write(folder.path().join("there/mine"), "mine").unwrap();
    refused(
        &["outbound", &at("there")],
        "exists already; nothing was written",
    );
    assert_eq!(fs::read_dir(at("there")).unwrap().count(), 1);
    refused(
        &["outbound", &at("2nd")],
        "cannot be the name of a Cargo project",
    );
    refused(&["outbound", &at("there/mine/x")], "cannot write");
    let done = run(&["new", "outbound", &at("no/parent/yet")]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
    assert!(Path::new(&at("no/parent/yet/src/main.rs")).is_file());
    refused(&["server", "x"], "outbound");
    refused(
        &["outbound", &at("x"), "--genesis", &at("there")],
        "is no checkout of Genesis",
    );
    refused(
        &["outbound", &at("x"), "--genesis", "git@host:genesis"],
        "ssh://",
    );
    assert!(!Path::new(&at("x")).exists());
    let done = run(&[
        "new",
        "consumer",
        &at("y"),
        "--genesis",
        "https://u:s3cret@h/g.git",
        "--json",
    ]);
    assert_eq!(
        (done.code, done.stdout.contains("s3cret")),
        (0, false),
        "{done:?}"
    );
    let manifest = fs::read_to_string(folder.path().join("y/Cargo.toml")).unwrap();
    assert!(manifest.contains(r#"genesis-client = { git = "https://u:s3cret@h/g.git" }"#));
}

/// Both kinds, one after the other: what they need is the same. Built below the target directory of
/// this test, so that only the first time takes long.
#[test]
fn a_new_project_builds_and_passes_its_test() {
    let folder = Folder::new("new");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    for kind in ["outbound", "consumer"] {
        let path = folder.path().join(format!("my-{kind}"));
        let done = finish(genesis(&["new", kind, path.to_str().unwrap()]), b"");
        assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
        assert!(
            done.stdout.contains(&format!("genesis {kind} dev ")),
            "{}",
            done.stdout
        );
        // the versions that are here already: nothing is fetched
        fs::copy(&lock, path.join("Cargo.lock")).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["test", "--offline", "--quiet"])
            .current_dir(&path)
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"),
            )
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .output()
            .unwrap();
        let (out, error) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{kind}: {out}{error}");
        assert!(out.contains("1 passed"), "{kind}: {out}{error}");
        assert!(!error.contains("warning"), "{kind}: {error}");
    }
    #[cfg(unix)]
    {
        let outbound = folder.path().join("my-outbound");
        logs_as_json(&outbound);
        keeps_to_its_access_list(&outbound);
        says_why_it_cannot_begin(&outbound);
        let consumer = folder.path().join("my-consumer");
        connects_as_a_user(&consumer);
    }
}

/// The project under `genesis`, its output and its log in one.
#[cfg(unix)]
fn start(project: &Path, arguments: &[&str]) -> Following {
    let path = project.display().to_string();
    let both = ["sh", "-c", "exec \"$@\" 2>&1", "sh"];
    let mut command = genesis_after(&both, &[arguments, &[&path]].concat());
    command
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"),
        );
    Following::start_command(command)
}

#[cfg(unix)]
fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// `genesis --json outbound dev`: what the program logs is JSON too, with the command's keys.
#[cfg(unix)]
fn logs_as_json(project: &Path) {
    let port = free_port();
    let running = start(project, &["--json", "outbound", "dev", "--port", &port]);
    let line: serde_json::Value = running.find(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = line["message"].as_str().unwrap_or_default().to_owned();
        text.starts_with("waits for calls on ").then_some(line)
    });
    let mut keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["level", "logger", "message", "timestamp"], "{line}");
    assert_eq!(
        (&line["level"], &line["logger"]),
        (&"INFO".into(), &"my_outbound".into())
    );
    // what the libraries below say has its fields in the message
    TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let line: serde_json::Value = running.find(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        (line["logger"] != "my_outbound" && line["level"] == "WARNING").then_some(line)
    });
    assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
    assert!(
        line["message"]
            .as_str()
            .unwrap()
            .contains(" peer=127.0.0.1:"),
        "{line}"
    );
    assert_eq!(running.interrupt().code, 0);
}

/// `--allow`: the call comes from 127.0.0.1.
#[cfg(unix)]
fn keeps_to_its_access_list(project: &Path) {
    for (allow, expected) in [
        (
            &["--allow", "127.0.0.5"][..],
            "its address is not on the allow-list",
        ),
        (
            &["--allow", "127.0.0.5", "--allow", "127.0.0.0/30"],
            "my_outbound: 1001 calls",
        ),
    ] {
        let port = free_port();
        let arguments = ["outbound", "dev", "--sim", "--port", &port];
        let running = start(project, &[&arguments[..], allow].concat());
        let line = running.find(|line| {
            let told = line.contains("my_outbound: 1001 calls") || line.contains("allow-list");
            told.then(|| line.to_owned())
        });
        assert!(line.contains(expected), "{allow:?}: {line}");
        assert_eq!(running.interrupt().code, 0);
    }
}

/// A port that is taken, and a variable that cannot be read: one line in words, and a code.
#[cfg(unix)]
fn says_why_it_cannot_begin(project: &Path) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    let program = target.join("debug/my-outbound");
    assert!(program.is_file() && project.is_dir());
    for (name, value, code, expected) in [
        ("ESL_APP_PORT", &*port, 1, "error: cannot listen on "),
        (
            "ESL_APP_ALLOW",
            "127.0.0.1,pbx",
            2,
            "error: ESL_APP_ALLOW: \"pbx\" is ",
        ),
        (
            "ESL_APP_PORT",
            "many",
            2,
            "error: ESL_APP_PORT=\"many\" cannot be read",
        ),
    ] {
        let mut command = Command::new(&program);
        command.env(name, value);
        let done = finish(command, b"");
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.stderr.starts_with(expected), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    }
    let mut command = Command::new(&program);
    command.envs([("ESL_APP_PORT", &*port), ("ESL_LOG_JSON", "1")]);
    let done = finish(command, b"");
    let line: serde_json::Value = serde_json::from_str(&done.stderr).unwrap();
    assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
    assert_eq!(line["level"], "ERROR", "{line}");
    let text = line["message"].as_str().unwrap();
    assert!(text.starts_with("cannot listen on "), "{line}");
}

/// `--user` reaches the program; a password that is refused ends it as the command ends.
#[cfg(unix)]
fn connects_as_a_user(project: &Path) {
    use crate::support::{Peer, Script};

    let peer = Peer::start(vec![Script::default()]);
    let arguments = [
        "consumer",
        "dev",
        "--user",
        "1000@example.com",
        "--password",
        "1234",
    ];
    let running = start(project, &[&arguments[..], &["--port", &peer.port]].concat());
    running.find(|line| line.contains("handles the events of ").then_some(()));
    let commands: Vec<String> = peer.commands.try_iter().collect();
    assert!(
        commands
            .iter()
            .any(|command| command == "userauth 1000@example.com:1234"),
        "{commands:?}"
    );
    assert_eq!(running.interrupt().code, 0);
}
