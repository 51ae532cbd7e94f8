//! The invariants of ARCHITECTURE.md that are about the code's shape, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use genesis_tests::repository;
use serde_json::Value;

/// Runs cargo without the network: what it needs was fetched to build this test.
fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .arg("--offline")
        .current_dir(repository())
        .output()
        .unwrap_or_else(|error| panic!("cannot run cargo: {error}"));
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The members of the workspace as `cargo metadata` tells of them.
fn members() -> Vec<Value> {
    let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let mut metadata: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    match metadata["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("cargo metadata has no packages: {other}"),
    }
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// Every source file of the repository, its path relative to the root.
fn sources() -> Vec<(PathBuf, String)> {
    let root = repository();
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && !matches!(&*name, "target" | "out" | "corpus") {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let path = path.strip_prefix(&root).map(Path::to_path_buf);
                found.push((path.unwrap_or_default(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "only {} sources were found", found.len());
    found
}

#[test]
fn proto_pulls_no_runtime() {
    let tree = cargo(&[
        "tree",
        "--package=genesis-proto",
        "--all-features",
        "--edges=normal,build",
        "--prefix=none",
        "--format={p}",
    ]);
    let packages: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(packages.contains("nom"), "{tree}");
    let runtimes = [
        "tokio",
        "tokio-util",
        "mio",
        "socket2",
        "async-std",
        "smol",
        "async-io",
        "async-executor",
        "futures-executor",
        "futures-util",
        "polling",
        "hyper",
        "rayon",
        "crossbeam-channel",
    ];
    for runtime in runtimes {
        assert!(
            !packages.contains(runtime),
            "genesis-proto pulls {runtime}:\n{tree}"
        );
    }
}

#[test]
fn proto_touches_no_socket_clock_or_thread() {
    for (path, text) in sources() {
        if !path.starts_with("genesis-proto/src") {
            continue;
        }
        for word in [
            "std::net",
            "std::thread",
            "Instant::now",
            "SystemTime::now",
            "std::fs",
        ] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn dependencies_follow_the_arrows() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("genesis-proto", &[][..]),
        ("genesis-otel", &["genesis-proto"][..]),
        ("genesis-sim", &["genesis-proto"][..]),
        ("genesis-client", &["genesis-proto", "genesis-otel"][..]),
        ("genesis-channel", &["genesis-client", "genesis-proto"][..]),
        (
            "genesis-ringgroup",
            &["genesis-channel", "genesis-client", "genesis-proto"][..],
        ),
        (
            "genesis-lua",
            &[
                "genesis-ringgroup",
                "genesis-channel",
                "genesis-client",
                "genesis-proto",
            ][..],
        ),
    ]);
    let mut checked = 0;
    for package in members() {
        let name = text_of(&package["name"]);
        let Some(allowed) = allowed.get(name) else {
            assert!(
                matches!(
                    name,
                    "genesis-cli" | "genesis-examples" | "genesis-tests" | "genesis-benches"
                ),
                "{name} is a new member: say here what it may depend on"
            );
            continue;
        };
        checked += 1;
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = text_of(&dependency["name"]);
            // what only tests use is not built by who depends on the crate
            if !on.starts_with("genesis-") || dependency["kind"] == "dev" {
                continue;
            }
            assert!(allowed.contains(&on), "{name} must not depend on {on}");
            if on == "genesis-otel" {
                assert_eq!(dependency["optional"], true, "{name} -> {on}");
            }
        }
    }
    assert_eq!(checked, allowed.len());
}

#[test]
fn otel_is_switched_in_one_module() {
    // put together here so that this line is not found itself
    let cfg = ["feature = ", "\"otel\""].concat();
    let mut seen = 0;
    for (path, text) in sources() {
        let found = text.replace("feature=", "feature = ").contains(&cfg);
        let home = path.starts_with("genesis-client/src/observe");
        assert!(!found || home, "{} asks for the feature", path.display());
        seen += usize::from(found);
    }
    assert!(seen > 0, "nothing asks for the feature");
}

/// The coarsest sign that a file has more than one subject: it is past 800 lines.
#[test]
fn no_file_is_two_things() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > 800)
        .map(|(path, text)| format!("{}: {}", path.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split by subject: {long:?}");
}

#[test]
fn unsafe_is_forbidden_everywhere() {
    let root = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(root.contains("unsafe_code = \"forbid\""));
    let manifests = members().into_iter().map(|package| {
        let path = PathBuf::from(text_of(&package["manifest_path"]));
        (path.clone(), fs::read_to_string(path).unwrap())
    });
    for (path, text) in manifests {
        let lints = section(&text, "lints");
        assert_eq!(lints, ["workspace = true"], "{}", path.display());
    }
    // what AFL's macro expands to is not ours
    for (path, text) in sources() {
        let keyword = ["unsafe", " {"].concat();
        assert!(!text.contains(&keyword), "{}", path.display());
    }
}

/// The lines of one section of a manifest, comments left out.
fn section<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let head = format!("[{name}]");
    manifest
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != head)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn every_crate_inherits_from_the_workspace() {
    for package in members() {
        let path = PathBuf::from(text_of(&package["manifest_path"]));
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.display();
        let about = section(&text, "package");
        for key in ["version", "edition", "rust-version", "license"] {
            let inherited = format!("{key}.workspace = true");
            assert!(about.contains(&&*inherited), "{shown}: {inherited}");
        }
        // the libraries that are compared are nobody else's business
        if text_of(&package["name"]) == "genesis-benches" {
            continue;
        }
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for line in section(&text, kind) {
                // a crate that is a dependency for tests only goes by its path alone, so that
                // packaging does not ask for a published one
                let inherits = line.contains("workspace = true") || line.contains("path = \"../");
                let continues = !line.contains('=') || line.starts_with(['"', ']']);
                assert!(inherits || continues, "{shown} [{kind}]: {line}");
            }
        }
    }
}

/// `Invariant: … (checked by `name`)` in ARCHITECTURE.md: the test exists.
#[test]
fn every_invariant_names_its_test() {
    let path = repository().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    assert!(text.lines().count() <= 250, "at most 250 lines");
    let text = text.replace("**", "");
    let sources = sources();
    let mut invariants = 0;
    for invariant in text.split("Invariant:").skip(1) {
        // up to the end of its paragraph or list item
        let end = invariant.find("\n\n").unwrap_or(invariant.len());
        let words: Vec<&str> = invariant[..end].split_whitespace().collect();
        let invariant = words.join(" ");
        invariants += 1;
        let (_, checked) = invariant
            .split_once("checked by ")
            .unwrap_or_else(|| panic!("no \"checked by\" in: {invariant}"));
        let checked = checked.split(')').next().unwrap_or("");
        let names: Vec<&str> = checked.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test is named in: {invariant}");
        for name in names {
            let name = name.rsplit("::").next().unwrap_or(name);
            let function = format!("fn {name}(");
            assert!(
                sources.iter().any(|(_, text)| text.contains(&function)),
                "there is no test `{name}` for: {invariant}"
            );
        }
    }
    assert!(invariants >= 5, "only {invariants} invariants are stated");
}
