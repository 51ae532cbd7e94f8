//! A switch made of a pipe and a script: the test says what comes in and what goes out.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use std::time::Duration;

use genesis_client::{Client, Inbound, InboundBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// The switch's end of a connection.
pub struct Peer {
    io: DuplexStream,
    read: Vec<u8>,
}

pub const OK: &str = "Content-Type: command/reply\nReply-Text: +OK\n\n";

pub fn reply(text: &str) -> String {
    format!("Content-Type: command/reply\nReply-Text: {text}\n\n")
}

pub fn api(body: &str) -> String {
    format!(
        "Content-Type: api/response\nContent-Length: {}\n\n{body}",
        body.len()
    )
}

pub fn event(headers: &str) -> String {
    let document = format!("{headers}\n");
    format!(
        "Content-Length: {}\nContent-Type: text/event-plain\n\n{document}",
        document.len()
    )
}

impl Peer {
    pub fn new(io: DuplexStream) -> Self {
        Self {
            io,
            read: Vec::new(),
        }
    }

    pub async fn send(&mut self, text: impl AsRef<str>) {
        self.io.write_all(text.as_ref().as_bytes()).await.unwrap();
    }

    /// The next command, without its blank line. Bodies are not looked for.
    pub async fn command(&mut self) -> String {
        self.try_command()
            .await
            .expect("the client closed the connection")
    }

    pub async fn try_command(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(2).position(|w| w == b"\n\n") {
                let rest = self.read.split_off(at + 2);
                let command = std::mem::replace(&mut self.read, rest);
                return Some(String::from_utf8(command[..at].to_vec()).unwrap());
            }
            let mut chunk = [0; 4096];
            match self.io.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.read.extend_from_slice(&chunk[..count]),
            }
        }
    }

    pub async fn expect(&mut self, command: &str) {
        assert_eq!(self.command().await, command);
    }

    /// Plays authentication and the first subscription.
    pub async fn accept(&mut self) {
        self.send("Content-Type: auth/request\n\n").await;
        self.expect("auth ClueCon").await;
        self.send(reply("+OK accepted")).await;
        self.expect("event plain BACKGROUND_JOB").await;
        self.send(reply("+OK event listener enabled plain")).await;
    }

    /// Answers an `event` command for these words.
    pub async fn subscribed(&mut self, words: &str) {
        self.expect(&format!("event plain {words}")).await;
        self.send(reply("+OK event listener enabled plain")).await;
    }

    /// The client must say nothing more before it closes.
    pub async fn closed(&mut self) {
        assert_eq!(self.try_command().await, None);
    }
}

/// A connected client with the switch's end of its connection.
pub async fn connected() -> (Client, Peer) {
    connected_with(Inbound::builder()).await
}

pub async fn connected_with(builder: InboundBuilder) -> (Client, Peer) {
    let (ours, theirs) = duplex(1 << 20);
    let mut peer = Peer::new(theirs);
    let (client, ()) = tokio::join!(builder.connect_over(ours), peer.accept());
    (client.unwrap(), peer)
}

/// Fails the test if `future` takes longer than a minute (of paused time).
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("it hangs")
}
