//! Reading a dial string as the switch does.

use std::borrow::Cow;

use nom::IResult;
use nom::bytes::complete::take_while;
use nom::character::complete::char;

use super::variables::{Scope, has_control};
use super::words::split;
use super::{DialString, ENTERPRISE, Endpoint, Leg, MAX_PEERS, Part, Variables};
use crate::Error;

/// Stand for commas in `[]` while the legs are cut apart (switch_ivr_originate.c).
const QUOTED_COMMA: char = '\u{1}';
const SEPARATING_COMMA: char = '\u{2}';

/// The switch reads at most this many variables of one bracket.
const MAX_VARIABLES: usize = 1024;

/// What stands between a bracket and the one that closes it, found by counting
/// (`switch_find_end_paren`).
fn bracketed(open_close: (char, char), input: &str) -> IResult<&str, &str> {
    let (open, close) = open_close;
    let (inside, _) = char(open)(input)?;
    let mut depth = 1usize;
    for (at, c) in inside.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
        }
        if depth == 0 {
            return Ok((&inside[at + close.len_utf8()..], &inside[..at]));
        }
    }
    Err(nom::Err::Error(nom::error::Error::new(
        input,
        nom::error::ErrorKind::Char,
    )))
}

fn spaces(input: &str) -> IResult<&str, &str> {
    take_while(|c| c == ' ')(input)
}

fn skip_spaces(input: &str) -> &str {
    spaces(input).map_or(input, |(rest, _)| rest)
}

/// Where `rest`, the end of `text`, begins in it.
fn offset_in(text: &str, rest: &str) -> usize {
    text.len().saturating_sub(rest.len())
}

pub(super) fn dial_string(text: &str) -> Result<DialString, Error> {
    if let Some(at) = text.find(|c: char| c.is_ascii_control() && c != '\t') {
        return Err(Error::parse("a dial string holds a control character", at));
    }
    let mut global = Variables::default();
    let start = skip_spaces(text);
    let rest = brackets(start, Scope::Global, offset_in(text, start), &mut global)?;
    let mut parts = Vec::new();
    let mut offset = offset_in(text, rest);
    if !text.contains(ENTERPRISE) {
        parts.push(part(rest, offset)?);
        return Ok(DialString { global, parts });
    }
    for part_text in rest.split(ENTERPRISE) {
        let start = skip_spaces(part_text);
        parts.push(part(start, offset + offset_in(part_text, start))?);
        offset += part_text.len() + ENTERPRISE.len();
    }
    if parts.len() > MAX_PEERS {
        return Err(too_many("parts", offset_in(text, rest)));
    }
    Ok(DialString { global, parts })
}

/// All brackets of one kind, one right after another: the switch takes what follows a space for
/// an endpoint. `offset` is where `input` begins.
fn brackets<'a>(
    input: &'a str,
    scope: Scope,
    offset: usize,
    variables: &mut Variables,
) -> Result<&'a str, Error> {
    let (open, close) = scope.brackets();
    let mut rest = input;
    while rest.starts_with(open) {
        let at = offset + offset_in(input, rest);
        let Ok((after, content)) = bracketed((open, close), rest) else {
            return Err(Error::parse(
                format!("'{open}' has no '{close}' that closes it"),
                at,
            ));
        };
        assignments(content, scope, at, variables)?;
        rest = after;
    }
    Ok(rest)
}

/// The variables of one bracket (`switch_event_create_brackets`). Entries without `=` or without
/// anything after it are skipped, as the switch does.
fn assignments(
    content: &str,
    scope: Scope,
    offset: usize,
    variables: &mut Variables,
) -> Result<(), Error> {
    let usual = if scope == Scope::Leg {
        SEPARATING_COMMA
    } else {
        ','
    };
    let mut chars = content.chars();
    let (entries, delimiter) = match (chars.next(), chars.next(), chars.next()) {
        (Some('^'), Some('^'), Some(own)) => (chars.as_str(), own),
        _ => (content, usual),
    };
    let entries = match scope {
        Scope::Leg => Cow::Owned(entries.replace(QUOTED_COMMA, ",")),
        _ => Cow::Borrowed(entries),
    };
    for entry in split(&entries, delimiter, MAX_VARIABLES) {
        if let [name, value] = split(&entry, '=', 2).as_slice() {
            // the switch keeps variables by name; one without a name reaches nobody
            if name.is_empty() {
                continue;
            }
            variables.read(scope, (name, value), offset)?;
        }
    }
    Ok(())
}

fn part(text: &str, offset: usize) -> Result<Part, Error> {
    let mut variables = Variables::default();
    // inside an enterprise part `<>` reaches no further than `{}`
    let mut shared = Variables::default();
    let rest = brackets(text, Scope::Global, offset, &mut shared)?;
    for entry in shared.iter() {
        variables.read(Scope::Group, entry, offset)?;
    }
    let rest_offset = offset + offset_in(text, rest);
    let rest = skip_spaces(brackets(rest, Scope::Group, rest_offset, &mut variables)?);
    let offset = offset + offset_in(text, rest);
    let attempts = split(rest, '|', MAX_PEERS + 1);
    if attempts.is_empty() {
        return Err(Error::parse(
            "a dial string, or a part of one, names no endpoint",
            offset,
        ));
    }
    if attempts.len() > MAX_PEERS {
        return Err(too_many("attempts", offset));
    }
    let attempts = attempts
        .iter()
        .map(|text| attempt(text, offset))
        .collect::<Result<_, _>>()?;
    Ok(Part {
        variables,
        attempts,
    })
}

/// The legs that ring together. The text has been through a pass already, so that errors can only
/// say where the part begins.
fn attempt(text: &str, offset: usize) -> Result<Vec<Leg>, Error> {
    let text = mark_commas(text);
    let legs = split(&text, ',', MAX_PEERS + 1);
    if legs.is_empty() {
        return Err(Error::parse(
            "an attempt (between '|') names no endpoint",
            offset,
        ));
    }
    if legs.len() > MAX_PEERS {
        return Err(too_many("legs", offset));
    }
    legs.iter().map(|text| leg(text, offset)).collect()
}

/// Hides the commas inside `[]` from the cut between legs.
fn mark_commas(text: &str) -> Cow<'_, str> {
    if !text.contains('[') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut own_delimiter, mut previous) = (false, false, '\0');
    let mut pairs = bracket_pairs(text).into_iter().peekable();
    let mut end = None;
    for (at, c) in text.char_indices() {
        if end.is_none() && c == '[' {
            while pairs.next_if(|&(open, _)| open < at).is_some() {}
            end = pairs
                .next_if(|&(open, _)| open == at)
                .map(|(_, close)| close);
            own_delimiter = text[at + 1..].starts_with("^^");
            quoted = false;
        }
        if c == '\'' {
            quoted = !quoted;
        }
        out.push(match c {
            ',' if end.is_some() && previous != '\\' => {
                if quoted || own_delimiter {
                    QUOTED_COMMA
                } else {
                    SEPARATING_COMMA
                }
            }
            _ => c,
        });
        if end == Some(at) {
            end = None;
        }
        previous = c;
    }
    Cow::Owned(out)
}

/// Where each `[` that is closed stands, and where it is closed, in order.
fn bracket_pairs(text: &str) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    let mut pairs = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '[' => open.push(at),
            ']' => pairs.extend(open.pop().map(|open| (open, at))),
            _ => {}
        }
    }
    pairs.sort_unstable();
    pairs
}

fn leg(text: &str, offset: usize) -> Result<Leg, Error> {
    let mut variables = Variables::default();
    let rest = skip_spaces(brackets(text, Scope::Leg, offset, &mut variables)?);
    // commas in brackets that turned out to be part of the endpoint
    let endpoint = rest.replace([QUOTED_COMMA, SEPARATING_COMMA], ",");
    if has_control(&endpoint) {
        return Err(Error::parse(
            "an endpoint holds a control character",
            offset,
        ));
    }
    let endpoint = Endpoint::new(endpoint).map_err(|refused| at(&refused, offset))?;
    let mut leg = Leg::from(endpoint);
    for (name, value) in variables.iter() {
        leg.set_variable(name, value)?;
    }
    Ok(leg)
}

/// The same refusal, as a fault of the text.
fn at(refused: &Error, offset: usize) -> Error {
    Error::parse(refused.to_string(), offset)
}

fn too_many(what: &str, offset: usize) -> Error {
    Error::parse(
        format!("more {what} side by side than the switch reads ({MAX_PEERS})"),
        offset,
    )
}
