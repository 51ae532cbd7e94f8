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
                "no application ivr (neither ivr.lua nor a folder ivr)",
            );
        }
    }
}

#[test]
fn a_folder_of_several_names_them() {
    let folder = Folder::new("several");
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["sales", "whole", "empty"] {
        fs::create_dir(at(name)).unwrap();
    }
    for file in ["ivr.lua", "sales.lua", "whole/main.lua", "notes.txt"] {
        fs::write(at(file), "").unwrap();
    }
    refused(
        &["outbound", &at("")],
        "has neither main.lua nor Cargo.toml; choose with --app (ESL_APP_NAME): ivr, sales, whole",
    );
    refused(
        &["consumer", "dev", &at(""), "--app", "other"],
        "neither other.lua nor a folder other); choose with --app (ESL_APP_NAME): ivr, sales, whole",
    );
    for number in 0..30 {
        fs::write(at(&format!("a{number}.lua")), "").unwrap();
    }
    refused(&["outbound", &at("")], " and 13 more");
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_opened() {
    let folder = Folder::new("pipe");
    let path = folder.path().join("app.lua").display().to_string();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    for command in ["consumer", "outbound"] {
        for mode in ["run", "dev"] {
            refused(&[command, mode, &path], "app.lua is no regular file");
        }
    }
    // of a folder it is not the main file, and no module
    fs::rename(&path, folder.path().join("main.lua")).unwrap();
    let path = folder.path().display().to_string();
    refused(&["outbound", &path], "has neither main.lua nor Cargo.toml");
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

/// What bash offers behind these words, the last of which is begun.
#[cfg(unix)]
fn offered(folder: &Folder, words: &[&str]) -> Vec<String> {
    let script = folder.path().join("genesis.bash");
    let done = run(&["completions", "bash"]);
    fs::write(&script, done.stdout).unwrap();
    let asks = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _genesis genesis "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", asks, "bash"])
        .arg(&script)
        .args(words)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn bash_offers_run_and_dev() {
    let folder = Folder::new("completions");
    for command in ["consumer", "outbound"] {
        let words = offered(&folder, &["genesis", command, ""]);
        for word in ["run", "dev", "--drain"] {
            assert!(words.contains(&word.to_owned()), "{command}: {words:?}");
        }
        assert_eq!(offered(&folder, &["genesis", command, "d"]), ["dev"]);
        let words = offered(&folder, &["genesis", command, "dev", "--s"]);
        assert_eq!(words, ["--sim"], "{command}");
    }
    // what has no such words has them not
    let words = offered(&folder, &["genesis", "events", "d"]);
    assert!(!words.contains(&"dev".to_owned()), "{words:?}");
}
