//! The mock switch: it runs in the parent process, so that its CPU time is not the receiver's.
//!
//! It accepts any password, agrees to every command, answers `api echo TEXT`, and on
//! `api play WHAT TIMES [close]` answers and then plays recorded events as fast as they are read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use memchr::memmem;

use crate::corpus::{self, Corpus};
use crate::tcp::TIMES;
use crate::{Failure, raw};

/// How many bytes of events a `play part` sends.
pub const PART: usize = 2 << 20;

/// The numbers of one burst are not further apart.
const APART: u64 = 12_000;

/// What it can play.
#[derive(Debug)]
pub struct Tapes {
    plain: Corpus,
    json: Vec<u8>,
    fresh: Vec<u8>,
    part: Vec<u8>,
}

impl Tapes {
    /// Loads the recorded burst.
    ///
    /// # Errors
    ///
    /// When the recording cannot be read.
    pub fn load() -> Result<Self, Failure> {
        let plain = corpus::burst()?;
        let part = plain
            .parts(PART)
            .first()
            .map(|part| part.to_vec())
            .unwrap_or_default();
        let mut json = Vec::new();
        raw::Raw::default().receive(&plain.bytes, |document| json.extend(as_json(document)));
        let fresh = (0..TIMES)
            .flat_map(|time| renumbered(&plain.bytes, time))
            .collect();
        Ok(Self {
            plain,
            json,
            fresh,
            part,
        })
    }

    /// How many events one `play plain` or `play json` sends.
    pub fn events(&self) -> u64 {
        self.plain.events
    }

    /// How many events one `play part` sends.
    pub fn part_events(&self) -> u64 {
        raw::Raw::default().receive(&self.part, |_| ())
    }

    fn get(&self, name: &str) -> &[u8] {
        match name {
            "json" => &self.json,
            "fresh" => &self.fresh,
            "part" => &self.part,
            _ => &self.plain.bytes,
        }
    }
}

/// The burst as it would come `time` bursts later: with other numbers, of as many digits, for an
/// event of a number that was seen already is known to be no new one.
fn renumbered(burst: &[u8], time: u64) -> Vec<u8> {
    const NAME: &[u8] = b"\nEvent-Sequence: ";
    let mut burst = burst.to_vec();
    let found: Vec<usize> = memmem::find_iter(&burst, NAME).collect();
    for at in found {
        let digits = &mut burst[at + NAME.len()..];
        let length = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let number = std::str::from_utf8(&digits[..length]).unwrap_or_default();
        let number: u64 = number.parse().unwrap_or_default();
        let later = format!("{:0length$}", number + time * APART);
        if later.len() == length {
            digits[..length].copy_from_slice(later.as_bytes());
        }
    }
    burst
}

/// The same event as the switch sends it when JSON was asked for, frame and all.
fn as_json(document: &[u8]) -> Vec<u8> {
    let mut headers = serde_json::Map::new();
    raw::decode(
        document,
        &mut Vec::new(),
        &mut |name: &[u8], value: &[u8]| {
            headers.insert(
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8_lossy(value).into(),
            );
        },
    );
    let body = serde_json::Value::Object(headers).to_string();
    format!(
        "Content-Length: {}\nContent-Type: text/event-json\n\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Starts the switch; it ends with the process.
///
/// # Errors
///
/// When no port is free.
pub fn start(tapes: Arc<Tapes>) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tapes = Arc::clone(&tapes);
            std::thread::spawn(move || serve(stream, &tapes));
        }
    });
    Ok(address)
}

/// Serves one connection to its end; what happens when the peer goes away does not matter.
fn serve(mut stream: TcpStream, tapes: &Tapes) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"Content-Type: auth/request\n\n")?;
    let mut input = Vec::new();
    let mut output = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        input.extend(piece[..length].iter().filter(|&&byte| byte != b'\r'));
        let mut used = 0;
        while let Some(end) = memmem::find(&input[used..], b"\n\n") {
            let command = String::from_utf8_lossy(&input[used..used + end]).into_owned();
            used += end + 2;
            let words: Vec<&str> = command.split_whitespace().collect();
            match words.as_slice() {
                ["api", "echo", text] => api_reply(text, &mut output),
                ["api", "play", what, times, rest @ ..] => {
                    api_reply("+OK playing", &mut output);
                    stream.write_all(&output)?;
                    output.clear();
                    for _ in 0..times.parse().unwrap_or(1) {
                        stream.write_all(tapes.get(what))?;
                    }
                    if rest.contains(&"close") {
                        stream.shutdown(std::net::Shutdown::Write)?;
                    }
                }
                _ => output.extend_from_slice(
                    b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
                ),
            }
        }
        input.drain(..used);
        stream.write_all(&output)?;
        output.clear();
    }
}

fn api_reply(text: &str, output: &mut Vec<u8>) {
    let length = text.len() + 1;
    let frame = format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}\n");
    output.extend_from_slice(frame.as_bytes());
}
