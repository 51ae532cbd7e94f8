//! Recording: the events, not the sound.

use std::time::Duration;

use genesis_proto::command::arguments;
use genesis_proto::name::EventName;

use crate::switch::session::Session;
use crate::switch::wait::{Stop, Wait};

/// `record path [limit_seconds [silence_threshold [silence_seconds]]]`.
pub(super) async fn record(session: &Session, arg: &str) {
    let words = arguments(arg, 5);
    let path = words.first().cloned().unwrap_or_default();
    let limit = words
        .get(1)
        .and_then(|word| word.parse().ok())
        .filter(|seconds| *seconds > 0);
    let stops = session
        .channel
        .variable("playback_terminators")
        .unwrap_or_else(|| "*".to_owned());
    session.event_with(EventName::RecordStart, &[], &[("Record-File-Path", &path)]);
    let mut wait = Wait::new(limit.map(Duration::from_secs)).for_digits();
    let cause = loop {
        match session.wait(&mut wait).await {
            Stop::Elapsed => break "success-maxtime",
            Stop::Digit(digit) if stops.contains(digit) => break "success-terminator",
            Stop::Digit(_) => {}
            Stop::Interrupted | Stop::Broken | Stop::Watched => break "success",
        }
    };
    let about = [
        ("Record-File-Path", &*path),
        ("Record-Completion-Cause", cause),
    ];
    session.event_with(EventName::RecordStop, &[], &about);
}

/// Records the call from now on, beside what it does (`record_session`, `uuid_record start`).
pub(crate) fn start(session: &Session, arg: &str) {
    let words = arguments(arg, 5);
    let Some(path) = words.first() else {
        return;
    };
    session
        .channel
        .update(|data| data.recording.push(path.to_owned()));
    session.event_with(EventName::RecordStart, &[], &[("Record-File-Path", path)]);
}

/// Stops one recording, or `all`; false when it does not run.
pub(crate) fn stop(session: &Session, arg: &str) -> bool {
    let path = arg.trim();
    let stopped: Vec<String> = session.channel.update(|data| {
        let (stopped, kept) = data
            .recording
            .drain(..)
            .partition(|file| path == "all" || file == path);
        data.recording = kept;
        stopped
    });
    for path in &stopped {
        let cause = ("Record-Completion-Cause", "success");
        session.event_with(
            EventName::RecordStop,
            &[],
            &[("Record-File-Path", path), cause],
        );
    }
    !stopped.is_empty()
}
