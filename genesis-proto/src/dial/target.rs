//! What a call does once it is answered.

use super::words::{Pass, escape, split};
use crate::Error;

/// A dialplan application with its argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Application {
    name: String,
    argument: Option<String>,
}

impl Application {
    /// An application; an empty argument is written as well (`&park()`).
    #[must_use]
    pub fn new(name: impl Into<String>, argument: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            argument: Some(argument.into()),
        }
    }

    /// An application without an argument (`&park`).
    #[must_use]
    pub fn bare(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            argument: None,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The argument, if one was given.
    #[must_use]
    pub fn argument(&self) -> Option<&str> {
        self.argument.as_deref()
    }
}

/// Where an answered call goes: the second argument of `originate`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// `9664`: an extension of the dialplan.
    Extension(String),
    /// `&playback(x)`: one application.
    Application(Application),
    /// `answer,playback:x` with the dialplan `inline`: applications in turn.
    Inline(Vec<Application>),
}

impl Target {
    /// The text of the second argument, before the argument itself is quoted.
    pub(super) fn write(&self) -> Result<String, Error> {
        match self {
            Self::Extension(extension) => {
                super::originate::check("extension", extension)?;
                if extension.len() > 1 && extension.starts_with('&') {
                    return Err(Error::invalid(format!(
                        "the switch takes {extension:?} for an application: set it as one"
                    )));
                }
                Ok(extension.clone())
            }
            Self::Application(application) => ampersand(application),
            Self::Inline(applications) => inline(applications),
        }
    }

    /// Reads it as `originate_function` does (mod_commands.c).
    pub(super) fn read(text: &str, is_inline: bool) -> Self {
        match text.strip_prefix('&') {
            Some(text) if !text.is_empty() => {
                let text = text.split_once(')').map_or(text, |(before, _)| before);
                Self::Application(match text.split_once('(') {
                    Some((name, argument)) => Application::new(name, argument),
                    None => Application::bare(text),
                })
            }
            _ if is_inline => Self::Inline(read_inline(text)),
            _ => Self::Extension(text.to_owned()),
        }
    }
}

fn ampersand(application: &Application) -> Result<String, Error> {
    check_name(&application.name)?;
    let Some(argument) = &application.argument else {
        return Ok(format!("&{}", application.name));
    };
    check_argument(&application.name, argument)?;
    if argument.contains(')') {
        return Err(Error::invalid(format!(
            "the argument of {:?} holds ')', where the switch ends it; use inline applications",
            application.name
        )));
    }
    Ok(format!("&{}({argument})", application.name))
}

/// mod_dptools.c, `inline_dialplan_hunt`.
fn inline(applications: &[Application]) -> Result<String, Error> {
    if applications.is_empty() {
        return Err(Error::invalid("the list of inline applications is empty"));
    }
    if applications.len() > super::MAX_PEERS {
        return Err(Error::invalid(
            "the switch reads 128 inline applications at most",
        ));
    }
    let mut words = Vec::with_capacity(applications.len());
    for application in applications {
        check_name(&application.name)?;
        if application.name == "m" {
            return Err(Error::invalid(
                "\"m:\" begins a list with a delimiter of its own",
            ));
        }
        let word = match &application.argument {
            Some(argument) => {
                check_argument(&application.name, argument)?;
                format!("{}:{argument}", application.name)
            }
            None => application.name.clone(),
        };
        words.push(escape(&word, Pass::Cut(',')));
    }
    Ok(words.join(","))
}

fn read_inline(text: &str) -> Vec<Application> {
    let mut chars = text.chars();
    let own = match (chars.next(), chars.next(), chars.next(), chars.next()) {
        (Some('m'), Some(':'), Some(own), Some(':')) => Some(own),
        _ => None,
    };
    let (text, delimiter) = own.map_or((text, ','), |own| (chars.as_str(), own));
    split(text, delimiter, super::MAX_PEERS)
        .iter()
        .map(|word| match word.split_once(':') {
            Some((name, argument)) => Application::new(name.trim_start_matches(' '), argument),
            None => Application::bare(word.trim_start_matches(' ')),
        })
        .collect()
}

fn check_name(name: &str) -> Result<(), Error> {
    let bad = |c: char| c.is_ascii_control() || " (),:'\"\\".contains(c);
    if name.is_empty() || name.contains(bad) || name.starts_with("^^") {
        return Err(Error::invalid(format!(
            "{name:?} is not the name of an application"
        )));
    }
    Ok(())
}

fn check_argument(name: &str, argument: &str) -> Result<(), Error> {
    if super::variables::has_control(argument) {
        return Err(Error::invalid(format!(
            "the argument of {name:?} holds a line break or another control character"
        )));
    }
    Ok(())
}
