//! Telling that files were saved.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::find::Found;
use crate::exit::Failure;

/// Who saves may write several times: nothing must have happened for this long.
const QUIET: Duration = Duration::from_millis(120);
/// The same while a file that was written is still open, or where the system does not tell that it was
/// closed: whoever writes may pause.
const QUIET_WHILE_OPEN: Duration = Duration::from_millis(350);

/// So many folders beside that of the main file are watched.
const OTHERS: usize = 256;
/// So many files that are being written are told apart.
const OPEN: usize = 1_000;

/// Watches the files of an application.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    changes: watch::Receiver<u64>,
    root: PathBuf,
    /// Folders of other files.
    others: Vec<PathBuf>,
    seen: Arc<Mutex<Seen>>,
    reach: Reach,
}

/// What the watcher knows of files.
#[derive(Debug, Default)]
struct Seen {
    /// Of an application that is one file: it and what it has loaded. `None`: not known, so every
    /// Lua file of the folders may be one.
    files: Option<HashSet<PathBuf>>,
    /// Files that were written and not closed yet.
    open: HashSet<PathBuf>,
    /// When something changed last, until that was told.
    changed: Option<Instant>,
}

impl Seen {
    /// Takes note of an event that concerns the application; whether something has changed.
    fn take(&mut self, event: &notify::Event, root: &Path, reach: Reach) -> bool {
        let mut changed = false;
        for path in &event.paths {
            let belongs = match path.strip_prefix(root) {
                Ok(path) => belongs(path, reach),
                Err(_) => reach == Reach::Folder && belongs(path, reach),
            };
            let files = self.files.as_ref();
            if !belongs || files.is_some_and(|files| !files.contains(path)) {
                continue;
            }
            match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
                    self.open.remove(path);
                }
                // opening or reading one is no change
                EventKind::Access(_) => continue,
                EventKind::Modify(ModifyKind::Data(_)) if self.open.len() < OPEN => {
                    self.open.insert(path.clone());
                }
                // it is gone, or another one is in its place
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.open.remove(path);
                }
                _ => {}
            }
            changed = true;
        }
        if changed {
            self.changed = Some(Instant::now());
        }
        changed
    }

    /// When what has changed counts as saved, unless more changes until then.
    fn due(&self) -> Option<Instant> {
        let quiet = match self.open.is_empty() {
            true => QUIET,
            false => QUIET_WHILE_OPEN,
        };
        self.changed.map(|changed| changed + quiet)
    }
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
        let (base, seen) = (root.clone(), Arc::new(Mutex::new(Seen::default())));
        let sees = seen.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let matters = match &event {
                Ok(event) => lock(&sees).take(event, &base, reach),
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
            seen,
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

    /// These are the files of the application now: `main` as it was given, and what was loaded. Of an
    /// application that is one file only they count, and their folders are watched too.
    pub(super) fn only<'a>(&mut self, main: &Path, loaded: impl IntoIterator<Item = &'a Path>) {
        if self.reach != Reach::Folder {
            return;
        }
        let mut files: HashSet<PathBuf> = loaded.into_iter().map(Path::to_owned).collect();
        self.beside(&files);
        // it may be a link, which can come to lead elsewhere
        files.extend(main.file_name().map(|name| self.root.join(name)));
        lock(&self.seen).files = Some(files);
    }

    /// What could not be loaded, and why: any file of the folders counts until it can be, also of those
    /// that the text names.
    pub(super) fn any(&mut self, why: &str) {
        lock(&self.seen).files = None;
        let root = self.root.display().to_string();
        let names = why.match_indices(&root).filter_map(|(at, _)| {
            let end = why[at..].find(".lua")? + ".lua".len();
            Some(PathBuf::from(&why[at..at + end]))
        });
        self.beside(names.collect::<Vec<_>>().iter());
    }

    /// Watches the folders of these files too.
    fn beside<'a>(&mut self, files: impl IntoIterator<Item = &'a PathBuf>) {
        if self.reach != Reach::Folder {
            return;
        }
        for folder in files.into_iter().filter_map(|file| file.parent()) {
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

    /// Waits until files were saved: there was a change, and then a moment without one. Half a second
    /// after the last change at the latest.
    ///
    /// # Cancel safety
    ///
    /// Safe: what has changed is told the next time.
    pub(super) async fn saved(&mut self) {
        loop {
            let due = lock(&self.seen).due();
            let changed = self.changes.changed();
            let changed = match due {
                Some(due) => timeout_at(due, changed).await,
                None => Ok(changed.await),
            };
            match changed {
                Ok(Ok(())) => {}
                // the watcher is gone, which cannot be while we have it
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) => {
                    let mut seen = lock(&self.seen);
                    // it may have changed again just now
                    if seen.due().is_none_or(|due| due <= Instant::now()) {
                        seen.changed = None;
                        seen.open.clear();
                        break;
                    }
                }
            }
        }
        if let Err(error) = self.look() {
            tracing::warn!("new folders are not watched: {error}");
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
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
    use tokio::time::timeout;

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

    const PATIENCE: Duration = Duration::from_secs(20);
    /// Longer than a save takes to be told.
    const AWHILE: Duration = Duration::from_millis(600);

    /// A folder with `app.lua`, and who watches it.
    struct Watched {
        folder: PathBuf,
        main: PathBuf,
        watch: Watch,
    }

    impl Watched {
        fn new(name: &str) -> Self {
            let name = format!("genesis-watch-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let folder = folder.canonicalize().unwrap();
            let main = folder.join("app.lua");
            std::fs::write(&main, "-- 1").unwrap();
            let found = Found::Lua {
                main: main.clone(),
                whole: false,
            };
            let watch = Watch::start(&found).unwrap();
            Self {
                folder,
                main,
                watch,
            }
        }

        fn loaded(&mut self, names: &[&str]) {
            let files: Vec<PathBuf> = names.iter().map(|name| self.folder.join(name)).collect();
            self.watch
                .only(&self.main, files.iter().map(|file| &**file));
        }

        async fn saved(&mut self) {
            timeout(PATIENCE, self.watch.saved()).await.unwrap();
        }

        async fn is_quiet(&mut self) -> bool {
            timeout(AWHILE, self.watch.saved()).await.is_err()
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }

    #[tokio::test]
    async fn a_save_is_told_once_and_reading_is_none() {
        let mut watched = Watched::new("once");
        let main = watched.main.clone();
        for save in 0..3 {
            // as editors do: a new file takes the place of the old one
            let new = watched.folder.join("app.lua.new");
            std::fs::write(&new, format!("-- {save}")).unwrap();
            std::fs::rename(&new, &main).unwrap();
            watched.saved().await;
            std::fs::read(&main).unwrap();
        }
        assert!(watched.is_quiet().await, "reading is no saving");
    }

    #[tokio::test]
    async fn only_what_was_loaded_counts_until_something_cannot_be_loaded() {
        let mut watched = Watched::new("only");
        let save = |watched: &Watched, name: &str| {
            std::fs::write(watched.folder.join(name), "-- 2").unwrap();
        };
        watched.loaded(&["app.lua", "words.lua"]);
        save(&watched, "other.lua");
        assert!(watched.is_quiet().await, "it is no part of the application");
        for name in ["words.lua", "app.lua"] {
            save(&watched, name);
            watched.saved().await;
        }
        watched.watch.any("no module");
        save(&watched, "other.lua");
        watched.saved().await;
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_slow_save_is_told_when_it_is_done() {
        use std::io::Write as _;

        let mut watched = Watched::new("slow");
        let mut file = std::fs::File::create(&watched.main).unwrap();
        let began = Instant::now();
        for _ in 0..3 {
            file.write_all(b"-- part\n").unwrap();
            // longer than one that is closed has to rest
            let early = timeout(QUIET * 2, watched.watch.saved()).await;
            assert!(early.is_err(), "it is not written yet");
        }
        drop(file);
        let closed = Instant::now();
        watched.saved().await;
        assert!(closed.elapsed() < Duration::from_millis(500));
        // one that stays open counts, too
        let mut file = std::fs::File::create(&watched.main).unwrap();
        file.write_all(b"-- open\n").unwrap();
        watched.saved().await;
        assert!(began.elapsed() < PATIENCE);
    }

    #[tokio::test]
    async fn a_save_is_not_lost_when_who_waits_turns_to_something_else() {
        let mut watched = Watched::new("cancelled");
        std::fs::write(&watched.main, "-- 2").unwrap();
        let saved = async { while timeout(QUIET / 8, watched.watch.saved()).await.is_err() {} };
        timeout(PATIENCE, saved).await.unwrap();
    }
}
