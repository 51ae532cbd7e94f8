//! Applications in Lua: what is said when they cannot be loaded, and consumers of events.

use std::fs;
#[cfg(all(feature = "telemetry", unix))]
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
#[cfg(all(feature = "telemetry", unix))]
use std::net::{SocketAddr, TcpStream};

use crate::support::{Folder, Following, Simulator, genesis_after, run};

/// `genesis` whose output and log come in one stream, in the folder of the application.
pub(crate) fn start(
    folder: &Folder,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Following {
    let both = ["sh", "-c", "exec \"$@\" 2>&1", "sh"];
    let mut command = genesis_after(&both, arguments);
    command.current_dir(folder.path());
    command.envs(environment.iter().copied());
    Following::start_command(command)
}

/// The next line with this text.
pub(crate) fn wait_for(following: &Following, text: &str) -> String {
    following.find(|line| line.contains(text).then(|| line.to_owned()))
}

#[test]
fn what_cannot_be_loaded_is_told_with_file_and_line() {
    let folder = Folder::new("lua-mistakes");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let syntax = write("syntax.lua", "local a = 1\nlocal b = = 2\n");
    let nothing = write("nothing.lua", "local a = 1\n");
    let fails = write("fails.lua", "\nerror(\"no configuration\")\n");
    let calls = write("calls.lua", "genesis.outbound(function(session) end)\n");
    let events = write(
        "events.lua",
        "genesis.consumer():handle(\"HEARTBEAT\", function() end)\n",
    );
    for (command, app, expected) in [
        (
            "outbound",
            &syntax,
            format!("{syntax}:2: unexpected symbol near '='"),
        ),
        (
            "consumer",
            &syntax,
            format!("{syntax}:2: unexpected symbol near '='"),
        ),
        ("outbound", &nothing, format!("{nothing}: defines nothing")),
        ("consumer", &nothing, format!("{nothing}: defines nothing")),
        ("outbound", &fails, format!("{fails}:2: no configuration")),
        (
            "consumer",
            &calls,
            format!("{calls} takes calls; run it with `genesis outbound`"),
        ),
        (
            "outbound",
            &events,
            format!("{events} is a consumer of events; run it with `genesis consumer`"),
        ),
    ] {
        for mode in ["run", "dev"] {
            let done = run(&[command, mode, app]);
            assert_eq!((done.code, &*done.stdout), (2, ""), "{done:?}");
            assert!(
                done.stderr.starts_with(&format!("error: {expected}")),
                "{}",
                done.stderr
            );
            assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        }
    }
    let done = run(&["--json", "outbound", &syntax]);
    let line: serde_json::Value = serde_json::from_str(&done.stderr).unwrap();
    assert!(
        line["message"].as_str().unwrap().starts_with(&syntax),
        "{line}"
    );
}

#[test]
fn an_address_that_is_taken_and_a_wrong_password_are_told() {
    let folder = Folder::new("lua-taken");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("calls.lua"), "genesis.outbound(function() end)").unwrap();
    fs::write(
        path("events.lua"),
        "genesis.consumer():handle(\"HEARTBEAT\", function() end)",
    )
    .unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = run(&["outbound", &path("calls.lua"), "--port", &port]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(
        done.stderr.contains(&format!("127.0.0.1:{port}")),
        "{}",
        done.stderr
    );

    let sim = Simulator::start(&["--password", "s3cret"]);
    let done = run(&[
        "consumer",
        &path("events.lua"),
        "--port",
        &sim.port,
        "--password",
        "wrong",
    ]);
    assert_eq!(done.code, 3, "{done:?}");
    assert!(
        done.stderr.contains("refused the password"),
        "{}",
        done.stderr
    );
}

/// What is served over HTTP.
#[cfg(all(feature = "telemetry", unix))]
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[cfg(all(feature = "telemetry", unix))]
#[test]
fn who_takes_calls_is_ready() {
    let folder = Folder::new("lua-ready");
    fs::write(
        folder.path().join("app.lua"),
        "genesis.outbound(function() end)",
    )
    .unwrap();
    let free = || {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let metrics = free();
    let (port, metrics_port) = (free().port().to_string(), metrics.port().to_string());
    let served = [
        ("GENESIS_METRICS_PORT", &*metrics_port),
        ("ESL_APP_PORT", &port),
    ];
    let running = start(&folder, &["outbound", "app.lua"], &served);
    wait_for(
        &running,
        &format!("app waits for calls on 127.0.0.1:{port}"),
    );
    let ready = get(metrics, "/ready");
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    assert_eq!(running.interrupt().code, 0);
}

#[cfg(unix)]
#[test]
fn a_consumer_that_still_connects_can_be_ended() {
    let folder = Folder::new("lua-connecting");
    let app = ANSWERED.replace("WHO", "nobody");
    fs::write(folder.path().join("app.lua"), app).unwrap();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let running = start(
        &folder,
        &[
            "consumer",
            "app.lua",
            "--port",
            &port,
            "--loglevel",
            "debug",
        ],
        &[],
    );
    // it says what fails, and tries again
    wait_for(&running, &port);
    assert_eq!(running.interrupt().code, 0);
}

const ANSWERED: &str = r#"
local app = genesis.consumer()
app:handle("CHANNEL_ANSWER", function(event)
  genesis.log.info("WHO heard of " .. event["Unique-ID"])
end)
"#;

#[cfg(all(feature = "telemetry", unix))]
#[test]
fn a_consumer_handles_events_and_serves_its_metrics() {
    let sim = Simulator::start(&[]);
    let folder = Folder::new("lua-consumer");
    fs::write(folder.path().join("app.lua"), ANSWERED).unwrap();

    let metrics = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let port = metrics.port().to_string();
    let served = [("GENESIS_METRICS_PORT", &*port), ("ESL_PORT", &sim.port)];
    let consumer = start(&folder, &["consumer", "./app.lua"], &served);
    wait_for(&consumer, "app handles the events of 127.0.0.1:");
    let uuid = sim.originate("sim/answer &park");
    let line = wait_for(&consumer, "heard of");
    let said = format!("] INFO     WHO heard of {uuid} (trace_id=");
    assert!(line.contains(&said), "{line}");
    let text = get(metrics, "/metrics");
    assert!(text.contains("genesis_events_received_total{"), "{text}");
    consumer.signal("-TERM");
    assert_eq!(consumer.end().code, 0);
}

/// The line that the application in this folder logs about a call, with these variables set.
#[cfg(all(feature = "telemetry", unix))]
fn logged(folder: &Folder, variables: &[(&str, &str)]) -> serde_json::Value {
    let sim = Simulator::start(&[]);
    fs::write(folder.path().join("app.lua"), ANSWERED).unwrap();
    let port = [("ESL_PORT", &*sim.port)];
    let variables = [&port[..], variables].concat();
    let consumer = start(folder, &["--json", "consumer", "./app.lua"], &variables);
    wait_for(&consumer, "app handles the events of");
    let uuid = sim.originate("sim/answer &park");
    let line = wait_for(&consumer, "heard of");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], format!("WHO heard of {uuid}"), "{line}");
    assert_eq!(consumer.interrupt().code, 0);
    line
}

#[cfg(all(feature = "telemetry", unix))]
#[test]
fn a_consumers_log_lines_have_ids_whether_spans_are_exported_or_not() {
    let folder = Folder::new("lua-ids");
    for variables in [
        &[][..],
        &[("OTEL_TRACES_EXPORTER", "none")],
        &[("OTEL_TRACES_SAMPLER", "always_off")],
        &[("OTEL_TRACES_EXPORTER", "console")],
    ] {
        let line = logged(&folder, variables);
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        let expected = [
            "timestamp",
            "level",
            "message",
            "logger",
            "trace_id",
            "span_id",
        ];
        assert_eq!(keys, expected, "{variables:?}");
        for (key, length) in [("trace_id", 32), ("span_id", 16)] {
            let id = line[key].as_str().unwrap();
            let hex = id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            assert!(hex && id.len() == length, "{line}");
            assert!(id.contains(|c| c != '0'), "{line}");
        }
    }
}

#[cfg(all(feature = "telemetry", unix))]
#[test]
fn a_disabled_sdk_gives_no_ids() {
    let folder = Folder::new("lua-no-ids");
    let line = logged(&folder, &[("OTEL_SDK_DISABLED", "true")]);
    let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["timestamp", "level", "message", "logger"]);
}

#[cfg(unix)]
#[test]
fn a_consumer_is_reloaded_and_a_broken_save_harms_nothing() {
    let sim = Simulator::start(&[]);
    let folder = Folder::new("lua-reload");
    let save = |text: &str| fs::write(folder.path().join("app.lua"), text).unwrap();
    save(&ANSWERED.replace("WHO", "one"));
    let consumer = start(
        &folder,
        &["consumer", "dev", "app.lua", "--port", &sim.port],
        &[],
    );
    wait_for(&consumer, "handles the events");
    sim.originate("sim/answer &park");
    wait_for(&consumer, "one heard of");

    save("app:handle(");
    let line = wait_for(&consumer, "the version before it goes on");
    assert!(line.contains("app.lua:1: "), "{line}");
    sim.originate("sim/answer &park");
    wait_for(&consumer, "one heard of");

    save(&ANSWERED.replace("WHO", "two"));
    wait_for(&consumer, "is reloaded");
    let uuid = sim.originate("sim/answer &park");
    let line = wait_for(&consumer, "heard of");
    assert!(line.contains(&format!("two heard of {uuid}")), "{line}");
    assert_eq!(consumer.interrupt().code, 0);
}

#[cfg(unix)]
#[test]
fn modules_are_watched_too_and_a_folder_may_hold_several_applications() {
    let folder = Folder::new("lua-modules");
    let save = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let app = "local words = require(\"lib.words\")\ngenesis.outbound(function() end)\n";
    save("ivr.lua", app);
    save("whole/main.lua", app);
    for module in ["lib/words.lua", "whole/lib/words.lua"] {
        save(module, "return {}");
    }
    for (path, name, module) in [
        ("ivr.lua", None, "lib/words.lua"),
        (".", Some("ivr"), "lib/words.lua"),
        ("whole", None, "whole/lib/words.lua"),
        (".", Some("whole"), "whole/lib/words.lua"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        drop(listener);
        let mut environment = vec![("ESL_APP_PORT", &*port)];
        environment.extend(name.map(|name| ("ESL_APP_NAME", name)));
        let running = start(&folder, &["outbound", "dev", path], &environment);
        wait_for(&running, "waits for calls on");
        save(module, "return { oops");
        let line = wait_for(&running, "the version before it goes on");
        assert!(line.contains("words.lua:1: "), "{line}");
        save(module, "return { \"new\" }");
        wait_for(&running, "was saved and is reloaded");
        assert_eq!(running.interrupt().code, 0, "{path} {name:?}");
    }
}

#[cfg(unix)]
#[test]
fn where_to_listen_may_be_said_in_the_environment_and_json_after_the_command() {
    let folder = Folder::new("lua-environment");
    fs::write(
        folder.path().join("app.lua"),
        "genesis.outbound(function() end)",
    )
    .unwrap();
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let environment = [("ESL_APP_HOST", "127.0.0.2"), ("ESL_APP_PORT", &port)];
    for arguments in [
        &["outbound", "--json", "run", "app.lua"][..],
        &["outbound", "run", "app.lua", "--json"],
    ] {
        let running = start(&folder, arguments, &environment);
        let line: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
        let expected = format!("app waits for calls on 127.0.0.2:{port}");
        assert_eq!(line["message"], expected, "{line}");
        assert_eq!(running.interrupt().code, 0);
    }
    let sim = Simulator::start(&[]);
    fs::write(folder.path().join("app.lua"), ANSWERED).unwrap();
    let arguments = ["consumer", "app.lua", "--port", &sim.port, "--json"];
    let running = start(&folder, &arguments, &[]);
    let line: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
    let text = line["message"].as_str().unwrap();
    assert!(text.starts_with("app handles the events of "), "{line}");
    assert_eq!(running.interrupt().code, 0);
}

/// There is one port 8000 on a machine: where it is taken the test says so and sees the warning.
#[cfg(all(feature = "telemetry", unix))]
#[test]
fn a_consumer_serves_its_metrics_on_8000_unless_told_otherwise() {
    let sim = Simulator::start(&[]);
    let folder = Folder::new("lua-8000");
    fs::write(folder.path().join("app.lua"), ANSWERED).unwrap();
    let free = TcpListener::bind("127.0.0.1:8000").is_ok();
    let both = ["sh", "-c", "exec \"$@\" 2>&1", "sh"];
    let mut command = genesis_after(&both, &["consumer", "app.lua", "--port", &sim.port]);
    command
        .current_dir(folder.path())
        .env_remove("GENESIS_METRICS_PORT");
    let running = Following::start_command(command);
    let line = running.line();
    if free && !line.contains("cannot serve metrics at") {
        assert!(line.contains("app handles the events of"), "{line}");
        let text = get("127.0.0.1:8000".parse().unwrap(), "/metrics");
        assert!(text.contains("genesis_connections_active{"), "{text}");
    } else {
        eprintln!("port 8000 of this machine is taken: only the warning is checked");
        assert!(
            line.contains("WARNING  cannot serve metrics at 127.0.0.1:8000"),
            "{line}"
        );
    }
    assert_eq!(running.interrupt().code, 0);
}

#[cfg(unix)]
#[test]
fn events_that_were_missed_are_told_in_words() {
    let sim = Simulator::start(&[]);
    let folder = Folder::new("lua-missed");
    fs::write(folder.path().join("app.lua"), ANSWERED).unwrap();
    let running = start(&folder, &["consumer", "app.lua", "--port", &sim.port], &[]);
    wait_for(&running, "app handles the events of");
    let address = format!("127.0.0.1:{}", sim.port);
    drop(sim);
    wait_for(&running, "the connection to FreeSWITCH was lost");
    let _sim = Simulator::start_at(&address, &[]);
    let line = wait_for(&running, "events were missed");
    let told = "WARNING  events were missed: the connection was away for ";
    assert!(line.contains(told) && !line.contains("Gap"), "{line}");
    assert_eq!(running.interrupt().code, 0);
}
