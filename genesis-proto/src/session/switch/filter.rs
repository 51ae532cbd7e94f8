//! The filters of one connection.

use std::borrow::Cow;
use std::fmt;

/// What the switch looks at to decide whether a connection gets an event.
///
/// The type is apart from the headers: a client can `sendevent` an event whose first `Event-Name`
/// is a lie.
pub trait Candidate {
    /// The event's type.
    fn name(&self) -> &crate::EventName;

    /// The event's subclass.
    fn subclass(&self) -> Option<Cow<'_, str>>;

    /// The *first* header called `name`, in any case (`switch_event_get_header`).
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;
}

/// Tells whether a pattern (the first argument) is found in a value (the second): filters in the
/// form `/pattern/` need it, and this crate has no regular expressions. Flags behind the second
/// slash arrive in the pattern, as a leading `(?i)`.
pub type MatchesRegex<'a> = &'a mut dyn FnMut(&str, &str) -> bool;

/// Filters, OR-ed: once there is one, an event passes only if one matches, and a matching filter
/// that begins with `-` rejects whatever the others say (mod_event_socket.c, `event_handler`).
#[derive(Clone, Default)]
pub(super) struct Filters {
    list: Vec<(String, String)>,
}

impl Filters {
    /// The command `filter`, without that word.
    pub(super) fn command(&mut self, argument: &str) -> String {
        let argument = argument.trim_start_matches(' ');
        let (mut name, mut value) = split(argument);
        if name.eq_ignore_ascii_case("delete")
            && let Some(rest) = value
        {
            (name, value) = split(rest);
            if name.eq_ignore_ascii_case("all") {
                self.list.clear();
            } else {
                let value = value.filter(|value| !value.is_empty());
                self.list.retain(|(known, held)| {
                    !(known.eq_ignore_ascii_case(name) && value.is_none_or(|value| value == held))
                });
            }
            return format!(
                "+OK filter deleted. [{name}][{}]",
                value.unwrap_or_default()
            );
        }
        let Some(rest) = value else {
            return "-ERR invalid syntax".to_owned();
        };
        if name.eq_ignore_ascii_case("add") {
            (name, value) = split(rest);
        }
        match value {
            // a filter is a header of an event inside: set to nothing it is deleted
            Some("") => self
                .list
                .retain(|(known, _)| !known.eq_ignore_ascii_case(name)),
            Some(value) => self.list.push((name.to_owned(), value.to_owned())),
            None => {}
        }
        format!("+OK filter added. [{name}]=[{}]", value.unwrap_or("(null)"))
    }

    pub(super) fn pass(&self, event: &impl Candidate, matches_regex: MatchesRegex<'_>) -> bool {
        if self.list.is_empty() {
            return true;
        }
        let mut pass = false;
        for (name, expected) in &self.list {
            let Some(value) = event.header(name) else {
                continue;
            };
            let (bare, positive) = strip_sign(expected);
            if pass && positive {
                continue;
            }
            // the unstripped text decides, so `-/a/` is compared as plain text
            let matches = if expected.starts_with('/') {
                let (pattern, flags) = split_regex(bare);
                if flags.is_empty() {
                    matches_regex(pattern, &value)
                } else {
                    matches_regex(&format!("(?{flags}){pattern}"), &value)
                }
            } else {
                value.eq_ignore_ascii_case(bare)
            };
            if matches && !positive {
                return false;
            }
            pass |= matches;
        }
        pass
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once(' ') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

/// Skips `+`, `-` and spaces; the last sign counts.
fn strip_sign(text: &str) -> (&str, bool) {
    let bare = text.trim_start_matches(['+', '-', ' ']);
    let signs = &text[..text.len() - bare.len()];
    let positive = signs
        .rfind(['+', '-'])
        .is_none_or(|at| signs.as_bytes()[at] == b'+');
    (bare, positive)
}

/// `/pattern/flags` (switch_regex.c, `switch_regex_perform`); flags other than `imsx` are left out.
fn split_regex(text: &str) -> (&str, String) {
    let text = text.strip_prefix('/').unwrap_or(text);
    match text.rsplit_once('/') {
        Some((pattern, flags)) => (
            pattern,
            flags
                .chars()
                .filter(|flag| "imsx".contains(*flag))
                .collect(),
        ),
        None => (text, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventName;

    struct Named(Vec<(&'static str, &'static str)>);

    impl Candidate for Named {
        fn name(&self) -> &EventName {
            &EventName::Custom
        }

        fn subclass(&self) -> Option<Cow<'_, str>> {
            None
        }

        fn header(&self, name: &str) -> Option<Cow<'_, str>> {
            let found = self
                .0
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some(found.1.into())
        }
    }

    /// Enough of a regular expression for these tests.
    fn contains(pattern: &str, value: &str) -> bool {
        pattern == "." || value.contains(pattern)
    }

    fn passes(filters: &[&str], value: &'static str) -> bool {
        let mut set = Filters::default();
        for filter in filters {
            assert!(set.command(filter).starts_with("+OK"));
        }
        set.pass(&Named(vec![("X-H", value)]), &mut contains)
    }

    #[test]
    fn filters_are_or_ed_and_a_reject_wins() {
        assert!(passes(&[], "a"));
        assert!(passes(&["X-H a", "X-H b"], "b"));
        assert!(passes(&["x-h A"], "a"));
        assert!(!passes(&["X-H a"], "ab"));
        assert!(!passes(&["Other 1"], "a"));
        assert!(
            !passes(&["X-H -a"], "b"),
            "only negative filters pass nothing"
        );
        assert!(!passes(&["X-H -a", "X-H /./"], "a"));
        assert!(passes(&["X-H -a", "X-H /./"], "b"));
        assert!(!passes(&["X-H /./", "X-H -a"], "a"));
        assert!(
            passes(&["X-H -/a/", "X-H /./"], "a"),
            "compared as plain text"
        );
        assert!(passes(&["X-H +b"], "b"));
        assert!(!passes(&["X-H b", "delete X-H", "Y 1"], "b"));
    }

    #[test]
    fn replies() {
        let mut set = Filters::default();
        assert_eq!(
            set.command("Unique-ID abc"),
            "+OK filter added. [Unique-ID]=[abc]"
        );
        assert_eq!(
            set.command("add Caller-ID x y"),
            "+OK filter added. [Caller-ID]=[x y]"
        );
        assert_eq!(
            set.command("delete Unique-ID abc"),
            "+OK filter deleted. [Unique-ID][abc]"
        );
        assert_eq!(set.command("delete all"), "+OK filter deleted. [all][]");
        assert_eq!(set.command("X"), "-ERR invalid syntax");
        assert_eq!(set.command("delete"), "-ERR invalid syntax");
    }

    #[test]
    fn expressions() {
        assert_eq!(split_regex("/a.*/i"), ("a.*", "i".to_owned()));
        assert_eq!(split_regex("/a/b/"), ("a/b", String::new()));
        assert_eq!(split_regex("/open"), ("open", String::new()));
        assert_eq!(strip_sign("- +x"), ("x", true));
    }
}
