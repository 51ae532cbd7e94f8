//! The recordings in `fixtures`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// One recorded connection; see `fixtures/README.md`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recording {
    name: String,
}

impl Recording {
    /// Every recording, in order of name.
    pub fn all() -> Vec<Self> {
        let folder = fixtures().join("captures");
        let entries = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
        let mut all: Vec<Self> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|file| Some(Self::named(file.strip_suffix(".s2c.bin.zst")?)))
            .collect();
        all.sort();
        assert!(all.len() > 80, "only {} recordings were found", all.len());
        all
    }

    /// Those that are not one of the two bursts, which are as long as all others together.
    pub fn all_but_bursts() -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|recording| !recording.name.starts_with("burst_"));
        all
    }

    /// The recording of this name.
    pub fn named(name: &str) -> Self {
        let name = name.to_owned();
        Self { name }
    }

    /// The name of the recording.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every byte that the switch sent.
    pub fn from_switch(&self) -> Vec<u8> {
        self.read("captures", "s2c.bin")
    }

    /// Every byte that the client sent; nothing for the bursts, where it was not recorded.
    pub fn from_client(&self) -> Vec<u8> {
        if self.name.starts_with("burst_") {
            return Vec::new();
        }
        self.read("captures", "c2s.bin")
    }

    /// What the reference decoder makes of [`from_switch`](Self::from_switch): a line per frame.
    pub fn reference(&self) -> Vec<String> {
        let text = String::from_utf8(self.read("decoded", "jsonl"))
            .unwrap_or_else(|error| panic!("decoded/{}: {error}", self.name));
        text.split_terminator('\n').map(str::to_owned).collect()
    }

    /// [`reference`](Self::reference), parsed.
    pub fn reference_values(&self) -> Vec<Value> {
        let parse = |line: &String| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("decoded/{}: {error}", self.name))
        };
        self.reference().iter().map(parse).collect()
    }

    fn read(&self, folder: &str, kind: &str) -> Vec<u8> {
        let path = fixtures()
            .join(folder)
            .join(format!("{}.{kind}.zst", self.name));
        let file = fs::File::open(&path)
            .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        zstd::decode_all(file)
            .unwrap_or_else(|error| panic!("cannot unpack {}: {error}", path.display()))
    }
}
