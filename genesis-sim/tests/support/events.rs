//! Events of calls: read from a recording and from the simulator, and compared.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use genesis_proto::frame::FrameKind;
use genesis_proto::{Event, Frame};

use super::differences;
use super::support::frames;

/// The events in a stream, in order.
pub(crate) fn events(stream: &[u8]) -> Vec<Event> {
    let frames = frames(stream).0;
    let events = frames.iter().filter(|frame| is_event(frame));
    events
        .map(|frame| Event::from_frame(frame).unwrap())
        .collect()
}

fn is_event(frame: &Frame) -> bool {
    matches!(frame.kind(), FrameKind::Event(_))
}

/// The events of one channel, in order, without those that the simulator does not fire.
pub(crate) fn of_channel<'a>(events: &'a [Event], uuid: &str) -> Vec<&'a Event> {
    let of_it = events
        .iter()
        .filter(|event| event.unique_id().as_deref() == Some(uuid));
    of_it
        .filter(|event| !differences::never_fired(&header(event, "Event-Name")))
        .collect()
}

/// The value of a header; empty when it is not there.
pub(crate) fn header(event: &Event, name: &str) -> String {
    event.get(name).unwrap_or_default().into_owned()
}

/// The name of an event, with the application, the state or the digit that tells it from others of
/// its name.
pub(crate) fn label(event: &Event) -> String {
    let name = header(event, "Event-Name");
    let detail = match name.as_str() {
        "CHANNEL_EXECUTE" | "CHANNEL_EXECUTE_COMPLETE" => "Application",
        "CHANNEL_STATE" => "Channel-State",
        "CHANNEL_CALLSTATE" => "Channel-Call-State",
        "CHANNEL_HANGUP" | "CHANNEL_HANGUP_COMPLETE" => "Hangup-Cause",
        "DTMF" => "DTMF-Digit",
        _ => return name,
    };
    format!("{name} {}", header(event, detail))
}

/// The names of the headers.
pub(crate) fn names(event: &Event) -> BTreeSet<String> {
    let names = event.headers().iter();
    names.map(|header| header.name().into_owned()).collect()
}

/// Which headers only one of the two events has, without those of the list of differences.
pub(crate) fn header_differences(recorded: &Event, got: &Event) -> Vec<String> {
    let (ours, theirs) = (names(got), names(recorded));
    let kind = header(recorded, "Event-Name");
    let missing = theirs
        .difference(&ours)
        .filter(|name| !differences::recorded_only(&kind, name))
        .map(|name| format!("{kind}: only recorded: {name}"));
    let extra = ours
        .difference(&theirs)
        .filter(|name| !differences::simulated_only(&kind, name))
        .map(|name| format!("{kind}: only simulated: {name}"));
    missing.chain(extra).collect()
}

/// The same events in the same order, and each with the same header names.
pub(crate) fn assert_same(what: &str, recorded: &[&Event], got: &[&Event]) {
    let labels = |events: &[&Event]| events.iter().map(|e| label(e)).collect::<Vec<_>>();
    assert!(!recorded.is_empty(), "{what}: nothing is compared");
    assert_eq!(
        labels(got),
        labels(recorded),
        "{what}: simulated, then recorded"
    );
    let mut problems = BTreeSet::new();
    for (recorded, got) in recorded.iter().zip(got) {
        problems.extend(header_differences(recorded, got));
    }
    let list = problems.iter().fold(String::new(), |mut list, problem| {
        let _ = writeln!(list, "  {problem}");
        list
    });
    assert!(problems.is_empty(), "{what}:\n{list}");
}
