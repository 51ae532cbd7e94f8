//! The signals that end a command.

use std::time::{Duration, Instant};

use crate::exit::Failure;

/// Signals that come so soon after the first belong to it: `timeout` and some supervisors tell a
/// process and then its group.
const TOGETHER: Duration = Duration::from_millis(300);

/// Ctrl-C, SIGTERM, and SIGHUP when the terminal is closed, from now on: they end a command that
/// follows, and are no error.
#[derive(Debug)]
pub(super) struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// `None` when it is ignored, as `nohup` wants it.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    heard: Option<Instant>,
}

impl Interrupts {
    pub(super) fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};

            let listen = |kind| signal(kind).map_err(|error| cannot_wait(&error));
            Ok(Self {
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
                hangup: match is_ignored(SignalKind::hangup().as_raw_value()) {
                    true => None,
                    false => Some(listen(SignalKind::hangup())?),
                },
                heard: None,
            })
        }
        #[cfg(not(unix))]
        Ok(Self { heard: None })
    }

    /// Waits for one of them.
    pub(super) async fn wait(&mut self) -> Result<(), Failure> {
        #[cfg(unix)]
        {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = hangup => {}
            }
            self.heard = Some(Instant::now());
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c()
            .await
            .map_err(|error| cannot_wait(&error))
    }

    /// Waits for somebody who does not even want to wait for the end: Ctrl-C or SIGTERM once more.
    /// A terminal that is closed may say SIGHUP twice (the shell and the kernel do), which is no hurry.
    pub(super) async fn wait_again(&mut self) {
        #[cfg(unix)]
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            if self.heard.is_none_or(|first| first.elapsed() > TOGETHER) {
                return;
            }
        }
        #[cfg(not(unix))]
        if self.wait().await.is_err() {
            std::future::pending().await
        }
    }
}

fn cannot_wait(error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot wait for signals: {error}"))
}

/// Whether whoever started us has this signal ignored; where that cannot be told, no.
#[cfg(unix)]
fn is_ignored(signal: std::ffi::c_int) -> bool {
    let status = std::fs::read_to_string("/proc/self/status");
    status.is_ok_and(|status| is_in(ignored(&status).unwrap_or_default(), signal))
}

/// The set of ignored signals: a hexadecimal number, of which bit 0 is signal 1.
#[cfg(unix)]
fn ignored(status: &str) -> Option<u64> {
    let mut lines = status.lines();
    let set = lines.find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

#[cfg(unix)]
fn is_in(set: u64, signal: std::ffi::c_int) -> bool {
    (1..=64).contains(&signal) && set & (1 << (signal - 1)) != 0
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tgenesis\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        let set = ignored(status).unwrap();
        assert!(is_in(set, 1) && is_in(set, 13));
        assert!(!is_in(set, 2) && !is_in(set, 0));
        assert_eq!(ignored("Name:\tgenesis\n"), None);
    }
}
