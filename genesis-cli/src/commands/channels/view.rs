//! A channel as it is shown.

use genesis_client::ChannelRow;
use serde::Serialize;

/// What an operator wants to see of a channel. Columns have the names that `show channels` gives
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct View {
    pub(super) uuid: String,
    pub(super) direction: String,
    pub(super) state: String,
    pub(super) callstate: String,
    pub(super) created: String,
    pub(super) created_epoch: Option<u64>,
    pub(super) name: String,
    pub(super) cid_name: String,
    pub(super) cid_num: String,
    pub(super) dest: String,
    pub(super) application: String,
    pub(super) application_data: String,
    pub(super) call_uuid: String,
    /// The Unique-ID of the leg at the other end of the bridge.
    pub(super) bridged_to: Option<String>,
    /// Once it has hung up.
    pub(super) hangup_cause: Option<String>,
}

/// A channel and for how long it has been there, in seconds.
#[derive(Debug, Serialize)]
pub(super) struct Aged<'a> {
    #[serde(flatten)]
    view: &'a View,
    duration: Option<u64>,
}

impl View {
    pub(super) fn new(row: &ChannelRow, bridged_to: Option<&str>) -> Self {
        let column = |name| row.get(name).unwrap_or_default().to_owned();
        Self {
            uuid: column("uuid"),
            direction: column("direction"),
            state: column("state"),
            callstate: column("callstate"),
            created: column("created"),
            created_epoch: row.created_epoch(),
            name: column("name"),
            cid_name: column("cid_name"),
            cid_num: column("cid_num"),
            dest: column("dest"),
            application: column("application"),
            application_data: column("application_data"),
            call_uuid: column("call_uuid"),
            bridged_to: bridged_to.map(str::to_owned),
            hangup_cause: None,
        }
    }

    /// Seconds since it was created, at `now` (seconds since 1970).
    pub(super) fn duration(&self, now: u64) -> Option<u64> {
        // the switch's clock may be ahead of ours
        let created = self.created_epoch.filter(|created| *created > 0)?;
        Some(now.saturating_sub(created))
    }

    pub(super) fn aged(&self, now: u64) -> Aged<'_> {
        Aged {
            view: self,
            duration: self.duration(now),
        }
    }

    /// `NAME <NUMBER>`, or what there is of it.
    pub(super) fn caller(&self) -> String {
        match (&*self.cid_name, &*self.cid_num) {
            (name, number) if name.is_empty() || name == number => number.to_owned(),
            (name, "") => name.to_owned(),
            (name, number) => format!("{name} <{number}>"),
        }
    }

    /// The application and its argument.
    pub(super) fn runs(&self) -> String {
        format!("{} {}", self.application, self.application_data)
            .trim()
            .to_owned()
    }
}

/// `0:07`, `1:02:03`, `2d 03:04:05`.
pub(super) fn clock(seconds: u64) -> String {
    let (minutes, s) = (seconds / 60, seconds % 60);
    let (hours, m) = (minutes / 60, minutes % 60);
    let (days, h) = (hours / 24, hours % 24);
    match (days, h) {
        (0, 0) => format!("{m}:{s:02}"),
        (0, h) => format!("{h}:{m:02}:{s:02}"),
        (days, h) => format!("{days}d {h:02}:{m:02}:{s:02}"),
    }
}

/// A row as `show channels as json` gives it, for tests.
#[cfg(test)]
pub(super) fn test_view(columns: &[(&str, &str)]) -> View {
    let row: serde_json::Map<String, serde_json::Value> = columns
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let shown = serde_json::json!({"row_count": 1, "rows": [row]}).to_string();
    let snapshot = genesis_client::ChannelSnapshot::from_json(shown.as_bytes()).unwrap();
    View::new(snapshot.iter().next().unwrap(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_at_a_glance() {
        for (seconds, text) in [
            (7, "0:07"),
            (3723, "1:02:03"),
            (2 * 86_400 + 3 * 3600 + 245, "2d 03:04:05"),
        ] {
            assert_eq!(clock(seconds), text);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_gives_no_giant_duration() {
        let view = test_view(&[("uuid", "a"), ("created_epoch", "1000")]);
        assert_eq!(view.duration(1007), Some(7));
        assert_eq!(view.duration(990), Some(0));
        assert_eq!(test_view(&[("uuid", "a")]).duration(990), None);
    }

    #[test]
    fn a_caller_has_a_name_a_number_or_both() {
        let caller = |name, number| {
            test_view(&[("uuid", "a"), ("cid_name", name), ("cid_num", number)]).caller()
        };
        assert_eq!(caller("Alice", "1001"), "Alice <1001>");
        assert_eq!(caller("", "1001"), "1001");
        assert_eq!(caller("1001", "1001"), "1001");
        assert_eq!(caller("Alice", ""), "Alice");
    }
}
