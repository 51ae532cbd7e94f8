//! Running the command, and switches for it to talk to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is gone at the end of the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("genesis-test-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `genesis` with these arguments, and nothing from the environment of the test.
pub(crate) fn genesis(arguments: &[&str]) -> Command {
    genesis_after(&[], arguments)
}

/// The same, run by another program, whose words come first.
pub(crate) fn genesis_after(before: &[&str], arguments: &[&str]) -> Command {
    let words = [before, &[env!("CARGO_BIN_EXE_genesis")], arguments].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    for name in [
        "ESL_HOST",
        "ESL_PORT",
        "ESL_PASSWORD",
        "ESL_USER",
        "ESL_APP_HOST",
        "ESL_APP_PORT",
        "ESL_APP_NAME",
        "ESL_LOG_LEVEL",
        "GENESIS_LOG_LEVEL",
        "GENESIS_METRICS_HOST",
        "GENESIS_OBSERVABILITY_PORT",
    ] {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"OTEL_") {
            command.env_remove(name);
        }
    }
    // tests run side by side, and there is one port 8000
    command.env("GENESIS_METRICS_PORT", "off");
    command
}

/// Runs to the end.
pub(crate) fn run(arguments: &[&str]) -> Done {
    finish(genesis(arguments), b"")
}

/// Runs to the end with this input.
pub(crate) fn finish(mut command: Command, input: &[u8]) -> Done {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // the command may end before it has read everything
    thread::spawn(move || stdin.write_all(&input).ok());
    end(child)
}

/// Waits for the end of a command and gives what it printed.
pub(crate) fn end(mut child: Child) -> Done {
    let (sender, receiver) = mpsc::channel();
    let mut stdout = child.stdout.take();
    let mut stderr = child.stderr.take().unwrap();
    thread::spawn(move || {
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text).unwrap();
            text
        });
        let mut text = Vec::new();
        if let Some(stdout) = &mut stdout {
            stdout.read_to_end(&mut text).unwrap();
        }
        sender.send((text, errors.join().unwrap())).ok();
    });
    let Ok((stdout, stderr)) = receiver.recv_timeout(PATIENCE) else {
        child.kill().unwrap();
        panic!("the command did not end");
    };
    let status = child.wait().unwrap();
    Done {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// `genesis sim` in a process of its own.
pub(crate) struct Simulator {
    pub(crate) child: Child,
    pub(crate) port: String,
}

impl Simulator {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", arguments)
    }

    pub(crate) fn start_at(address: &str, arguments: &[&str]) -> Self {
        let mut command = genesis(&["sim", "--json", "--listen", address]);
        command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let line = first_line(child.stdout.take().unwrap());
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let port = line["listening"]
            .as_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned();
        Self { child, port }
    }

    /// Calls and gives the Unique-ID of the channel that answered.
    pub(crate) fn originate(&self, line: &str) -> String {
        let done = run(&["bgapi", "--port", &self.port, &format!("originate {line}")]);
        assert_eq!(done.code, 0, "{done:?}");
        done.stdout.trim().trim_start_matches("+OK ").to_owned()
    }
}

/// How long a command that a failed test leaves behind may take to end what it has started.
const LEFT: Duration = Duration::from_secs(5);

/// A command that follows, whose lines are read as they come. It does not outlive its test.
pub(crate) struct Following {
    /// `None` once its end is waited for.
    child: Option<Child>,
    lines: mpsc::Receiver<String>,
}

impl Following {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_command(genesis(arguments))
    }

    pub(crate) fn start_command(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                sender.send(line.unwrap()).ok();
            }
        });
        let child = Some(child);
        Self { child, lines }
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// The next line, if it comes within a moment.
    #[cfg(unix)]
    pub(crate) fn line_soon(&self) -> Option<String> {
        self.lines.recv_timeout(Duration::from_millis(50)).ok()
    }

    /// Whether nothing more comes, known within a moment.
    #[cfg(unix)]
    pub(crate) fn is_over_soon(&self) -> bool {
        loop {
            match self.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(_) => {}
                Err(error) => return error == mpsc::RecvTimeoutError::Disconnected,
            }
        }
    }

    /// The next line for which this gives something.
    pub(crate) fn find<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&self.line()) {
                return found;
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        end(self.child.take().unwrap())
    }

    #[cfg(unix)]
    pub(crate) fn interrupt(self) -> Done {
        self.signal("-INT");
        self.end()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.as_ref().unwrap(), name);
    }
}

impl Drop for Following {
    /// The test has failed, or has seen enough.
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        // it may have a program of its own, which would outlive it if it were killed
        #[cfg(unix)]
        Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .ok();
        let deadline = Instant::now() + LEFT;
        // its output ends with it
        while cfg!(unix) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(_) => {}
                Err(_) => break,
            }
        }
        child.kill().ok();
        child.wait().ok();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn first_line(stdout: ChildStdout) -> String {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line
}

/// Sends a signal by name.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// A switch that follows a script: one entry per connection, what it sends once `event` or `log`
/// was said. `close`: then it closes.
pub(crate) struct Peer {
    pub(crate) port: String,
    /// The commands as they came, but not `auth` and the subscription to BACKGROUND_JOB.
    pub(crate) commands: mpsc::Receiver<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) send: String,
    pub(crate) close: bool,
}

impl Peer {
    pub(crate) fn start(connections: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let (sender, commands) = mpsc::channel();
        thread::spawn(move || {
            for script in connections {
                let (stream, _) = listener.accept().unwrap();
                serve(stream, &script, &sender);
            }
        });
        Self { port, commands }
    }
}

fn serve(mut stream: TcpStream, script: &Script, commands: &mpsc::Sender<String>) {
    let mut write = stream.try_clone().unwrap();
    let mut reply = |text: &str| write.write_all(text.as_bytes()).ok();
    reply("Content-Type: auth/request\n\n");
    let mut pending = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        if read == 0 {
            return;
        }
        pending.extend_from_slice(&chunk[..read]);
        while let Some(at) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let command = String::from_utf8(pending.drain(..at + 2).collect()).unwrap();
            let command = command.trim();
            if command.starts_with("auth ") {
                reply("Content-Type: command/reply\nReply-Text: +OK accepted\n\n");
                continue;
            }
            if command.starts_with("api ") {
                reply("Content-Type: api/response\nContent-Length: 4\n\n+OK\n");
                continue;
            }
            reply("Content-Type: command/reply\nReply-Text: +OK done\n\n");
            // what a client wants for its own jobs
            if command.ends_with(" BACKGROUND_JOB") {
                continue;
            }
            let subscribed = command.starts_with("event ") || command.starts_with("log ");
            if subscribed {
                reply(&script.send);
            }
            let over = command == "exit" || (script.close && subscribed);
            // the test may have seen enough
            commands.send(command.to_owned()).ok();
            if over {
                return;
            }
        }
    }
}

/// A plain event as the switch frames it.
pub(crate) fn plain_event(headers: &[(&str, &str)]) -> String {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"));
    let body = lines.collect::<String>() + "\n";
    format!(
        "Content-Length: {}\nContent-Type: text/event-plain\n\n{body}",
        body.len()
    )
}

#[cfg(unix)]
#[test]
fn a_command_does_not_outlive_a_test_that_fails() {
    let command = genesis(&["sim", "--json", "--listen", "127.0.0.1:0"]);
    let following = Following::start_command(command);
    let line: serde_json::Value = serde_json::from_str(&following.line()).unwrap();
    let address = line["listening"].as_str().unwrap().to_owned();
    TcpStream::connect(&address).unwrap();
    let failed = thread::spawn(move || {
        let _following = following;
        std::panic::resume_unwind(Box::new("the test fails"));
    });
    failed.join().unwrap_err();
    TcpStream::connect(&address).unwrap_err();
}
