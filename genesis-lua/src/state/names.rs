//! Names of files: Lua shows at most 59 characters of a file's name, people want all of it.

use std::path::{Path, PathBuf};

/// As many as `LUA_IDSIZE` leaves.
const SHOWN: usize = 59;

/// The names that an application's files have in Lua, and their paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Stand-in and full path, for those that are too long.
    long: Vec<(String, String)>,
}

impl Names {
    /// The name of a chunk for `lua.load`. The stand-in of a long path is shown as `~3/main.lua`.
    pub(crate) fn add(&mut self, path: &Path) -> String {
        let shown = path.display().to_string();
        if shown.len() <= SHOWN {
            return format!("@{shown}");
        }
        let mut name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if name.len() > 40 {
            name = "lua".to_owned();
        }
        let stand_in = format!("~{}/{name}", self.long.len() + 1);
        self.long.push((stand_in.clone(), shown));
        format!("@{stand_in}")
    }

    /// Puts the full paths in.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // `~11/` contains `1/`, not `~1/`
        for (stand_in, path) in &self.long {
            if text.contains(&**stand_in) {
                text = text.replace(&**stand_in, path);
            }
        }
        text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.long.is_empty()
    }
}

/// The path and line that a message begins with, if it does.
pub(crate) fn place_of(message: &str) -> Option<(PathBuf, u32)> {
    let mut at = 0;
    while let Some(colon) = message[at..].find(':') {
        let colon = at + colon;
        let rest = &message[colon + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && rest[digits..].starts_with(':') {
            let line = rest[..digits].parse().ok()?;
            return Some((PathBuf::from(&message[..colon]), line));
        }
        at = colon + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_are_shown_whole() {
        let mut names = Names::default();
        assert_eq!(names.add(Path::new("/a/main.lua")), "@/a/main.lua");
        let long = format!("/{}/main.lua", "x".repeat(80));
        assert_eq!(names.add(Path::new(&long)), "@~1/main.lua");
        assert_eq!(names.expand("~1/main.lua:3: no"), format!("{long}:3: no"));
        let place = place_of("/a:b/main.lua:12: bad: 1:2:");
        assert_eq!(place, Some((PathBuf::from("/a:b/main.lua"), 12)));
        assert_eq!(place_of("nothing"), None);
    }
}
