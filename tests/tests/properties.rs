//! Properties over generated input: what is written is read back, nothing panics, how bytes
//! arrive changes nothing, and memory stays within the limits.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use genesis_proto::event::Fidelity;
use genesis_proto::session::{ClientSession, Credentials, Output, SwitchSession};
use genesis_proto::{
    Command, Error, ErrorKind, Event, EventFormat, EventName, Frame, Framer, Limits, Secret,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A name that XML allows too, and none that has a meaning of its own.
fn header_name() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9_-]{0,12}".prop_map(|name| format!("X-{name}"))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        2 => "[ -~]{0,40}",
        // what has a meaning on the wire
        2 => "(%|%4|%41|%zz|\n|\r\n|: |=|\\||:|&|<|>|\"| ){0,8}",
    ]
}

/// Control characters cannot stand in XML text, and a body is not encoded.
fn body() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![
        "[ -~\n]{1,80}",
        "\\PC{1,40}",
        Just("a\r\nb\n\nContent-Length: 3\n\nx".to_owned()),
    ])
}

#[derive(Clone, Debug)]
struct Sample {
    name: EventName,
    headers: Vec<(String, String)>,
    array: Option<Vec<String>>,
    body: Option<String>,
}

fn sample() -> impl Strategy<Value = Sample> {
    let array = proptest::option::of(vec("[a-z %&|<]{1,6}[a-z]", 2..5));
    let name = prop_oneof![
        Just(EventName::ChannelAnswer),
        Just(EventName::Custom),
        Just(EventName::BackgroundJob),
        "[A-Z_]{1,20}".prop_map(|name| EventName::from(name.as_str())),
    ];
    (name, vec((header_name(), value()), 0..12), array, body()).prop_map(
        |(name, mut headers, array, body)| {
            // XML says a repeated header and an array in the same way
            headers.sort_by_key(|(name, _)| name.to_lowercase());
            headers.dedup_by(|a, b| a.0.eq_ignore_ascii_case(&b.0));
            // so would these be arrays
            headers.retain(|(_, value)| !value.starts_with("ARRAY::"));
            // nor can it say that an array has one element, or twice the same
            let array = array.map(|mut array: Vec<String>| {
                array.sort();
                array.dedup();
                array
            });
            let array = array.filter(|array| array.len() > 1);
            Sample {
                name,
                headers,
                array,
                body,
            }
        },
    )
}

/// All headers as name, value and elements, but for the length of the body, which XML does not
/// count among them.
fn shown(event: &Event) -> Vec<(String, String, Option<Vec<String>>)> {
    let all = event.headers().iter();
    all.filter(|header| !header.is("Content-Length"))
        .map(|header| {
            let array = header.array();
            let array = array.map(|array| array.iter().map(str::to_owned).collect());
            (
                header.name().into_owned(),
                header.value().into_owned(),
                array,
            )
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_in_every_format(sample in sample()) {
        let mut builder = Event::builder(sample.name.clone());
        for (name, value) in &sample.headers {
            builder.push(name, value).unwrap();
        }
        if let Some(array) = &sample.array {
            builder = builder.array("The-List", array).unwrap();
        }
        if let Some(body) = &sample.body {
            builder = builder.body(body.clone());
        }
        let built = builder.build();
        prop_assert_eq!(built.name(), sample.name.clone());
        for (name, value) in &sample.headers {
            let read = built.get(&name.to_lowercase());
            prop_assert_eq!(read.as_deref(), Some(value.as_str()));
        }
        for format in [EventFormat::Plain, EventFormat::Json, EventFormat::Xml] {
            let bytes = builder.to_frame(format, Fidelity::Exact);
            let mut framer = Framer::new();
            framer.feed(&bytes).unwrap();
            let frame = framer.next_frame().unwrap().unwrap();
            prop_assert_eq!(framer.buffered(), 0);
            let read = Event::from_frame(&frame).unwrap();
            prop_assert_eq!(read.format(), format);
            prop_assert_eq!(shown(&read), shown(&built), "{:?}", format);
            let body = read.body_text().map(|body| body.into_owned());
            prop_assert_eq!(&body, &sample.body, "{:?}", format);
            if let Some(array) = &sample.array {
                let list = read.headers().array("The-List");
                let list: Vec<String> = list.unwrap().iter().map(str::to_owned).collect();
                prop_assert_eq!(&list, array, "{:?}", format);
            }
        }
    }

    #[test]
    fn lesson_08_no_value_can_end_a_command(name in any::<String>(), value in any::<String>()) {
        let made = [
            Command::api(&value),
            Command::raw(&value),
            Command::filter(&name, &value),
            Command::getvar(&name),
            Command::auth(&Secret::from(value.as_str())),
            Command::raw_with("sendmsg", &[(name.as_str(), value.as_str())], None),
        ];
        for command in made.into_iter().flatten() {
            let bytes = command.to_bytes();
            prop_assert!(bytes.ends_with(b"\n\n"));
            let block = &bytes[..bytes.len() - 2];
            prop_assert!(!block.windows(2).any(|pair| pair == b"\n\n"), "{:?}", bytes);
            prop_assert!(!block.iter().any(|b| matches!(b, 0 | b'\r')), "{:?}", bytes);
            let lines = block.iter().filter(|b| **b == b'\n').count();
            prop_assert_eq!(lines, usize::from(block.starts_with(b"sendmsg")));
        }
    }
}

/// Bytes that look like the wire: pieces of real frames in any order, cut and garbled.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"Content-Type: auth/request\n\n".to_vec()),
        Just(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n".to_vec()),
        Just(b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n".to_vec()),
        Just(b"Content-Type: api/response\nContent-Length: 4\n\n+OK\n".to_vec()),
        Just(b"Content-Type: text/disconnect-notice\nContent-Length: 3\n\nbye".to_vec()),
        Just(b"Content-Length: 20\nContent-Type: text/event-plain\n\n".to_vec()),
        Just(b"Content-Length: 24\nContent-Type: text/event-json\n\n{\"Event-Name\":\"A\",\"B\":\"".to_vec()),
        Just(b"Content-Length: 40\nContent-Type: text/event-xml\n\n<event><headers><A>%41</A></headers></eve".to_vec()),
        Just(b"Content-Type: log/data\nContent-Length: 2\nLog-Level: 7\n\nhi".to_vec()),
        Just(b"Content-Length: ".to_vec()),
        Just(b"Event-Name: CUSTOM\n".to_vec()),
        Just(b"ARRAY%3A%3Aa%7C%3Ab".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b": ".to_vec()),
        "[0-9]{1,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..24),
        "[ -~\n]{0,60}".prop_map(String::into_bytes),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Where to cut: lengths of the pieces, used in turn.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..4usize, 1..200usize], 1..12)
}

fn cut<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (chunk, rest) = bytes.split_at((*length).min(bytes.len()));
        chunks.push(chunk);
        bytes = rest;
    }
    chunks
}

/// What the framer makes of the chunks, as text: the frames, the error, what is left.
fn framed(chunks: &[&[u8]], limits: Limits) -> Vec<String> {
    let mut framer = Framer::with_limits(limits);
    let mut seen = Vec::new();
    for chunk in chunks {
        if framer.feed(chunk).is_err() {
            return seen;
        }
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => seen.push(touch(&frame)),
                Ok(None) => break,
                Err(error) => {
                    seen.push(format!("{:?} at {:?}", error.kind(), error.offset()));
                    assert_eq!(framer.next_frame(), Err(error), "an error stays");
                    return seen;
                }
            }
        }
    }
    if let Some(rest) = framer.finish() {
        seen.push(format!("{rest:?} {:?}", rest.notice()));
    }
    seen
}

/// Reads everything that can be read of a frame.
fn touch(frame: &Frame) -> String {
    let event = Event::from_frame(frame).map(|event| {
        let route = format!("{:?}", event.route());
        (
            shown(&event),
            event.body_text().map(|b| b.into_owned()),
            route,
        )
    });
    let json = serde_json::to_string(frame).unwrap();
    format!("{} {:?} {json} {event:?}", frame.offset(), frame.raw())
}

fn small() -> Limits {
    Limits {
        header_block: 256,
        body: 512,
        frame: 600,
        ..Limits::default()
    }
}

/// What a session makes of the chunks, as text.
fn played(chunks: &[&[u8]], inbound: bool) -> (Vec<String>, usize) {
    let mut session = if inbound {
        let credentials = Credentials::Password(Secret::from("ClueCon"));
        ClientSession::inbound_with(credentials, small()).unwrap()
    } else {
        ClientSession::outbound(small())
    };
    for line in ["api status", "getvar x", "event plain ALL", "api x", "exit"] {
        session.submit(&Command::raw(line).unwrap()).unwrap();
    }
    let mut seen = Vec::new();
    let mut ended = 0;
    let mut note = |output: Output| {
        ended += usize::from(matches!(output, Output::Reply(..) | Output::Unanswered(..)));
        seen.push(format!("{output:?}"));
    };
    for chunk in chunks {
        let sent = session.transmit().len();
        session.transmitted(sent);
        if session.receive(chunk).is_err() {
            break;
        }
        while let Some(output) = session.poll_output() {
            note(output);
        }
    }
    session.end_of_stream();
    while let Some(output) = session.poll_output() {
        note(output);
    }
    (seen, ended)
}

/// What the switch's side makes of the chunks, as text.
fn requested(chunks: &[&[u8]]) -> Vec<String> {
    let mut session = SwitchSession::new();
    let mut seen = Vec::new();
    for chunk in chunks {
        session.receive(chunk);
        loop {
            match session.poll_request() {
                Ok(Some(request)) => {
                    let body = request.body();
                    seen.push(format!("{request:?} {:?} {body:?}", request.argument()));
                }
                Ok(None) => break,
                Err(error) => {
                    seen.push(format!("{error:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

/// Bytes that look like what clients send.
fn client_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"auth ClueCon\n\n".to_vec()),
        Just(b"api status\r\n\r\n".to_vec()),
        Just(b"event plain ALL\n\n".to_vec()),
        Just(b"sendmsg 7f4d\ncall-command: execute\ncontent-length: 4\n\n".to_vec()),
        Just(b"sendevent CUSTOM\nEvent-Subclass: a::b\n".to_vec()),
        Just(b"Content-Length: ".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\r\n".to_vec()),
        "-?[0-9]{1,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..24),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunking_never_changes_what_is_framed(bytes in wire(), cuts in cuts()) {
        let whole = framed(&[&bytes], Limits::default());
        prop_assert_eq!(&framed(&cut(&bytes, &cuts), Limits::default()), &whole);
        prop_assert_eq!(&framed(&cut(&bytes, &[1]), Limits::default()), &whole);
    }

    #[test]
    fn chunking_never_changes_which_limit_is_hit(bytes in wire(), cuts in cuts()) {
        let whole = framed(&[&bytes], small());
        prop_assert_eq!(framed(&cut(&bytes, &cuts), small()), whole);
    }

    #[test]
    fn any_bytes_leave_every_command_with_one_end(bytes in wire(), cuts in cuts(), inbound: bool) {
        let (_, ended) = played(&cut(&bytes, &cuts), inbound);
        prop_assert_eq!(ended, 5);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..600), cuts in cuts()) {
        framed(&cut(&bytes, &cuts), Limits::default());
        played(&cut(&bytes, &cuts), true);
        played(&cut(&bytes, &cuts), false);
        let plain = ["Content-Length: ", &bytes.len().to_string(), "\nContent-Type: text/event-"].concat();
        for format in ["plain", "json", "xml"] {
            let head = [&plain, format, "\n\n"].concat();
            let frame = Frame::from_bytes([head.as_bytes(), &bytes].concat()).unwrap();
            touch(&frame);
        }
    }

    #[test]
    fn chunking_never_changes_what_the_switch_reads(bytes in client_bytes(), cuts in cuts()) {
        let whole = requested(&[&bytes]);
        prop_assert_eq!(&requested(&cut(&bytes, &cuts)), &whole);
        prop_assert_eq!(&requested(&cut(&bytes, &[1])), &whole);
    }

    /// After every call what is buffered is less than the limits allow, and what goes past one is
    /// an error that names it.
    #[test]
    fn memory_stays_within_the_limits(bytes in wire(), cuts in cuts()) {
        let limits = small();
        let mut framer = Framer::with_limits(limits);
        for chunk in cut(&bytes, &cuts) {
            prop_assert!(framer.feed(chunk).is_ok());
            let error = loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => prop_assert!(frame.raw().len() <= limits.frame),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            prop_assert!(framer.buffered() <= limits.header_block.max(limits.frame));
            if let Some(error) = error {
                check_refusal(&error)?;
                prop_assert_eq!(framer.buffered(), 0, "a failed framer holds nothing");
                break;
            }
        }
    }
}

fn check_refusal(error: &Error) -> Result<(), TestCaseError> {
    let text = error.to_string();
    prop_assert!(error.offset().is_some(), "{}", text);
    if error.is_limit() {
        let named = ["`header_block`", "`body`", "`frame`"];
        prop_assert!(named.iter().any(|limit| text.contains(limit)), "{}", text);
    } else {
        prop_assert_eq!(error.kind(), ErrorKind::Malformed);
        prop_assert!(text.contains("Content-Length"), "{}", text);
    }
    Ok(())
}

/// A header block that never ends is refused as soon as it is longer than its limit, and so is a
/// body that only announces its length.
#[test]
fn lesson_21_an_endless_header_block_is_refused_early() {
    let mut framer = Framer::with_limits(small());
    let mut fed = 0;
    let error = loop {
        framer.feed(b"X-Header: value\n").unwrap();
        fed += 16;
        assert!(framer.buffered() <= 256 + 16);
        match framer.next_frame() {
            Ok(frame) => assert!(frame.is_none()),
            Err(error) => break error,
        }
    };
    assert!(fed <= 256 + 16, "{fed}");
    assert!(error.to_string().contains("`header_block`"), "{error}");

    let mut framer = Framer::with_limits(small());
    framer
        .feed(b"Content-Type: api/response\nContent-Length: 513\n\n")
        .unwrap();
    let error = framer.next_frame().unwrap_err();
    assert!(error.to_string().contains("`body`"), "{error}");
}
