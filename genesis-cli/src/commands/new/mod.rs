//! `genesis new`: a Cargo project to begin with.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::{Kind, New};
use crate::exit::Failure;
use crate::output::{Output, one_line, style};

/// The checkout that this command was built from is the folder around this one.
const BUILT_IN: &str = env!("CARGO_MANIFEST_DIR");
/// What a project depends on.
const CRATES: [&str; 3] = ["genesis-channel", "genesis-client", "genesis-sim"];

const MANIFEST: &str = include_str!("template/manifest.txt");
const README: &str = include_str!("template/readme.md.txt");
const SETTINGS: &str = include_str!("template/settings.rs.txt");
const OUTBOUND: [&str; 2] = [
    include_str!("template/outbound.rs.txt"),
    include_str!("template/outbound_tests.rs.txt"),
];
const CONSUMER: [&str; 2] = [
    include_str!("template/consumer.rs.txt"),
    include_str!("template/consumer_tests.rs.txt"),
];

const OUTBOUND_SETTINGS: &str = "\
| variable | what it is |
|---|---|
| `ESL_APP_HOST`, `ESL_APP_PORT` | where it waits for FreeSWITCH: 127.0.0.1, 9000 |
| `ESL_APP_ALLOW` | who may connect, addresses and networks with commas: this machine only |
| `ESL_APP_MAX_SESSIONS` | how many calls may be live at once: 10000 |";
const CONSUMER_SETTINGS: &str = "\
| variable | what it is |
|---|---|
| `ESL_HOST`, `ESL_PORT` | where FreeSWITCH is: 127.0.0.1, 8021 |
| `ESL_USER` | USER or USER@DOMAIN, whose password it is: none |
| `ESL_PASSWORD` | the password: the one FreeSWITCH is installed with |";

#[derive(Serialize)]
struct Written<'a> {
    path: &'a str,
    files: Vec<&'static str>,
}

pub(crate) fn run(options: &New, output: &mut Output) -> Result<(), Failure> {
    let name = name_of(&options.path)?;
    let genesis = Genesis::of(options.genesis.as_ref().map(|given| given.expose()))?;
    let files = files(options.kind, name, &genesis);
    write(&options.path, &files)?;
    let shown = options.path.display().to_string();
    if output.json {
        let files = files.iter().map(|(path, _)| *path).collect();
        let path = &*shown;
        output.object(&Written { path, files })?;
    } else {
        let (bold, kind) = (output.style(style::BOLD), word(options.kind));
        let shown = one_line(&shown);
        output.line(&format!("wrote {bold}{shown}{bold:#}; next:"))?;
        output.line(&format!("  genesis {kind} dev {shown} --sim"))?;
        output.line(&format!("  (cd {shown} && cargo test)"))?;
    }
    output.flush()
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Consumer => "consumer",
        Kind::Outbound => "outbound",
    }
}

/// The name of the package: the last part of the path.
fn name_of(path: &Path) -> Result<&str, Failure> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_on = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    // a program of this name would hide the crate, or cargo wants it for itself
    let taken = CRATES.contains(&name)
        || matches!(
            name,
            "ipnet"
                | "serde_json"
                | "tokio"
                | "tracing"
                | "tracing-subscriber"
                | "test"
                | "deps"
                | "build"
                | "examples"
                | "incremental"
        );
    match begins && goes_on && !taken {
        true => Ok(name),
        false => Err(Failure::usage(format!(
            "{:?} cannot be the name of a Cargo project; write letters, digits, - and _, a letter first, \
             and not the name of a crate that it uses",
            path.display().to_string()
        ))),
    }
}

/// Where the crates come from.
#[derive(Debug)]
enum Genesis {
    Folder(PathBuf),
    /// It may hold a password.
    Git(String),
}

impl Genesis {
    fn of(given: Option<&str>) -> Result<Self, Failure> {
        let Some(given) = given.filter(|given| !given.is_empty()) else {
            let folder = Path::new(BUILT_IN).parent().unwrap_or(Path::new(BUILT_IN));
            return checkout(folder).ok_or_else(|| {
                Failure::usage(format!(
                    "the checkout that this command was built from is gone ({}); \
                     say where Genesis is, with --genesis PATH or --genesis GIT-URL",
                    folder.display()
                ))
            });
        };
        if given.contains("://") {
            return match given.contains(char::is_control) {
                true => Err(Failure::usage(
                    "the URL of --genesis has a control character",
                )),
                false => Ok(Self::Git(given.to_owned())),
            };
        }
        let looks_like_ssh = given
            .split_once(':')
            .is_some_and(|(host, _)| host.contains('@'));
        if looks_like_ssh {
            return Err(Failure::usage(
                "cargo wants such a URL of --genesis as ssh://USER@HOST/PATH",
            ));
        }
        checkout(Path::new(given)).ok_or_else(|| {
            Failure::usage(format!(
                "{given} is no checkout of Genesis: there is no {}/Cargo.toml in it",
                CRATES[0]
            ))
        })
    }

    /// The right side of a dependency.
    fn dependency(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => {
                format!(
                    "{{ path = {} }}",
                    quoted(&folder.join(name).display().to_string())
                )
            }
            Self::Git(url) => format!("{{ git = {} }}", quoted(url)),
        }
    }
}

/// A folder that has the crates, its whole path.
fn checkout(folder: &Path) -> Option<Genesis> {
    let folder = folder.canonicalize().ok()?;
    let all = CRATES
        .iter()
        .all(|name| folder.join(name).join("Cargo.toml").is_file());
    all.then_some(Genesis::Folder(folder))
}

/// A text in TOML, which quotes as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn files(kind: Kind, name: &str, genesis: &Genesis) -> Vec<(&'static str, String)> {
    let ([main, tests], what, settings, hint) = match kind {
        Kind::Outbound => (
            OUTBOUND,
            "An application that takes the calls that FreeSWITCH hands over",
            OUTBOUND_SETTINGS,
            ", whose dialplan has\n                                   # <action application=\"socket\" data=\"127.0.0.1:9000 async full\"/>",
        ),
        Kind::Consumer => (
            CONSUMER,
            "An application that handles FreeSWITCH's events",
            CONSUMER_SETTINGS,
            ": --host, --port, --password",
        ),
    };
    let ipnet = match kind {
        Kind::Outbound => "ipnet = \"2\"\n",
        Kind::Consumer => "",
    };
    let mut manifest = MANIFEST
        .replace("{{name}}", name)
        .replace("{{ipnet}}", ipnet);
    for dependency in CRATES {
        manifest = manifest.replace(
            &format!("{{{{{dependency}}}}}"),
            &genesis.dependency(dependency),
        );
    }
    let readme = README
        .replace("{{name}}", name)
        .replace("{{what}}", what)
        .replace("{{kind}}", word(kind))
        .replace("{{hint}}", hint)
        .replace("{{settings}}", settings);
    vec![
        ("Cargo.toml", manifest),
        (".gitignore", "/target\n".to_owned()),
        ("README.md", readme),
        ("src/main.rs", main.replace("{{name}}", name)),
        ("src/settings.rs", SETTINGS.to_owned()),
        ("src/tests.rs", tests.replace("{{name}}", name)),
    ]
}

/// Writes the folder, which must not exist, and those above it; if that fails, nothing of it is left.
fn write(folder: &Path, files: &[(&str, String)]) -> Result<(), Failure> {
    let shown = folder.display();
    let cannot = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{shown} exists already; nothing was written"))
        }
        _ => Failure::usage(format!("cannot write {shown}: {error}")),
    };
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)
            .map_err(|error| Failure::usage(format!("cannot write {shown}: {error}")))?;
    }
    fs::create_dir(folder).map_err(|error| cannot(&error))?;
    let written = fs::create_dir(folder.join("src")).and_then(|()| {
        files
            .iter()
            .try_for_each(|(path, text)| fs::write(folder.join(path), text))
    });
    written.map_err(|error| {
        // it was ours a moment ago
        if let Err(error) = fs::remove_dir_all(folder) {
            tracing::warn!("{shown} is left unfinished: {error}");
        }
        cannot(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_templates_is_left() {
        let genesis = Genesis::Git("https://example.com/\"x\"".to_owned());
        for kind in [Kind::Consumer, Kind::Outbound] {
            for (path, text) in files(kind, "my-app", &genesis) {
                assert!(!text.contains("{{"), "{path}: {text}");
                assert!(
                    path != "Cargo.toml"
                        || text.contains(r#"{ git = "https://example.com/\"x\"" }"#)
                );
            }
        }
    }

    #[test]
    fn a_name_is_one_that_cargo_takes() {
        assert_eq!(name_of(Path::new("a/my-ivr_2/")).unwrap(), "my-ivr_2");
        for name in ["", "..", "2nd", "my ivr", "genesis-client", "test"] {
            assert!(name_of(Path::new(name)).is_err(), "{name}");
        }
    }
}
