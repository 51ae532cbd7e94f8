//! Building with cargo.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::Project;

/// Cargo's own messages are kept up to this length.
const KEPT: u64 = 1 << 20;

/// Why there is no program.
#[derive(Debug)]
pub(super) struct NotBuilt {
    /// In a line, with the place of the first error.
    pub(super) summary: String,
    /// The compiler's messages as it prints them; may be empty.
    pub(super) messages: String,
}

/// A line of `--message-format=json`.
#[derive(Deserialize)]
struct Line {
    reason: String,
    message: Option<Message>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    message: String,
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u64,
    is_primary: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// What cargo said on stdout.
#[derive(Debug, Default)]
struct Said {
    /// The programs, with their names.
    programs: Vec<(String, PathBuf)>,
    /// The first error.
    first: Option<String>,
    rendered: String,
}

impl Said {
    fn take(&mut self, line: &str) {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            return;
        };
        match (&*line.reason, line.message, line.target, line.executable) {
            ("compiler-message", Some(message), ..) if message.level == "error" => {
                let place = message.spans.iter().find(|span| span.is_primary);
                let place = place
                    .map(|span| format!("{}:{}: ", span.file_name, span.line_start))
                    .unwrap_or_default();
                self.first
                    .get_or_insert_with(|| format!("{place}{}", message.message));
                self.rendered
                    .push_str(message.rendered.as_deref().unwrap_or_default());
            }
            ("compiler-artifact", _, Some(target), Some(program))
                if target.kind.iter().any(|kind| kind == "bin") =>
            {
                self.programs.push((target.name, program));
            }
            _ => {}
        }
    }
}

/// Builds the project and gives its program. `release`: optimized. `json`: cargo's progress is not
/// shown.
///
/// # Cancel safety
///
/// Dropping the future ends cargo.
pub(super) async fn build(
    project: &Project,
    release: bool,
    json: bool,
) -> Result<PathBuf, NotBuilt> {
    let shows = !json && std::io::stderr().is_terminal();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--message-format=json"])
        .current_dir(&project.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(if shows {
            Stdio::inherit()
        } else {
            Stdio::piped()
        })
        .kill_on_drop(true);
    if release {
        command.arg("--release");
    }
    match &project.program {
        Some(name) => command.args(["--bin", name]),
        None => command.arg("--bins"),
    };
    let mut child = command.spawn().map_err(|error| NotBuilt {
        summary: match error.kind() {
            std::io::ErrorKind::NotFound => {
                "cargo is not there; a Cargo project needs a Rust toolchain (https://rustup.rs)"
                    .to_owned()
            }
            _ => format!("cannot run cargo: {error}"),
        },
        messages: String::new(),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let listen = async {
        let mut said = Said::default();
        if let Some(stdout) = stdout {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                said.take(&line);
            }
        }
        said
    };
    let complaints = async {
        let mut text = Vec::new();
        if let Some(stderr) = stderr {
            let mut kept = stderr.take(KEPT);
            let read = kept.read_to_end(&mut text).await;
            if let Err(error) = read {
                tracing::debug!("cargo's messages: {error}");
            }
            // beyond that cargo must not wait for us
            let _ = tokio::io::copy(&mut kept.into_inner(), &mut tokio::io::sink()).await;
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    let (said, complaints, status) = tokio::join!(listen, complaints, child.wait());
    match status {
        Ok(status) if status.success() => choose(said.programs),
        Ok(_) => Err(not_built(said, complaints)),
        Err(error) => Err(NotBuilt {
            summary: format!("cargo cannot be waited for: {error}"),
            messages: String::new(),
        }),
    }
}

fn not_built(said: Said, complaints: String) -> NotBuilt {
    match said.first {
        Some(first) => NotBuilt {
            summary: first,
            messages: said.rendered,
        },
        // cargo itself: the manifest, the network, a name
        None => {
            let mut lines = complaints.lines().map(str::trim);
            let first = lines.find_map(|line| line.strip_prefix("error: "));
            NotBuilt {
                summary: first.unwrap_or("cargo says why above").to_owned(),
                messages: complaints,
            }
        }
    }
}

fn choose(mut programs: Vec<(String, PathBuf)>) -> Result<PathBuf, NotBuilt> {
    let none = |summary| {
        Err(NotBuilt {
            summary,
            messages: String::new(),
        })
    };
    match programs.len() {
        0 => none("the project has no program: it needs src/main.rs".to_owned()),
        1 => Ok(programs.remove(0).1),
        _ => {
            let names: Vec<String> = programs.into_iter().map(|(name, _)| name).collect();
            none(format!(
                "the project has several programs; choose with --app: {}",
                names.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_has_its_place() {
        let mut said = Said::default();
        said.take(r#"{"reason":"compiler-message","message":{"level":"warning","message":"unused","rendered":"w","spans":[]}}"#);
        said.take(r#"{"reason":"compiler-message","message":{"level":"error","message":"no such thing","rendered":"error: no such thing\n","spans":[{"file_name":"src/main.rs","line_start":3,"is_primary":true}]}}"#);
        said.take(r#"{"reason":"build-finished","success":false}"#);
        let failed = not_built(said, String::new());
        assert_eq!(failed.summary, "src/main.rs:3: no such thing");
        assert_eq!(failed.messages, "error: no such thing\n");
    }

    #[test]
    fn one_program_is_chosen_and_several_are_named() {
        let mut said = Said::default();
        for name in ["a", "b"] {
            said.take(&format!(r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["bin"]}},"executable":"/x/{name}"}}"#));
        }
        said.take(r#"{"reason":"compiler-artifact","target":{"name":"l","kind":["lib"]},"executable":null}"#);
        assert!(
            choose(said.programs.clone())
                .unwrap_err()
                .summary
                .contains("--app: a, b")
        );
        assert_eq!(
            choose(said.programs[..1].to_vec()).unwrap(),
            PathBuf::from("/x/a")
        );
        assert!(
            choose(Vec::new())
                .unwrap_err()
                .summary
                .contains("src/main.rs")
        );
    }
}
