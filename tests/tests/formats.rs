//! The same call, recorded at the same moment as plain, JSON and XML: the same events.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::collections::BTreeMap;

use genesis_proto::Event;
use genesis_tests::{Recording, frames};

fn events(name: &str) -> Vec<Event> {
    let decoded = frames([&Recording::named(name).from_switch()[..]]).unwrap();
    let events: Vec<Event> = decoded
        .frames
        .iter()
        .filter_map(|frame| Event::from_frame(frame).ok())
        .collect();
    assert_eq!(events.len(), 274, "{name}");
    events
}

/// What the switch's url-encoding loses: a `%` in front of two of `0-9A-F` is not escaped
/// (`switch_url_encode`), so that plain and XML read `%41` as `A`. JSON has the true value.
fn lose(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
        match after {
            [a, b, left @ ..] if first == b'%' && hex(*a) && hex(*b) => {
                let digits = [*a, *b];
                let digits = std::str::from_utf8(&digits).unwrap_or("00");
                bytes.push(u8::from_str_radix(digits, 16).unwrap_or(0));
                rest = left;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every value of every header by name. XML cannot say that a repeated header is repeated, and
/// merges equal ones; the body's length stands outside of its headers.
fn by_name(event: &Event) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for header in event.headers().iter() {
        if header.is("Content-Length") {
            continue;
        }
        let values = map.entry(header.name().into_owned()).or_default();
        match header.array() {
            Some(array) => values.extend(array.iter().map(str::to_owned)),
            None => values.push(header.value().into_owned()),
        }
    }
    for values in map.values_mut() {
        values.dedup();
    }
    map
}

/// `right`, with each value put through `read`, is the same as `left`.
fn agree(left: &str, right: &str, read: fn(&str) -> String) {
    let (left, right) = (events(left), events(right));
    let mut compared = 0;
    for (number, (a, b)) in left.iter().zip(&right).enumerate() {
        assert_eq!(a.name(), b.name(), "event {number}");
        assert_eq!(a.body(), b.body(), "event {number}");
        let a = by_name(a);
        let mut b = by_name(b);
        for value in b.values_mut().flatten() {
            *value = read(value);
        }
        compared += a.len();
        assert_eq!(a, b, "event {number}");
    }
    assert!(compared > 10_000, "only {compared} headers were compared");
}

#[test]
fn plain_and_xml_agree() {
    agree("call_full_plain", "call_full_xml", str::to_owned);
}

#[test]
fn plain_and_json_agree_but_for_what_url_encoding_loses() {
    agree("call_full_plain", "call_full_json", lose);
}

#[test]
fn json_carries_what_url_encoding_loses() {
    let find = |name: &str| {
        let events = events(name);
        let value = events.iter().find_map(|event| {
            let value = event.variable("pct")?;
            Some(value.into_owned())
        });
        value.unwrap()
    };
    assert_eq!(
        find("call_full_json"),
        "100%25 and %41 and % and %zz and %4"
    );
    let lost = "100% and A and % and %zz and %4";
    assert_eq!(find("call_full_plain"), lost);
    assert_eq!(find("call_full_xml"), lost);
    assert_eq!(lose(&find("call_full_json")), lost);
}
