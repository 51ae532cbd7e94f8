use super::*;
use crate::{Command, ErrorKind, Limits, Secret};

fn ready() -> ClientSession {
    let credentials = Credentials::Password(Secret::from("ClueCon"));
    let mut session = ClientSession::inbound(credentials).unwrap();
    session.receive(b"Content-Type: auth/request\n\n").unwrap();
    session
        .receive(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        .unwrap();
    assert!(matches!(
        session.poll_output(),
        Some(Output::Authenticated(_))
    ));
    drain(&mut session);
    session
}

fn drain(session: &mut ClientSession) -> Vec<u8> {
    let bytes = session.transmit().to_vec();
    session.transmitted(bytes.len());
    bytes
}

fn submit(session: &mut ClientSession, line: &str) -> CommandId {
    session.submit(&Command::raw(line).unwrap()).unwrap()
}

fn reply(session: &mut ClientSession) -> (CommandId, String) {
    match session.poll_output() {
        Some(Output::Reply(id, reply)) => (id, reply.text().into_owned()),
        other => panic!("{other:?}"),
    }
}

fn user() -> ClientSession {
    let credentials = Credentials::User {
        user: "esl".into(),
        domain: "example.org".into(),
        password: Secret::from("1234"),
    };
    let mut session = ClientSession::inbound(credentials).unwrap();
    session.receive(b"Content-Type: auth/request\n\n").unwrap();
    assert!(session.poll_output().is_none());
    assert_eq!(drain(&mut session), b"userauth esl@example.org:1234\n\n");
    session
}

#[test]
fn lesson_19_a_userauth_reply_that_lost_its_blank_line_ends_after_510_bytes() {
    let mut text = b"Reply-Text: +OK accepted\nAllowed-Events: ".to_vec();
    while text.len() < 510 {
        text.extend_from_slice(b"DTMF,");
    }
    text.truncate(510);
    let mut session = user();
    session.receive(b"Content-Type: command/reply\n").unwrap();
    for byte in &text {
        assert!(session.poll_output().is_none());
        session.receive(&[*byte]).unwrap();
    }
    // nothing else has to come for it to be complete
    let Some(Output::Authenticated(allowed)) = session.poll_output() else {
        panic!()
    };
    assert!(allowed.cut);
    let id = submit(&mut session, "api hostname");
    session
        .receive(b"Content-Type: api/response\nContent-Length: 2\n\nvm")
        .unwrap();
    assert_eq!(reply(&mut session), (id, "vm".to_owned()));
}

#[test]
fn a_short_userauth_reply_is_not_cut() {
    let mut session = user();
    session
        .receive(
            b"Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: all\n\
              Allowed-API: show version\nAllowed-LOG: false\n\n",
        )
        .unwrap();
    session.receive(&vec![b'x'; 600]).unwrap();
    let Some(Output::Authenticated(allowed)) = session.poll_output() else {
        panic!()
    };
    assert_eq!(allowed.events, None);
    assert_eq!(allowed.api.unwrap(), ["show", "version"]);
    assert_eq!(allowed.log, Some(false));
}

#[test]
fn a_getvar_reply_glued_to_the_next_frame_shifts_nothing() {
    let mut session = ready();
    let tilde = submit(&mut session, "getvar tilde");
    let next = submit(&mut session, "api status");
    session
        .receive(
            b"Content-Type: command/reply\nReply-Text: spoofedContent-Type: api/response\n\
              Content-Length: 2\n\nUP",
        )
        .unwrap();
    assert_eq!(reply(&mut session), (tilde, "spoofed".to_owned()));
    assert_eq!(reply(&mut session), (next, "UP".to_owned()));
}

#[test]
fn what_a_multi_line_getvar_leaves_behind_reaches_nobody() {
    let mut session = ready();
    let id = submit(&mut session, "getvar ml");
    let next = submit(&mut session, "getvar x");
    session
        .receive(
            b"Content-Type: command/reply\nReply-Text: line one\nFake: x\n\nnot a frame\n\n\
              Content-Type: command/reply\nReply-Text: 1\n\n",
        )
        .unwrap();
    assert_eq!(reply(&mut session).0, id);
    assert!(matches!(session.poll_output(), Some(Output::Unknown(_))));
    assert_eq!(reply(&mut session), (next, "1".to_owned()));
}

#[test]
fn what_was_sent_and_what_was_not_is_told_apart() {
    let mut session = ready();
    let sent = submit(&mut session, "api one");
    let half = submit(&mut session, "api two");
    let not = submit(&mut session, "api three");
    session.transmitted("api one\n\napi".len());
    session.end_of_stream();
    let mut ends = Vec::new();
    while let Some(output) = session.poll_output() {
        match output {
            Output::Unanswered(id, outcome) => ends.push((id, outcome)),
            Output::Closed(reason) => {
                assert_eq!(
                    reason,
                    CloseReason::EndOfStream {
                        inside_frame: false
                    }
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        ends,
        [
            (sent, Outcome::Unknown),
            (half, Outcome::Unknown),
            (not, Outcome::NotSent)
        ]
    );
    let error = session.submit(&Command::exit()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::State);
}

#[test]
fn lesson_22_the_end_inside_a_frame_is_an_end() {
    let mut session = ready();
    session
        .receive(b"Content-Length: 100\nContent-Type: text/event-plain\n\nEvent-Na")
        .unwrap();
    assert!(session.poll_output().is_none());
    session.end_of_stream();
    let closed = CloseReason::EndOfStream { inside_frame: true };
    assert!(matches!(session.poll_output(), Some(Output::Closed(reason)) if reason == closed));
    assert!(session.poll_output().is_none());
}

#[test]
fn lesson_34_linger_is_not_the_end() {
    let mut session = ClientSession::outbound(Limits::default());
    assert_eq!(drain(&mut session), b"connect\n\n");
    session
        .receive(b"Event-Name: CHANNEL_DATA\nUnique-ID: 7f4d\nContent-Type: command/reply\n\n")
        .unwrap();
    assert!(matches!(session.poll_output(), Some(Output::Connected(_))));
    session
        .receive(
            b"Content-Type: text/disconnect-notice\nContent-Disposition: linger\n\
              Linger-Time: 5\nContent-Length: 0\n\n",
        )
        .unwrap();
    let Some(Output::Linger(notice)) = session.poll_output() else {
        panic!()
    };
    assert_eq!(notice.linger_time(), Some(5));
    assert!(session.submit(&Command::exit()).is_ok());
    session
        .receive(
            b"Content-Type: text/disconnect-notice\nContent-Disposition: disconnect\n\
              Content-Length: 22\n\nDisconnected, goodbye.",
        )
        .unwrap();
    assert!(session.poll_output().is_none());
    assert!(session.submit(&Command::exit()).is_err());
}

#[test]
fn bounds_are_told_and_nothing_is_queued_beyond_them() {
    let limits = Limits {
        commands: 2,
        outgoing: 100,
        ..Limits::default()
    };
    let credentials = Credentials::Password(Secret::from("x"));
    let mut session = ClientSession::inbound_with(credentials, limits).unwrap();
    let long = Command::api(&"x".repeat(200)).unwrap();
    let error = session.submit(&long).unwrap_err();
    assert!(
        error.is_limit() && error.to_string().contains("outgoing"),
        "{error}"
    );
    submit(&mut session, "api a");
    submit(&mut session, "api b");
    let error = session.submit(&Command::exit()).unwrap_err();
    assert!(
        error.is_limit() && error.to_string().contains("commands"),
        "{error}"
    );
    assert_eq!(session.outstanding(), 2);
}

#[test]
fn lesson_20_a_frame_over_the_limit_says_which_limit() {
    let limits = Limits {
        body: 10,
        ..Limits::default()
    };
    let mut framer = crate::Framer::with_limits(limits);
    framer
        .feed(b"\n\nContent-Type: api/response\nContent-Length: 11\n\n")
        .unwrap();
    let error = framer.next_frame().unwrap_err();
    assert!(
        error.is_limit() && error.to_string().contains("`body`"),
        "{error}"
    );
    assert_eq!(error.offset(), Some(2));
    assert_eq!(framer.feed(b"x").unwrap_err(), error);

    let limits = Limits {
        header_block: 100,
        ..Limits::default()
    };
    let mut framer = crate::Framer::with_limits(limits);
    framer.feed(&[b'x'; 101]).unwrap();
    assert!(
        framer
            .next_frame()
            .unwrap_err()
            .to_string()
            .contains("`header_block`")
    );
}

#[test]
fn lesson_12_a_reply_that_is_not_utf8_ends_nothing() {
    let mut session = ready();
    let first = submit(&mut session, "getvar name");
    let next = submit(&mut session, "getvar x");
    session
        .receive(b"Content-Type: command/reply\nReply-Text: J\xf8rn\nX\xff: \xfe\n\n")
        .unwrap();
    session
        .receive(b"Content-Type: command/reply\nReply-Text: 1\n\n")
        .unwrap();
    assert_eq!(reply(&mut session), (first, "J\u{fffd}rn".to_owned()));
    assert_eq!(reply(&mut session), (next, "1".to_owned()));
}

#[test]
fn lesson_20_a_body_of_tens_of_megabytes_passes() {
    let mut session = ready();
    let id = submit(&mut session, "api show channels");
    let body = vec![b'x'; 40 << 20];
    let head = format!(
        "Content-Type: api/response\nContent-Length: {}\n\n",
        body.len()
    );
    session.receive(head.as_bytes()).unwrap();
    for chunk in body.chunks(64 * 1024) {
        assert!(session.poll_output().is_none());
        session.receive(chunk).unwrap();
    }
    let Some(Output::Reply(of, reply)) = session.poll_output() else {
        panic!()
    };
    assert_eq!((of, reply.body().map(<[u8]>::len)), (id, Some(40 << 20)));
}

/// Both sides of the wire, joined by nothing but bytes.
#[test]
fn a_client_and_a_switch_understand_each_other() {
    let credentials = Credentials::Password(Secret::from("ClueCon"));
    let mut client = ClientSession::inbound(credentials).unwrap();
    let mut switch = SwitchSession::new();
    let id = submit(&mut client, "api echo hello");
    switch.auth_request();
    let mut answer = None;
    for _ in 0..10 {
        client.receive(switch.transmit()).unwrap();
        let sent = switch.transmit().len();
        switch.transmitted(sent);
        while let Some(output) = client.poll_output() {
            if let Output::Reply(of, reply) = output {
                answer = Some((of, reply.text().into_owned()));
            }
        }
        switch.receive(&drain(&mut client));
        while let Some(request) = switch.poll_request().unwrap() {
            match request.verb() {
                switch::Verb::Auth => switch.command_reply("+OK accepted"),
                _ => switch.api_response(request.argument().as_bytes()),
            }
        }
    }
    assert_eq!(answer, Some((id, "echo hello".to_owned())));
}
