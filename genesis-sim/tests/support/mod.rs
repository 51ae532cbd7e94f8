//! Plays a recording of FreeSWITCH 1.11.2 to the simulator.

#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use genesis_proto::frame::FrameKind;
use genesis_proto::session::switch::RequestRef;
use genesis_proto::{Frame, Framer};
use genesis_sim::{Sim, SimBuilder};
use regex::bytes::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

/// A recording: both directions and the order of their chunks.
pub(crate) struct Recording {
    pub(crate) from_client: Vec<u8>,
    pub(crate) from_switch: Vec<u8>,
    chunks: Vec<Chunk>,
    times: Vec<Duration>,
    /// The switch said goodbye.
    closed: bool,
}

struct Chunk {
    from_client: bool,
    end: usize,
}

impl Recording {
    pub(crate) fn read(name: &str) -> Self {
        let from_client = unpack(&format!("{name}.c2s.bin"));
        let from_switch = unpack(&format!("{name}.s2c.bin"));
        let lines = String::from_utf8(unpack(&format!("{name}.jsonl"))).unwrap();
        let mut chunks = Vec::new();
        let mut times = Vec::new();
        for line in lines.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            if let (Some(offset), Some(len)) = (line["offset"].as_u64(), line["len"].as_u64()) {
                let from_client = line["dir"] == "c2s";
                times.push(Duration::from_secs_f64(line["t"].as_f64().unwrap()));
                chunks.push(Chunk {
                    from_client,
                    end: (offset + len) as usize,
                });
            }
        }
        let closed = from_switch.ends_with(b"http://www.cluecon.com/\n");
        Self {
            from_client,
            from_switch,
            chunks,
            times,
            closed,
        }
    }

    /// When each chunk came, whether from the client, and where it ends in its direction.
    pub(crate) fn times(&self) -> impl Iterator<Item = (Duration, bool, usize)> {
        let chunks = self.times.iter().zip(&self.chunks);
        chunks.map(|(at, chunk)| (*at, chunk.from_client, chunk.end))
    }

    /// Sends what the client sent, each chunk when as many whole frames have come as had come in
    /// the recording, and gives everything the simulator said.
    pub(crate) async fn play(&self, sim: &Sim) -> Vec<u8> {
        let mut client = Client::new(sim.connect());
        let mut sent = 0;
        let mut seen = 0;
        for chunk in &self.chunks {
            if chunk.from_client {
                let before = frames(&self.from_switch[..seen]).0.len();
                client.read_frames(before).await;
                client.send(&self.from_client[sent..chunk.end]).await;
                sent = chunk.end;
            } else {
                seen = chunk.end;
            }
        }
        if self.closed {
            client.read_to_end().await;
        } else {
            client.read_frames(frames(&self.from_switch).0.len()).await;
        }
        client.received
    }

    /// The commands of the client, each with its blank line and its body.
    pub(crate) fn commands(&self) -> Vec<Vec<u8>> {
        let mut commands = Vec::new();
        let mut rest = &self.from_client[..];
        while let Ok(Some((_, after))) = RequestRef::parse(rest) {
            commands.push(rest[..rest.len() - after.len()].to_vec());
            rest = after;
        }
        commands
    }

    /// Plays it and compares the replies with the recorded replies and the events with the recorded
    /// events: how the two mix depends on the 20 ms in which FreeSWITCH looks for events.
    pub(crate) async fn check_apart(&self, builder: SimBuilder) {
        let sim = like_the_recorded(builder).start().await.unwrap();
        let mut client = Client::new(sim.connect());
        let commands = self.commands();
        let (exit, before) = commands.split_last().unwrap();
        client.send(before.concat()).await;
        // the reply to `exit` and the goodbye come after everything
        client
            .read_frames(frames(&self.from_switch).0.len() - 2)
            .await;
        client.send(exit).await;
        client.read_to_end().await;
        let part = |stream: &[u8], events: bool| -> Vec<String> {
            let frames = frames(stream).0.into_iter();
            let wanted = frames.filter(|f| matches!(f.kind(), FrameKind::Event(_)) == events);
            wanted.map(|frame| text(&masked(&frame))).collect()
        };
        for events in [false, true] {
            assert_eq!(
                part(&client.received, events),
                part(&self.from_switch, events)
            );
        }
    }

    /// Plays it and compares every frame.
    pub(crate) async fn check(&self, builder: SimBuilder) {
        let sim = like_the_recorded(builder).start().await.unwrap();
        let received = self.play(&sim).await;
        self.compare(&received);
    }

    /// Compares what was received with what was recorded, frame by frame.
    pub(crate) fn compare(&self, received: &[u8]) {
        let (expected, expected_rest) = frames(&self.from_switch);
        let (got, got_rest) = frames(received);
        for (i, (expected, got)) in expected.iter().zip(&got).enumerate() {
            assert_eq!(text(&masked(got)), text(&masked(expected)), "frame {i}");
        }
        assert_eq!(got.len(), expected.len(), "the number of frames");
        assert_eq!(
            text(&mask(&got_rest)),
            text(&mask(&expected_rest)),
            "what is left at the end"
        );
    }
}

fn unpack(file: &str) -> Vec<u8> {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../tests/fixtures/captures",
        &format!("{file}.zst"),
    ]
    .iter()
    .collect();
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    zstd::decode_all(&packed[..]).unwrap()
}

/// The names and addresses of the recorded switch.
pub(crate) fn like_the_recorded(builder: SimBuilder) -> SimBuilder {
    builder.switch(|options| {
        options.hostname = "vm".to_owned();
        options.switchname = "fs-capture".to_owned();
        options.ipv4 = "192.0.2.2".to_owned();
        options.ipv6 = "fd00::2".to_owned();
        options.heartbeat = None;
    })
}

/// The whole frames of a stream, and what is left.
pub(crate) fn frames(stream: &[u8]) -> (Vec<Frame>, Vec<u8>) {
    let mut framer = Framer::new();
    framer.feed(stream).unwrap();
    let mut frames = Vec::new();
    let mut used = 0;
    while let Some(frame) = framer.next_frame().unwrap() {
        used += frame.raw().len();
        frames.push(frame);
    }
    (frames, stream[used..].to_vec())
}

/// A frame with everything masked that is new every time. The length of an event depends on it.
fn masked(frame: &Frame) -> Vec<u8> {
    static OUTER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^Content-Length: \d+\nContent-Type: text/event").unwrap());
    let masked = mask(frame.raw());
    OUTER
        .replace(
            &masked,
            &b"Content-Length: <n>\nContent-Type: text/event"[..],
        )
        .into_owned()
}

/// Text with everything masked that is new every time.
pub(crate) fn masked_text(text: &str) -> String {
    self::text(&mask(text.as_bytes()))
}

fn mask(bytes: &[u8]) -> Vec<u8> {
    const RULES: &[(&str, &str)] = &[
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "<uuid>",
        ),
        (
            r"Event-Date-(Local|GMT|Timestamp)(: |>|\x22:\x22)[^\n<\x22]*",
            "Event-Date-$1$2<date>",
        ),
        (r"Event-Sequence(: |>|\x22:\x22)\d+", "Event-Sequence$1<n>"),
        // the output of `status` has its uptime in it
        (
            r"(?s)Content-Length: \d+\n\nUP \d+ years.*?Current Stack Size/Max \S+\n",
            "<status>",
        ),
        (
            r#"\x22Content-Length\x22:\x22\d+\x22,\x22_body\x22:\x22UP \d+ years[^\x22]*\x22"#,
            "<status>",
        ),
    ];
    static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        RULES
            .iter()
            .map(|(pattern, with)| (Regex::new(pattern).unwrap(), *with))
            .collect()
    });
    let mut bytes = bytes.to_vec();
    for (pattern, with) in &*COMPILED {
        bytes = pattern.replace_all(&bytes, with.as_bytes()).into_owned();
    }
    bytes
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A client that keeps all it received.
pub(crate) struct Client {
    stream: DuplexStream,
    pub(crate) received: Vec<u8>,
    framer: Framer,
    fed: usize,
    parsed: Vec<Frame>,
}

impl Client {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Self {
            stream,
            received: Vec::new(),
            framer: Framer::new(),
            fed: 0,
            parsed: Vec::new(),
        }
    }

    /// Connects and authenticates.
    pub(crate) async fn ready(sim: &Sim) -> Self {
        let mut client = Self::new(sim.connect());
        client.read_frames(1).await;
        assert_eq!(client.ask("auth ClueCon\n\n").await, "+OK accepted");
        client
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a command and gives the `Reply-Text` or the body of the next frame.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        let before = self.frames().len();
        self.send(command).await;
        self.read_frames(before + 1).await;
        let frame = &self.parsed[before];
        match frame.body() {
            Some(body) => text(body),
            None => frame
                .headers()
                .get("Reply-Text")
                .unwrap_or_default()
                .into_owned(),
        }
    }

    /// Reads until this many frames have come since the start.
    pub(crate) async fn read_frames(&mut self, count: usize) {
        while self.frames().len() < count {
            let got = timeout(Duration::from_secs(3600), self.read_some()).await;
            assert!(
                got.is_ok(),
                "{count} frames are expected, got {}",
                self.text()
            );
            assert_ne!(
                got,
                Ok(0),
                "{count} frames are expected, got {}",
                self.text()
            );
        }
    }

    /// The client says nothing more.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads once; 0 is the end.
    pub(crate) async fn read_some(&mut self) -> usize {
        self.stream.read_buf(&mut self.received).await.unwrap()
    }

    /// Reads to the end of the stream.
    pub(crate) async fn read_to_end(&mut self) {
        let end = self.stream.read_to_end(&mut self.received);
        timeout(Duration::from_secs(3600), end)
            .await
            .expect("the switch closes")
            .unwrap();
    }

    /// Takes what comes before nothing else can happen: with paused time that is exact.
    pub(crate) async fn settle(&mut self) {
        self.settle_for(Duration::from_millis(1)).await;
    }

    /// Takes what comes until there is silence for this time.
    pub(crate) async fn settle_for(&mut self, time: Duration) {
        while let Ok(1..) = timeout(time, self.read_some()).await {}
    }

    /// Nothing comes within this time.
    pub(crate) async fn expect_silence(&mut self, time: Duration) {
        let got = timeout(time, self.read_some()).await;
        assert!(got.is_err(), "unexpected: {}", text(&self.received));
    }

    /// The whole frames so far.
    pub(crate) fn frames(&mut self) -> &[Frame] {
        self.framer.feed(&self.received[self.fed..]).unwrap();
        self.fed = self.received.len();
        while let Some(frame) = self.framer.next_frame().unwrap() {
            self.parsed.push(frame);
        }
        &self.parsed
    }

    pub(crate) fn text(&self) -> String {
        text(&self.received)
    }
}
