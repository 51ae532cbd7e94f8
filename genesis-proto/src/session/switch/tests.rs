use super::*;
use crate::{Event, EventName, Framer};

fn sent(write: impl FnOnce(&mut SwitchSession)) -> String {
    let mut session = SwitchSession::new();
    write(&mut session);
    String::from_utf8(session.transmit().to_vec()).unwrap()
}

#[test]
fn every_chunking_gives_the_same_commands() {
    let input = b"\r\nauth x\r\n\r\n\nsendevent CUSTOM\nContent-Length: 4\n\na\n\nbapi echo\n\nexi";
    let commands = |chunk: usize| {
        let mut session = SwitchSession::new();
        let mut lines = Vec::new();
        for bytes in input.chunks(chunk) {
            session.receive(bytes);
            while let Some(request) = session.poll_request().unwrap() {
                lines.push((request.line().into_owned(), request.body().cloned()));
            }
        }
        assert!(session.pending_input());
        lines
    };
    let whole = commands(input.len());
    assert_eq!(whole.len(), 3);
    assert_eq!(whole[1].1.as_deref(), Some(&b"a\n\nb"[..]));
    for chunk in 1..input.len() {
        assert_eq!(commands(chunk), whole, "chunks of {chunk}");
    }
}

#[test]
fn events_wait_for_a_half_command_and_for_its_body() {
    let mut session = SwitchSession::new();
    session.receive(b"\n\n");
    assert!(session.poll_request().unwrap().is_none() && !session.pending_input());
    session.receive(b"sendevent X\nContent-Length: 2\n\n");
    assert!(session.poll_request().unwrap().is_none() && session.pending_input());
    session.receive(b"ab");
    assert!(session.poll_request().unwrap().is_some());
    assert!(session.poll_request().unwrap().is_none() && !session.pending_input());
    session.receive(b"\0x");
    assert!(session.poll_request().unwrap().is_none() && !session.pending_input());
}

#[test]
fn replies_are_cut_as_in_the_switch() {
    let long = "é".repeat(400);
    let mut session = SwitchSession::new();
    session.command_reply(&long);
    let expected = [
        b"Content-Type: command/reply\nReply-Text: ",
        &long.as_bytes()[..511],
        b"\n\n",
    ];
    assert_eq!(session.transmit(), expected.concat());
    // headers of one's own lose the blank line
    let text = sent(|session| session.job_reply(&"z".repeat(256)));
    assert_eq!(text.len(), "Content-Type: command/reply\n".len() + 510);
    assert!(!text.ends_with('\n'));
    let text = sent(|session| session.command_reply("~a value"));
    assert_eq!(text, "Content-Type: command/reply\na value");
    let text = sent(|session| session.command_reply(""));
    assert_eq!(
        text,
        "Content-Type: command/reply\nReply-Text: -ERR command not found\n\n"
    );
}

#[test]
fn notices() {
    assert_eq!(
        sent(|session| session.goodbye(Goodbye::Disconnected, None)),
        "Content-Type: text/disconnect-notice\nContent-Length: 67\n\nDisconnected, goodbye.\n\
         See you at ClueCon! http://www.cluecon.com/\n"
    );
    assert_eq!(
        sent(|session| session.goodbye(Goodbye::Shutdown, Some("7f"))),
        "Content-Type: text/disconnect-notice\nControlled-Session-UUID: 7f\n\
         Content-Disposition: disconnect\nContent-Length: 31\n\nThe system is being shut down.\n"
    );
    assert_eq!(
        sent(|session| session.linger_notice("7f", "loopback/1", Linger::Seconds(2))),
        "Content-Type: text/disconnect-notice\nControlled-Session-UUID: 7f\n\
         Content-Disposition: linger\nChannel-Name: loopback/1\nLinger-Time: 2\n\
         Content-Length: 0\n\n"
    );
    assert_eq!(
        sent(SwitchSession::rude_rejection),
        "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"
    );
}

#[test]
fn userauth_lists() {
    assert_eq!(
        sent(|session| session.userauth_reply(None, Some("status"), false)),
        "Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: all\n\
         Allowed-API: status\nAllowed-LOG: false\n\n"
    );
}

#[test]
fn log_lines_and_api() {
    let line = LogData {
        level: 7,
        channel: 3,
        file: "a.c",
        function: "f",
        line: 9,
        user_data: "",
        text: "hello\n",
    };
    assert_eq!(
        sent(|session| session.log(&line)),
        "Content-Type: log/data\nContent-Length: 6\nLog-Level: 7\nText-Channel: 3\nLog-File: a.c\n\
         Log-Func: f\nLog-Line: 9\nUser-Data: \n\nhello\n"
    );
    assert_eq!(
        sent(|session| session.api_response(b"")),
        "Content-Type: api/response\nContent-Length: 14\n\n-ERR no reply\n"
    );
}

#[test]
fn what_the_switch_writes_a_framer_reads() {
    let data = Event::builder(EventName::ChannelData)
        .header("Unique-ID", "7f")
        .unwrap();
    let mut session = SwitchSession::new();
    session.connect_reply(&data, true, false);
    session.event(&data, EventFormat::Plain);
    session.event(&data, EventFormat::Json);
    let mut framer = Framer::new();
    framer.feed(session.transmit()).unwrap();
    let connect = framer.next_frame().unwrap().unwrap();
    assert_eq!(
        connect.headers().get("Control").as_deref(),
        Some("single-channel")
    );
    assert_eq!(
        connect.headers().get("Reply-Text").as_deref(),
        Some("+OK\n")
    );
    for _ in 0..2 {
        let event = Event::from_frame(&framer.next_frame().unwrap().unwrap()).unwrap();
        assert_eq!(event.unique_id().as_deref(), Some("7f"));
    }
    assert!(framer.next_frame().unwrap().is_none());
}
