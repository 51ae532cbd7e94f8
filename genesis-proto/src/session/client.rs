//! The client's side of the wire.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Buf, BytesMut};

use super::{Allowed, CloseReason, Outcome};
use crate::command::{Command, Verb};
use crate::frame::{CutReply, FrameKind, Framer, Notice, Remainder};
use crate::log_line::LogLine;
use crate::{Error, Event, Frame, Limits, Reply, Secret};

/// Below this an empty transmit buffer keeps its memory.
const KEEP: usize = 4 * 1024;

/// Names a command from [`ClientSession::submit`] to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(u64);

/// How an inbound client proves who it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// `auth`: the password of event_socket.conf.xml.
    Password(Secret),
    /// `userauth`: a user of the directory.
    User {
        /// The user.
        user: String,
        /// Its domain.
        domain: String,
        /// Its `esl-password`.
        password: Secret,
    },
}

impl Credentials {
    fn command(&self) -> Result<Command, Error> {
        match self {
            Self::Password(password) => Command::auth(password),
            Self::User {
                user,
                domain,
                password,
            } => Command::userauth(user, domain, password),
        }
    }
}

/// What a session tells its owner.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// The switch accepted the password; commands submitted so far are on their way.
    Authenticated(Allowed),
    /// The answer to `connect` on an outbound socket: the channel's data.
    Connected(Reply),
    /// The answer to a command.
    Reply(CommandId, Reply),
    /// An event.
    Event(Event),
    /// A line of the switch's log.
    Log(LogLine),
    /// The channel hung up, the connection goes on.
    Linger(Notice),
    /// An event whose document cannot be read; the frame holds its bytes.
    Unreadable(Frame, Error),
    /// A frame that is none of the above: an unknown content type, or what is left of a `getvar`
    /// reply that broke its own framing.
    Unknown(Frame),
    /// The connection ended before the command was answered.
    Unanswered(CommandId, Outcome),
    /// The connection ended. Nothing comes after this.
    Closed(CloseReason),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Inbound: waiting for `auth/request`.
    Greeting,
    /// The password, or `connect`, is on its way.
    Handshake,
    Ready,
    /// The switch said goodbye: only the end of the stream is awaited.
    Goodbye,
    Closed,
}

#[derive(Clone, Copy)]
enum Owner {
    Handshake,
    Caller(CommandId),
}

/// A command whose reply is outstanding.
struct Slot {
    owner: Owner,
    verb: Verb,
    /// Where its bytes begin in the stream to the switch.
    start: u64,
}

/// The client's side of a connection: authentication, the order of replies, events, the end.
///
/// Order of calls: append what was read to [`read_buffer`](Self::read_buffer) (or call
/// [`receive`](Self::receive)), then [`poll_output`](Self::poll_output) until it gives `None`, then
/// write [`transmit`](Self::transmit) and tell [`transmitted`](Self::transmitted). When the stream
/// ends call [`end_of_stream`](Self::end_of_stream) and poll once more until
/// [`Output::Closed`]. [`submit`](Self::submit) may be called at any time before.
///
/// Every submitted command ends in exactly one [`Output::Reply`] or [`Output::Unanswered`]. A
/// command keeps its place in the order until its reply came, whoever still waits for it: nothing
/// can shift a reply to another command. If the switch answers out of step (an `api/response` to a
/// command that is no `api`) the session ends with [`CloseReason::Protocol`].
///
/// ```
/// use genesis_proto::{Command, Secret};
/// use genesis_proto::session::{ClientSession, Credentials, Output};
///
/// let mut session = ClientSession::inbound(Credentials::Password(Secret::from("ClueCon")))?;
/// let status = session.submit(&Command::api("status")?)?;
/// session.receive(b"Content-Type: auth/request\n\n")?;
/// assert!(session.poll_output().is_none());
/// assert_eq!(session.transmit(), b"auth ClueCon\n\n");
/// session.transmitted(14);
///
/// session.receive(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")?;
/// assert!(matches!(session.poll_output(), Some(Output::Authenticated(_))));
/// assert_eq!(session.transmit(), b"api status\n\n");
/// session.transmitted(12);
///
/// session.receive(b"Content-Type: api/response\nContent-Length: 2\n\nUP")?;
/// let Some(Output::Reply(id, reply)) = session.poll_output() else { panic!() };
/// assert_eq!((id, reply.text().as_ref()), (status, "UP"));
/// # Ok::<(), genesis_proto::Error>(())
/// ```
pub struct ClientSession {
    framer: Framer,
    limits: Limits,
    phase: Phase,
    /// What to say when the switch asks.
    greeting: Option<Command>,
    outstanding: VecDeque<Slot>,
    /// Submitted before the handshake was over.
    backlog: VecDeque<(CommandId, Command)>,
    backlog_bytes: usize,
    transmit: BytesMut,
    /// How many bytes the transport has taken.
    sent: u64,
    next_id: u64,
    pending: VecDeque<Output>,
    reason: Option<CloseReason>,
    /// A notice that was written inside the header block of another frame: the reason, if the
    /// stream ends without a better one.
    torn: Option<Notice>,
}

impl ClientSession {
    /// A session that dials in and authenticates.
    ///
    /// # Errors
    ///
    /// When the credentials cannot stand in a command.
    pub fn inbound(credentials: Credentials) -> Result<Self, Error> {
        Self::inbound_with(credentials, Limits::default())
    }

    /// [`inbound`](Self::inbound) with limits of your own.
    ///
    /// # Errors
    ///
    /// As [`inbound`](Self::inbound).
    pub fn inbound_with(credentials: Credentials, limits: Limits) -> Result<Self, Error> {
        let greeting = credentials.command()?;
        Ok(Self::new(limits, Phase::Greeting, Some(greeting)))
    }

    /// A session on an outbound socket, where the switch dialled us: it says `connect` first,
    /// because the first command is not answered if it is another.
    #[must_use]
    pub fn outbound(limits: Limits) -> Self {
        let mut session = Self::new(limits, Phase::Handshake, None);
        session.enqueue(Owner::Handshake, &Command::connect());
        session
    }

    fn new(limits: Limits, phase: Phase, greeting: Option<Command>) -> Self {
        Self {
            framer: Framer::with_limits(limits),
            limits,
            phase,
            greeting,
            outstanding: VecDeque::new(),
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            transmit: BytesMut::new(),
            sent: 0,
            next_id: 0,
            pending: VecDeque::new(),
            reason: None,
            torn: None,
        }
    }

    /// Puts a command in the queue. Commands are pipelined: none waits for the reply of another.
    /// Before the handshake is over they are kept back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::State`](crate::ErrorKind::State) when the session is over or the switch said
    /// goodbye; [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) when
    /// [`Limits::commands`] or [`Limits::outgoing`] would be exceeded. Nothing was queued then.
    pub fn submit(&mut self, command: &Command) -> Result<CommandId, Error> {
        match self.phase {
            Phase::Goodbye | Phase::Closed => {
                return Err(Error::state(
                    "the connection is over; connect again to send commands",
                ));
            }
            Phase::Greeting | Phase::Handshake | Phase::Ready => {}
        }
        if self.outstanding() >= self.limits.commands {
            return Err(Error::limit(
                format!(
                    "{} commands wait for their reply, the limit `commands`",
                    self.limits.commands
                ),
                self.sent,
            ));
        }
        let waiting = self.backlog_bytes;
        if self.transmit.len() + waiting + command.len() > self.limits.outgoing {
            return Err(Error::limit(
                format!(
                    "the switch does not read, and {} bytes of commands wait; the limit `outgoing`",
                    self.transmit.len() + waiting
                ),
                self.sent,
            ));
        }
        let id = CommandId(self.next_id);
        self.next_id += 1;
        if self.phase == Phase::Ready {
            self.enqueue(Owner::Caller(id), command);
        } else {
            self.backlog_bytes += command.len();
            self.backlog.push_back((id, command.clone()));
        }
        Ok(id)
    }

    fn enqueue(&mut self, owner: Owner, command: &Command) {
        let start = self.sent + self.transmit.len() as u64;
        self.outstanding.push_back(Slot {
            owner,
            verb: command.verb(),
            start,
        });
        self.transmit.extend_from_slice(command.as_bytes());
        self.expect_reply();
    }

    /// How many commands wait for their reply.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len() + self.backlog.len()
    }

    /// The handshake is over and the switch has not said goodbye.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Adds bytes from the switch.
    ///
    /// # Errors
    ///
    /// When an earlier byte made the stream unreadable.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.framer.feed(bytes)
    }

    /// The buffer to read the transport into. Only append to it.
    pub fn read_buffer(&mut self) -> &mut BytesMut {
        self.framer.buffer_mut()
    }

    /// Gives back the memory of an empty read buffer; for when the transport has nothing to read.
    pub fn release_memory(&mut self) {
        self.framer.release_memory();
    }

    /// How many bytes the frame under way still needs, if that is known.
    pub fn missing(&self) -> Option<usize> {
        self.framer.missing()
    }

    /// What is to be written to the switch.
    pub fn transmit(&self) -> &[u8] {
        &self.transmit
    }

    /// The transport took the first `count` bytes of [`transmit`](Self::transmit).
    pub fn transmitted(&mut self, count: usize) {
        let count = count.min(self.transmit.len());
        self.transmit.advance(count);
        self.sent += count as u64;
        if self.transmit.is_empty() && self.transmit.capacity() > KEEP {
            self.transmit = BytesMut::new();
        }
    }

    /// What happened next, `None` when more bytes are needed.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.pending.pop_front() {
                return Some(output);
            }
            if self.phase == Phase::Closed {
                return None;
            }
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    if let Some(output) = self.on_frame(frame) {
                        return Some(output);
                    }
                }
                Ok(None) => return None,
                Err(error) => self.close(CloseReason::Protocol(error)),
            }
        }
    }

    /// The stream from the switch ended (or failed). What is outstanding ends now.
    pub fn end_of_stream(&mut self) {
        if self.phase == Phase::Closed {
            return;
        }
        let remainder = self.framer.finish();
        let inside_frame = remainder.is_some();
        let notice = remainder.and_then(|remainder| remainder.notice());
        let reason = match (self.reason.take(), notice.or_else(|| self.torn.take())) {
            (Some(reason), _) => reason,
            (None, Some(notice)) => CloseReason::Notice(notice),
            (None, None) => CloseReason::EndOfStream { inside_frame },
        };
        self.close(reason);
    }

    fn close(&mut self, reason: CloseReason) {
        self.phase = Phase::Closed;
        for slot in self.outstanding.drain(..) {
            if let Owner::Caller(id) = slot.owner {
                let sent = slot.start < self.sent;
                let outcome = if sent {
                    Outcome::Unknown
                } else {
                    Outcome::NotSent
                };
                self.pending.push_back(Output::Unanswered(id, outcome));
            }
        }
        for (id, _) in self.backlog.drain(..) {
            self.pending
                .push_back(Output::Unanswered(id, Outcome::NotSent));
        }
        self.transmit = BytesMut::new();
        self.pending.push_back(Output::Closed(reason));
    }

    fn on_frame(&mut self, frame: Frame) -> Option<Output> {
        match frame.kind() {
            FrameKind::Event(_) => Some(match Event::try_from(frame) {
                Ok(event) => Output::Event(event),
                Err(unreadable) => Output::Unreadable(unreadable.frame, unreadable.error),
            }),
            FrameKind::CommandReply | FrameKind::ApiResponse => self.on_reply(frame),
            FrameKind::LogData => LogLine::from_frame(frame).ok().map(Output::Log),
            FrameKind::AuthRequest => match (self.phase, self.greeting.take()) {
                (Phase::Greeting, Some(greeting)) => {
                    self.phase = Phase::Handshake;
                    self.enqueue(Owner::Handshake, &greeting);
                    None
                }
                (_, greeting) => {
                    self.greeting = greeting;
                    Some(Output::Unknown(frame))
                }
            },
            FrameKind::DisconnectNotice => self.on_notice(Notice::from(frame)),
            FrameKind::RudeRejection => {
                let text = frame.body_text().unwrap_or_default().trim().to_owned();
                self.goodbye(CloseReason::AccessDenied(text));
                None
            }
            FrameKind::Unknown | FrameKind::Untyped => {
                if self.torn.is_none() {
                    let torn = Remainder::new(frame.raw().clone(), frame.offset()).notice();
                    // a variable that `getvar` reads can forge one: only what ends a stream counts
                    self.torn = torn.filter(|n| n.is_lost_events() || n.is_shutdown());
                }
                Some(Output::Unknown(frame))
            }
        }
    }

    fn on_notice(&mut self, notice: Notice) -> Option<Output> {
        if notice.is_linger() {
            return Some(Output::Linger(notice));
        }
        self.goodbye(CloseReason::Notice(notice));
        None
    }

    /// The first reason is the true one: an `exit` or a refusal is followed by a notice too.
    fn goodbye(&mut self, reason: CloseReason) {
        self.phase = Phase::Goodbye;
        self.reason.get_or_insert(reason);
    }

    fn on_reply(&mut self, frame: Frame) -> Option<Output> {
        let Some(slot) = self.outstanding.front() else {
            return Some(Output::Unknown(frame));
        };
        if frame.kind() == FrameKind::ApiResponse && slot.verb != Verb::Api {
            let error = Error::malformed(
                format!(
                    "an api/response answers a {}: replies are out of step",
                    slot.verb.as_str()
                ),
                frame.offset(),
            );
            self.close(CloseReason::Protocol(error));
            return None;
        }
        let reply = match Reply::from_frame(frame) {
            Ok(reply) => reply,
            Err(error) => {
                self.close(CloseReason::Protocol(error));
                return None;
            }
        };
        let slot = self.outstanding.pop_front()?;
        self.expect_reply();
        match slot.owner {
            Owner::Caller(id) => {
                if slot.verb == Verb::Exit && !reply.is_refused() {
                    self.goodbye(CloseReason::Exit);
                }
                Some(Output::Reply(id, reply))
            }
            Owner::Handshake => self.on_handshake(&slot, reply),
        }
    }

    fn on_handshake(&mut self, slot: &Slot, reply: Reply) -> Option<Output> {
        if reply.is_refused() {
            let text = reply.text().trim().to_owned();
            self.goodbye(CloseReason::AuthenticationFailed(text));
            return None;
        }
        self.phase = Phase::Ready;
        self.backlog_bytes = 0;
        while let Some((id, command)) = self.backlog.pop_front() {
            self.enqueue(Owner::Caller(id), &command);
        }
        Some(if slot.verb == Verb::Connect {
            Output::Connected(reply)
        } else {
            // a reply that was cut has lost its blank line
            let cut = !reply.frame().raw().ends_with(b"\n\n");
            Output::Authenticated(Allowed::from_headers(&reply.headers(), cut))
        })
    }

    /// Tells the framer how the next reply may be cut; see [`CutReply`].
    fn expect_reply(&mut self) {
        let cut = match self.outstanding.front().map(|slot| slot.verb) {
            Some(Verb::Userauth) => CutReply::Userauth,
            Some(Verb::Getvar) => CutReply::Getvar,
            _ => CutReply::Never,
        };
        self.framer.expect_cut(cut);
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("ready", &self.is_ready())
            .field("outstanding", &self.outstanding())
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}
