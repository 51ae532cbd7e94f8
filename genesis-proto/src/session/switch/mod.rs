//! The switch's side of the wire: what a simulator, a proxy or a test needs.
//!
//! [`SwitchSession`] cuts what a client sends into [`Request`]s and writes what the switch sends,
//! to the byte. What a command changes for its own connection is in [`Subscription`],
//! [`LogSubscription`], [`Linger`] and [`Permissions`]; they give the replies of the real switch.
//! What a command does to calls is not here.

mod control;
mod filter;
mod permissions;
mod request;
mod subscription;
mod write;

use std::fmt;

use bytes::{Buf, BufMut, BytesMut};

pub use control::{Linger, LogSubscription, divert_events, is_true};
pub use filter::{Candidate, MatchesRegex};
pub use permissions::Permissions;
pub use request::{BadRequest, Request, RequestRef, Verb};
pub use subscription::{MY_EVENTS, Subscription, known_name};
pub use write::{Goodbye, LogData};

use crate::event::{EventBuilder, Fidelity};
use crate::name::EventFormat;
use request::BlockEnd;

/// Below this an empty buffer keeps its memory.
const KEEP: usize = 4 * 1024;

/// One connection, seen from the switch.
///
/// Call [`receive`](Self::receive) with what came, then [`poll_request`](Self::poll_request) until
/// it gives `None`; answer each request before the next is asked for; write
/// [`transmit`](Self::transmit) and say how much went with [`transmitted`](Self::transmitted).
/// Events may be written only while [`pending_input`](Self::pending_input) is false.
///
/// ```
/// use genesis_proto::session::SwitchSession;
/// use genesis_proto::session::switch::{Goodbye, Verb};
///
/// let mut session = SwitchSession::new();
/// session.auth_request();
/// session.receive(b"auth ClueCon\n\nex");
/// let request = session.poll_request()?.expect("one command is complete");
/// assert_eq!((request.verb(), request.argument().as_ref()), (Verb::Auth, "ClueCon"));
/// session.command_reply("+OK accepted");
///
/// // half a command holds events back
/// assert!(session.poll_request()?.is_none() && session.pending_input());
/// session.receive(b"it\n\n");
/// assert_eq!(session.poll_request()?.map(|request| request.verb()), Some(Verb::Exit));
/// session.command_reply("+OK bye");
/// session.goodbye(Goodbye::Disconnected, None);
///
/// assert!(session.transmit().starts_with(b"Content-Type: auth/request\n\nContent-Type: comm"));
/// let sent = session.transmit().len();
/// session.transmitted(sent);
/// # Ok::<(), genesis_proto::session::switch::BadRequest>(())
/// ```
#[derive(Default)]
pub struct SwitchSession {
    received: BytesMut,
    block_end: BlockEnd,
    /// The length of the block of lines once its end was found; its body may be missing.
    block: Option<usize>,
    transmit: BytesMut,
}

impl SwitchSession {
    /// A new connection. Nothing is written by itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes came from the client.
    ///
    /// Ask [`wants_input`](Self::wants_input) first: what is received is kept until its command is
    /// complete.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// Less than the longest command is buffered. One that reads only while this is true keeps at
    /// most 26 MiB and one read of input, whatever a client sends.
    pub fn wants_input(&self) -> bool {
        self.received.len() <= request::MAX_BLOCK + request::MAX_BODY
    }

    /// The next command, `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// When the switch ends the connection without an answer: write the goodbye and close.
    pub fn poll_request(&mut self) -> Result<Option<Request>, BadRequest> {
        if self.block.is_none() {
            let skip = request::leading_line_ends(&self.received);
            if skip > 0 {
                self.received.advance(skip);
            }
            self.block = self.block_end.find(&self.received);
        }
        let Some(length) = self.block else {
            return Ok(None);
        };
        let Some((request, rest)) = RequestRef::with_block(&self.received, length)? else {
            return Ok(None);
        };
        let request = request.to_owned();
        let used = self.received.len() - rest.len();
        self.received.advance(used);
        self.block = None;
        if self.received.is_empty() && self.received.capacity() > KEEP {
            self.received = BytesMut::new();
        }
        Ok(Some(request))
    }

    /// A command has begun and is not complete: the switch writes no events until it is
    /// (mod_event_socket.c, `read_packet`). A command that begins with a NUL does not count.
    ///
    /// Means something after [`poll_request`](Self::poll_request) gave `None`.
    pub fn pending_input(&self) -> bool {
        self.block.is_some() || self.received.first().is_some_and(|byte| *byte != 0)
    }

    /// What is to be written to the client.
    pub fn transmit(&self) -> &[u8] {
        &self.transmit
    }

    /// The transport took the first `count` bytes of [`transmit`](Self::transmit).
    pub fn transmitted(&mut self, count: usize) {
        self.transmit.advance(count.min(self.transmit.len()));
        if self.transmit.is_empty() && self.transmit.capacity() > KEEP {
            self.transmit = BytesMut::new();
        }
    }

    /// Forgets what was not written: the real switch drops it when it kills a slow client.
    pub fn discard_transmit(&mut self) {
        self.transmit = BytesMut::new();
    }

    /// Asks for the password, the first thing on an inbound connection.
    pub fn auth_request(&mut self) {
        self.transmit.put_slice(b"Content-Type: auth/request\n\n");
    }

    /// Answers a command, `text` as `Reply-Text`. It stands as it is, line feeds included, and is
    /// cut at 511 bytes; an empty text is `-ERR command not found`, which is how `getvar` answers
    /// for a variable that is not set.
    pub fn command_reply(&mut self, text: &str) {
        let text = if text.is_empty() {
            "-ERR command not found"
        } else {
            text
        };
        match text.strip_prefix('~') {
            // a value that begins so is taken for headers: nothing ends the frame then
            Some(headers) => write::reply_raw(&mut self.transmit, headers),
            None => write::reply(&mut self.transmit, text),
        }
    }

    /// Answers a command with header lines of its own, the blank line included; cut at 510 bytes,
    /// so that a long one loses the blank line and runs into the next frame.
    pub fn command_reply_raw(&mut self, headers: &str) {
        write::reply_raw(&mut self.transmit, headers);
    }

    /// Answers `bgapi`. A job's name is cut at 256 bytes.
    pub fn job_reply(&mut self, job_uuid: &str) {
        self.command_reply_raw(&format!(
            "Reply-Text: +OK Job-UUID: {job_uuid}\nJob-UUID: {job_uuid}\n\n"
        ));
    }

    /// Answers a `userauth` that succeeded; `None` is no limit.
    pub fn userauth_reply(&mut self, events: Option<&str>, api: Option<&str>, log: bool) {
        let headers = write::userauth_reply(events, api, log);
        self.command_reply_raw(&headers);
    }

    /// Answers `api`. Without output the body is `-ERR no reply`.
    pub fn api_response(&mut self, body: &[u8]) {
        write::api_response(&mut self.transmit, body);
    }

    /// Answers `connect` on an outbound socket: `data` is the CHANNEL_DATA event.
    pub fn connect_reply(&mut self, data: &EventBuilder, is_async: bool, full: bool) {
        let mode = if is_async { "async" } else { "static" };
        let control = if full { "full" } else { "single-channel" };
        let document = data.to_document(EventFormat::Plain, Fidelity::AsTheSwitch);
        // the blank line at the end of the document comes after the headers of the reply
        let lines = document.strip_suffix(b"\n").unwrap_or(&document);
        self.transmit.put_slice(lines);
        let reply = format!(
            "Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: {mode}\n\
             Control: {control}\n\n"
        );
        self.transmit.put_slice(reply.as_bytes());
    }

    /// Writes an event.
    pub fn event(&mut self, event: &EventBuilder, format: EventFormat) {
        self.frame(&event.to_frame(format, Fidelity::AsTheSwitch));
    }

    /// Writes a whole frame that was made elsewhere, for instance once for many connections.
    pub fn frame(&mut self, frame: &[u8]) {
        self.transmit.put_slice(frame);
    }

    /// Writes a line of the log.
    pub fn log(&mut self, line: &LogData<'_>) {
        write::log(&mut self.transmit, line);
    }

    /// Says goodbye; `session` is the one that the connection controls.
    pub fn goodbye(&mut self, goodbye: Goodbye, session: Option<&str>) {
        write::goodbye(&mut self.transmit, goodbye.text(), session);
    }

    /// Says that the channel hung up while the connection lingers.
    pub fn linger_notice(&mut self, session: &str, channel_name: &str, linger: Linger) {
        write::linger(
            &mut self.transmit,
            session,
            channel_name,
            linger.as_seconds(),
        );
    }

    /// Tells the client that its address is not allowed. The goodbye follows.
    pub fn rude_rejection(&mut self) {
        write::rude_rejection(&mut self.transmit);
    }
}

impl fmt::Debug for SwitchSession {
    /// Without the bytes: they may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchSession")
            .field("received", &self.received.len())
            .field("transmit", &self.transmit.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
