//! An application that is a Cargo project: built, run as a process of its own, replaced when it was
//! built anew.

mod build;
mod process;
mod supervise;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub(super) use supervise::{dev, run};

/// A project and how it is run.
#[derive(Clone)]
pub(super) struct Project {
    pub(super) folder: PathBuf,
    /// The program, where it has several.
    pub(super) program: Option<String>,
    /// What the program finds in its environment, beside what is there.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// How long it may take to end.
    pub(super) drain: Duration,
    /// Where it takes calls: the next one starts when this address is free again.
    pub(super) listens: Option<String>,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // the values hold a password
        let names: Vec<&str> = self.environment.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Project")
            .field("folder", &self.folder)
            .field("program", &self.program)
            .field("environment", &names)
            .field("drain", &self.drain)
            .field("listens", &self.listens)
            .finish()
    }
}
