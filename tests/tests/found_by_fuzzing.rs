//! What the fuzzer found, each as a test.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use genesis_proto::event::EventBuilder;
use genesis_proto::{Event, Frame};

fn event(document: &str) -> Event {
    let length = document.len();
    let bytes = format!("Content-Length: {length}\nContent-Type: text/event-plain\n\n{document}");
    Event::from_frame(&Frame::from_bytes(bytes).unwrap()).unwrap()
}

/// `Event-Subclass:` has its colon where a name of three letters may have one.
#[test]
fn a_colon_in_an_event_name_does_not_hide_it_from_the_route() {
    let event = event("Core-UUID: 1\nEvent-Name:ABC: x\nEvent-Subclass: s\n\n");
    assert_eq!(event.get("Event-Name").as_deref(), Some("ABC: x"));
    assert_eq!(event.route().name, "ABC: x");
    assert_eq!(event.route().subclass.as_deref(), Some("s"));
}

/// A name in JSON may hold a line feed. In a plain event names are not encoded.
#[test]
fn a_name_with_a_line_feed_forges_no_header_when_it_is_written_again() {
    let document = r#"{"Event-Name":"DTMF","X\nUnique-ID":"forged"}"#;
    let length = document.len();
    let bytes = format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{document}");
    let event = Event::from_frame(&Frame::from_bytes(bytes).unwrap()).unwrap();
    let error = EventBuilder::from_event(&event).unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
}

/// The switch indents the end tag of a body that is white space alone; `Exact` does not.
#[test]
fn a_body_of_white_space_is_read_back_from_xml() {
    use genesis_proto::event::Fidelity;
    use genesis_proto::{EventFormat, EventName};

    let builder = Event::builder(EventName::Message).body("\n");
    let read = |fidelity| {
        let frame = Frame::from_bytes(builder.to_frame(EventFormat::Xml, fidelity)).unwrap();
        let event = Event::from_frame(&frame).unwrap();
        event.body_text().map(|body| body.into_owned())
    };
    assert_eq!(read(Fidelity::Exact).as_deref(), Some("\n"));
    assert_eq!(read(Fidelity::AsTheSwitch).as_deref(), Some("\n  "));
}
