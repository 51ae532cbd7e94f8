//! What is at the path that was given.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{App, How};
use crate::exit::Failure;

/// The main file of an application that is a folder.
const MAIN: &str = "main.lua";
const MANIFEST: &str = "Cargo.toml";
/// So many applications of a folder are named.
const LISTED: usize = 20;
const KINDS: &str = "a .lua file, a folder with main.lua, or the folder of a Cargo project";

/// An application that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file in Lua. `whole`: everything below its folder belongs to it.
    Lua { main: PathBuf, whole: bool },
    /// The folder of a Cargo project.
    Project(PathBuf),
}

/// Finds the application that these options name. `kind`: the word of the command, for what is said.
pub(super) fn find(app: &App, kind: &str) -> Result<(How, Found), Failure> {
    let (how, path) = app.how()?;
    let name = app.name.as_deref();
    let found = match (at(path, kind)?, name) {
        (Some(Found::Lua { .. }), Some(name)) => {
            return Err(Failure::usage(format!(
                "{} is one application: --app (ESL_APP_NAME) {name} has nothing to choose from",
                path.display()
            )));
        }
        (Some(found), _) => Some(found),
        (None, name) => within(path, name),
    };
    let found = found.ok_or_else(|| nothing(path, name))?;
    Ok((how, found))
}

/// Why a folder cannot be run.
fn nothing(path: &Path, name: Option<&str>) -> Failure {
    let shown = path.display();
    let missing = match name {
        Some(name) => format!("no application {name} (neither {name}.lua nor a folder {name})"),
        None => format!("neither {MAIN} nor {MANIFEST}"),
    };
    let names = several(path);
    let more = match names.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = match names.is_empty() {
        true => format!("an application is {KINDS}"),
        false => {
            let names = names[..names.len().min(LISTED)].join(", ");
            format!("choose with --app (ESL_APP_NAME): {names}{more}")
        }
    };
    Failure::usage(format!("the folder {shown} has {missing}; {what}"))
}

/// The applications in a folder, by their names for `--app`.
fn several(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let is_one = match path.is_dir() {
                true => folder(&path).is_some(),
                false => {
                    path.extension().is_some_and(|extension| extension == "lua") && path.is_file()
                }
            };
            let name = if path.is_dir() {
                path.file_name()
            } else {
                path.file_stem()
            };
            let name = name
                .and_then(|name| name.to_str())
                .filter(|name| !name.starts_with('.'));
            name.filter(|_| is_one).map(str::to_owned)
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What is at this path; `None`: a folder that is no application itself.
fn at(path: &Path, kind: &str) -> Result<Option<Found>, Failure> {
    let shown = path.display();
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension == Some("py") {
        return Err(Failure::usage(format!(
            "{shown} is Python, which this command does not run; write it in Lua \
             (docs/applications.md shows how), or in Rust: genesis new {kind} NAME"
        )));
    }
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::usage(format!("{shown} does not exist; an application is {KINDS}"))
        }
        _ => Failure::usage(format!("cannot read {shown}: {error}")),
    })?;
    if about.is_dir() {
        return Ok(folder(path));
    }
    // opening a pipe waits for somebody at its other end
    if !about.is_file() {
        return Err(Failure::usage(format!(
            "{shown} is no regular file; an application is {KINDS}"
        )));
    }
    match extension {
        Some("lua") => Ok(Some(Found::Lua {
            main: path.to_owned(),
            whole: false,
        })),
        _ if path.file_name().is_some_and(|name| name == MANIFEST) => {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new("."));
            Ok(Some(Found::Project(folder.to_owned())))
        }
        Some("rs") => Err(Failure::usage(format!(
            "{shown} is one file in Rust; give the folder of its Cargo project \
             (genesis new {kind} NAME writes one)"
        ))),
        _ => Err(Failure::usage(format!(
            "{shown} is no application that can be run; an application is {KINDS}"
        ))),
    }
}

/// A folder that is an application.
fn folder(path: &Path) -> Option<Found> {
    let main = path.join(MAIN);
    if main.is_file() {
        return Some(Found::Lua { main, whole: true });
    }
    let project = path.join(MANIFEST).is_file();
    project.then(|| Found::Project(path.to_owned()))
}

/// The application of this name in a folder of several.
fn within(path: &Path, name: Option<&str>) -> Option<Found> {
    let name = name.filter(|name| !name.contains(std::path::is_separator))?;
    let main = path.join(format!("{name}.lua"));
    match main.is_file() {
        true => Some(Found::Lua { main, whole: false }),
        false => folder(&path.join(name)),
    }
}
