//! `freeswitch.JSON`, bounded in time and memory.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;

use mlua::{Error, IntoLua, Lua, LuaString, Result, Table, Value};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::state::Clock;

/// Tables in tables so deep, at most.
const DEPTH: usize = 100;

/// What a value takes besides its text.
const VALUE: usize = 64;

/// How many values pass between two looks at the clock.
const VALUES: usize = 256;

/// What is done for one text: so many values so far, and what they take.
struct Work<'a> {
    lua: &'a Lua,
    clock: &'a Clock,
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl<'a> Work<'a> {
    fn new(lua: &'a Lua, clock: &'a Clock) -> Self {
        Self {
            lua,
            clock,
            values: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    fn step(&self) -> Result<()> {
        let values = self.values.get();
        self.values.set(values + 1);
        match values % VALUES {
            0 => self.clock.check_here(self.lua),
            _ => Ok(()),
        }
    }

    /// A value that is kept, before it is.
    fn keep(&self, bytes: usize) -> Result<()> {
        self.step()?;
        self.bytes.set(self.bytes.get() + VALUE + bytes);
        match self.bytes.get() > self.clock.memory_limit() {
            true => Err(Error::runtime(self.too_long())),
            false => Ok(()),
        }
    }

    fn too_long(&self) -> String {
        format!(
            "JSON: the text of the table would take more than the {} bytes that a script's values may \
             take; a table that holds the same one several times is written each time",
            self.clock.memory_limit()
        )
    }
}

/// The text of a table. As in mod_lua, a table whose first key is 1 is an array, and an empty one what
/// `empty_is_object` says.
pub(super) fn encode(
    lua: &Lua,
    clock: &Clock,
    (table, empty_is_object, unformatted): (Table, bool, bool),
) -> Result<LuaString> {
    let work = Work::new(lua, clock);
    let json = of_table(&work, &table, empty_is_object, 0)?;
    let mut text = Text {
        bytes: Vec::new(),
        most: clock.memory_limit(),
    };
    let written = match unformatted {
        true => serde_json::to_writer(&mut text, &json),
        false => serde_json::to_writer_pretty(&mut text, &json),
    };
    written.map_err(|_| Error::runtime(work.too_long()))?;
    lua.create_string(&text.bytes)
}

/// A text that is not longer than a script's values may be.
struct Text {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.most.saturating_sub(self.bytes.len()) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn of_table(work: &Work<'_>, table: &Table, empty_is_object: bool, depth: usize) -> Result<Json> {
    if depth > DEPTH {
        return Err(Error::runtime(format!(
            "JSON: tables are nested more than {DEPTH} deep"
        )));
    }
    let mut items = Vec::new();
    let mut object = Map::new();
    let mut is_array = None;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let first = matches!(key, Value::Integer(1));
        if let Value::String(key) = &key {
            work.keep(key.as_bytes().len())?;
        }
        let value = of_value(work, &value, empty_is_object, depth)?;
        if *is_array.get_or_insert(first) {
            items.extend(value);
        } else if let (Some(value), Some(key)) = (value, crate::api::args::text_of(&key)) {
            object.insert(key, value);
        }
    }
    Ok(match is_array {
        Some(true) => Json::Array(items),
        None if !empty_is_object => Json::Array(items),
        _ => Json::Object(object),
    })
}

/// Functions and objects are left out.
fn of_value(
    work: &Work<'_>,
    value: &Value,
    empty_is_object: bool,
    depth: usize,
) -> Result<Option<Json>> {
    work.keep(match value {
        Value::String(text) => text.as_bytes().len(),
        _ => 0,
    })?;
    Ok(Some(match value {
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Number(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_string_lossy()),
        Value::Table(table) => of_table(work, table, empty_is_object, depth + 1)?,
        _ => return Ok(None),
    }))
}

/// The table of a text; nil if it is no JSON. `null` is nil. What is read is the script's at once, so
/// that its memory bounds it.
pub(super) fn decode(lua: &Lua, clock: &Clock, text: &LuaString) -> Result<Value> {
    let work = Work::new(lua, clock);
    let failed = RefCell::new(None);
    let bytes = text.as_bytes();
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let one = Reader {
        work: &work,
        failed: &failed,
    };
    let read = one
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match (failed.into_inner(), read) {
        (Some(error), _) => Err(error),
        (None, read) => Ok(read.unwrap_or(Value::Nil)),
    }
}

/// Reads one value, and those in it.
#[derive(Clone, Copy)]
struct Reader<'a> {
    work: &'a Work<'a>,
    /// The error of Lua that ended it.
    failed: &'a RefCell<Option<Error>>,
}

impl Reader<'_> {
    fn done<T, E: serde::de::Error>(&self, result: Result<T>) -> std::result::Result<T, E> {
        result.map_err(|error| {
            self.failed.replace(Some(error));
            E::custom("it cannot be held")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Value, D::Error> {
        self.done(self.work.step())?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Number(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Value, E> {
        self.done(text.into_lua(self.work.lua))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let table = self.done(self.work.lua.create_table())?;
        let mut at = 0i64;
        while let Some(item) = seq.next_element_seed(self)? {
            at += 1;
            self.done(table.raw_set(at, item))?;
        }
        Ok(Value::Table(table))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let table = self.done(self.work.lua.create_table())?;
        while let Some(key) = map.next_key_seed(self)? {
            let value = map.next_value_seed(self)?;
            self.done(table.raw_set(key, value))?;
        }
        Ok(Value::Table(table))
    }
}
