//! What the fuzzer found, each as a test.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

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
