//! Scripts from JSON files.

use std::path::Path;

use serde_json::{Map, Value};

use super::destination::{Destination, duration};
use super::{FileLength, Pattern, Script};
use crate::switch::Action;

/// Why a script file cannot be used: which file, where in it, what is allowed.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {place}{problem}")]
pub struct ScriptError {
    file: String,
    place: String,
    problem: String,
}

type Problem = (String, String);

impl Script {
    /// Reads a script from a JSON file.
    ///
    /// ```json
    /// {
    ///   "destinations": [
    ///     {"match": "user/1000", "ring": "2s", "then": "answer", "hangup_after": "5s", "digits": "1234"},
    ///     {"match": "user/1001", "then": "busy"},
    ///     {"match": "sofia/*", "then": "fail", "cause": "NETWORK_OUT_OF_ORDER"}
    ///   ],
    ///   "extensions": {"7777": ["answer", "socket 127.0.0.1:8084 async full"]},
    ///   "files": {"/sounds/welcome.wav": "3s", "/sounds/lost.wav": "missing"}
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the file cannot be read, is not JSON, or holds a key or a value that is not allowed.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ScriptError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_json(&file, &text),
            Err(error) => Err(ScriptError {
                file,
                place: String::new(),
                problem: format!("cannot be read: {error}"),
            }),
        }
    }

    /// Reads a script from the text of a JSON file; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Self::from_file).
    pub fn from_json(file: &str, text: &str) -> Result<Self, ScriptError> {
        read(text).map_err(|(place, problem)| ScriptError {
            file: file.to_owned(),
            place,
            problem,
        })
    }
}

fn problem(place: &str, text: impl Into<String>) -> Problem {
    let place = if place.is_empty() {
        String::new()
    } else {
        format!("{place}: ")
    };
    (place, text.into())
}

fn read(text: &str) -> Result<Script, Problem> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| problem("", format!("is not JSON: {error}")))?;
    let mut script = Script::new();
    for (key, value) in object("", &value)? {
        match key.as_str() {
            "destinations" => {
                for (i, rule) in array(key, value)?.iter().enumerate() {
                    let rule = destination(&format!("destinations[{i}]"), rule)?;
                    script.destinations.push(rule);
                }
            }
            "extensions" => {
                for (extension, actions) in object(key, value)? {
                    let place = format!("extensions.{extension}");
                    let mut list = Vec::new();
                    for action in array(&place, actions)? {
                        list.push(Action::parse(&string(&place, action)?));
                    }
                    if let Some(bad) = list.iter().find(|a| !crate::switch::is_application(&a.app))
                    {
                        return Err(problem(
                            &place,
                            format!("there is no application {:?}", bad.app),
                        ));
                    }
                    script.extensions.push((Pattern::new(extension), list));
                }
            }
            "files" => {
                for (path, length) in object(key, value)? {
                    let place = format!("files.{path}");
                    let length = match string(&place, length)?.as_str() {
                        "missing" => FileLength::Missing,
                        "endless" => FileLength::Endless,
                        text => FileLength::Lasts(duration(text).ok_or_else(|| {
                            problem(&place, format!(
                                "{text:?} is not a length: write for example \"3s\", \"500ms\", \
                                 \"endless\" or \"missing\""
                            ))
                        })?),
                    };
                    script.files.push((Pattern::new(path), length));
                }
            }
            _ => {
                let text = "is not allowed here; allowed are destinations, extensions and files";
                return Err(problem(key, text));
            }
        }
    }
    Ok(script)
}

fn destination(place: &str, value: &Value) -> Result<(Pattern, Destination), Problem> {
    let map = object(place, value)?;
    let text = |key: &str| {
        map.get(key)
            .map(|value| string(&format!("{place}.{key}"), value))
    };
    let Some(pattern) = text("match").transpose()? else {
        return Err(problem(
            place,
            "needs \"match\", as \"user/1000\" or \"sofia/*\"",
        ));
    };
    let word = text("then")
        .transpose()?
        .unwrap_or_else(|| "answer".to_owned());
    let Some(mut destination) = Destination::named(&word) else {
        let text = format!(
            "there is no outcome {word:?}; allowed are {}",
            Destination::WORDS
        );
        return Err(problem(&format!("{place}.then"), text));
    };
    for (key, value) in map
        .iter()
        .filter(|(key, _)| *key != "match" && *key != "then")
    {
        let place = format!("{place}.{key}");
        let value = string(&place, value)?;
        if let Err(text) = destination.set(key, &value) {
            let text = text.replace("allowed are ", "allowed are match, then, ");
            return Err(problem(&place, text));
        }
    }
    Ok((Pattern::new(&pattern), destination))
}

fn object<'a>(place: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Problem> {
    value
        .as_object()
        .ok_or_else(|| problem(place, "must be an object: {…}"))
}

fn array<'a>(place: &str, value: &'a Value) -> Result<&'a Vec<Value>, Problem> {
    value
        .as_array()
        .ok_or_else(|| problem(place, "must be a list: […]"))
}

/// Text; numbers and true/false are taken as their text.
fn string(place: &str, value: &Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(problem(place, "must be text")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn reads_destinations_extensions_and_files() {
        let text = r#"{
            "destinations": [
                {"match": "user/1000", "ring": "2s", "then": "answer", "hangup_after": "5s", "digits": 1234},
                {"match": "user/*", "then": "busy"}
            ],
            "extensions": {"7777": ["answer", "socket 127.0.0.1:8084 async full"]},
            "files": {"/a.wav": "3s", "/b.wav": "missing"}
        }"#;
        let script = Script::from_json("test.json", text).unwrap();
        let phone = script.find("user/1000").unwrap();
        assert_eq!(phone.after, Duration::from_secs(2));
        assert_eq!(phone.hangup_after, Some(Duration::from_secs(5)));
        assert_eq!(phone.digits, "1234");
        assert_eq!(script.find("user/1001"), Some(Destination::busy()));
        let actions = script.actions("7777").unwrap();
        assert_eq!(actions[1].arg, "127.0.0.1:8084 async full");
        assert_eq!(script.file_length("/b.wav"), FileLength::Missing);
    }

    #[test]
    fn errors_name_the_file_the_place_and_what_is_allowed() {
        for (text, wanted) in [
            ("{", "x.json: is not JSON"),
            ("[]", "x.json: must be an object"),
            (
                r#"{"rules": []}"#,
                "x.json: rules: is not allowed here; allowed are destinations",
            ),
            (
                r#"{"destinations": [{}]}"#,
                "x.json: destinations[0]: needs \"match\"",
            ),
            (
                r#"{"destinations": [{"match": "a/b", "then": "explode"}]}"#,
                "x.json: destinations[0].then: there is no outcome \"explode\"; allowed are answer,",
            ),
            (
                r#"{"destinations": [{"match": "a/b", "rign": "2s"}]}"#,
                "x.json: destinations[0].rign: there is no option \"rign\"; allowed are match, then,",
            ),
            (
                r#"{"destinations": [{"match": "a/b", "ring": "soon"}]}"#,
                "x.json: destinations[0].ring: \"soon\" is not a time",
            ),
            (
                r#"{"extensions": {"1": ["anwser"]}}"#,
                "x.json: extensions.1: there is no application \"anwser\"",
            ),
        ] {
            let error = Script::from_json("x.json", text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
