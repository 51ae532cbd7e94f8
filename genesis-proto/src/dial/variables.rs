//! Channel variables in a dial string.

use crate::Error;

/// Where variables are written, which decides whom they reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// `<>`: every part of the dial string.
    Global,
    /// `{}`: the legs of one enterprise part.
    Group,
    /// `[]`: one leg.
    Leg,
}

impl Scope {
    pub(super) const fn brackets(self) -> (char, char) {
        match self {
            Self::Global => ('<', '>'),
            Self::Group => ('{', '}'),
            Self::Leg => ('[', ']'),
        }
    }
}

/// Channel variables in the order in which they were set.
///
/// Names are compared without regard to case; setting a name again replaces its value.
///
/// ```
/// use genesis_proto::dial::DialString;
///
/// let dial = DialString::parse("{originate_timeout=20,ignore_early_media=true}user/1000")?;
/// let variables = dial.variables();
/// assert_eq!(variables.get("Originate_Timeout"), Some("20"));
/// assert_eq!(variables.iter().count(), 2);
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    entries: Vec<(String, String)>,
}

impl Variables {
    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let entry = self
            .entries
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&entry.1)
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets a variable after checking that it can be written in `scope`.
    pub(super) fn set(&mut self, scope: Scope, name: &str, value: &str) -> Result<(), Error> {
        if let Some(why) = objection(scope, name, value) {
            return Err(Error::invalid(format!(
                "the variable {name:?} cannot be written: {why}"
            )));
        }
        self.put(name, value);
        Ok(())
    }

    /// The same for a text that was read, at this offset.
    pub(super) fn read(
        &mut self,
        scope: Scope,
        (name, value): (&str, &str),
        offset: usize,
    ) -> Result<(), Error> {
        if let Some(why) = objection(scope, name, value) {
            return Err(Error::parse(
                format!("a variable cannot be taken over: {why}"),
                offset,
            ));
        }
        self.put(name, value);
        Ok(())
    }

    pub(super) fn put(&mut self, name: &str, value: &str) {
        let known = self
            .entries
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        match known {
            Some((_, old)) => value.clone_into(old),
            None => self.entries.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Sets all of `other`, replacing what has the same name.
    pub(super) fn merge(&mut self, other: &Self) {
        for (name, value) in other.iter() {
            self.put(name, value);
        }
    }
}

/// Two brackets of a kind are matched by counting, whatever stands between
/// (switch_utils.c, `switch_find_end_paren`); escapes and quotes do not help.
pub(super) fn is_balanced(text: &str, (open, close): (char, char)) -> bool {
    let mut depth = 0usize;
    for c in text.chars() {
        if c == open {
            depth += 1;
        } else if c == close {
            match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            }
        }
    }
    depth == 0
}

/// Control characters have no place in a dial string; CR, LF and NUL would end the command.
pub(super) fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_control() && c != '\t')
}

/// Why a variable cannot be written in this scope. The reasons hold neither name nor value: in a
/// dial string that is read, a mistake may have put a piece of a secret in either place.
fn objection(scope: Scope, name: &str, value: &str) -> Option<&'static str> {
    let bad = |c: char| c.is_ascii_control() || " =,|'\"\\[]{}<>".contains(c);
    if name.is_empty() || name.contains(bad) || name.starts_with("^^") {
        return Some(
            "its name is empty, begins with \"^^\" or holds a space, a control character, a \
             bracket, a quote, '=', ',', '|' or '\\'",
        );
    }
    if has_control(value) {
        return Some("its value holds a line break, NUL or another control character");
    }
    if name.contains(super::ENTERPRISE) || value.contains(super::ENTERPRISE) {
        return Some(
            "it holds \":_:\", at which the switch cuts a dial string whatever surrounds it",
        );
    }
    if !is_balanced(value, scope.brackets()) {
        return Some(match scope {
            Scope::Global => {
                "its value has '<' and '>' that do not match, and the switch counts them to find \
                 the end of the variables; set it in another scope"
            }
            Scope::Group => {
                "its value has '{' and '}' that do not match, and the switch counts them to find \
                 the end of the variables; set it in another scope"
            }
            Scope::Leg => {
                "its value has '[' and ']' that do not match, and the switch counts them to find \
                 the end of the variables; set it in another scope"
            }
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_again_replaces_and_keeps_the_place() {
        let mut variables = Variables::default();
        for (name, value) in [("a", "1"), ("b", "2"), ("A", "3")] {
            variables.set(Scope::Group, name, value).unwrap();
        }
        assert_eq!(
            variables.iter().collect::<Vec<_>>(),
            [("a", "3"), ("b", "2")]
        );
    }

    #[test]
    fn lesson_08_no_variable_can_end_a_line() {
        for bad in ["\r", "\n", "\0", "a\nb", "\u{1}", "\u{2}"] {
            let mut variables = Variables::default();
            for scope in [Scope::Global, Scope::Group, Scope::Leg] {
                assert!(variables.set(scope, bad, "x").is_err());
                assert!(variables.set(scope, "x", bad).is_err());
            }
            assert!(variables.is_empty());
        }
    }

    #[test]
    fn brackets_must_match_in_their_own_scope() {
        let mut variables = Variables::default();
        assert!(variables.set(Scope::Group, "a", "{").is_err());
        assert!(variables.set(Scope::Group, "a", "}{").is_err());
        assert!(variables.set(Scope::Group, "a", "{}[").is_ok());
        assert!(variables.set(Scope::Leg, "a", "[").is_err());
        assert!(variables.set(Scope::Leg, "a", "{").is_ok());
        assert!(variables.set(Scope::Global, "a", "<sip:1@b>").is_ok());
    }

    #[test]
    fn errors_do_not_show_the_value() {
        let mut variables = Variables::default();
        for value in ["hunter2\n", "hunter2:_:", "hunter2}"] {
            let refused = variables
                .set(Scope::Group, "sip_auth_password", value)
                .unwrap_err();
            assert!(refused.to_string().contains("sip_auth_password"));
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }
}
