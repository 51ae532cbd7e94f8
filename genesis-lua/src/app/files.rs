//! Finding the files of an application.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use regex::bytes::Regex;

use crate::error::{Error, ErrorKind, Result};

/// An application has so many files, so many bytes, and folders in folders so deep, at most.
const FILES: usize = 1_000;
const BYTES: usize = 16 << 20;
const DEPTH: usize = 16;

/// What was found.
pub(super) struct Found {
    pub(super) name: String,
    /// The main one first.
    pub(super) sources: Vec<Source>,
    pub(super) is_folder: bool,
}

pub(super) struct Source {
    pub(super) path: PathBuf,
    /// As `require` names it; empty for the main one.
    pub(super) module: String,
    /// Of a module that nobody names it may be what is wrong with the file.
    pub(super) text: Result<Vec<u8>>,
    /// It is the main file, or one that is needed names it in `require("…")`.
    pub(super) needed: bool,
}

impl Source {
    fn new(path: PathBuf, module: String, left: &mut usize) -> Self {
        Self {
            text: read(&path, left),
            path,
            module,
            needed: false,
        }
    }

    /// One without which the application is none.
    fn needed(path: PathBuf, module: String, left: &mut usize) -> Result<Self> {
        Ok(Self {
            text: Ok(read(&path, left)?),
            path,
            module,
            needed: true,
        })
    }
}

pub(super) fn find(path: &Path) -> Result<Found> {
    let given = path.display();
    let full = match fs::canonicalize(path) {
        Ok(full) => full,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("{given}: there is no such file or folder");
            return Err(Error::new(ErrorKind::NotFound, text).with_source(error));
        }
        Err(error) => return Err(unreadable(path, error)),
    };
    let name = full.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.into_owned();
    let (sources, is_folder) = match full.is_dir() {
        true => (of_folder(&full)?, true),
        false => (of_file(&full)?, false),
    };
    Ok(Found {
        name,
        sources,
        is_folder,
    })
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let text = format!("{}: cannot be read: {error}", path.display());
    Error::new(ErrorKind::NotFound, text).with_source(error)
}

/// Reads one file. A first line with `#!` becomes a comment; a byte order mark goes.
fn read(path: &Path, left: &mut usize) -> Result<Vec<u8>> {
    let about = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    // opening a pipe would wait for somebody at its other end
    if !about.is_file() {
        let text = format!("{}: is no regular file", path.display());
        return Err(Error::new(ErrorKind::NotFound, text));
    }
    if usize::try_from(about.len()).map_or(true, |size| size > *left) {
        let text = format!(
            "{}: an application has at most {} MiB of source",
            path.display(),
            BYTES >> 20
        );
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    let mut text = fs::read(path).map_err(|error| unreadable(path, error))?;
    *left = left.saturating_sub(text.len());
    if text.starts_with(b"\xef\xbb\xbf") {
        text.drain(..3);
    }
    if text.starts_with(b"#") {
        text.splice(..1, *b"--");
    }
    if text.starts_with(b"\x1bLua") {
        let text = format!(
            "{}: is bytecode; only sources can be loaded",
            path.display()
        );
        return Err(Error::new(ErrorKind::NotLua, text));
    }
    Ok(text)
}

/// All `.lua` files of a folder, hidden ones left out.
fn of_folder(folder: &Path) -> Result<Vec<Source>> {
    let main = folder.join("main.lua");
    if !main.is_file() {
        let text = if folder.join("Cargo.toml").is_file() {
            "is a Rust project, which this library does not run: run it with cargo"
        } else if folder.join("main.py").is_file() {
            "has a main.py and no main.lua: Genesis runs Lua; write the application as main.lua"
        } else {
            "has no main.lua; an application is a .lua file or a folder with main.lua"
        };
        let text = format!("{}: {text}", folder.display());
        return Err(Error::new(ErrorKind::NotFound, text));
    }
    let mut left = BYTES;
    let mut sources = vec![Source::needed(main.clone(), String::new(), &mut left)?];
    let mut folders = VecDeque::from([(folder.to_owned(), 0)]);
    while let Some((at, depth)) = folders.pop_front() {
        let entries = fs::read_dir(&at).map_err(|error| unreadable(&at, error))?;
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden || path == main {
                continue;
            }
            // a link to a folder above would have no end
            if path.is_dir() && !path.is_symlink() && depth < DEPTH {
                folders.push_back((path, depth + 1));
            } else if path.extension().is_some_and(|extension| extension == "lua") && path.is_file()
            {
                if sources.len() >= FILES {
                    let text = format!(
                        "{}: an application has at most {FILES} files",
                        folder.display()
                    );
                    return Err(Error::new(ErrorKind::LimitExceeded, text));
                }
                let module = module_name(folder, &path);
                sources.push(Source::new(path, module, &mut left));
            }
        }
    }
    mark_needed(&mut sources)?;
    Ok(sources)
}

/// Follows the names from the main file on.
fn mark_needed(sources: &mut [Source]) -> Result<()> {
    let names = Names::new()?;
    let mut next = vec![0];
    while let Some(at) = next.pop() {
        let named = sources[at].text.as_deref().map(|text| names.of(text));
        for name in named.unwrap_or_default() {
            let of = |source: &Source| !source.needed && source.module == name;
            if let Some(found) = sources.iter().position(of) {
                sources[found].needed = true;
                next.push(found);
            }
        }
    }
    Ok(())
}

/// Finds what is named in `require("…")`.
struct Names(Regex);

impl Names {
    fn new() -> Result<Self> {
        Regex::new(r#"\brequire\s*\(?\s*["']([A-Za-z0-9_.\-]+)["']"#)
            .map(Self)
            .map_err(|error| Error::new(ErrorKind::Runtime, error.to_string()))
    }

    fn of(&self, text: &[u8]) -> Vec<String> {
        let found = self.0.captures_iter(text);
        found
            .map(|found| String::from_utf8_lossy(&found[1]).into_owned())
            .collect()
    }
}

/// `menu.sales` for `menu/sales.lua`, `menu` for `menu/init.lua`.
fn module_name(folder: &Path, path: &Path) -> String {
    let path = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    let mut parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.len() > 1 && parts.last().is_some_and(|last| last == "init") {
        parts.pop();
    }
    parts.join(".")
}

/// One file, and the modules beside it that it names.
fn of_file(file: &Path) -> Result<Vec<Source>> {
    let shown = file.display();
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("lua") => {}
        Some("py") => {
            let text = format!(
                "{shown}: is Python, and Genesis runs Lua: write the application as a .lua file; \
                 genesis.consumer() and genesis.outbound(…) are what Consumer and Outbound are there"
            );
            return Err(Error::new(ErrorKind::NotLua, text));
        }
        _ => {
            let text = format!("{shown}: is no .lua file and no folder with main.lua");
            return Err(Error::new(ErrorKind::NotLua, text));
        }
    }
    let names = Names::new()?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    let mut left = BYTES;
    let mut sources = vec![Source::needed(file.to_owned(), String::new(), &mut left)?];
    let mut at = 0;
    while at < sources.len() && sources.len() < FILES {
        let named = sources[at].text.as_deref().map(|text| names.of(text));
        at += 1;
        for name in named.unwrap_or_default() {
            let base = folder.join(name.replace('.', "/"));
            let candidates = [base.with_extension("lua"), base.join("init.lua")];
            let path = candidates.into_iter().find(|path| path.is_file());
            let known = sources.iter().any(|source| source.module == name);
            if let Some(path) = path.filter(|path| !known && path != file) {
                sources.push(Source::needed(path, name, &mut left)?);
            }
        }
    }
    Ok(sources)
}
