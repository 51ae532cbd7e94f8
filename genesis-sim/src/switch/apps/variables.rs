//! Applications about variables, the log and events.

use genesis_proto::event::EventBuilder;
use genesis_proto::name::{EventName, LogLevel};

use crate::switch::events::{put, put_channel};
use crate::switch::session::Session;

/// `set name=value`; without a value the variable is removed.
pub(super) fn set(session: &Session, arg: &str) {
    if let Some((name, value)) = assignment(arg) {
        session.channel.set_variable(name, value);
    }
}

/// `export [nolocal:]name=value`: later legs get it too.
pub(super) fn export(session: &Session, arg: &str) {
    let Some((name, value)) = assignment(arg) else {
        return;
    };
    let (name, local) = match name.strip_prefix("nolocal:") {
        Some(name) => (name, false),
        None => (name, true),
    };
    session.channel.update(|data| {
        let stored = if local {
            name.to_owned()
        } else {
            format!("nolocal:{name}")
        };
        data.set_variable(&stored, value);
        let mut names = data.variable("export_vars").unwrap_or_default().to_owned();
        if !names.split(',').any(|known| known == stored) {
            if !names.is_empty() {
                names.push(',');
            }
            names.push_str(&stored);
            data.set_variable("export_vars", &names);
        }
    });
}

/// `multiset a=1 b=2` or `multiset ^^:a=1:b=2`.
pub(super) fn multiset(session: &Session, arg: &str) {
    let (separator, list) = match arg.strip_prefix("^^").and_then(|rest| rest.chars().next()) {
        Some(separator) => (separator, &arg[2 + separator.len_utf8()..]),
        None => (' ', arg),
    };
    for part in list.split(separator) {
        set(session, part);
    }
}

fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let name = name.trim();
    (!name.is_empty()).then_some((name, value))
}

/// `log LEVEL text`.
pub(super) fn log(session: &Session, arg: &str) {
    let (level, text) = arg.split_once(' ').unwrap_or(("", arg));
    let known = LogLevel::ALL
        .iter()
        .find(|known| known.as_str().eq_ignore_ascii_case(level));
    let (level, text) = match known {
        Some(level) => (*level, text),
        None => (LogLevel::Debug, arg),
    };
    session.switch.log(level, Some(&session.channel.uuid), text);
}

/// Writes what is known about the channel to the log.
pub(super) fn info(session: &Session) {
    let mut text = String::from("CHANNEL_DATA:");
    let event = session.dump().build();
    for header in event.headers().iter() {
        text.push_str(&format!("\n{}: [{}]", header.name(), header.value()));
    }
    session
        .switch
        .log(LogLevel::Info, Some(&session.channel.uuid), &text);
}

/// `event Event-Name=CUSTOM,Event-Subclass=x,Key=value`.
pub(super) fn event(session: &Session, arg: &str) {
    let mut name = EventName::Custom;
    let mut subclass = None;
    let mut headers = Vec::new();
    for part in arg.split(',') {
        let Some((key, value)) = part.split_once('=') else {
            continue;
        };
        match key.trim() {
            "Event-Name" => name = EventName::from(value),
            "Event-Subclass" => subclass = Some(value),
            key => headers.push((key.to_owned(), value.to_owned())),
        }
    }
    session
        .switch
        .emit(name.clone(), |event: &mut EventBuilder| {
            if let Some(subclass) = subclass {
                put(event, "Event-Subclass", subclass);
            }
            put_channel(event, &session.channel, &name);
            for (key, value) in &headers {
                put(event, key, value);
            }
        });
}
