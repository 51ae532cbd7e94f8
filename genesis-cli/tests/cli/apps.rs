//! `genesis consumer` and `genesis outbound`: what is said when there is nothing to run.

use std::fs;

use crate::support::{Folder, run};

/// One line, exit code 2.
fn refused(arguments: &[&str], expected: &str) {
    let done = run(arguments);
    assert_eq!(done.code, 2, "{arguments:?}: {done:?}");
    assert_eq!(done.stdout, "", "{arguments:?}");
    let line = done.stderr.trim_end();
    assert!(
        line.starts_with("error: ") && line.lines().count() == 1 && line.contains(expected),
        "{arguments:?}: {line}"
    );
}

#[test]
fn what_is_no_application_is_refused_with_what_would_be_one() {
    let folder = Folder::new("no-app");
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::write(at("app.py"), "app = Consumer()").unwrap();
    fs::write(at("main.rs"), "fn main() {}").unwrap();
    fs::write(at("notes.txt"), "").unwrap();
    for command in ["consumer", "outbound"] {
        refused(&[command], "required arguments were not provided");
        refused(&[command, "run"], "which application? write `run APP`");
        refused(&[command, "dev"], "which application? write `dev APP`");
        refused(&[command, "a", "b"], "\"a\" is neither run nor dev");
        refused(&[command, "run", "a", "b"], "unexpected value 'b'");
        for mode in ["run", "dev"] {
            refused(
                &[command, mode, &at("gone.lua")],
                "gone.lua does not exist; an application is",
            );
            refused(
                &[command, mode, &at("app.py")],
                &format!(
                    "is Python, which this command does not run; write it in Lua (docs/applications.md shows how), or in Rust: genesis new {command} NAME"
                ),
            );
            refused(&[command, mode, &at("gone.py")], "is Python");
            refused(
                &[command, mode, &at("main.rs")],
                "give the folder of its Cargo project",
            );
            refused(
                &[command, mode, &at("notes.txt")],
                "no application that can be run",
            );
            refused(
                &[command, mode, &at("")],
                "has neither main.lua nor Cargo.toml",
            );
            refused(
                &[command, mode, &at(""), "--app", "ivr"],
                "and no ivr.lua either",
            );
        }
    }
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let folder = Folder::new("options");
    let app = folder.path().join("app.lua").display().to_string();
    fs::write(&app, "").unwrap();
    refused(&["outbound", &app, "--sim"], "--sim is for dev");
    refused(&["consumer", "run", &app, "--sim"], "--sim is for dev");
    refused(
        &["outbound", &app, "--app", "other"],
        "nothing to choose from",
    );
    refused(&["outbound", &app, "--port", "0"], "--port");
    refused(&["outbound", &app, "--max-sessions", "0"], "--max-sessions");
    refused(&["outbound", &app, "--drain", "soon"], "number of seconds");
    refused(&["outbound", &app, "--allow", "pbx"], "10.0.0.0/8");
    refused(
        &["outbound", "dev", &app, "--sim", "--digits", "one"],
        "as a phone has them",
    );
    refused(&["outbound", &app, "--host", ""], "--host");
    refused(&["consumer", &app, "--user", "@pbx"], "USER@DOMAIN");
}

#[test]
fn completions_are_those_of_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = run(&["completions", shell]);
        assert_eq!((done.code, &*done.stderr), (0, ""), "{shell}");
        for word in ["outbound", "max-sessions", "originate"] {
            assert!(done.stdout.contains(word), "{shell}: {word}");
        }
    }
    refused(&["completions", "cmd"], "bash");
}
