//! What an endpoint, an extension or a file does without any rule.

use std::time::Duration;

use genesis_proto::name::HangupCause;

use super::FileLength;
use super::destination::{Destination, duration};
use crate::switch::Action;

pub(crate) fn destination(endpoint: &str) -> Option<Destination> {
    let (module, rest) = endpoint.split_once('/')?;
    Some(match module.to_ascii_lowercase().as_str() {
        "null" => Destination::answer(),
        "error" => Destination::refuse(HangupCause::from_argument(rest)),
        "sim" => return simulated(rest),
        "user" | "sofia" | "loopback" => Destination::answer_after(Duration::from_secs(1)),
        _ => return None,
    })
}

/// `sim/WORD?key=value&key=value`. A mistake refuses the call: the log says what is wrong.
fn simulated(text: &str) -> Option<Destination> {
    let (word, options) = text.split_once('?').unwrap_or((text, ""));
    let Some(mut destination) = Destination::named(word) else {
        tracing::warn!(
            "sim/{word}: there is no such outcome; allowed are {}",
            Destination::WORDS
        );
        return None;
    };
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, "true"));
        if let Err(problem) = destination.set(key, value) {
            tracing::warn!("sim/{text}: {problem}");
            return None;
        }
    }
    Some(destination)
}

pub(crate) fn actions(extension: &str) -> Option<Vec<Action>> {
    let actions: &[&str] = match extension {
        "9664" => &["answer", "playback local_stream://moh"],
        "9196" => &["answer", "echo"],
        "park" => &["park"],
        _ => return None,
    };
    Some(actions.iter().map(|text| Action::parse(text)).collect())
}

pub(crate) fn file_length(path: &str) -> FileLength {
    let (kind, rest) = path.split_once("://").unwrap_or(("file", path));
    match kind {
        "silence_stream" => match rest
            .split(',')
            .next()
            .unwrap_or_default()
            .trim()
            .parse::<i64>()
        {
            Ok(ms) => u64::try_from(ms).map_or(FileLength::Endless, |ms| {
                FileLength::Lasts(Duration::from_millis(ms))
            }),
            Err(_) => FileLength::Missing,
        },
        "tone_stream" => tone_length(rest),
        "local_stream" => FileLength::Endless,
        _ => FileLength::Lasts(Duration::from_secs(1)),
    }
}

/// The length of `%(on,off,frequency…)` tones in ms, in any number, with `loops=N` or `L=N`.
fn tone_length(text: &str) -> FileLength {
    let mut total = Duration::ZERO;
    let mut loops = 1_i64;
    let mut found = false;
    for part in text.split(';') {
        let part = part.trim();
        if let Some(count) = part
            .strip_prefix("loops=")
            .or_else(|| part.strip_prefix("L="))
        {
            loops = count.parse().unwrap_or(1);
        }
        for tone in part.split("%(").skip(1) {
            let mut numbers = tone.split([',', ')']);
            let mut next = || {
                numbers
                    .next()
                    .and_then(|ms| duration(&format!("{}ms", ms.trim())))
            };
            total += next().unwrap_or_default() + next().unwrap_or_default();
            found = true;
        }
    }
    match u32::try_from(loops) {
        _ if !found => FileLength::Lasts(Duration::from_secs(1)),
        Err(_) => FileLength::Endless,
        Ok(loops) => FileLength::Lasts(total.saturating_mul(loops.max(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_and_silence_last_as_long_as_they_say() {
        let ms = |path: &str| match file_length(path) {
            FileLength::Lasts(length) => Some(length.as_millis()),
            _ => None,
        };
        assert_eq!(ms("tone_stream://%(800,0,500)"), Some(800));
        assert_eq!(ms("tone_stream://%(500,100,440,480);loops=2"), Some(1200));
        assert_eq!(ms("silence_stream://500,1400"), Some(500));
        assert_eq!(file_length("silence_stream://-1"), FileLength::Endless);
        assert_eq!(
            file_length("tone_stream://%(1,1,1);loops=-1"),
            FileLength::Endless
        );
        assert_eq!(file_length("local_stream://moh"), FileLength::Endless);
    }
}
