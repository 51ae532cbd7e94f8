//! What mod_lua has and Genesis has not, and small functions for the methods.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use genesis_proto::EventName;
use mlua::{Lua, Result, Table};
use tokio::time::Instant;

/// How long the connection outlives the call, for a script that goes on.
pub(super) const LINGER: Duration = Duration::from_secs(30);

/// How many letters a name may differ from what was meant.
const DISTANCE: usize = 2;

const INTERNAL: &str = "it belongs to the inside of mod_lua and is not for scripts";
const CHAT: &str = "messages are sent with freeswitch.API():execute(\"chat\", …)";

/// Class, name, what to use instead. `docs/mod_lua.md` lists them all; a test compares.
pub(super) const ABSENT: &[(&str, &str, &str)] = &[
    ("session", "insertFile", "edit files outside of the call"),
    (
        "session",
        "print",
        "send text with session:execute(\"send_display\", …) or an API",
    ),
    (
        "session",
        "setPrivate",
        "keep values in Lua variables, or in channel variables with setVariable",
    ),
    (
        "session",
        "getPrivate",
        "keep values in Lua variables, or in channel variables with setVariable",
    ),
    ("session", "setEventData", "use setVariable"),
    (
        "session",
        "getXMLCDR",
        "read variables with getVariable, or freeswitch.API():execute(\"uuid_dump\", …)",
    ),
    (
        "session",
        "detectSpeech",
        "its results are events that do not reach the input callback; use playAndDetectSpeech",
    ),
    ("session", "process_callback_result", INTERNAL),
    ("session", "setDTMFCallback", "use setInputCallback"),
    ("session", "get_cb_args", INTERNAL),
    ("session", "check_hangup_hook", INTERNAL),
    ("session", "run_dtmf_callback", INTERNAL),
    ("session", "setLUA", INTERNAL),
    (
        "freeswitch",
        "Dbh",
        "a database would stop every call of the thread; ask a service, or the APIs db and hash",
    ),
    (
        "freeswitch",
        "IVRMenu",
        "define the menu in ivr.conf and run it with session:execute(\"ivr\", name), or write it with playAndGetDigits",
    ),
    (
        "freeswitch",
        "email",
        "send it from a service that consumes events",
    ),
    ("freeswitch", "CoreSession", "use freeswitch.Session"),
    ("freeswitch", "input_callback_state_t", INTERNAL),
    ("freeswitch", "hanguphook", INTERNAL),
    ("freeswitch", "dtmf_callback", INTERNAL),
    ("Event", "chat_execute", CHAT),
    ("Event", "chat_send", CHAT),
];

/// What to use instead of what is not supported; nil for other names.
pub(super) fn instead(_: &Lua, (class, name): (String, String)) -> Result<Option<&'static str>> {
    let mut absent = ABSENT.iter();
    let found = absent.find(|(of, absent, _)| *of == class && *absent == name);
    Ok(found.map(|(_, _, instead)| *instead))
}

/// The name in a table that is nearest to a mistyped one.
pub(super) fn nearest(_: &Lua, (name, names): (String, Table)) -> Result<Option<String>> {
    let mut best: Option<(usize, String)> = None;
    for pair in names.pairs::<String, mlua::Value>() {
        let (other, _) = pair?;
        let distance = match other.eq_ignore_ascii_case(&name) {
            true => 0,
            false => strsim::damerau_levenshtein(&name, &other),
        };
        let is_near = distance <= DISTANCE && distance * 2 < name.len();
        let is_better = best
            .as_ref()
            .is_none_or(|(least, known)| (distance, &other) < (*least, known));
        if is_near && is_better {
            best = Some((distance, other));
        }
    }
    Ok(best.map(|(_, name)| name))
}

/// A text as one word of an application's argument.
pub(super) fn argument(_: &Lua, text: String) -> Result<String> {
    Ok(genesis_proto::command::argument(&text))
}

/// A clock for deadlines, in milliseconds.
pub(super) fn milliseconds() -> impl Fn(&Lua, ()) -> Result<u64> {
    let began = Instant::now();
    move |_, ()| Ok(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since 1970.
pub(super) fn epoch(_: &Lua, (): ()) -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(since.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }))
}

/// An event's name as the switch spells it; nil if there is none.
pub(super) fn event_name(_: &Lua, name: String) -> Result<Option<String>> {
    Ok(match EventName::from(&*name.to_ascii_uppercase()) {
        EventName::Other(_) => None,
        name => Some(name.as_str().to_owned()),
    })
}
