//! A few scripted bytes that play the switch over an in-memory pipe.
#![allow(dead_code)] // each test binary uses its part
#![allow(clippy::unwrap_used)] // tests

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use genesis_client::{Client, Inbound, Options, Reconnect};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// The switch's end: what is pushed is sent as an event.
#[derive(Clone)]
pub(crate) struct Switch {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The wire of the present connection; `None`: dropped.
    wire: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// Outputs of `api`, in order; then always empty output.
    outputs: VecDeque<String>,
    commands: Vec<String>,
    /// What stands behind the next reply, in one piece with it.
    behind_reply: String,
    /// Replies are kept back.
    silent: bool,
}

impl Switch {
    fn new() -> Self {
        Self {
            state: Arc::default(),
        }
    }

    /// A connected client and its switch.
    pub(crate) async fn connect() -> (Client, Self) {
        let switch = Self::new();
        let io = switch.accept();
        let client = Inbound::builder().connect_over(io).await.unwrap();
        (client, switch)
    }

    /// The same with these options.
    pub(crate) async fn connect_with(options: Options) -> (Client, Self) {
        let switch = Self::new();
        let io = switch.accept();
        let builder = Inbound::builder().options(options);
        (builder.connect_over(io).await.unwrap(), switch)
    }

    /// The same with a client that connects again.
    pub(crate) async fn connect_for_good() -> (Client, Self) {
        let switch = Self::new();
        let dialled = switch.clone();
        let client = Inbound::builder()
            .reconnect(Reconnect::default())
            .connect_with(move || {
                let io = dialled.accept();
                async move { Ok(io) }
            })
            .await
            .unwrap();
        (client, switch)
    }

    fn accept(&self) -> DuplexStream {
        let (ours, theirs) = duplex(1 << 16);
        let (wire, bytes) = mpsc::unbounded_channel();
        self.state.lock().unwrap().wire = Some(wire);
        tokio::spawn(self.clone().serve(ours, bytes));
        theirs
    }

    /// Ends the connection without a word.
    pub(crate) fn drop_link(&self) {
        self.state.lock().unwrap().wire = None;
    }

    /// Sets the output of the next `api`.
    pub(crate) fn output(&self, output: impl Into<String>) {
        self.state.lock().unwrap().outputs.push_back(output.into());
    }

    /// Sends these bytes in one piece with the next reply.
    pub(crate) fn behind_reply(&self, bytes: impl Into<String>) {
        self.state.lock().unwrap().behind_reply = bytes.into();
    }

    /// Replies to nothing any more, or again to what comes.
    pub(crate) fn silent(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    pub(crate) fn commands(&self) -> Vec<String> {
        self.state.lock().unwrap().commands.clone()
    }

    /// Sends an event of a channel, or of none.
    pub(crate) fn event(&self, name: &str, uuid: Option<&str>, headers: &[(&str, &str)]) {
        self.send(event(name, uuid, headers));
    }

    /// Sends bytes in one piece.
    pub(crate) fn send(&self, bytes: String) {
        let state = self.state.lock().unwrap();
        state.wire.as_ref().unwrap().send(bytes.into()).unwrap();
    }

    async fn serve(self, mut io: DuplexStream, mut bytes: mpsc::UnboundedReceiver<Vec<u8>>) {
        let _ = io.write_all(b"Content-Type: auth/request\n\n").await;
        let mut input = Vec::new();
        loop {
            tokio::select! {
                event = bytes.recv() => match event {
                    Some(event) => drop(io.write_all(&event).await),
                    None => return,
                },
                read = io.read_buf(&mut input) => if !matches!(read, Ok(1..)) { return },
            }
            while let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") {
                let command: Vec<u8> = input.drain(..end + 2).collect();
                let command = String::from_utf8(command).unwrap().trim().to_owned();
                let reply = self.reply(command);
                let _ = io.write_all(reply.as_bytes()).await;
            }
        }
    }

    fn reply(&self, command: String) -> String {
        let mut state = self.state.lock().unwrap();
        if state.silent {
            state.commands.push(command);
            return String::new();
        }
        let mut reply = if command.starts_with("api ") {
            let output = state.outputs.pop_front().unwrap_or_default();
            let length = output.len();
            format!("Content-Type: api/response\nContent-Length: {length}\n\n{output}")
        } else {
            "Content-Type: command/reply\nReply-Text: +OK accepted\n\n".to_owned()
        };
        reply.push_str(&std::mem::take(&mut state.behind_reply));
        state.commands.push(command);
        reply
    }
}

/// An event as it stands on the wire.
pub(crate) fn event(name: &str, uuid: Option<&str>, headers: &[(&str, &str)]) -> String {
    let mut event = format!("Event-Name: {name}\n");
    if let Some(uuid) = uuid {
        event += &format!("Unique-ID: {uuid}\n");
    }
    for (header, value) in headers {
        event += &format!("{header}: {value}\n");
    }
    event.push('\n');
    let length = event.len();
    format!("Content-Length: {length}\nContent-Type: text/event-plain\n\n{event}")
}

/// Returns when nothing is left to do: the paused clock moves only then.
pub(crate) async fn settled() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
