//! The bytes that the switch writes.

use std::fmt;

use bytes::{BufMut, BytesMut};

/// The switch builds a reply in 512 bytes, the last of which is a NUL.
const REPLY: usize = 511;

/// It writes the frame around it from 1024 bytes, likewise.
const REPLY_FRAME: usize = 1023;

/// It builds the notice of a disconnect in 512 bytes.
const NOTICE: usize = 511;

/// One line of the switch's log, as `log/data` carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogData<'a> {
    /// `Log-Level`, 0 is the most severe.
    pub level: u8,
    /// `Text-Channel`: 3 for what a session logs, 0 for the rest, in what was recorded.
    pub channel: u8,
    /// `Log-File`: the source file.
    pub file: &'a str,
    /// `Log-Func`: the function.
    pub function: &'a str,
    /// `Log-Line`: the line in the source file.
    pub line: u32,
    /// `User-Data`: the session's UUID, or empty.
    pub user_data: &'a str,
    /// The whole line, with the time in front and a line feed at its end.
    pub text: &'a str,
}

/// Why the switch says goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goodbye {
    /// The connection ends in the ordinary way: 67 bytes.
    Disconnected,
    /// The connection was too slow: more than 500 events were lost.
    LostEvents,
    /// The connection was too slow: more than 500 lines of the log were lost.
    LostLogLines,
    /// The switch goes down.
    Shutdown,
}

impl Goodbye {
    /// The body of the notice.
    pub fn text(self) -> &'static str {
        match self {
            Self::Disconnected => {
                "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
            }
            Self::LostEvents => "killed listener because of lost events\n",
            Self::LostLogLines => "killed listener because of lost log lines\n",
            Self::Shutdown => "The system is being shut down.\n",
        }
    }
}

/// Appends text to `out` through a buffer of the switch, which holds `size` bytes: what is longer
/// is cut, be it in the middle of a character or before the blank line that ends the frame.
fn put(out: &mut BytesMut, size: usize, text: fmt::Arguments<'_>) {
    let text = text.to_string();
    out.put_slice(cut(&text, size));
}

fn cut(text: &str, size: usize) -> &[u8] {
    &text.as_bytes()[..text.len().min(size)]
}

pub(super) fn reply(out: &mut BytesMut, text: &str) {
    let start = out.len();
    out.put_slice(b"Content-Type: command/reply\nReply-Text: ");
    out.put_slice(cut(text, REPLY));
    out.put_slice(b"\n\n");
    out.truncate(start + (out.len() - start).min(REPLY_FRAME));
}

/// `headers` come after the `~` that marks such a reply inside the switch, which takes one byte.
pub(super) fn reply_raw(out: &mut BytesMut, headers: &str) {
    out.put_slice(b"Content-Type: command/reply\n");
    out.put_slice(cut(headers, REPLY - 1));
}

/// Each list has a buffer of its own, so that one that is too long loses its line end.
pub(super) fn userauth_reply(events: Option<&str>, api: Option<&str>, log: bool) -> String {
    let mut text = BytesMut::from(&b"Reply-Text: +OK accepted\n"[..]);
    put(
        &mut text,
        REPLY,
        format_args!("Allowed-Events: {}\n", events.unwrap_or("all")),
    );
    put(
        &mut text,
        REPLY,
        format_args!("Allowed-API: {}\n", api.unwrap_or("all")),
    );
    put(&mut text, REPLY, format_args!("Allowed-LOG: {log}\n\n"));
    String::from_utf8_lossy(&text).into_owned()
}

pub(super) fn api_response(out: &mut BytesMut, body: &[u8]) {
    let body = if body.is_empty() {
        &b"-ERR no reply\n"[..]
    } else {
        body
    };
    let head = format!(
        "Content-Type: api/response\nContent-Length: {}\n\n",
        body.len()
    );
    out.put_slice(head.as_bytes());
    out.put_slice(body);
}

pub(super) fn log(out: &mut BytesMut, line: &LogData<'_>) {
    let LogData {
        level,
        channel,
        file,
        function,
        line: number,
        user_data,
        text,
    } = line;
    put(
        out,
        REPLY_FRAME,
        format_args!(
            "Content-Type: log/data\nContent-Length: {}\nLog-Level: {level}\n\
             Text-Channel: {channel}\nLog-File: {file}\nLog-Func: {function}\n\
             Log-Line: {number}\nUser-Data: {user_data}\n\n",
            text.len()
        ),
    );
    out.put_slice(text.as_bytes());
}

pub(super) fn goodbye(out: &mut BytesMut, text: &str, session: Option<&str>) {
    let length = text.len();
    match session {
        Some(uuid) => put(
            out,
            NOTICE,
            format_args!(
                "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {uuid}\n\
                 Content-Disposition: disconnect\nContent-Length: {length}\n\n"
            ),
        ),
        None => put(
            out,
            NOTICE,
            format_args!("Content-Type: text/disconnect-notice\nContent-Length: {length}\n\n"),
        ),
    }
    out.put_slice(text.as_bytes());
}

pub(super) fn linger(out: &mut BytesMut, session: &str, channel_name: &str, seconds: i64) {
    put(
        out,
        NOTICE,
        format_args!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {session}\n\
             Content-Disposition: linger\nChannel-Name: {channel_name}\nLinger-Time: {seconds}\n\
             Content-Length: 0\n\n"
        ),
    );
}

pub(super) fn rude_rejection(out: &mut BytesMut) {
    const TEXT: &str = "Access Denied, go away.\n";
    let head = format!(
        "Content-Type: text/rude-rejection\nContent-Length: {}\n\n",
        TEXT.len()
    );
    out.put_slice(head.as_bytes());
    out.put_slice(TEXT.as_bytes());
}
