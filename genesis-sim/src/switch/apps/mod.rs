//! The applications (mod_dptools and others).

mod bridge;
mod call;
mod digits;
mod media;
mod record;
mod socket;
mod variables;

use genesis_proto::name::HangupCause;

use super::session::Session;

/// What follows an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next action.
    Continue,
    /// The call is hung up, after the application's completion was told.
    Hangup(HangupCause),
}

/// An application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App {
    pub(crate) name: &'static str,
    /// Run on an unanswered call, it opens early media.
    pub(crate) needs_media: bool,
}

const APPS: &[App] = &{
    const fn signal(name: &'static str) -> App {
        App {
            name,
            needs_media: false,
        }
    }
    const fn media(name: &'static str) -> App {
        App {
            name,
            needs_media: true,
        }
    }
    [
        signal("answer"),
        signal("pre_answer"),
        signal("ring_ready"),
        signal("hangup"),
        signal("park"),
        signal("transfer"),
        signal("bridge"),
        signal("uuid_bridge"),
        signal("sleep"),
        signal("set"),
        signal("unset"),
        signal("export"),
        signal("multiset"),
        signal("log"),
        signal("info"),
        signal("event"),
        signal("break"),
        signal("socket"),
        signal("hold"),
        signal("unhold"),
        signal("send_dtmf"),
        signal("sched_hangup"),
        media("playback"),
        media("endless_playback"),
        media("gentones"),
        media("say"),
        media("phrase"),
        media("play_and_get_digits"),
        media("read"),
        media("echo"),
        media("delay_echo"),
        media("record"),
        media("record_session"),
        media("stop_record_session"),
    ]
};

/// The application of this name, in any case.
pub(crate) fn find(name: &str) -> Option<App> {
    APPS.iter()
        .find(|app| app.name.eq_ignore_ascii_case(name))
        .copied()
}

pub(crate) async fn run(session: &Session, name: &str, arg: &str) -> After {
    match name {
        "answer" => session.answer(),
        "pre_answer" => session.pre_answer(),
        "ring_ready" => session.ring_ready(),
        "hangup" => call::hangup(session, arg),
        "park" => call::park(session).await,
        "transfer" => call::transfer(session, arg),
        "bridge" => return bridge::bridge(session, arg).await,
        "uuid_bridge" => return bridge::uuid_bridge(session, arg).await,
        "sleep" => call::sleep(session, arg).await,
        "break" => session.channel.update(|data| data.broken = true),
        "hold" => drop(session.hold()),
        "unhold" => drop(session.unhold()),
        "send_dtmf" => {}
        "sched_hangup" => call::sched_hangup(session, arg),
        "set" => variables::set(session, arg),
        "unset" => session.channel.set_variable(arg.trim(), ""),
        "export" => variables::export(session, arg),
        "multiset" => variables::multiset(session, arg),
        "log" => variables::log(session, arg),
        "info" => variables::info(session),
        "event" => variables::event(session, arg),
        "socket" => return socket::socket(session, arg).await,
        "playback" => media::playback(session, arg, 1).await,
        "endless_playback" => media::playback(session, arg, u64::MAX).await,
        "gentones" => media::playback(session, &format!("tone_stream://{arg}"), 1).await,
        "say" | "phrase" => media::say(session, arg).await,
        "echo" | "delay_echo" => media::echo(session).await,
        "play_and_get_digits" => digits::play_and_get_digits(session, arg).await,
        "read" => digits::read(session, arg).await,
        "record" => record::record(session, arg).await,
        "record_session" => record::start(session, arg),
        "stop_record_session" => drop(record::stop(session, arg)),
        _ => {}
    }
    After::Continue
}

pub(crate) use record::{start as start_recording, stop as stop_recording};
