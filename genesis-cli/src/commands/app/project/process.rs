//! The process of an application.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Project;

/// How much longer than it was told a process may take before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A process that runs. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    drain: Duration,
}

impl Process {
    /// Starts a project's program, in a process group of its own: Ctrl-C on the terminal reaches us,
    /// and we tell it.
    pub(super) fn start(program: &Path, project: &Project) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command
            .envs(
                project
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        Ok(Self {
            child: command.spawn()?,
            drain: project.drain,
        })
    }

    /// Waits until it has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to drain: SIGTERM, where there is such a thing.
    pub(super) fn ask_to_end(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process};

            let id = self.child.id().and_then(|id| i32::try_from(id).ok());
            // without an id it has ended already
            if let Some(id) = id.and_then(Pid::from_raw)
                && let Err(error) = kill_process(id, Signal::TERM)
            {
                tracing::warn!("the application cannot be told to end: {error}");
            }
        }
        #[cfg(not(unix))]
        if let Err(error) = self.child.start_kill() {
            tracing::warn!("the application cannot be ended: {error}");
        }
    }

    /// Waits until it has ended as it was asked to, and kills it when it takes too long.
    pub(super) async fn end(mut self) {
        let patience = self.drain + GRACE;
        if timeout(patience, self.child.wait()).await.is_err() {
            tracing::warn!(
                "the application did not end within {} s and is killed",
                patience.as_secs()
            );
            self.kill().await;
        }
    }

    /// Ends it at once.
    pub(super) async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!("the application cannot be killed: {error}");
        }
    }
}
