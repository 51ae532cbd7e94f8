//! Who answers and how: the other ends of calls, and a small dialplan.
//!
//! A [`Script`] holds rules for destinations, extensions and files. What no rule covers has a
//! built-in behaviour, so an empty script is useful:
//!
//! | endpoint | behaviour |
//! |---|---|
//! | `null/…` | answers at once |
//! | `error/CAUSE` | fails at once, without a channel |
//! | `sim/answer`, `sim/busy`, `sim/no_answer`, `sim/reject`, `sim/unregistered`, `sim/fail` | as the name says; options after `?` |
//! | `user/…`, `sofia/…`, `loopback/…` | rings for 1 s, then answers |
//! | anything else | fails with CHAN_NOT_IMPLEMENTED, without a channel |
//!
//! `sim/answer?after=1s&hangup_after=5s&digits=123` shows the options; they are the keys of a
//! [`Destination`].
//!
//! | extension | actions |
//! |---|---|
//! | `9664` | answer, play music on hold |
//! | `9196` | answer, echo |
//! | `park` | park |

mod builtin;
mod destination;
mod file;
mod pattern;

use std::time::Duration;

pub use destination::{Destination, Outcome};
pub use file::ScriptError;

use self::pattern::Pattern;
use crate::switch::Action;

/// Rules for destinations, extensions and files. The first rule that matches counts.
///
/// ```
/// use std::time::Duration;
/// use genesis_sim::script::{Destination, Script};
///
/// let script = Script::new()
///     .destination("user/1000", Destination::answer_after(Duration::from_secs(2)))
///     .destination("user/*", Destination::busy())
///     .extension("7777", &["answer", "socket 127.0.0.1:8084 async full"]);
/// assert!(script.find("user/1001").is_some());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    destinations: Vec<(Pattern, Destination)>,
    extensions: Vec<(Pattern, Vec<Action>)>,
    files: Vec<(Pattern, FileLength)>,
}

/// How long a sound file plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileLength {
    Missing,
    Lasts(Duration),
    Endless,
}

impl Script {
    /// A script without rules: only the built-in behaviours.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule for the endpoint of a dial string, as `user/1000`. In the pattern `*` stands
    /// for any characters and `?` for one; without them it must match exactly.
    #[must_use]
    pub fn destination(mut self, pattern: &str, destination: Destination) -> Self {
        self.destinations.push((Pattern::new(pattern), destination));
        self
    }

    /// Adds an extension: each action is the name of an application, a space and its argument.
    #[must_use]
    pub fn extension(mut self, pattern: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|text| Action::parse(text)).collect();
        self.extensions.push((Pattern::new(pattern), actions));
        self
    }

    /// Adds a sound file that lasts this long. Files without a rule last 1 s.
    #[must_use]
    pub fn file(mut self, pattern: &str, length: Duration) -> Self {
        self.files
            .push((Pattern::new(pattern), FileLength::Lasts(length)));
        self
    }

    /// Adds a sound file that is not there.
    #[must_use]
    pub fn missing_file(mut self, pattern: &str) -> Self {
        self.files
            .push((Pattern::new(pattern), FileLength::Missing));
        self
    }

    /// The behaviour of an endpoint, as `sofia/internal/1000@example.com`: from the rules, else
    /// built in. `None` when no endpoint module has this name.
    pub fn find(&self, endpoint: &str) -> Option<Destination> {
        let rule = self
            .destinations
            .iter()
            .find(|(pattern, _)| pattern.matches(endpoint));
        match rule {
            Some((_, destination)) => Some(destination.clone()),
            None => builtin::destination(endpoint),
        }
    }

    /// The actions of an extension.
    pub(crate) fn actions(&self, extension: &str) -> Option<Vec<Action>> {
        let rule = self
            .extensions
            .iter()
            .find(|(pattern, _)| pattern.matches(extension));
        match rule {
            Some((_, actions)) => Some(actions.clone()),
            None => builtin::actions(extension),
        }
    }

    /// How long a file plays. `tone_stream://` and `silence_stream://` say it themselves.
    pub(crate) fn file_length(&self, path: &str) -> FileLength {
        let rule = self.files.iter().find(|(pattern, _)| pattern.matches(path));
        match rule {
            Some((_, length)) => *length,
            None => builtin::file_length(path),
        }
    }
}

/// The inline dialplan: `app:arg,app:arg`.
pub(crate) fn inline_actions(text: &str) -> Vec<Action> {
    let (separator, text) = match text.strip_prefix("m:").and_then(|rest| {
        let mut chars = rest.chars();
        let separator = chars.next()?;
        Some((
            separator,
            chars.as_str().strip_prefix(':').unwrap_or(chars.as_str()),
        ))
    }) {
        Some(found) => found,
        None => (',', text),
    };
    let split = text
        .split(separator)
        .map(str::trim)
        .filter(|part| !part.is_empty());
    split
        .map(|part| {
            let (app, arg) = part.split_once(':').unwrap_or((part, ""));
            Action {
                app: app.to_owned(),
                arg: arg.to_owned(),
            }
        })
        .collect()
}
