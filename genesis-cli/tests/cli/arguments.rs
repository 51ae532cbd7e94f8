//! The command line: help, versions, mistakes, secrets.

use crate::support::{Done, Simulator, finish, genesis, run};

const COMMANDS: [&str; 15] = [
    "decode",
    "api",
    "bgapi",
    "events",
    "logs",
    "originate",
    "ring",
    "channels",
    "hangup",
    "consumer",
    "outbound",
    "new",
    "sim",
    "demo",
    "completions",
];

fn usage(arguments: &[&str], expected: &str) {
    let done = run(arguments);
    assert_eq!(done.code, 2, "{arguments:?}: {done:?}");
    assert_eq!(done.stdout, "", "{arguments:?}");
    assert_eq!(
        done.stderr.lines().count(),
        1,
        "{arguments:?}: {}",
        done.stderr
    );
    assert!(
        done.stderr.contains(expected),
        "{arguments:?}: {}",
        done.stderr
    );
}

#[test]
fn mistakes_are_one_line_and_exit_code_2() {
    usage(&["apii"], "error: unrecognized subcommand 'apii'");
    usage(&["api"], "required arguments were not provided");
    usage(&["api", ""], "the api command is empty");
    usage(&["api", "status\n\nexit"], "would end the line");
    usage(&["api", "--nope", "status"], "'--nope'");
    usage(&["api", "--port", "99999", "status"], "99999");
    usage(&["api", "--timeout", "0", "status"], "greater than 0");
    usage(&["api", "--user", "@example.com", "status"], "USER@DOMAIN");
    usage(&["bgapi", " "], "the api command is empty");
    usage(&["events", "CHANNEL_ANSWERED"], "CHANNEL_ANSWERED");
    usage(&["events", "--filter", "=1001"], "names no header");
    usage(&["events", "--filter", "Caller-ANI~("], "unclosed group");
    usage(&["events", "--count", "0"], "--count");
    usage(&["events", "--format", "yaml"], "plain");
    usage(&["logs", "--level", "loud"], "WARNING");
    usage(&["--loglevel", "loud", "demo"], "WARNING");
    usage(&["originate"], "<DIAL_STRING>");
    usage(&["originate", "[a=b"], "has no ']'");
    usage(&["originate", "user/1", "--var", "a"], "NAME=VALUE");
    usage(&["originate", "user/1", "--var", "a=b\nc"], "\"a\"");
    usage(
        &["ring", "user/1", "--var", "x=y", "--var", "a=b\nc"],
        "(number 2): the variable \"a\" cannot be written",
    );
    let uuid = ["--var", "origination_uuid=leg"];
    for command in [
        &["originate", "user/1,user/2"][..],
        &["ring", "user/1", "user/2"],
        &["ring", "user/1,user/2"],
    ] {
        usage(&[command, &uuid].concat(), "Unique-ID");
    }
    for dial in [
        "user/1000 &park",
        "user/1000 9664",
        "user/1,user/2 9664 XML",
    ] {
        usage(&["originate", dial], "--app or --exten");
        usage(&["ring", "user/1", dial], "`genesis originate`");
    }
    usage(
        &["originate", "user/1", "--timeout", "86401"],
        "at most 86400",
    );
    usage(&["ring", "user/1", "--timeout", "1e9"], "at most 86400");
    usage(&["ring", "user/1", "--ring-time", "1e9"], "at most 86400");
    usage(&["ring", "user/1", "--pace", "fast"], "`off`");
    usage(
        &["ring", "user/1", "--timeout", "5", "--delay", "user/1=5"],
        "--delay 5 is not before --timeout 5",
    );
    usage(
        &["originate", "user/1", "--caller-id", "A <>"],
        "NAME <NUMBER>",
    );
    usage(
        &["originate", "user/1", "--app", "a", "--exten", "1"],
        "cannot be used with",
    );
    usage(&["originate", "user/1", "--wait", "talk"], "hangup");
    usage(&["ring"], "<DESTINATION>");
    usage(&["ring", "user/1", "[x"], "has no ']'");
    usage(&["ring", "user/1", "--mode", "serial"], "weighted-random");
    usage(
        &["ring", "user/1", "--delay", "user/1=soon"],
        "DESTINATION=SECONDS",
    );
    usage(
        &["ring", "user/1", "--delay", "user/2=1"],
        "not among the destinations",
    );
    usage(
        &["ring", "user/1", "--weight", "user/1=2"],
        "--mode weighted-random",
    );
    usage(
        &["ring", "user/1", "--redis", "redis://pbx"],
        "--mode balancing",
    );
    let balancing = ["ring", "user/1", "--mode", "balancing", "--redis"];
    usage(&[&balancing[..], &["http://x"]].concat(), "redis://");
    usage(&[&balancing[..], &["rediss://x"]].concat(), "TLS");
    usage(&["channels", "--reconnect"], "--watch");
    usage(&["hangup"], "--all");
    usage(&["hangup", "--all", "leg-1"], "cannot be used with");
    usage(&["hangup", "a b"], "one word");
    usage(
        &["hangup", "a", "--cause", "busy"],
        "the nearest are USER_BUSY",
    );
    usage(&["sim", "--listen", "nowhere"], "localhost:8021");
    usage(&["sim", "--script", "/no/such/file"], "/no/such/file");
    usage(&["demo", "extra"], "'extra'");
}

#[test]
fn a_mistake_names_the_help_of_its_command() {
    for (arguments, command) in [
        (&["apii"][..], "genesis"),
        (&["api"], "genesis api"),
        (&["api", "--port", "99999", "status"], "genesis api"),
        (
            &["--loglevel", "DEBUG", "hangup", "a", "--cause", "busy"],
            "genesis hangup",
        ),
        (&["events", "--count", "0"], "genesis events"),
        (&["hangup"], "genesis hangup"),
        (&["--json", "--loglevel", "loud", "demo"], "genesis demo"),
    ] {
        usage(arguments, &format!("; see {command} --help"));
    }
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let mut command = genesis(&["api", "status", "--port", "1"]);
    for name in ["ESL_HOST", "ESL_PORT", "ESL_PASSWORD", "ESL_USER"] {
        command.env(name, "");
    }
    let done = finish(command, b"");
    // it got as far as dialling the default host
    assert_eq!(done.code, 3, "{done:?}");
    assert!(done.stderr.contains("127.0.0.1:1:"), "{}", done.stderr);
    let mut command = genesis(&["sim", "--listen", "nowhere"]);
    command.env("ESL_PASSWORD", "");
    let done = finish(command, b"");
    assert!(done.stderr.contains("--listen"), "{}", done.stderr);
    // given by hand it is what was given
    usage(&["api", "--port", "", "status"], "--port");
}

#[test]
fn with_json_a_mistake_is_a_json_object() {
    let object = |arguments: &[&str]| -> serde_json::Value {
        let done = run(arguments);
        assert_eq!((done.code, &*done.stdout), (2, ""), "{arguments:?}");
        serde_json::from_str(&done.stderr).unwrap()
    };
    for arguments in [
        &["--json", "api"][..],
        &["api", "--json"],
        &["events", "X", "--json"],
    ] {
        let line = object(arguments);
        assert_eq!(
            (&line["level"], &line["logger"]),
            (&"ERROR".into(), &"genesis".into())
        );
        assert!(!line["message"].as_str().unwrap().is_empty());
        assert!(line["timestamp"].as_str().unwrap().ends_with("+00:00"));
    }
}

#[test]
fn a_log_level_of_the_environment_that_is_none_is_a_mistake() {
    let mut command = genesis(&["api", "status"]);
    command.env("ESL_LOG_LEVEL", "loud");
    let done = finish(command, b"");
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.contains("ESL_LOG_LEVEL=\"loud\""),
        "{}",
        done.stderr
    );
}

#[test]
fn without_a_command_it_shows_its_help() {
    let done = run(&[]);
    assert_eq!(done.code, 2);
    assert!(
        COMMANDS.iter().all(|name| done.stderr.contains(name)),
        "{}",
        done.stderr
    );
}

#[test]
fn version_is_that_of_the_package() {
    let done = run(&["--version"]);
    assert_eq!(
        (done.code, done.stdout),
        (0, format!("genesis {}\n", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn every_command_has_help_with_an_example() {
    for name in COMMANDS {
        let done = run(&[name, "--help"]);
        assert_eq!((done.code, &*done.stderr), (0, ""), "{name}");
        assert!(
            done.stdout.contains(&format!("Example:\n  genesis {name}")),
            "{}",
            done.stdout
        );
        assert!(
            done.stdout.contains("--json") && done.stdout.contains("--loglevel"),
            "{name}"
        );
    }
}

#[test]
fn help_names_the_environment_and_never_shows_a_password() {
    for name in COMMANDS {
        for flag in ["--help", "-h"] {
            let mut command = genesis(&[name, flag]);
            command.env("ESL_PASSWORD", "hunter2");
            let done = finish(command, b"");
            assert!(!done.stdout.contains("hunter2"), "{name}: {}", done.stdout);
            assert!(!done.stdout.contains("ClueCon"), "{name}: {}", done.stdout);
        }
    }
    let help = run(&["api", "--help"]).stdout;
    for variable in ["ESL_HOST", "ESL_PORT", "ESL_PASSWORD"] {
        assert!(help.contains(variable), "{help}");
    }
    let help = run(&["--help"]).stdout;
    for variable in [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "GENESIS_TRACE_ESL_LIFECYCLE",
        "GENESIS_TRACE_CUSTOM_SUBCLASSES",
        "GENESIS_TRACE_CHANNELS",
        "GENESIS_EXCLUDED_EVENTS",
        "GENESIS_EXCLUDED_COMMANDS",
        "genesis-otel/ENVIRONMENT.md",
    ] {
        assert!(help.contains(variable), "{help}");
    }
}

#[test]
fn errors_and_logs_never_show_a_password() {
    let sim = Simulator::start(&["--password", "s3cret"]);
    let hidden = |done: Done| {
        assert_ne!(done.code, 0);
        assert!(!done.stderr.contains("hunter"), "{}", done.stderr);
    };
    let flags = ["--loglevel", "TRACE", "--port", &sim.port];
    for password in ["hunter2", "hunter\n2", "hunter:2@"] {
        for user in [&[][..], &["--user", "1000"], &["--user", "1000@pbx"]] {
            let mut arguments = vec!["api", "status", "--password", password];
            arguments.extend(flags);
            arguments.extend(user);
            hidden(run(&arguments));
            arguments.insert(0, "--json");
            hidden(run(&arguments));
        }
        hidden(run(&["--password", password, "api", "status"]));
        hidden(run(&[&format!("--password={password}"), "api", "status"]));
        hidden(run(&["demo", &format!("--password={password}")]));
    }
    for url in [
        "redis://:hunter2@127.0.0.1:1",
        "http://:hunter2@x",
        "hunter2",
    ] {
        let redis = ["--mode", "balancing", "--redis", url, "--loglevel", "TRACE"];
        hidden(run(&[&["ring", "user/1"], &redis[..]].concat()));
    }
    for dial in ["[a=hunter2", "{a=hunter2}sim/busy", "{a=hunter2}[x=y]"] {
        let variable = "sip_auth_password=hunter2\n";
        for arguments in [
            &["originate", dial][..],
            &["ring", dial],
            &["ring", dial, "--delay", "hunter2=x"],
            &["ring", dial, "--delay", "hunter2=1"],
            &[
                "ring",
                dial,
                "--mode",
                "weighted-random",
                "--weight",
                "hunter2=x",
            ],
            &["originate", "sim/busy", "--var", variable],
            &["ring", "sim/busy", "--var", variable],
        ] {
            let done = run(&[arguments, &flags, &["--password", "s3cret"]].concat());
            assert!(!done.stdout.contains("hunter"), "{}", done.stdout);
            hidden(done);
        }
    }
    let mut command = genesis(&["api", "status", "--loglevel", "TRACE", "--port", &sim.port]);
    command.env("ESL_PASSWORD", "hunter2");
    hidden(finish(command, b""));
}
