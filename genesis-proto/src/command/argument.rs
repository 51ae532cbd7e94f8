//! The words of an `api` command's or an application's argument.

use crate::dial::words;

/// Writes a text so that the switch reads it as one word (`switch_separate_string` with a blank,
/// switch_utils.c): quoted where it has blanks, escaped where it has quotes or backslashes.
///
/// ```
/// use genesis_proto::command::{argument, arguments};
///
/// let written = argument("it's 5 o'clock");
/// let line = format!("uuid note {written} 7");
/// assert_eq!(arguments(&line, 10), ["uuid", "note", "it's 5 o'clock", "7"]);
/// assert_eq!(argument("plain.wav"), "plain.wav");
/// ```
#[must_use]
pub fn argument(text: &str) -> String {
    words::escape_argument(text)
}

/// Reads a line as the switch does: at most `max` words, the last of which takes all that is left.
#[must_use]
pub fn arguments(line: &str, max: usize) -> Vec<String> {
    let words = words::split(line, ' ', max);
    words.into_iter().map(|word| word.into_owned()).collect()
}
