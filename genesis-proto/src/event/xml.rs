//! Events as XML.
//!
//! `<event><headers><Name>value</Name>…</headers><body>…</body></event>`. Values are url-encoded
//! inside the XML; an array repeats its element. Header names are not checked by the switch, so a
//! name that XML does not allow makes the document malformed: that is an error here, as it is for
//! any XML parser.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event as Xml};

use super::{Arena, Document};
use crate::{Error, ErrorKind, percent};

pub(super) fn read(body: &[u8]) -> Result<Document, Error> {
    let text = std::str::from_utf8(body)
        .map_err(|error| malformed(format!("it is not UTF-8 at byte {}", error.valid_up_to())))?;
    let mut state = State::default();
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event() {
            Ok(Xml::Start(tag)) => state.open(&tag)?,
            Ok(Xml::Empty(tag)) => {
                state.open(&tag)?;
                state.close();
            }
            Ok(Xml::End(_)) => state.close(),
            Ok(Xml::Text(text)) => state.text(&text.decode().map_err(malformed)?)?,
            Ok(Xml::CData(text)) => state.text(&text.decode().map_err(malformed)?)?,
            Ok(Xml::GeneralRef(entity)) => state.text(&resolve(&entity)?)?,
            Ok(Xml::Eof) => break,
            Ok(Xml::Decl(_) | Xml::Comment(_) | Xml::PI(_)) => {}
            Ok(Xml::DocType(_)) => return Err(malformed("it declares a document type")),
            Err(error) => return Err(malformed(error)),
        }
    }
    state.finish()
}

fn malformed(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Malformed,
        format!("the XML of an event cannot be read: {why}"),
        None,
    )
}

fn resolve(entity: &BytesRef<'_>) -> Result<String, Error> {
    if let Some(character) = entity.resolve_char_ref().map_err(malformed)? {
        return Ok(character.to_string());
    }
    let name = entity.decode().map_err(malformed)?;
    match quick_xml::escape::resolve_predefined_entity(&name) {
        Some(text) => Ok(text.to_owned()),
        None => Err(malformed(format!("the entity {name:?} is not defined"))),
    }
}

/// Where in the document we are: how deep, and in which element.
#[derive(Default)]
struct State {
    depth: usize,
    in_headers: bool,
    in_body: bool,
    done: bool,
    saw_headers: bool,
    name: String,
    text: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl State {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Error> {
        let name = tag.name();
        let name = std::str::from_utf8(name.as_ref()).map_err(malformed)?;
        if !is_xml_name(name) {
            return Err(malformed(format!("{name:?} is no element name")));
        }
        if let Some(bad) = tag.attributes().find_map(Result::err) {
            return Err(malformed(bad));
        }
        if self.depth == 0 && self.done {
            return Err(malformed("there is more than one root element"));
        }
        self.depth += 1;
        match self.depth {
            2 => {
                self.in_headers = name == "headers" && !self.saw_headers;
                self.in_body = name == "body" && self.body.is_none();
                self.text.clear();
            }
            3 if self.in_headers => {
                self.name = name.to_owned();
                self.text.clear();
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        if let Some(bad) = text.chars().find(|&c| !is_xml_char(c)) {
            return Err(malformed(format!("the character {bad:?} is not allowed")));
        }
        match self.depth {
            0 if !text.trim().is_empty() => Err(malformed("there is text outside the event")),
            2 if self.in_body => {
                self.text.push_str(text);
                Ok(())
            }
            3 if self.in_headers => {
                self.text.push_str(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) {
        match self.depth {
            1 => self.done = true,
            2 if self.in_headers => {
                self.in_headers = false;
                self.saw_headers = true;
            }
            2 if self.in_body => {
                self.body = Some(std::mem::take(&mut self.text));
                self.in_body = false;
            }
            3 if self.in_headers => {
                let pair = (
                    std::mem::take(&mut self.name),
                    std::mem::take(&mut self.text),
                );
                self.headers.push(pair);
            }
            _ => {}
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn finish(self) -> Result<Document, Error> {
        if self.depth != 0 || !self.done {
            return Err(malformed("it ends inside an element"));
        }
        if !self.saw_headers {
            return Err(malformed("it has no headers"));
        }
        let mut arena = Arena::with_capacity(self.headers.len() * 32);
        for run in self.headers.chunk_by(|(a, _), (b, _)| a == b) {
            push_run(run, &mut arena);
        }
        let body = self.body.map(String::into_bytes);
        Ok(Document {
            headers: arena.finish(),
            body,
        })
    }
}

/// A run of elements of one name with different values is an array; with one value it is a
/// header that the switch wrote twice.
fn push_run(run: &[(String, String)], arena: &mut Arena) {
    let values: Vec<_> = run
        .iter()
        .map(|(_, value)| percent::decode(value.as_bytes()))
        .collect();
    if values.windows(2).any(|pair| pair[0] != pair[1]) {
        arena.push_array(&run[0].0, &values);
    } else {
        for value in &values {
            arena.push(&run[0].0, value);
        }
    }
}

fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn is_xml_name(name: &str) -> bool {
    let mut chars = name.chars();
    let start = |c: char| c == ':' || c == '_' || c.is_alphabetic();
    chars.next().is_some_and(start)
        && chars.all(|c| start(c) || c.is_numeric() || matches!(c, '-' | '.' | '\u{b7}'))
}
