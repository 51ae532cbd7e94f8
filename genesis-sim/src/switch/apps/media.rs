//! Playing.

use std::time::Duration;

use genesis_proto::name::EventName;
use tokio::time::Instant;

use crate::script::FileLength;
use crate::switch::session::Session;
use crate::switch::wait::{Stop, Wait};

/// How playing a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Played {
    Done,
    Broken,
    Interrupted,
    Missing,
    /// A digit stopped it.
    Digit(char),
}

/// switch_ivr_play_say.c, `switch_ivr_play_file`. `stops` says which digits end it.
pub(super) async fn play(session: &Session, path: &str, stops: impl Fn(char) -> bool) -> Played {
    let length = match session.switch.options().script.file_length(path) {
        FileLength::Missing => return Played::Missing,
        FileLength::Lasts(length) => Some(length),
        FileLength::Endless => None,
    };
    let kind = path.split_once("://").map_or("file", |(kind, _)| kind);
    let about = [("Playback-File-Type", kind), ("Playback-File-Path", path)];
    session.event_with(EventName::PlaybackStart, &[], &about);
    let mut wait = Wait::new(length).pausing().for_digits();
    let played = loop {
        match session.wait(&mut wait).await {
            Stop::Elapsed | Stop::Watched => break Played::Done,
            Stop::Broken => break Played::Broken,
            Stop::Interrupted => break Played::Interrupted,
            Stop::Digit(digit) if stops(digit) => break Played::Digit(digit),
            Stop::Digit(_) => {}
        }
    };
    let time = match (length, wait.left()) {
        (Some(length), Some(left)) => length.saturating_sub(left),
        _ => Duration::ZERO,
    };
    let samples = (time.as_millis() * 8).to_string();
    session.channel.update(|data| {
        data.set_variable("playback_last_offset_pos", &samples);
        data.set_variable("playback_seconds", &time.as_secs().to_string());
        data.set_variable("playback_ms", &time.as_millis().to_string());
        data.set_variable("playback_samples", &samples);
    });
    let status = if played == Played::Done {
        "done"
    } else {
        "break"
    };
    let about = [&about[..], &[("Playback-Status", status)]].concat();
    session.event_with(EventName::PlaybackStop, &[], &about);
    played
}

/// `playback path`; a digit of `playback_terminators` (default `*`) ends it.
pub(super) async fn playback(session: &Session, arg: &str, times: u64) {
    let terminators = session
        .channel
        .variable("playback_terminators")
        .unwrap_or_else(|| "*".to_owned());
    let stops = |digit: char| match terminators.as_str() {
        "none" => false,
        "any" => true,
        set => set.contains(digit),
    };
    session.channel.set_variable("playback_terminator_used", "");
    let paths: Vec<&str> = match arg.strip_prefix("file_string://") {
        Some(list) => list.split('!').collect(),
        None => vec![arg.trim()],
    };
    let mut response = "FILE PLAYED";
    'turns: for _ in 0..times {
        let began = Instant::now();
        for path in &paths {
            match play(session, path, stops).await {
                Played::Done => {}
                Played::Broken => break 'turns,
                Played::Digit(digit) => {
                    session
                        .channel
                        .set_variable("playback_terminator_used", &digit.to_string());
                    break 'turns;
                }
                Played::Interrupted => {
                    response = "PLAYBACK ERROR";
                    break 'turns;
                }
                Played::Missing => {
                    response = "FILE NOT FOUND";
                    break 'turns;
                }
            }
        }
        if began.elapsed().is_zero() {
            break; // files without length would spin for ever
        }
    }
    session.respond(response);
}

/// `say en number pronounced 7` plays a file of 400 ms for each word or number said.
pub(super) async fn say(session: &Session, arg: &str) {
    let words = arg.split_whitespace().skip(3).count().max(1);
    let words = u32::try_from(words).unwrap_or(u32::MAX).min(1000);
    for _ in 0..words {
        let path = "tone_stream://%(400,0,500)";
        if play(session, path, |_| false).await != Played::Done {
            return;
        }
    }
}

/// Until the call ends or a break.
pub(super) async fn echo(session: &Session) {
    loop {
        match session.wait(&mut Wait::new(None)).await {
            Stop::Interrupted | Stop::Broken => return,
            _ => {}
        }
    }
}
