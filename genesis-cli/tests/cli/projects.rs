//! Applications that are Cargo projects: built, run, replaced.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use crate::support::{Done, Folder, Following, finish, genesis, genesis_after};

/// A program that needs nothing but the standard library, so that it is built in a moment.
struct Project {
    folder: Folder,
}

impl Project {
    fn new(name: &str, main: &str) -> Self {
        let folder = Folder::new(name);
        fs::create_dir(folder.path().join("src")).unwrap();
        let manifest = "[package]\nname = \"program\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let project = Self { folder };
        project.save(main);
        project
    }

    fn save(&self, main: &str) {
        fs::write(self.main(), main).unwrap();
    }

    fn main(&self) -> PathBuf {
        self.folder.path().join("src/main.rs")
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The arguments, and the project behind them.
    fn arguments<'a>(&'a self, before: &[&'a str], path: &'a str) -> Vec<&'a str> {
        [before, &[path]].concat()
    }

    fn run(&self, before: &[&str]) -> Done {
        let path = self.path();
        let mut command = genesis(&self.arguments(before, &path));
        command.env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        finish(command, b"")
    }

    /// Its output and its log, in the order in which they come.
    fn start(&self, before: &[&str]) -> Following {
        let path = self.path();
        let both = ["sh", "-c", "exec \"$@\" 2>&1", "sh"];
        let mut command = genesis_after(&both, &self.arguments(before, &path));
        command.env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        Following::start_command(command)
    }
}

/// A program that says `name`, and on SIGTERM what `on_term` does in the shell.
fn patient(name: &str, on_term: &str) -> String {
    format!(
        r#"use std::os::unix::process::CommandExt as _;

fn main() {{
    let script = "trap '{on_term}' TERM; echo {name} runs; while :; do sleep 0.05; done";
    panic!("{{}}", std::process::Command::new("sh").args(["-c", script]).exec());
}}
"#
    )
}

fn wait_for(following: &Following, text: &str) -> String {
    following.find(|line| line.contains(text).then(|| line.to_owned()))
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

#[test]
fn a_program_finds_the_options_in_its_environment() {
    let project = Project::new(
        "environment",
        r#"fn main() {
            for name in std::env::args().skip(1).chain(NAMES.map(str::to_owned)) {
                println!("{name}={}", std::env::var(&name).unwrap_or_default());
            }
        }
        const NAMES: [&str; 7] = ["ESL_APP_HOST", "ESL_APP_PORT", "ESL_APP_MAX_SESSIONS", "ESL_APP_DRAIN", "ESL_APP_ALLOW", "ESL_APP_NAME", "ESL_LOG_LEVEL"];
        "#,
    );
    let done = project.run(&[
        "outbound",
        "--port",
        "19000",
        "--max-sessions",
        "5",
        "--drain",
        "1.5",
        "--allow",
        "10.0.0.0/8",
        "--app",
        "program",
        "--loglevel",
        "error",
    ]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{done:?}");
    assert_eq!(
        done.stdout,
        "ESL_APP_HOST=127.0.0.1\nESL_APP_PORT=19000\nESL_APP_MAX_SESSIONS=5\nESL_APP_DRAIN=1.5\n\
         ESL_APP_ALLOW=10.0.0.0/8\nESL_APP_NAME=program\nESL_LOG_LEVEL=ERROR\n"
    );
}

#[test]
fn what_cannot_be_built_says_where_and_how_a_program_ended_is_told() {
    let project = Project::new("broken", "fn main() {\n    let x: u32 = \"one\";\n}\n");
    for mode in ["run", "dev"] {
        let done = project.run(&["consumer", mode]);
        assert_eq!((done.code, &*done.stdout), (2, ""), "{done:?}");
        let last = done.stderr.lines().last().unwrap();
        let expected = "cannot be built: src/main.rs:2: mismatched types";
        assert!(
            last.starts_with("error: ") && last.ends_with(expected),
            "{last}"
        );
        // what the compiler shows
        assert!(
            done.stderr.contains("let x: u32 = \"one\";"),
            "{}",
            done.stderr
        );
    }
    let done = project.run(&["--json", "consumer"]);
    for line in done.stderr.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
    }

    let done = project.run(&["consumer", "--app", "other"]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr.contains("no bin target named `other`"),
        "{}",
        done.stderr
    );

    project.save("fn main() { std::process::exit(3) }");
    let done = project.run(&["consumer"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .ends_with("the application ended with exit status: 3\n"),
        "{}",
        done.stderr
    );

    fs::create_dir(project.folder.path().join("src/bin")).unwrap();
    fs::write(
        project.folder.path().join("src/bin/second.rs"),
        "fn main() { println!(\"second\") }",
    )
    .unwrap();
    let done = project.run(&["consumer"]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr
            .contains("several programs; choose with --app: "),
        "{}",
        done.stderr
    );
    let done = project.run(&["consumer", "--app", "second"]);
    assert_eq!((done.code, &*done.stdout), (0, "second\n"), "{done:?}");
}

#[cfg(unix)]
#[test]
fn a_program_drains_and_who_does_not_want_to_wait_has_it_killed() {
    let project = Project::new(
        "drain",
        &patient("one", "echo draining; sleep 0.3; echo done; exit 0"),
    );
    let running = project.start(&["consumer"]);
    wait_for(&running, "one runs");
    running.signal("-TERM");
    wait_for(&running, "draining");
    wait_for(&running, "done");
    assert_eq!(running.end().code, 0);

    project.save(&patient("two", "echo never ends"));
    let running = project.start(&["consumer"]);
    wait_for(&running, "two runs");
    running.signal("-INT");
    wait_for(&running, "never ends");
    running.signal("-INT");
    assert_eq!(running.end().code, 0);
}

#[cfg(unix)]
#[test]
fn dev_replaces_the_program_on_each_save_and_keeps_it_when_a_save_is_broken() {
    let ends = |name: &str| patient(name, &format!("echo {name} ends; exit 0"));
    let project = Project::new("dev", &ends("one"));
    let running = project.start(&["consumer", "dev"]);
    wait_for(&running, "one runs");

    project.save(&ends("two"));
    // one ends while two begins: in either order
    let (mut ended, mut began) = (false, false);
    while !(ended && began) {
        let line = running.line();
        ended |= line == "one ends";
        began |= line == "two runs";
    }

    project.save("fn main() { nothing() }");
    let line = running.find(|line| {
        assert_ne!(line, "two ends", "the version before goes on");
        line.contains("it cannot be built").then(|| line.to_owned())
    });
    assert!(
        line.contains("src/main.rs:1: cannot find function `nothing`"),
        "{line}"
    );
    assert!(line.ends_with("the version before it goes on"), "{line}");

    project.save(&ends("three"));
    wait_for(&running, "two ends");
    running.signal("-TERM");
    assert_eq!(running.end().code, 0);
}

/// A program that takes calls, on the simulated switch.
fn server(name: &str) -> String {
    format!(
        r#"fn main() {{
    let at = |name| std::env::var(name).unwrap();
    let address = format!("{{}}:{{}}", at("ESL_APP_HOST"), at("ESL_APP_PORT"));
    let listener = std::net::TcpListener::bind(address).unwrap();
    for call in listener.incoming() {{
        println!("{name} has a call");
        drop(call);
    }}
}}
"#
    )
}

#[cfg(unix)]
#[test]
fn dev_with_a_simulated_switch_places_a_call_on_each_save() {
    let project = Project::new("rehearsal", &server("one"));
    let port = free_port();
    let running = project.start(&["outbound", "dev", "--sim", "--port", &port]);
    wait_for(&running, "one has a call");
    wait_for(&running, "1001  is hung up: ");
    // the next one binds the address when this one has left it
    project.save(&server("two"));
    wait_for(&running, "two has a call");
    wait_for(&running, "1002  is hung up: ");
    running.signal("-INT");
    assert_eq!(running.end().code, 0);
}

#[cfg(unix)]
#[test]
fn nobody_else_is_called_when_a_program_cannot_listen() {
    let project = Project::new("taken", &server("one"));
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let running = project.start(&["outbound", "dev", "--sim", "--port", &port]);
    let line = wait_for(&running, "no simulated call is made");
    assert!(line.contains("ERROR"), "{line}");
    assert!(line.ends_with("somebody else listens on the address of the application"));
    wait_for(&running, "the application ended with exit status: ");
    assert!(other.accept().is_err(), "it was called");
    drop(other);
    // and now it can
    project.save(&server("two"));
    wait_for(&running, "two has a call");
    // one that ends before it listens is not called either
    project.save("fn main() { println!(\"gone\") }");
    wait_for(
        &running,
        "no simulated call is made: the application has ended",
    );
    running.signal("-INT");
    assert_eq!(running.end().code, 0);
}
