//! What may go into a command. One place decides, so that nothing can end a line.

use crate::Error;

/// The longest command block the switch reads (`max_len` in mod_event_socket.c, `read_packet`).
pub(super) const COMMAND_MAX: usize = 10 << 20;
/// The longest body it accepts.
pub(super) const BODY_MAX: usize = 16 << 20;

/// `text` can stand in a line: no CR, LF or NUL.
pub(super) fn line(what: &str, text: &str) -> Result<(), Error> {
    if text.len() > COMMAND_MAX / 2 {
        return Err(Error::invalid(format!(
            "{what} is {} bytes long; the switch reads commands of at most 10 MiB",
            text.len()
        )));
    }
    match text.bytes().position(|b| matches!(b, b'\r' | b'\n' | 0)) {
        None => Ok(()),
        Some(at) => Err(Error::invalid(format!(
            "{what} holds a line feed, carriage return or NUL at byte {at}; \
             it would end the line and start another command"
        ))),
    }
}

/// `text` is one word: a line without blanks that is not empty.
pub(super) fn word(what: &str, text: &str) -> Result<(), Error> {
    line(what, text)?;
    if text.is_empty() {
        return Err(Error::invalid(format!("{what} is empty")));
    }
    if text.contains([' ', '\t']) {
        return Err(Error::invalid(format!(
            "{what} {text:?} holds a blank; it must be one word"
        )));
    }
    Ok(())
}

/// `name` can be the name of a header line.
pub(super) fn header_name(name: &str) -> Result<(), Error> {
    line("the header name", name)?;
    if name.is_empty() || name.contains(':') || name.starts_with(' ') {
        return Err(Error::invalid(format!(
            "the header name {name:?} is empty, holds a colon or starts with a blank"
        )));
    }
    Ok(())
}

/// `body` can be a body: the switch reads it as a C string.
pub(super) fn body(body: &[u8]) -> Result<(), Error> {
    if body.len() > BODY_MAX {
        return Err(Error::invalid(format!(
            "the body is {} bytes long; the switch accepts at most 16 MiB",
            body.len()
        )));
    }
    match body.iter().position(|&b| b == 0) {
        None => Ok(()),
        Some(at) => Err(Error::invalid(format!(
            "the body holds a NUL at byte {at}; the switch would drop everything after it"
        ))),
    }
}
