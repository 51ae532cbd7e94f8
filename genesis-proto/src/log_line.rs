//! A line of the switch's log.

use std::borrow::Cow;
use std::fmt;

use crate::name::LogLevel;
use crate::{Error, Frame, frame::FrameKind};

/// A `log/data` frame: metadata in the envelope, the raw text in the body. It is no event.
#[derive(Clone, PartialEq, Eq)]
pub struct LogLine {
    frame: Frame,
}

impl LogLine {
    /// Reads a log line.
    ///
    /// # Errors
    ///
    /// When the frame is no `log/data`.
    pub fn from_frame(frame: Frame) -> Result<Self, Error> {
        if frame.kind() == FrameKind::LogData {
            return Ok(Self { frame });
        }
        Err(Error::malformed(
            format!("a frame of type {:?} is no log line", frame.content_type()),
            frame.offset(),
        ))
    }

    /// `Log-Level`.
    pub fn level(&self) -> Option<LogLevel> {
        self.header("Log-Level")?
            .trim()
            .parse::<u8>()
            .ok()
            .and_then(LogLevel::from_number)
    }

    /// The text, without the line feed at its end.
    pub fn text(&self) -> Cow<'_, str> {
        let body = self.frame.body().unwrap_or(b"");
        String::from_utf8_lossy(body.strip_suffix(b"\n").unwrap_or(body))
    }

    /// `Log-File`: the source file that wrote it.
    pub fn file(&self) -> Option<Cow<'_, str>> {
        self.header("Log-File")
    }

    /// `Log-Func`: the function that wrote it.
    pub fn function(&self) -> Option<Cow<'_, str>> {
        self.header("Log-Func")
    }

    /// `Log-Line`: the line in the source file.
    pub fn line(&self) -> Option<u32> {
        self.header("Log-Line")?.trim().parse().ok()
    }

    /// `User-Data`: the Unique-ID of the channel that it is about, if it is about one.
    pub fn unique_id(&self) -> Option<Cow<'_, str>> {
        self.header("User-Data").filter(|value| !value.is_empty())
    }

    /// The frame it came in.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.frame.header(name).map(String::from_utf8_lossy)
    }
}

impl fmt::Debug for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogLine({:?}, {:?})", self.level(), self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_15_metadata_in_the_envelope_and_raw_text_in_the_body() {
        let frame = "Content-Type: log/data\nContent-Length: 18\nLog-Level: 3\nText-Channel: 3\n\
             Log-File: a.c\nLog-Func: f\nLog-Line: 42\nUser-Data: 7f\n\n100%25 Event-Name\n";
        let line = LogLine::from_frame(Frame::from_bytes(frame).unwrap()).unwrap();
        assert_eq!(line.text(), "100%25 Event-Name");
        assert_eq!(line.level(), Some(LogLevel::Err));
        assert_eq!(
            (line.line(), line.unique_id().as_deref()),
            (Some(42), Some("7f"))
        );
    }
}
