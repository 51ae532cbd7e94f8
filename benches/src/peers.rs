//! The other libraries.
//!
//! `eslrs` can parse a plain event out of memory (`EventFormat::try_from_raw`); its framing is
//! private, so the raw loop's stands in for it. It splits lines into a map and does not
//! url-decode. The parsers of `freeswitch-esl-tokio` and `freeswitch-esl` are private: both are
//! measured over TCP.

use std::hint::black_box;

use bytes::Bytes;
use eslrs::event::{EventFormat, PlainEvent};

/// Splits one event with `eslrs`.
pub fn eslrs_plain(document: &[u8]) {
    let document = Bytes::copy_from_slice(document);
    let Ok(event) = PlainEvent::try_from_raw(&document);
    black_box(event.get_header("Event-Name"));
}
