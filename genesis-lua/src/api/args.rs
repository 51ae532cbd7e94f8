//! What scripts pass: arguments in order, and tables of options.

use std::collections::VecDeque;
use std::time::Duration;

use mlua::{AnyUserData, Function, MultiValue, Table, UserDataRef, Value};

use super::failure::{Failure, Result};

/// What the texts of one table may take together: the switch reads commands of at most 10 MiB. One text
/// may stand in a table many times.
const BULK: usize = 10 << 20;

/// What a value takes besides its text.
const VALUE: usize = 64;

/// So deep in tables are texts.
const DEPTH: usize = 4;

/// An error when what is in a table would take more than a command could.
pub(crate) fn check_bulk(of: &str, table: &Table) -> Result<()> {
    fn rest(left: usize, value: &Value, depth: usize) -> mlua::Result<Option<usize>> {
        let bytes = match value {
            Value::String(text) => text.as_bytes().len(),
            _ => 0,
        };
        let mut left = left.checked_sub(bytes.saturating_add(VALUE));
        if let Value::Table(table) = value
            && depth > 0
        {
            for pair in table.pairs::<Value, Value>() {
                let (key, value) = pair?;
                for value in [key, value] {
                    let Some(enough) = left else { return Ok(None) };
                    left = rest(enough, &value, depth - 1)?;
                }
            }
        }
        Ok(left)
    }
    match rest(BULK, &Value::Table(table.clone()), DEPTH)? {
        Some(_) => Ok(()),
        None => no(format!(
            "{of}: the table holds more than {BULK} bytes of texts; the switch reads commands of at \
             most that"
        )),
    }
}

/// A text that goes into a line for the switch.
pub(crate) fn check_line(of: &str, what: &str, text: &str) -> Result<()> {
    match text.find(['\r', '\n', '\0']) {
        None => Ok(()),
        Some(at) => no(format!(
            "{of}: {what} holds a line feed, carriage return or NUL at byte {}, which the event socket \
             cannot carry there; replace it before, as with text:gsub(\"%c\", \" \")",
            at + 1
        )),
    }
}

/// The arguments of one call.
pub(crate) struct Args {
    /// How the function is called in Lua.
    name: &'static str,
    values: VecDeque<Value>,
    taken: usize,
}

fn no<T>(message: String) -> Result<T> {
    Err(Failure::invalid(message))
}

impl Args {
    pub(crate) fn new(name: &'static str, values: MultiValue) -> Self {
        Self {
            name,
            values: values.into_iter().collect(),
            taken: 0,
        }
    }

    pub(crate) fn next(&mut self) -> Value {
        self.taken += 1;
        self.values.pop_front().unwrap_or(Value::Nil)
    }

    pub(crate) fn wrong<T>(&self, what: &str, got: &Value) -> Result<T> {
        let (name, taken) = (self.name, self.taken);
        let got = got.type_name();
        no(format!(
            "{name}: argument {taken} must be {what}, not {got}"
        ))
    }

    /// The object that a method is called on.
    pub(crate) fn this<T: 'static>(&mut self) -> Result<UserDataRef<T>> {
        let value = self.values.pop_front().unwrap_or(Value::Nil);
        let name = self.name;
        let object = value
            .as_userdata()
            .and_then(|object| object.borrow::<T>().ok());
        object.ok_or_else(|| {
            Failure::invalid(format!(
                "{name} is a method: call it with a colon, object:{name}(…)"
            ))
        })
    }

    pub(crate) fn text(&mut self, what: &str) -> Result<String> {
        let value = self.next();
        match text_of(&value) {
            Some(text) => Ok(text),
            None => self.wrong(&format!("{what} (a string)"), &value),
        }
    }

    pub(crate) fn optional_text(&mut self, what: &str) -> Result<Option<String>> {
        match self.values.front() {
            None | Some(Value::Nil) => {
                self.next();
                Ok(None)
            }
            Some(_) => self.text(what).map(Some),
        }
    }

    /// Seconds, as a number.
    pub(crate) fn seconds(&mut self, what: &str) -> Result<Duration> {
        let value = self.next();
        match duration_of(&value) {
            Some(time) => Ok(time),
            None => self.wrong(&format!("{what} (seconds, a number from 0)"), &value),
        }
    }

    pub(crate) fn optional_seconds(&mut self, what: &str) -> Result<Option<Duration>> {
        match self.values.front() {
            None | Some(Value::Nil) => {
                self.next();
                Ok(None)
            }
            Some(_) => self.seconds(what).map(Some),
        }
    }

    pub(crate) fn whole(&mut self, what: &str) -> Result<usize> {
        let value = self.next();
        match whole_of(&value) {
            Some(number) => Ok(number),
            None => self.wrong(&format!("{what} (a whole number from 0)"), &value),
        }
    }

    pub(crate) fn function(&mut self, what: &str) -> Result<Function> {
        match self.next() {
            Value::Function(function) => Ok(function),
            other => self.wrong(&format!("{what} (a function)"), &other),
        }
    }

    pub(crate) fn object(&mut self, what: &str) -> Result<AnyUserData> {
        match self.next() {
            Value::UserData(object) => Ok(object),
            other => self.wrong(what, &other),
        }
    }

    /// The table of options that may come last. Names that are not `known` are refused.
    pub(crate) fn options(&mut self, known: &'static [&'static str]) -> Result<Options> {
        match self.next() {
            Value::Nil => Ok(Options {
                of: self.name,
                table: None,
            }),
            Value::Table(table) => Options::check(self.name, table, known),
            other => self.wrong("a table of options", &other),
        }
    }
}

/// A string, or a number as one.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string_lossy()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn duration_of(value: &Value) -> Option<Duration> {
    match value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        // `math.huge`: as long as it takes
        Value::Number(seconds) if *seconds == f64::INFINITY => Some(Duration::MAX),
        Value::Number(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => None,
    }
}

fn whole_of(value: &Value) -> Option<usize> {
    match value {
        Value::Integer(number) => usize::try_from(*number).ok(),
        Value::Number(number) if number.fract() == 0.0 && (0.0..1e15).contains(number) => {
            Some(*number as usize)
        }
        _ => None,
    }
}

/// A table of options whose names have been checked.
pub(crate) struct Options {
    of: &'static str,
    table: Option<Table>,
}

impl Options {
    /// Refuses names that are not `known`; the list part of a table is never an option.
    pub(crate) fn check(
        of: &'static str,
        table: Table,
        known: &'static [&'static str],
    ) -> Result<Self> {
        check_bulk(of, &table)?;
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            let name = text_of(&key).unwrap_or_else(|| key.type_name().to_owned());
            if !known.contains(&&*name) {
                let known = match known.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has {}", known.join(", ")),
                };
                return no(format!("{of} has no option '{name}'; {known}"));
            }
        }
        Ok(Self {
            of,
            table: Some(table),
        })
    }

    pub(crate) fn value(&self, name: &str) -> Result<Value> {
        match &self.table {
            Some(table) => Ok(table.raw_get(name)?),
            None => Ok(Value::Nil),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let value = self.value(name)?;
        if value == Value::Nil {
            return Ok(None);
        }
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => no(format!(
                "{}: option {name} must be {what}, not {}",
                self.of,
                value.type_name()
            )),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        self.read(name, "a string", text_of)
    }

    pub(crate) fn seconds(&self, name: &str) -> Result<Option<Duration>> {
        self.read(name, "seconds (a number from 0)", duration_of)
    }

    pub(crate) fn whole(&self, name: &str) -> Result<Option<usize>> {
        self.read(name, "a whole number from 0", whole_of)
    }

    pub(crate) fn number32(&self, name: &str) -> Result<Option<u32>> {
        self.read(name, "a whole number from 0", |value| {
            whole_of(value).and_then(|number| u32::try_from(number).ok())
        })
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.read(name, "true or false", Value::as_boolean)
    }

    pub(crate) fn table(&self, name: &str) -> Result<Option<Table>> {
        self.read(name, "a table", |value| value.as_table().cloned())
    }

    pub(crate) fn object<T: 'static>(
        &self,
        name: &str,
        what: &str,
    ) -> Result<Option<UserDataRef<T>>> {
        self.read(name, what, |value| value.as_userdata()?.borrow::<T>().ok())
    }

    /// A table of texts by name.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        match self.table(name)? {
            Some(table) => pairs(self.of, &table),
            None => Ok(Vec::new()),
        }
    }

    /// `{name = …, number = …}`, or a number alone.
    pub(crate) fn caller_id(&self) -> Result<Option<(String, String)>> {
        let value = self.value("caller_id")?;
        match &value {
            Value::Nil => Ok(None),
            Value::Table(table) => {
                let options = Self::check("caller_id", table.clone(), &["name", "number"])?;
                let number = options.text("number")?.unwrap_or_default();
                let name = options.text("name")?.unwrap_or_else(|| number.clone());
                Ok(Some((name, number)))
            }
            value => match text_of(value) {
                Some(number) => Ok(Some((number.clone(), number))),
                None => no(format!(
                    "{}: option caller_id must be a number, or a table with name and number",
                    self.of
                )),
            },
        }
    }
}

/// Texts by name, in the order of their names, so that what is sent does not change from run to run.
pub(crate) fn pairs(of: &str, table: &Table) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    check_bulk(of, table)?;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let text = match &value {
            Value::Boolean(flag) => Some(flag.to_string()),
            value => text_of(value),
        };
        match (&key, text) {
            (Value::String(key), Some(text)) => {
                let key = key.to_string_lossy();
                check_line(of, &format!("the value of {key}"), &text)?;
                pairs.push((key, text));
            }
            _ => return no(format!("{of}: variables are a table of strings by name")),
        }
    }
    pairs.sort();
    Ok(pairs)
}
