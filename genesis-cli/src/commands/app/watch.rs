//! Telling that files were saved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::find::Found;
use crate::exit::Failure;

/// Who saves writes several times: nothing must have happened for this long.
const QUIET: Duration = Duration::from_millis(40);
/// But at this time at the latest it counts as saved.
const LONGEST: Duration = Duration::from_millis(250);

/// So many folders beside that of the main file are watched.
const OTHERS: usize = 256;

/// Watches the files of an application.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    changes: watch::Receiver<u64>,
    root: PathBuf,
    /// Folders of other files.
    others: Vec<PathBuf>,
    reach: Reach,
}

/// How far below the root it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Lua files of the folder.
    Folder,
    /// Lua files of the folder and of all below it.
    Tree,
    /// The sources of a Cargo project.
    Project,
}

impl Watch {
    /// Watches what belongs to `found`, from now on.
    pub(super) fn start(found: &Found) -> Result<Self, Failure> {
        let (root, reach) = match found {
            Found::Lua { main, whole } => {
                let folder = main.parent().filter(|folder| *folder != Path::new(""));
                let reach = if *whole { Reach::Tree } else { Reach::Folder };
                (folder.unwrap_or(Path::new(".")), reach)
            }
            Found::Project(folder) => (&**folder, Reach::Project),
        };
        let cannot = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("cannot watch {}: {error}", root.display()))
        };
        // the paths of events are whole ones
        let root = root.canonicalize().map_err(|error| cannot(&error))?;
        let (changed, changes) = watch::channel(0);
        let base = root.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let matters = match &event {
                Ok(event) => is_change(event.kind) && concerns(event, &base, reach),
                Err(error) => {
                    tracing::warn!("watching files: {error}");
                    false
                }
            };
            if matters {
                changed.send_modify(|count| *count += 1);
            }
        })
        .map_err(|error| cannot(&error))?;
        let mut watch = Self {
            watcher,
            changes,
            root,
            others: Vec::new(),
            reach,
        };
        watch.look().map_err(|error| cannot(&error))?;
        Ok(watch)
    }

    /// Watches the folders that there are now.
    fn look(&mut self) -> notify::Result<()> {
        if self.reach == Reach::Tree {
            return self.watcher.watch(&self.root, RecursiveMode::Recursive);
        }
        // a folder may be gone by now
        let others = self.others.iter().filter(|folder| folder.is_dir());
        for folder in std::iter::once(&self.root).chain(others) {
            self.watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        if self.reach == Reach::Project {
            for entry in std::fs::read_dir(&self.root)?.flatten() {
                let path = entry.path();
                if path.is_dir() && !is_foreign(&entry.file_name()) {
                    self.watcher.watch(&path, RecursiveMode::Recursive)?;
                }
            }
        }
        Ok(())
    }

    /// Watches the folders of these files too: a file names others that it needs.
    pub(super) fn also<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) {
        if self.reach != Reach::Folder {
            return;
        }
        for folder in files.into_iter().filter_map(Path::parent) {
            if folder != self.root
                && !self.others.iter().any(|other| other == folder)
                && self.others.len() < OTHERS
            {
                self.others.push(folder.to_owned());
            }
        }
        if let Err(error) = self.look() {
            tracing::warn!("not all files are watched: {error}");
        }
    }

    /// Waits until files were saved: there was a change, and then a moment without one.
    pub(super) async fn saved(&mut self) {
        if self.changes.changed().await.is_err() {
            // the watcher is gone, which cannot be while we have it
            return std::future::pending().await;
        }
        let latest = Instant::now() + LONGEST;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            match timeout_at(quiet, self.changes.changed()).await {
                Ok(Ok(())) if Instant::now() < latest => {}
                _ => break,
            }
        }
        self.changes.mark_unchanged();
        if let Err(error) = self.look() {
            tracing::warn!("new folders are not watched: {error}");
        }
    }
}

/// Whether files have changed; opening one to read it is none.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

fn concerns(event: &notify::Event, root: &Path, reach: Reach) -> bool {
    event
        .paths
        .iter()
        .any(|path| match path.strip_prefix(root) {
            Ok(path) => belongs(path, reach),
            Err(_) => reach == Reach::Folder && belongs(path, reach),
        })
}

/// Whether a file, its path below the root, belongs to the application.
fn belongs(path: &Path, reach: Reach) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let hidden = path.iter().any(is_hidden);
    match reach {
        // only folders that were chosen are watched, whatever they are called
        Reach::Folder => extension == Some("lua") && !path.file_name().is_some_and(is_hidden),
        Reach::Tree => extension == Some("lua") && !hidden,
        Reach::Project => {
            let in_sources = path.starts_with("src") && !path.ends_with("src");
            let source = in_sources || matches!(extension, Some("rs" | "toml"));
            let foreign = path.iter().next().is_some_and(is_foreign);
            // what editors leave for a moment
            let temporary = extension.is_some_and(|extension| extension.ends_with('~'))
                || matches!(extension, Some("swp" | "swx" | "tmp" | "bak"));
            source && !foreign && !hidden && !temporary
        }
    }
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// What is in a project's folder and not the project.
fn is_foreign(name: &std::ffi::OsStr) -> bool {
    name == "target" || is_hidden(name)
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("root", &self.root)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_belong_and_what_is_made_of_them_does_not() {
        let belongs = |path: &str, reach| belongs(Path::new(path), reach);
        for path in [
            "src/main.rs",
            "src/menu.sql",
            "Cargo.toml",
            "build.rs",
            "sub/src/lib.rs",
        ] {
            assert!(belongs(path, Reach::Project), "{path}");
        }
        for path in [
            "target/debug/x.rs",
            ".git/x.rs",
            "Cargo.lock",
            "src/.main.rs.swp",
            "src/main.rs~",
            "notes.txt",
            "src",
        ] {
            assert!(!belongs(path, Reach::Project), "{path}");
        }
        assert!(belongs("app.lua", Reach::Folder) && belongs("lib/menu.lua", Reach::Tree));
        assert!(!belongs(".#app.lua", Reach::Folder) && !belongs("app.log", Reach::Tree));
    }

    #[tokio::test]
    async fn a_save_is_told_once_and_reading_is_none() {
        let folder = std::env::temp_dir().join(format!("genesis-watch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let main = folder.join("app.lua");
        std::fs::write(&main, "-- 1").unwrap();
        let found = Found::Lua {
            main: main.clone(),
            whole: false,
        };
        let mut watch = Watch::start(&found).unwrap();
        let patience = Duration::from_secs(20);
        for save in 0..3 {
            // as editors do: a new file takes the place of the old one
            let new = folder.join("app.lua.new");
            std::fs::write(&new, format!("-- {save}")).unwrap();
            std::fs::rename(&new, &main).unwrap();
            tokio::time::timeout(patience, watch.saved()).await.unwrap();
            std::fs::read(&main).unwrap();
        }
        let again = tokio::time::timeout(Duration::from_millis(300), watch.saved());
        assert!(again.await.is_err(), "reading is no saving");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
