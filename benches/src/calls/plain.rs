//! A client that does the same on the wire and keeps nothing: what is left is the switch's own.

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, split};
use tokio::sync::mpsc;

use crate::Failure;
use crate::raw::content_length;

/// The events that a followed channel asks for.
pub(super) const FOLLOWED: &str = "event plain CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_OUTGOING \
    CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER \
    CHANNEL_APPLICATION CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PARK CHANNEL_UNPARK CHANNEL_HOLD \
    CHANNEL_UNHOLD CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE \
    CHANNEL_DESTROY CHANNEL_UUID CALL_UPDATE DTMF PLAYBACK_START PLAYBACK_STOP RECORD_START \
    RECORD_STOP BACKGROUND_JOB\n\n";

/// A connection, and what was read of it and not looked at yet.
pub(super) struct Plain {
    input: ReadHalf<DuplexStream>,
    output: mpsc::UnboundedSender<Vec<u8>>,
    buffer: Vec<u8>,
    used: usize,
}

impl Plain {
    /// Writes go out by a task of their own, so that a full pipe stops nobody from reading.
    pub(super) fn new(io: DuplexStream) -> Self {
        let (input, mut writer) = split(io);
        let (output, mut lines) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                if writer.write_all(&line).await.is_err() {
                    break;
                }
            }
        });
        Self {
            input,
            output,
            // little, because thousands of these are part of what is compared
            buffer: Vec::with_capacity(4 * 1024),
            used: 0,
        }
    }

    /// Logs in and asks for the events of channels.
    pub(super) async fn follow_all(io: DuplexStream) -> Result<Self, Failure> {
        let mut plain = Self::new(io);
        plain.send("auth ClueCon\n\n");
        plain.until("+OK accepted").await?;
        plain.send(FOLLOWED);
        plain.until("+OK event listener enabled").await?;
        Ok(plain)
    }

    /// Sends a command.
    pub(super) fn send(&self, command: impl Into<String>) {
        // an end of the connection is told by the next read
        let _ = self.output.send(command.into().into_bytes());
    }

    /// Reads until a frame contains `text`.
    pub(super) async fn until(&mut self, text: &str) -> Result<(), Failure> {
        let finder = memmem::Finder::new(text);
        self.read(|frame| finder.find(frame).map(drop)).await
    }

    /// Reads frames until `look` gives something. A frame is its headers and its body.
    pub(super) async fn read<T>(
        &mut self,
        mut look: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, Failure> {
        loop {
            while let Some(length) = frame(&self.buffer[self.used..]) {
                let frame = &self.buffer[self.used..self.used + length];
                self.used += length;
                if let Some(found) = look(frame) {
                    return Ok(found);
                }
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            if self.input.read_buf(&mut self.buffer).await? == 0 {
                return Err("the switch closed the connection".into());
            }
        }
    }
}

/// The length of the frame at the start of `stream`, once all of it is there.
fn frame(stream: &[u8]) -> Option<usize> {
    let end = memmem::find(stream, b"\n\n")? + 2;
    let length = end + content_length(&stream[..end]).unwrap_or(0);
    (stream.len() >= length).then_some(length)
}

/// What a frame says, as far as these scenarios ask.
pub(super) fn event_is(frame: &[u8], name: &str) -> bool {
    const NAME: &[u8] = b"Event-Name: ";
    memmem::find(frame, NAME).is_some_and(|at| {
        let rest = &frame[at + NAME.len()..];
        rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&b'\n')
    })
}
