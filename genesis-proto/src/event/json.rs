//! Events as JSON.
//!
//! The switch writes one flat object of strings (and lists of strings for arrays). It repeats
//! keys, and passes bytes that are not UTF-8 through unescaped; both are read.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Arena, Document};
use crate::Error;

pub(super) fn read(body: &[u8]) -> Result<Document, Error> {
    let text = String::from_utf8_lossy(body);
    let mut document = Reader {
        arena: Arena::with_capacity(text.len()),
        body: None,
    };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    (&mut document)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| {
            Error::new(
                crate::ErrorKind::Malformed,
                format!("the JSON of an event cannot be read: {error}"),
                None,
            )
        })?;
    let body = document
        .body
        .filter(|body| !body.is_empty())
        .map(String::into_bytes);
    Ok(Document {
        headers: document.arena.finish(),
        body,
    })
}

struct Reader {
    arena: Arena,
    body: Option<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Reader {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reader {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Text)? {
            match map.next_value_seed(ValueSeed)? {
                Value::One(value) if name == "_body" => self.body = Some(value.into_owned()),
                Value::One(value) => self.arena.push(&name, value.as_bytes()),
                Value::Many(values) => {
                    let values: Vec<_> = values.iter().map(|v| v.as_bytes()).collect();
                    self.arena.push_array(&name, &values);
                }
            }
        }
        Ok(())
    }
}

/// A string, borrowed where it holds no escape.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

enum Value<'de> {
    One(Cow<'de, str>),
    Many(Vec<Cow<'de, str>>),
}

struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::One(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::One(Cow::Owned(text.to_owned())))
    }

    // The switch writes strings only; scalars of other writers are taken as their text.
    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::One(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::One(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Value::One(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::One(Cow::Borrowed(if value {
            "true"
        } else {
            "false"
        })))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Text)? {
            values.push(value);
        }
        if values.is_empty() {
            return Err(de::Error::custom("an empty list is no header value"));
        }
        Ok(Value::Many(values))
    }
}
