//! Every recorded connection through `ClientSession`: each reply reaches the command it answers.
//!
//! The client's recorded commands are submitted, the switch's recorded bytes are fed, and what
//! comes out is compared with what the reference decoder found in the stream.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use genesis_proto::session::{ClientSession, CloseReason, CommandId, Credentials, Outcome, Output};
use genesis_proto::{Command, Event, Limits, Reply, Secret};
use genesis_tests::{Chunking, RecordedCommand, Recording, recorded_commands};
use serde_json::Value;

/// Recordings of a client that does what a `ClientSession` never does, so that its replies cannot
/// be those of one: other commands before the password, or no `connect` on an outbound socket.
const NOT_A_SESSION: [&str; 4] = [
    "auth_noarg",
    "cmd_before_auth",
    "exit_before_auth",
    "outbound_no_connect_first",
];

/// The switch breaks its own framing there: they have tests of their own.
const HAZARDS: [&str; 3] = [
    "getvar_peculiar",
    "slow_client_killed_2",
    "userauth_long_truncated",
];

/// Everything that came out of a session, in order within each kind.
#[derive(Debug, Default)]
struct Played {
    submitted: Vec<(CommandId, RecordedCommand)>,
    replies: Vec<(CommandId, Reply)>,
    unanswered: Vec<(CommandId, Outcome)>,
    events: Vec<Event>,
    logs: usize,
    lingers: usize,
    unreadable: usize,
    unknown: usize,
    handshake: Option<Output>,
    closed: Option<CloseReason>,
}

impl Played {
    fn take(&mut self, output: Output) {
        assert!(
            self.closed.is_none(),
            "{output:?} came after the session was closed"
        );
        match output {
            Output::Authenticated(_) | Output::Connected(_) => {
                assert!(self.handshake.is_none(), "a second handshake");
                self.handshake = Some(output);
            }
            Output::Reply(id, reply) => self.replies.push((id, reply)),
            Output::Unanswered(id, outcome) => self.unanswered.push((id, outcome)),
            Output::Event(event) => self.events.push(event),
            Output::Log(_) => self.logs += 1,
            Output::Linger(_) => self.lingers += 1,
            Output::Unreadable(..) => self.unreadable += 1,
            Output::Unknown(_) => self.unknown += 1,
            Output::Closed(reason) => self.closed = Some(reason),
            other => panic!("an output that this test does not know: {other:?}"),
        }
    }
}

fn credentials(command: &RecordedCommand) -> Option<Credentials> {
    let arguments = command.line.split_once(' ').map_or("", |(_, rest)| rest);
    match command.word().as_str() {
        "auth" => Some(Credentials::Password(Secret::from(arguments))),
        "userauth" => {
            let (user, rest) = arguments.split_once('@').unwrap_or((arguments, "nowhere"));
            let (domain, password) = rest.split_once(':').unwrap_or((rest, ""));
            let user = user.split(':').next().unwrap_or(user);
            let command = format!("{user}@{domain}");
            assert!(!command.contains(' '), "{command}");
            Some(Credentials::User {
                user: user.to_owned(),
                domain: domain.to_owned(),
                password: Secret::from(password),
            })
        }
        _ => None,
    }
}

/// Plays one recording. Everything is submitted at once and before the handshake is over: the
/// replies must still find their commands.
fn play(recording: &Recording, chunking: Chunking) -> Played {
    let mut commands = recorded_commands(&recording.from_client());
    let name = recording.name();
    // the client of one outbound recording says nothing at all
    let silent = name == "outbound_handshake_timeout_25s";
    let mut session = if silent || commands.first().is_some_and(|c| c.line == "connect") {
        commands.drain(..commands.len().min(1));
        ClientSession::outbound(Limits::default())
    } else {
        let first = if commands.is_empty() {
            Credentials::Password(Secret::from("never asked for"))
        } else {
            credentials(&commands.remove(0)).unwrap_or_else(|| panic!("{name}: no credentials"))
        };
        ClientSession::inbound(first).unwrap()
    };
    let mut played = Played::default();
    for command in commands {
        let id = session.submit(&command.command()).unwrap();
        played.submitted.push((id, command));
    }
    for chunk in chunking.cut(&recording.from_switch()) {
        let sent = session.transmit().len();
        session.transmitted(sent);
        session.receive(chunk).unwrap();
        while let Some(output) = session.poll_output() {
            played.take(output);
        }
    }
    session.end_of_stream();
    while let Some(output) = session.poll_output() {
        played.take(output);
    }
    played
}

/// The replies in the stream as the reference sees them: type and text.
fn reference_replies(frames: &[Value]) -> Vec<(String, String)> {
    let reply = |frame: &Value| {
        let kind = frame["type"].as_str()?;
        let text = match kind {
            "command/reply" => &frame["headers"]["Reply-Text"],
            "api/response" => &frame["body"],
            _ => return None,
        };
        Some((kind.to_owned(), text.as_str().unwrap_or("").to_owned()))
    };
    frames.iter().filter_map(reply).collect()
}

fn count(frames: &[Value], kind: &str) -> usize {
    frames
        .iter()
        .filter(|frame| frame["type"].as_str().is_some_and(|t| t.starts_with(kind)))
        .count()
}

fn check(recording: &Recording, chunking: Chunking) {
    let name = recording.name();
    let frames = recording.reference_values();
    let played = play(recording, chunking);

    let mut expected = reference_replies(&frames);
    let refused = matches!(played.closed, Some(CloseReason::AuthenticationFailed(_)));
    if played.handshake.is_some() || refused {
        expected.remove(0);
    }
    let got: Vec<(String, String)> = played
        .replies
        .iter()
        .map(|(_, reply)| {
            let kind = reply.frame().content_type().into_owned();
            (kind, reply.text().into_owned())
        })
        .collect();
    assert_eq!(got, expected, "{name}: the replies");

    // in the order of the commands, none left out, and the last ones unanswered
    let ids: Vec<CommandId> = played
        .replies
        .iter()
        .map(|(id, _)| *id)
        .chain(played.unanswered.iter().map(|(id, _)| *id))
        .collect();
    let submitted: Vec<CommandId> = played.submitted.iter().map(|(id, _)| *id).collect();
    assert_eq!(
        ids, submitted,
        "{name}: every command ends once, and in order"
    );
    for ((_, command), (_, reply)) in played.submitted.iter().zip(&played.replies) {
        if reply.is_api() {
            assert_eq!(command.word(), "api", "{name}: {:?}", command.line);
        }
        if command.word() == "bgapi" {
            assert_eq!(
                reply.job_uuid().is_some(),
                !reply.is_refused(),
                "{name}: {:?}",
                command.line
            );
        }
    }

    let unreadable = frames
        .iter()
        .filter(|f| f.get("event") == Some(&Value::Null));
    assert_eq!(played.unreadable, unreadable.count(), "{name}: unreadable");
    let events: Vec<&Value> = frames.iter().filter(|f| f["event"].is_object()).collect();
    assert_eq!(played.events.len(), events.len(), "{name}: events");
    // what they hold is compared once: that chunking changes no frame is proven elsewhere
    let compare = matches!(chunking, Chunking::Whole);
    for (event, frame) in played.events.iter().zip(events).filter(|_| compare) {
        let expected = frame["event"].to_string();
        assert_eq!(serde_json::to_string(event).unwrap(), expected, "{name}");
    }
    assert_eq!(played.logs, count(&frames, "log/data"), "{name}: log lines");
    assert_eq!(played.unknown, 0, "{name}: unknown frames");

    let linger = |f: &&Value| f["headers"]["Content-Disposition"] == "linger";
    let lingers = frames.iter().filter(linger).count();
    assert_eq!(played.lingers, lingers, "{name}: linger notices");
    check_reason(name, &played, &frames);
}

/// The reason is the first cause: what the client said, what was refused, what the notice said.
fn check_reason(name: &str, played: &Played, frames: &[Value]) {
    let reason = played
        .closed
        .as_ref()
        .unwrap_or_else(|| panic!("{name}: no end"));
    let notices = count(frames, "text/disconnect-notice") - played.lingers;
    let said_exit = played
        .submitted
        .iter()
        .take(played.replies.len())
        .any(|(_, c)| c.word() == "exit" || c.word() == "...");
    match reason {
        CloseReason::Exit => assert!(said_exit, "{name}"),
        CloseReason::AuthenticationFailed(text) => assert_eq!(text, "-ERR invalid", "{name}"),
        CloseReason::AccessDenied(_) => assert_eq!(name, "acl_denied"),
        CloseReason::Notice(notice) => {
            assert_eq!(notices, 1, "{name}");
            assert_eq!(
                notice.is_lost_events(),
                name.starts_with("slow_client_killed"),
                "{name}: {notice:?}"
            );
        }
        CloseReason::EndOfStream { inside_frame } => {
            assert_eq!(notices, 0, "{name}");
            assert!(!inside_frame, "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
}

fn ordinary() -> Vec<Recording> {
    let mut all = Recording::all_but_bursts();
    all.retain(|r| !NOT_A_SESSION.contains(&r.name()) && !HAZARDS.contains(&r.name()));
    assert!(all.len() > 70, "{}", all.len());
    all
}

#[test]
fn every_reply_reaches_its_command() {
    for recording in ordinary() {
        check(&recording, Chunking::Whole);
    }
}

#[test]
fn every_reply_reaches_its_command_in_random_splits() {
    for recording in ordinary() {
        check(&recording, Chunking::Random(3));
    }
}

#[test]
fn lesson_02_a_refused_api_is_answered_in_order_by_a_command_reply() {
    let played = play(&Recording::named("userauth_limited"), Chunking::Whole);
    let mut refused = 0;
    for ((_, command), (_, reply)) in played.submitted.iter().zip(&played.replies) {
        if command.word() == "api" && !reply.is_api() {
            assert_eq!(reply.text(), "-ERR permission denied", "{}", command.line);
            refused += 1;
        }
    }
    assert!(refused > 0);
}

/// The reply stops after 511 bytes, without a blank line, and the next frame follows at once.
#[test]
fn lesson_19_a_userauth_reply_that_is_cut_does_not_swallow_the_next() {
    for chunking in [Chunking::Whole, Chunking::Bytes, Chunking::Random(5)] {
        let played = play(&Recording::named("userauth_long_truncated"), chunking);
        assert!(
            matches!(played.handshake, Some(Output::Authenticated(_))),
            "{chunking:?}: {:?}",
            played.handshake
        );
        assert_eq!(played.replies.len(), played.submitted.len(), "{chunking:?}");
        assert_eq!(played.unanswered, [], "{chunking:?}");
        let (_, first) = &played.submitted[0];
        assert_eq!(first.line, "api hostname");
        let (_, reply) = &played.replies[0];
        assert_eq!((reply.text().as_ref(), reply.is_api()), ("vm", true));
        assert_eq!(played.closed, Some(CloseReason::Exit), "{chunking:?}");
    }
}

/// Another thread of the switch writes the notice while a frame is half sent.
#[test]
fn lesson_28_a_notice_inside_a_frame_still_says_why() {
    for chunking in [Chunking::Whole, Chunking::Bytes, Chunking::Random(5)] {
        let played = play(&Recording::named("slow_client_killed_2"), chunking);
        match &played.closed {
            Some(CloseReason::Notice(notice)) => {
                assert!(notice.is_lost_events(), "{notice:?}");
            }
            other => panic!("{chunking:?}: {other:?}"),
        }
        assert!(played.events.len() > 1000, "{}", played.events.len());
    }
}

/// Values with line feeds end a frame early, a value with `~` has no end of its own: each command
/// has its own answer all the same.
#[test]
fn getvar_of_a_peculiar_value_shifts_no_reply() {
    for chunking in [Chunking::Whole, Chunking::Bytes, Chunking::Random(5)] {
        let played = play(&Recording::named("getvar_peculiar"), chunking);
        assert_eq!(played.unanswered, [], "{chunking:?}");
        assert_eq!(played.replies.len(), played.submitted.len(), "{chunking:?}");
        for ((_, command), (_, reply)) in played.submitted.iter().zip(&played.replies) {
            let text = reply.text();
            match command.line.as_str() {
                "getvar pct" => assert_eq!(text, "%41 and %2B"),
                "getvar utf" => assert_eq!(text, "héllo ✓"),
                line if line.starts_with("getvar") => {}
                _ => assert!(text.starts_with("+OK"), "{command:?}: {text}"),
            }
        }
    }
}

/// However the connection breaks off, every command ends exactly once.
#[test]
fn lesson_04_every_command_ends_wherever_the_stream_is_cut() {
    let recording = Recording::named("pipelined_commands");
    let commands = recorded_commands(&recording.from_client());
    let bytes = recording.from_switch();
    for cut in 0..=bytes.len() {
        let mut session =
            ClientSession::inbound(Credentials::Password(Secret::from("ClueCon"))).unwrap();
        let mut open: Vec<CommandId> = commands[1..]
            .iter()
            .map(|command| session.submit(&command.command()).unwrap())
            .collect();
        session.receive(&bytes[..cut]).unwrap();
        let mut ended = false;
        for end in [false, true] {
            if end {
                session.end_of_stream();
            }
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Reply(id, _) => assert_eq!(open.remove(0), id),
                    Output::Unanswered(id, outcome) => {
                        assert_eq!(open.remove(0), id);
                        // this test tells the session of no byte that was sent
                        assert_eq!(outcome, Outcome::NotSent);
                    }
                    Output::Closed(_) => ended = true,
                    _ => {}
                }
            }
        }
        assert!(ended && open.is_empty(), "cut at {cut}: {open:?}");
        let late = session.submit(&Command::api("status").unwrap());
        assert!(late.is_err(), "cut at {cut}");
    }
}
