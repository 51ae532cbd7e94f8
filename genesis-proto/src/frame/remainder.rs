//! What is left when a stream ends inside a frame.

use bytes::Bytes;
use memchr::memmem;

use super::Frame;

const NOTICE: &[u8] = b"Content-Type: text/disconnect-notice";

/// The bytes of a frame that never completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainder {
    bytes: Bytes,
    offset: u64,
}

impl Remainder {
    pub(crate) fn new(bytes: Bytes, offset: u64) -> Self {
        Self { bytes, offset }
    }

    /// The unfinished bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Where in the stream they began.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The disconnect notice that stands inside the unfinished frame, if there is one.
    ///
    /// When the switch kills a listener for slowness, or shuts down, another thread writes the
    /// notice while the listener's own may be in the middle of a frame (`kill_listener` in
    /// mod_event_socket.c); the frame then never completes.
    pub fn notice(&self) -> Option<Notice> {
        let at = memmem::rfind(&self.bytes, NOTICE)?;
        let bytes = self.bytes.slice(at..);
        // a notice that is itself cut off still says that there was one
        match super::parse(&bytes) {
            Ok(Some((_, used))) => Frame::from_bytes(bytes.slice(..used))
                .ok()
                .map(Notice::from),
            _ => Some(Notice {
                disposition: None,
                text: String::new(),
                linger: None,
            }),
        }
    }
}

/// What a disconnect notice says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    disposition: Option<String>,
    text: String,
    linger: Option<i64>,
}

impl Notice {
    /// The text of the notice, for instance `Disconnected, goodbye.`; without the advertisement
    /// that follows it.
    pub fn text(&self) -> &str {
        self.text.lines().next().unwrap_or("").trim_end()
    }

    /// The whole text as it came.
    pub fn full_text(&self) -> &str {
        &self.text
    }

    /// `Content-Disposition`: `disconnect`, `linger`, or nothing on an inbound connection.
    pub fn disposition(&self) -> Option<&str> {
        self.disposition.as_deref()
    }

    /// The channel hung up but the connection goes on: the notice is not the end.
    pub fn is_linger(&self) -> bool {
        self.disposition.as_deref() == Some("linger")
    }

    /// How long the switch lingers, in seconds; -1 until the client leaves.
    pub fn linger_time(&self) -> Option<i64> {
        self.linger
    }

    /// The switch killed this listener because it read too slowly: events were lost.
    pub fn is_lost_events(&self) -> bool {
        self.text.starts_with("killed listener because of lost")
    }

    /// The switch is being shut down.
    pub fn is_shutdown(&self) -> bool {
        self.text.contains("system is being shut down")
    }
}

impl From<Frame> for Notice {
    fn from(frame: Frame) -> Self {
        let text = |name: &str| {
            frame
                .header(name)
                .map(|value| String::from_utf8_lossy(value).into_owned())
        };
        Self {
            disposition: text("Content-Disposition"),
            linger: text("Linger-Time").and_then(|value| value.trim().parse().ok()),
            text: frame.body_text().unwrap_or_default().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_inside_an_unfinished_frame_is_the_reason() {
        let bytes = "Content-Length: 2728\nContent-Type: text/event-plain\n\nEvent-Name: X\n\
             Switchname: \"fContent-Type: text/disconnect-notice\nContent-Length: 39\n\n\
             killed listener because of lost events\n";
        let notice = Remainder::new(Bytes::from(bytes), 7).notice().unwrap();
        assert!(notice.is_lost_events());
        assert_eq!(notice.text(), "killed listener because of lost events");
    }

    #[test]
    fn an_unfinished_frame_without_a_notice_has_no_reason() {
        assert_eq!(
            Remainder::new(Bytes::from("Content-Length: 9\n\nabc"), 0).notice(),
            None
        );
    }
}
