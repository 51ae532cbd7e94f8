//! What the contestants read: whole plain events, recorded from FreeSWITCH 1.11.2.

use std::path::PathBuf;

use memchr::memmem;

use crate::Failure;
use crate::raw;

/// Headers per event in [`wide`].
pub const WIDE_HEADERS: usize = 104;
/// How long a corpus is, about.
const SIZE: usize = 25_000_000;

/// Event frames back to back, and how many there are.
#[derive(Debug)]
pub struct Corpus {
    /// Whole frames, envelope and event.
    pub bytes: Vec<u8>,
    /// How many frames.
    pub events: u64,
}

impl Corpus {
    /// The corpus in parts of about `size` bytes, cut between events.
    pub fn parts(&self, size: usize) -> Vec<&[u8]> {
        let mut parts = Vec::new();
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            let mut after = rest;
            while rest.len() - after.len() < size
                && let Some((_, next)) = raw::next_frame(after)
            {
                after = next;
            }
            parts.push(&rest[..rest.len() - after.len()]);
            rest = after;
        }
        parts
    }
}

/// The corpus called `name`: `burst` or `wide`.
///
/// # Errors
///
/// When the recording cannot be read or there is no such corpus.
pub fn load(name: &str) -> Result<Corpus, Failure> {
    match name {
        "burst" => burst(),
        "wide" => wide(),
        _ => Err(format!("no such corpus: {name}").into()),
    }
}

/// The recorded burst: what a switch sends while a few thousand calls are set up and torn down.
///
/// # Errors
///
/// When the recording cannot be read.
pub fn burst() -> Result<Corpus, Failure> {
    let recording = recording()?;
    let mut corpus = Corpus {
        bytes: Vec::with_capacity(recording.len()),
        events: 0,
    };
    for_each_event(&recording, |frame, _| {
        corpus.bytes.extend_from_slice(frame);
        corpus.events += 1;
    })?;
    Ok(corpus)
}

/// The channel of the first event of the burst that has one.
///
/// # Errors
///
/// When the recording cannot be read.
pub fn first_channel() -> Result<String, Failure> {
    const NAME: &[u8] = b"\nUnique-ID: ";
    let burst = burst()?;
    let at = memmem::find(&burst.bytes, NAME).ok_or("no channel in the burst")? + NAME.len();
    let value = burst.bytes[at..]
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or(b"");
    Ok(String::from_utf8_lossy(value).into_owned())
}

/// The long events of the burst, each cut to its first 104 headers, repeated.
///
/// # Errors
///
/// When the recording cannot be read.
pub fn wide() -> Result<Corpus, Failure> {
    let recording = recording()?;
    let mut once = Corpus {
        bytes: Vec::new(),
        events: 0,
    };
    for_each_event(&recording, |_, document| {
        let Some(end) = memchr::memchr_iter(b'\n', document).nth(WIDE_HEADERS - 1) else {
            return;
        };
        // the line that is cut off must be a header too, not the blank line
        if document.get(end + 1) == Some(&b'\n') {
            return;
        }
        let length = end + 2;
        once.bytes.extend_from_slice(
            format!("Content-Length: {length}\nContent-Type: text/event-plain\n\n").as_bytes(),
        );
        once.bytes.extend_from_slice(&document[..=end]);
        once.bytes.push(b'\n');
        once.events += 1;
    })?;
    let times = SIZE / once.bytes.len().max(1) + 1;
    Ok(Corpus {
        bytes: once.bytes.repeat(times),
        events: once.events * times as u64,
    })
}

fn recording() -> Result<Vec<u8>, Failure> {
    let path = fixtures().join("burst_plain.s2c.bin.zst");
    let file =
        std::fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(zstd::decode_all(file)?)
}

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/captures"
    ))
}

/// Calls `each` with every plain event: its frame, and the document in it.
fn for_each_event(stream: &[u8], mut each: impl FnMut(&[u8], &[u8])) -> Result<(), Failure> {
    let mut rest = stream;
    while let Some(end) = memmem::find(rest, b"\n\n") {
        let head = &rest[..end];
        let start = end + 2;
        let length = raw::content_length(head).unwrap_or(0);
        let document = rest
            .get(start..start + length)
            .ok_or("the recording ends in a frame")?;
        if memmem::find(head, b"text/event-plain").is_some() {
            each(&rest[..start + length], document);
        }
        rest = &rest[start + length..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wide_event_has_104_headers() {
        let corpus = wide().unwrap();
        let mut headers = 0u64;
        let events = raw::Raw::default().decode_all(&corpus.bytes, |_, _| headers += 1);
        assert_eq!(events, corpus.events);
        assert_eq!(headers, corpus.events * WIDE_HEADERS as u64);
    }

    #[test]
    fn the_raw_loop_sees_every_event_of_the_burst() {
        let corpus = burst().unwrap();
        assert_eq!(
            raw::Raw::default().decode_all(&corpus.bytes, |_, _| ()),
            corpus.events
        );
        assert!(corpus.events > 10_000);
        assert_eq!(corpus.parts(1 << 19).concat(), corpus.bytes);
    }
}
