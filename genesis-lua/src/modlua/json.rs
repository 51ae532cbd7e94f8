//! `freeswitch.JSON`.

use mlua::{Error, IntoLua, Lua, LuaString, Result, Table, Value};
use serde_json::{Map, Number, Value as Json};

/// Tables in tables so deep, at most.
const DEPTH: usize = 100;

/// The text of a table. As in mod_lua, a table whose first key is 1 is an array, and an empty one what
/// `empty_is_object` says.
pub(super) fn encode(
    _: &Lua,
    (table, empty_is_object, unformatted): (Table, bool, bool),
) -> Result<String> {
    let json = of_table(&table, empty_is_object, 0)?;
    let text = match unformatted {
        true => serde_json::to_string(&json),
        false => serde_json::to_string_pretty(&json),
    };
    text.map_err(Error::external)
}

fn of_table(table: &Table, empty_is_object: bool, depth: usize) -> Result<Json> {
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
        let value = of_value(&value, empty_is_object, depth)?;
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
fn of_value(value: &Value, empty_is_object: bool, depth: usize) -> Result<Option<Json>> {
    Ok(Some(match value {
        Value::Boolean(value) => Json::Bool(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Number(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_string_lossy()),
        Value::Table(table) => of_table(table, empty_is_object, depth + 1)?,
        _ => return Ok(None),
    }))
}

/// The table of a text; nil if it is no JSON. `null` is nil.
pub(super) fn decode(lua: &Lua, text: LuaString) -> Result<Value> {
    match serde_json::from_slice(&text.as_bytes()) {
        Ok(json) => to_lua(lua, json),
        Err(_) => Ok(Value::Nil),
    }
}

fn to_lua(lua: &Lua, json: Json) -> Result<Value> {
    match json {
        Json::Null => Ok(Value::Nil),
        Json::Bool(value) => Ok(Value::Boolean(value)),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Ok(Value::Integer(number)),
            None => Ok(Value::Number(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => text.into_lua(lua),
        Json::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (at, item) in (1i64..).zip(items) {
                table.raw_set(at, to_lua(lua, item)?)?;
            }
            Ok(Value::Table(table))
        }
        Json::Object(map) => {
            let table = lua.create_table_with_capacity(0, map.len())?;
            for (key, value) in map {
                table.raw_set(key, to_lua(lua, value)?)?;
            }
            Ok(Value::Table(table))
        }
    }
}
