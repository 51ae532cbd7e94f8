//! Spans that applications name.

use opentelemetry::{KeyValue, Value};

use crate::config::Telemetry;
use crate::secrets::MASK;

/// So many attributes such a span has at most.
const MAX_ATTRIBUTES: usize = 64;

/// The value of an attribute of a [`span`](super::Connection::span) of the application's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// A text: masked and cut as configured.
    Text(&'a str),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// Any other number.
    Decimal(f64),
}

/// The attributes as they may be shown.
pub(super) fn attributes(telemetry: &Telemetry, given: &[(&str, Attribute<'_>)]) -> Vec<KeyValue> {
    let mut shown: Vec<KeyValue> = Vec::with_capacity(given.len().min(MAX_ATTRIBUTES));
    for (name, value) in given {
        let key = telemetry.cut(name);
        let value = show(telemetry, name, *value);
        let has_room = shown.len() < MAX_ATTRIBUTES;
        match shown.iter_mut().find(|known| known.key.as_str() == key) {
            Some(known) => known.value = value,
            None if has_room => shown.push(KeyValue::new(key.to_owned(), value)),
            None => {}
        }
    }
    shown
}

fn show(telemetry: &Telemetry, name: &str, value: Attribute<'_>) -> Value {
    let secrets = &telemetry.shared().secrets;
    // both `sip_auth_password` and `caller.pin`
    if secrets.is_secret(name.as_bytes()) || secrets.are_named_in(name.as_bytes()) {
        return MASK.into();
    }
    match value {
        Attribute::Text(text) => telemetry.shown(text).into_owned().into(),
        Attribute::Flag(flag) => flag.into(),
        Attribute::Number(number) => number.into(),
        Attribute::Decimal(number) => number.into(),
    }
}
