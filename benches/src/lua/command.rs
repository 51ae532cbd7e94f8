//! The command `genesis` itself: how long it takes to start, and from a save to the new version.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{RELOAD, met};
use crate::Failure;
use crate::calls::shown;
use crate::measure;
use crate::table::CallRow;

const STARTS: usize = 20;
const RELOADS: usize = 20;

pub(super) fn report() -> Result<Vec<CallRow>, Failure> {
    let genesis = measure::build_of("genesis-cli", "genesis", &[])?;
    let folder = std::env::temp_dir().join(format!("genesis-benches-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let measured = measure_all(&genesis, &folder);
    fs::remove_dir_all(&folder)?;
    measured
}

fn measure_all(genesis: &Path, folder: &Path) -> Result<Vec<CallRow>, Failure> {
    let app = folder.join("app.lua");
    fs::write(&app, source(0))?;
    let mut versions = Vec::new();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let output = Command::new(genesis).arg("--version").output()?;
        if !output.status.success() {
            return Err("genesis --version failed".into());
        }
        versions.push(begun.elapsed());
        let begun = Instant::now();
        let mut running = Running::start(genesis, "run", &app)?;
        running.until("waits for calls on")?;
        starts.push(begun.elapsed());
    }
    let mut reloads = Vec::new();
    let mut running = Running::start(genesis, "dev", &app)?;
    running.until("waits for calls on")?;
    for number in 1..=RELOADS {
        let begun = Instant::now();
        fs::write(&app, source(number))?;
        running.until("is reloaded")?;
        reloads.push(begun.elapsed());
    }
    let within = reloads.iter().max().copied().unwrap_or_default();
    let mut reload = row("from a save to reloaded, `genesis outbound dev`", reloads);
    reload.target = format!("≤ {RELOAD} s");
    reload.met = met(within.as_secs_f64() <= RELOAD);
    Ok(vec![
        row("`genesis --version`", versions),
        row("`genesis outbound run app.lua` until it listens", starts),
        reload,
    ])
}

fn source(number: usize) -> String {
    format!(
        "genesis.outbound(function(session)\n  session.channel:answer()\n  \
         session.channel:playback(\"greeting-{number}.wav\")\nend)\n"
    )
}

fn row(what: &str, mut times: Vec<Duration>) -> CallRow {
    times.sort();
    let half = times.get(times.len() / 2).copied().unwrap_or_default();
    let last = times.last().copied().unwrap_or_default();
    CallRow {
        contestant: what.to_owned(),
        time: format!(
            "{} (median of {}), {} at most",
            shown(half),
            times.len(),
            shown(last)
        ),
        ..CallRow::default()
    }
}

/// The command at work; ended when dropped.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
}

impl Running {
    fn start(genesis: &Path, how: &str, app: &Path) -> Result<Self, Failure> {
        let app: PathBuf = app.to_owned();
        let mut child = Command::new(genesis)
            .args(["outbound", how])
            .arg(app)
            .args(["--port", &free_port()?.to_string()])
            .env("GENESIS_METRICS_PORT", free_port()?.to_string())
            .env("ESL_LOG_LEVEL", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = child.stderr.take().ok_or("the command has no stderr")?;
        Ok(Self {
            child,
            lines: BufReader::new(lines),
        })
    }

    /// Reads until a line has this in it.
    fn until(&mut self, text: &str) -> Result<(), Failure> {
        let mut all = String::new();
        loop {
            let begin = all.len();
            if self.lines.read_line(&mut all)? == 0 {
                return Err(format!("the command ended without {text:?}: {all}").into());
            }
            if all[begin..].contains(text) {
                return Ok(());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // it may have ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
