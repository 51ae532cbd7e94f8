//! Whose events a connection can want at all, as far as its filters say.

use std::collections::BTreeSet;

use crate::switch::Interest;

/// The headers that events are found by.
const KEYS: [&str; 2] = ["Unique-ID", "Job-Owner-UUID"];

/// The filters of one connection, as [`Subscription`] keeps them too. What they say is only used to
/// leave out what the subscription does not want in any case.
///
/// [`Subscription`]: genesis_proto::session::switch::Subscription
#[derive(Debug, Default)]
pub(crate) struct Narrowing {
    filters: Vec<(String, String)>,
}

impl Narrowing {
    /// Takes in a command `filter`, without that word.
    pub(crate) fn filter(&mut self, argument: &str) {
        let (mut name, mut value) = split(argument.trim_start_matches(' '));
        if name.eq_ignore_ascii_case("delete")
            && let Some(rest) = value
        {
            (name, value) = split(rest);
            if name.eq_ignore_ascii_case("all") {
                self.filters.clear();
            } else {
                self.remove(name, value.filter(|value| !value.is_empty()));
            }
            return;
        }
        if name.eq_ignore_ascii_case("add")
            && let Some(rest) = value
        {
            (name, value) = split(rest);
        }
        match value {
            Some("") => self.remove(name, None),
            Some(value) => self.filters.push((name.to_owned(), value.to_owned())),
            None => {}
        }
    }

    fn remove(&mut self, name: &str, value: Option<&str>) {
        self.filters.retain(|(known, held)| {
            !(known.eq_ignore_ascii_case(name) && value.is_none_or(|value| value == held))
        });
    }

    /// What the filters can let through, and perhaps more.
    pub(crate) fn interest(&self) -> Interest {
        let is_key = |name: &str| KEYS.iter().any(|key| key.eq_ignore_ascii_case(name));
        // signs and regular expressions
        let is_plain = |value: &str| !value.starts_with(['+', '-', ' ', '/']);
        let mut keys = BTreeSet::new();
        for (name, value) in &self.filters {
            if !is_key(name) || !is_plain(value) {
                return Interest::Everything;
            }
            keys.insert(value.to_ascii_lowercase());
        }
        match self.filters.is_empty() {
            true => Interest::Everything,
            false => Interest::Keys(keys),
        }
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(' ') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use genesis_proto::EventName;
    use genesis_proto::session::switch::{Candidate, Permissions, Subscription};

    use super::*;

    struct Headers<'a>(&'a [(&'a str, &'a str)]);

    impl Candidate for Headers<'_> {
        fn name(&self) -> &EventName {
            &EventName::ChannelAnswer
        }

        fn subclass(&self) -> Option<Cow<'_, str>> {
            None
        }

        fn header(&self, name: &str) -> Option<Cow<'_, str>> {
            let mut headers = self.0.iter();
            let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some(found.1.into())
        }
    }

    fn interest(filters: &[&str]) -> Interest {
        let mut narrowing = Narrowing::default();
        filters.iter().for_each(|filter| narrowing.filter(filter));
        narrowing.interest()
    }

    fn keys(keys: &[&str]) -> Interest {
        Interest::Keys(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    #[test]
    fn filters_by_channel_narrow() {
        let own = ["Unique-ID A", " job-owner-uuid a"];
        assert_eq!(interest(&own), keys(&["a"]));
        assert_eq!(interest(&["add Unique-ID b"]), keys(&["b"]));
        assert_eq!(
            interest(&["Unique-ID a", "Unique-ID b", "delete Unique-ID a"]),
            keys(&["b"])
        );
        for everything in [
            &[][..],
            &["Unique-ID a", "delete Unique-ID a"],
            &["Unique-ID a", "unique-id "],
            &["Unique-ID a", "delete all"],
            &["Unique-ID a", "Event-Name HEARTBEAT"],
            &["Unique-ID /a/"],
            &["Unique-ID -a"],
            &["Unique-ID + a"],
        ] {
            assert_eq!(interest(everything), Interest::Everything, "{everything:?}");
        }
    }

    /// Whatever has been said, what the subscription wants is never left out.
    #[test]
    fn nothing_that_is_wanted_is_left_out() {
        let words = [
            "Unique-ID a",
            "unique-id B",
            "add Job-Owner-UUID a",
            "add X 1",
            "add",
            "Unique-ID ",
            "Unique-ID  a",
            "Unique-ID -a",
            "Unique-ID /a/",
            "delete Unique-ID a",
            "delete Unique-ID",
            "DELETE job-owner-uuid ",
            "delete x 1",
            "delete  Unique-ID a",
            "delete",
            "delete all",
        ];
        let events: [&[(&str, &str)]; 7] = [
            &[],
            &[("X", "1")],
            &[("Unique-ID", "a")],
            &[("Unique-ID", "b")],
            &[("Unique-ID", "c"), ("Job-Owner-UUID", "A")],
            &[("Unique-ID", " a")],
            &[("Job-Owner-UUID", "b")],
        ];
        let mut narrowed = 0;
        for at in 0..words.len().pow(3) {
            let said = [at, at / words.len(), at / words.len().pow(2)];
            let mut subscription = Subscription::new();
            subscription.event(" ALL", &Permissions::all(), &[]);
            let mut narrowing = Narrowing::default();
            for word in said.map(|at| words[at % words.len()]) {
                subscription.filter(word);
                narrowing.filter(word);
            }
            let Interest::Keys(keys) = narrowing.interest() else {
                continue;
            };
            for event in events {
                let headers = Headers(event);
                let found = event.iter().any(|(name, value)| {
                    KEYS.contains(name) && keys.contains(&value.to_ascii_lowercase())
                });
                let wanted =
                    subscription.wants(&headers, None, &mut |pattern, value| pattern == value);
                assert!(found || !wanted, "{said:?} {event:?}");
                narrowed += usize::from(!found);
            }
        }
        assert!(narrowed > 0);
    }
}
