//! Changes, a line for each.

use std::fmt::Write as _;

use serde::Serialize;

use super::board::{Change, Kind};
use super::view::{Aged, View, clock};
use crate::commands::describe;
use crate::exit::Failure;
use crate::output::{Output, one_line, style};

#[derive(Serialize)]
struct ChangeObject<'a> {
    change: &'static str,
    /// In microseconds since 1970, by the switch's clock.
    event_date_timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_uuid: Option<&'a str>,
    channel: Aged<'a>,
}

/// Shows a change; one that says nothing to a person only with `--json`.
pub(super) fn show(change: &Change, now: u64, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        let renamed = change.kind == Kind::Renamed;
        let before = change.before.as_ref().filter(|_| renamed);
        return output.object(&ChangeObject {
            change: change.kind.as_str(),
            event_date_timestamp: change
                .event
                .as_ref()
                .and_then(genesis_client::proto::Event::timestamp_micros),
            old_uuid: before.map(|view| &*view.uuid),
            channel: change.view.aged(now),
        });
    }
    let details = details(change, now);
    if details.is_empty() && change.kind == Kind::Changed {
        return Ok(());
    }
    let dim = output.style(style::DIM);
    let colour = output.style(match change.kind {
        Kind::Present | Kind::Changed => style::NONE,
        Kind::New => style::GOOD,
        Kind::Renamed => style::OTHER,
        Kind::Ended => style::BAD,
    });
    let time = change.event.as_ref().map(describe::clock);
    let mut line = format!(
        "{dim}{:<12}{dim:#}  {colour}{:<7}{colour:#}  {}",
        time.unwrap_or_default(),
        change.kind.as_str(),
        one_line(&change.view.uuid)
    );
    for (label, value) in details {
        let value = describe::quoted(&value);
        let _ = write!(line, "  {dim}{label}={dim:#}{value}");
    }
    output.line(&line)
}

/// What tells most about a change: the label and the value.
fn details(change: &Change, now: u64) -> Vec<(&'static str, String)> {
    let view = &change.view;
    let mut details = Vec::new();
    let mut add = |label, value: String| {
        if !value.is_empty() {
            details.push((label, value));
        }
    };
    match (change.kind, &change.before) {
        (Kind::Ended, _) => {
            add("cause", view.hangup_cause.clone().unwrap_or_default());
            add("after", view.duration(now).map(clock).unwrap_or_default());
        }
        (Kind::Renamed, Some(before)) => add("old_uuid", before.uuid.clone()),
        (Kind::Changed, Some(before)) => {
            for ((label, was), (_, is)) in shown(before).into_iter().zip(shown(view)) {
                // that it hung up, its end says in a moment
                if was != is && is != "HANGUP" {
                    let nothing = is.is_empty();
                    add(label, if nothing { "-".to_owned() } else { is });
                }
            }
        }
        _ => {
            for (label, value) in shown(view) {
                add(label, value);
            }
        }
    }
    details
}

fn shown(view: &View) -> [(&'static str, String); 6] {
    [
        ("direction", view.direction.clone()),
        ("callstate", view.callstate.clone()),
        ("caller", view.caller()),
        ("destination", view.dest.clone()),
        ("application", view.runs()),
        ("bridged_to", view.bridged_to.clone().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::view::test_view;
    use super::*;

    fn change(kind: Kind, before: Option<View>, view: View) -> Change {
        Change {
            kind,
            event: None,
            before,
            view,
        }
    }

    #[test]
    fn a_change_says_what_is_other_than_before() {
        let before = test_view(&[("uuid", "a"), ("callstate", "RINGING"), ("cid_num", "1")]);
        let mut after = before.clone();
        "CS_EXECUTE".clone_into(&mut after.state);
        let hidden = change(Kind::Changed, Some(before.clone()), after.clone());
        assert_eq!(details(&hidden, 0), []);
        "HANGUP".clone_into(&mut after.callstate);
        let hanging_up = change(Kind::Changed, Some(before.clone()), after.clone());
        assert_eq!(details(&hanging_up, 0), []);
        "ACTIVE".clone_into(&mut after.callstate);
        after.cid_num.clear();
        let seen = change(Kind::Changed, Some(before), after);
        assert_eq!(
            details(&seen, 0),
            [
                ("callstate", "ACTIVE".to_owned()),
                ("caller", "-".to_owned())
            ]
        );
    }

    #[test]
    fn an_end_says_why_and_how_long_it_was_there() {
        let mut view = test_view(&[("uuid", "a"), ("created_epoch", "1000")]);
        view.hangup_cause = Some("USER_BUSY".to_owned());
        let ended = change(Kind::Ended, None, view);
        assert_eq!(
            details(&ended, 1065),
            [
                ("cause", "USER_BUSY".to_owned()),
                ("after", "1:05".to_owned())
            ]
        );
    }
}
