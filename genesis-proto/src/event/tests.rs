use super::*;
use crate::event::Fidelity;

fn event(format: &str, document: &str) -> Result<Event, Error> {
    let len = document.len();
    let bytes = format!("Content-Length: {len}\nContent-Type: text/event-{format}\n\n{document}");
    Event::from_frame(&Frame::from_bytes(bytes).unwrap())
}

#[test]
fn lesson_11_an_encoded_line_feed_forges_no_header() {
    let event = event("plain", "Event-Name: CUSTOM\nX: a%0AUnique-ID: forged\n\n").unwrap();
    assert_eq!(event.unique_id(), None);
    assert_eq!(event.get("X").as_deref(), Some("a\nUnique-ID: forged"));
}

#[test]
fn lesson_16_the_last_of_a_repeated_header_wins_whatever_its_case() {
    let event = event(
        "plain",
        "Event-Name: COMMAND\nContent-Length: 99\nEvent-Name: PRIVATE_COMMAND\nunique-id: 7f4d\n\
         Content-Length: 4\n\nbody",
    )
    .unwrap();
    assert_eq!(event.name(), EventName::PrivateCommand);
    assert_eq!(event.route().name, "PRIVATE_COMMAND");
    assert_eq!(event.unique_id().as_deref(), Some("7f4d"));
    assert_eq!(event.body(), Some(&b"body"[..]));
    let names: Vec<_> = event.headers().get_all("event-name").collect();
    assert_eq!(names, ["COMMAND", "PRIVATE_COMMAND"]);
}

#[test]
fn lesson_18_the_three_formats_mean_the_same() {
    let built = Event::builder(EventName::Message)
        .header("Caller-Name", "Jørn & <b> \"q\" 100% %41\r\n")
        .unwrap()
        .array("List", ["a", "b c", "é"])
        .unwrap()
        .header("Twice", "1")
        .unwrap()
        .header("Other", "x")
        .unwrap()
        .header("Twice", "2")
        .unwrap()
        .body("two\nlines & <more>");
    let plain = built.build();
    for format in [EventFormat::Plain, EventFormat::Json, EventFormat::Xml] {
        let frame = Frame::from_bytes(built.to_frame(format, Fidelity::Exact)).unwrap();
        let read = Event::from_frame(&frame).unwrap();
        assert_eq!(read.format(), format);
        for name in ["Event-Name", "Caller-Name", "List", "Twice", "Other"] {
            assert_eq!(read.get(name), plain.get(name), "{name} in {format}");
        }
        let list: Vec<_> = read
            .headers()
            .array("list")
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(list, ["a", "b c", "é"], "{format}");
        assert_eq!(read.body(), plain.body(), "{format}");
        assert_eq!(read.route().name, "MESSAGE");
    }
}

#[test]
fn json_with_duplicate_keys_and_invalid_utf8_is_read() {
    let document = b"{\"Event-Name\":\"HEARTBEAT\",\"X\":\"caf\xe9\",\"L\":[\"a\"],\
        \"Event-Name\":\"CUSTOM\",\"N\":1}";
    let mut bytes = format!(
        "Content-Length: {}\nContent-Type: text/event-json\n\n",
        document.len()
    )
    .into_bytes();
    bytes.extend_from_slice(document);
    let event = Event::from_frame(&Frame::from_bytes(bytes).unwrap()).unwrap();
    assert_eq!(event.name(), EventName::Custom);
    assert_eq!(event.get("X").as_deref(), Some("caf\u{fffd}"));
    assert_eq!(event.get("N").as_deref(), Some("1"));
    assert_eq!(event.headers().array("L").unwrap().len(), 1);
    assert!(event.raw().ends_with(b"\"N\":1}"));
}

#[test]
fn malformed_documents_are_errors_that_say_what() {
    for (format, document) in [
        ("json", "{"),
        ("json", "[]"),
        ("json", "{\"a\":{}}"),
        ("json", "{\"a\":\"b\"} trailing"),
        (
            "xml",
            "<event><headers><Bad Name>x</Bad Name></headers></event>",
        ),
        (
            "xml",
            "<event><headers><1digit>x</1digit></headers></event>",
        ),
        ("xml", "<event><headers>"),
        ("xml", "<event></event>"),
        ("xml", "<event><headers></headers></event><event/>"),
        ("xml", "<event><headers><A>&nosuch;</A></headers></event>"),
        (
            "xml",
            "<!DOCTYPE e [<!ENTITY a \"b\">]><event><headers><A>&a;</A></headers></event>",
        ),
        ("xml", ""),
    ] {
        let error = event(format, document).unwrap_err();
        assert!(
            error.to_string().to_lowercase().contains(format),
            "{document}: {error}"
        );
    }
}

#[test]
fn a_plain_event_is_read_whatever_it_holds() {
    for document in [
        "",
        "\n",
        "\n\n",
        "no colon",
        "Event-Name",
        ":",
        ": \n\nbody",
        "A: 1\n\nb",
    ] {
        let event = event("plain", document).unwrap();
        let _ = (
            event.name(),
            event.body(),
            event.route(),
            event.headers().len(),
        );
    }
}

#[test]
fn variables_are_found_by_their_own_name() {
    let event = event("plain", "Event-Name: API\nvariable_sip_call_id: a%40b\n\n").unwrap();
    assert_eq!(event.variable("SIP_call_id").as_deref(), Some("a@b"));
    assert_eq!(event.variable("call_id"), None);
}

#[test]
fn a_kept_event_pins_nothing_but_itself() {
    let mut framer = crate::Framer::new();
    let one = "Content-Length: 18\nContent-Type: text/event-plain\n\nEvent-Name: API\nX\n";
    framer.feed(one.repeat(1000).as_bytes()).unwrap();
    let event = Event::try_from(framer.next_frame().unwrap().unwrap()).unwrap();
    assert_eq!(event.raw().len(), one.len());
    // an exact copy: the buffer that it was read into can go
    assert!(event.raw().is_unique());
}

#[test]
fn the_connect_reply_is_an_event_with_its_type_at_the_end() {
    let frame = Frame::from_bytes(
        "Event-Name: CHANNEL_DATA\nUnique-ID: 7f4d\nvariable_x: a%20b\n\
         Content-Type: command/reply\nReply-Text: %2BOK%0A\nSocket-Mode: async\nControl: full\n\n",
    )
    .unwrap();
    let event = Event::from_frame(&frame).unwrap();
    assert_eq!(event.variable("x").as_deref(), Some("a b"));
    assert_eq!(event.get("Control").as_deref(), Some("full"));
}
