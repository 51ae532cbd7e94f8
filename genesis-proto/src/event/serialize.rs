//! Frames and events as serde values.
//!
//! The form of one frame is `{"type", "headers", "body"?, "event"?: {"headers", "body"}}`. An
//! array header is a list; a name that occurs again with another value becomes a list in order of
//! occurrence, the same value again changes nothing.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::Event;
use crate::frame::FrameKind;
use crate::{Frame, Headers};

enum Value<'a> {
    One(Cow<'a, str>),
    Many(Vec<String>),
}

impl Value<'_> {
    fn contains(&self, value: &str) -> bool {
        match self {
            Value::One(one) => one == value,
            Value::Many(all) => all.iter().any(|v| v == value),
        }
    }

    fn into_list(self) -> Vec<String> {
        match self {
            Value::One(one) => vec![one.into_owned()],
            Value::Many(all) => all,
        }
    }
}

/// Names in order of first occurrence with their merged values.
fn merge(headers: &Headers) -> Vec<(Cow<'_, str>, Value<'_>)> {
    let mut merged: Vec<(Cow<'_, str>, Value<'_>)> = Vec::with_capacity(headers.len());
    let mut places = std::collections::HashMap::with_capacity(headers.len());
    for header in headers.iter() {
        let value = match header.array() {
            Some(array) => Value::Many(array.iter().map(str::to_owned).collect()),
            None => Value::One(header.value()),
        };
        let place = *places.entry(header.raw_name()).or_insert(merged.len());
        let Some((_, old)) = merged.get_mut(place) else {
            merged.push((header.name(), value));
            continue;
        };
        let grow = match (&*old, &value) {
            (Value::Many(a), Value::Many(b)) => a != b,
            (_, Value::Many(_)) => true,
            (old, Value::One(one)) => !old.contains(one),
        };
        if grow {
            let taken = std::mem::replace(old, Value::Many(Vec::new()));
            let mut all = taken.into_list();
            all.extend(value.into_list());
            *old = Value::Many(all);
        }
    }
    merged
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let merged = merge(self);
        let mut map = serializer.serialize_map(Some(merged.len()))?;
        for (name, value) in &merged {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::One(one) => serializer.serialize_str(one),
            Value::Many(all) => {
                let mut list = serializer.serialize_seq(Some(all.len()))?;
                for value in all {
                    list.serialize_element(value)?;
                }
                list.end()
            }
        }
    }
}

impl Serialize for Event {
    /// `{"headers": {…}, "body": text or null}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("headers", self.headers())?;
        map.serialize_entry("body", &self.body_text())?;
        map.end()
    }
}

impl Serialize for Frame {
    /// `{"type", "headers", "body"?, "event"?}`; an event whose document cannot be read gives
    /// `"event": null` and the text in `"body"`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.content_type())?;
        map.serialize_entry("headers", &self.headers())?;
        match (self.kind(), self.body()) {
            (_, None) => {}
            (FrameKind::Event(_), Some(_)) => match Event::from_frame(self) {
                Ok(event) => map.serialize_entry("event", &event)?,
                Err(_) => {
                    map.serialize_entry("event", &None::<()>)?;
                    map.serialize_entry("body", &self.body_text())?;
                }
            },
            (_, Some(_)) => map.serialize_entry("body", &self.body_text())?,
        }
        map.end()
    }
}
