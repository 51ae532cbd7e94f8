//! What is fuzzed, as functions over bytes: the targets in `src/bin` only hand them on.
//!
//! The first byte of every input chooses (how the rest is cut, which format it is in, which side
//! of the wire reads it); the rest is the input. A panic is a finding.

use genesis_proto::session::{ClientSession, CloseReason, Credentials, Output, SwitchSession};
use genesis_proto::{Command, Event, Frame, Framer, Limits, Secret};

/// Small, so that the fuzzer reaches them.
fn limits() -> Limits {
    Limits {
        header_block: 2048,
        body: 4096,
        frame: 5000,
        ..Limits::default()
    }
}

/// Cuts `bytes` into pieces whose lengths `seed` decides.
fn chunks(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    let mut state = usize::from(seed);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(5).wrapping_add(3) & 0xff;
        let length = if seed == 0 {
            rest.len()
        } else {
            1 + state % (usize::from(seed) + 1)
        };
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        Some(chunk)
    })
}

/// Frames, and that neither the chunking nor the order of calls changes them.
pub fn framer(input: &[u8]) {
    let Some((&seed, bytes)) = input.split_first() else {
        return;
    };
    let whole = frames(chunks(bytes, 0));
    let pieces = frames(chunks(bytes, seed.max(1)));
    assert_eq!(whole, pieces, "chunking changed what was framed");
}

/// What was framed: raw frames and their offsets, then the error or what was left.
fn frames<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<(u64, Vec<u8>)>, String) {
    let mut framer = Framer::with_limits(limits());
    let mut seen = Vec::new();
    for chunk in chunks {
        if let Err(error) = framer.feed(chunk) {
            return (seen, error.to_string());
        }
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => {
                    assert!(frame.raw().len() <= limits().frame);
                    let again = Frame::from_bytes(frame.raw().clone());
                    assert_eq!(again.as_ref(), Ok(&frame), "a frame is a frame again");
                    read(&frame);
                    seen.push((frame.offset(), frame.raw().to_vec()));
                }
                Ok(None) => break,
                Err(error) => return (seen, format!("{:?} {:?}", error.kind(), error.offset())),
            }
        }
        assert!(
            framer.buffered() <= limits().frame,
            "more is kept than a frame"
        );
    }
    let rest = framer.finish();
    let notice = rest.as_ref().map(|rest| rest.notice());
    (seen, format!("{rest:?} {notice:?}"))
}

/// Reads all that can be read of a frame.
fn read(frame: &Frame) {
    for header in frame.headers().iter() {
        let _ = (header.name(), header.value(), header.array());
    }
    let _ = (frame.content_type(), frame.body_text());
    if let Ok(event) = Event::from_frame(frame) {
        look(&event);
    }
    serde_json::to_string(frame).expect("a frame serialises");
}

fn look(event: &Event) {
    // a value that goes on over a line without a colon, which no event of the switch has, is read
    // whole by the index and to its line's end by the scan
    if !event
        .headers()
        .iter()
        .any(|header| header.raw().contains(&b'\n'))
    {
        let route = event.route();
        let name = event.get("Event-Name").unwrap_or_default();
        assert_eq!(route.name, name, "the scan and the index disagree");
        assert_eq!(route.unique_id, event.unique_id());
        assert_eq!(route.subclass, event.subclass());
        assert_eq!(route.job_uuid, event.job_uuid());
        assert_eq!(route.application_uuid, event.application_uuid());
    }
    let mut buffer = genesis_proto::headers::DecodeBuffer::new();
    let mut index = event.headers().iter();
    event.decode(&mut buffer, |name, value| {
        let header = index.next().expect("as many as the index has");
        assert_eq!((name, value), (&*header.name(), &*header.value()));
    });
    assert!(index.next().is_none(), "fewer than the index has");
    let _ = (
        event.hangup_cause(),
        event.channel_state(),
        event.body_text(),
    );
}

/// Event documents: plain, JSON and XML.
pub fn event(input: &[u8]) {
    let Some((&choice, document)) = input.split_first() else {
        return;
    };
    let format = ["plain", "json", "xml"][usize::from(choice) % 3];
    let head = format!(
        "Content-Length: {}\nContent-Type: text/event-{format}\n\n",
        document.len()
    );
    let frame = Frame::from_bytes([head.as_bytes(), document].concat()).expect("a whole frame");
    let Ok(event) = Event::from_frame(&frame) else {
        return;
    };
    look(&event);
    // written again it reads the same, if its names can be written
    let Ok(again) = genesis_proto::event::EventBuilder::from_event(&event) else {
        return;
    };
    let again = again.build();
    let written = (again.name(), again.unique_id());
    assert_eq!(written, (event.name(), event.unique_id()));
}

/// Both sides' state machines: every command ends once, and nothing comes after the end.
pub fn session(input: &[u8]) {
    let Some((&choice, bytes)) = input.split_first() else {
        return;
    };
    let seed = choice >> 2;
    match choice & 3 {
        0 => client(
            ClientSession::inbound_with(Credentials::Password(Secret::from("ClueCon")), limits()),
            bytes,
            seed,
        ),
        1 => client(Ok(ClientSession::outbound(limits())), bytes, seed),
        2 => {
            let user = Credentials::Password(Secret::from("x"));
            client(ClientSession::inbound_with(user, limits()), bytes, 1);
        }
        _ => switch(bytes, seed),
    }
}

fn client(session: Result<ClientSession, genesis_proto::Error>, bytes: &[u8], seed: u8) {
    let mut session = session.expect("the credentials are fine");
    let lines = [
        "api status",
        "getvar x",
        "bgapi x",
        "event plain ALL",
        "getvar y",
        "exit",
    ];
    let mut open = Vec::new();
    for line in lines {
        let command = Command::raw(line).expect("a command");
        open.push(session.submit(&command).expect("it is queued"));
    }
    open.reverse();
    let mut closed = None;
    let mut take = |output: Output| {
        assert!(closed.is_none(), "something came after the end");
        match output {
            Output::Reply(id, _) | Output::Unanswered(id, _) => {
                assert_eq!(open.pop(), Some(id), "out of order");
            }
            Output::Event(event) => look(&event),
            Output::Closed(reason) => closed = Some(reason),
            _ => {}
        }
    };
    for chunk in chunks(bytes, seed) {
        let sent = session.transmit().len();
        session.transmitted(sent);
        if session.receive(chunk).is_err() {
            break;
        }
        while let Some(output) = session.poll_output() {
            take(output);
        }
    }
    session.end_of_stream();
    while let Some(output) = session.poll_output() {
        take(output);
    }
    let reason: CloseReason = closed.expect("it ends");
    assert!(!reason.to_string().is_empty());
    assert!(open.is_empty(), "a command did not end");
}

fn switch(bytes: &[u8], seed: u8) {
    let mut session = SwitchSession::new();
    for chunk in chunks(bytes, seed) {
        session.receive(chunk);
        loop {
            match session.poll_request() {
                Ok(Some(request)) => {
                    let _ = (request.verb(), request.argument().len(), request.body());
                    session.command_reply("+OK");
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        let sent = session.transmit().len();
        session.transmitted(sent);
    }
}
