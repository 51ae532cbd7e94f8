//! Global variables of the switch (switch_core.c, `switch_core_set_variable`).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More variables than this are not kept.
const MAX_VARIABLES: usize = 10_000;

/// The global variables of one switch.
#[derive(Debug, Default)]
pub(crate) struct Globals {
    variables: Mutex<BTreeMap<String, String>>,
}

impl Globals {
    /// `global_getvar`: one value, or all of them.
    pub(crate) fn get(&self, name: &str) -> String {
        let variables = self.lock();
        if name.is_empty() {
            return variables
                .iter()
                .map(|(name, value)| format!("{name}={value}\n"))
                .collect();
        }
        variables.get(name).cloned().unwrap_or_default()
    }

    /// Sets a variable; an empty value deletes it.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let mut variables = self.lock();
        if value.is_empty() {
            variables.remove(name);
        } else if variables.len() < MAX_VARIABLES || variables.contains_key(name) {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }

    /// `global_setvar NAME=VALUE[=ONLY IF IT IS THIS]`.
    pub(crate) fn command(&self, args: &str) -> String {
        let mut parts = args.splitn(3, '=');
        let (name, value, condition) = (parts.next(), parts.next(), parts.next());
        let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else {
            return "-USAGE: <var>=<value> [=<value2>]\n".to_owned();
        };
        let holds = |condition: &str| condition.is_empty() || self.get(name) == condition;
        if condition.is_none_or(holds) {
            self.set(name, value.unwrap_or_default());
        }
        "+OK".to_owned()
    }

    /// Replaces each `${name}` and `$${name}` by its value.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let Some(length) = rest[at..].find('}') else {
                break;
            };
            let before = &rest[..at];
            out.push_str(before.strip_suffix('$').unwrap_or(before));
            out.push_str(&self.get_one(&rest[at + 2..at + length]));
            rest = &rest[at + length + 1..];
        }
        out.push_str(rest);
        out
    }

    fn get_one(&self, name: &str) -> String {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.variables
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_get_expand() {
        let globals = Globals::default();
        assert_eq!(globals.command("a=1"), "+OK");
        assert_eq!(globals.command("b=2=9"), "+OK");
        assert_eq!(
            (globals.get("a"), globals.get("b")),
            ("1".into(), String::new())
        );
        assert_eq!(globals.command("a=3=1"), "+OK");
        assert_eq!(globals.expand("x ${a} $${a} ${none}${"), "x 3 3 ${");
        assert_eq!(globals.get(""), "a=3\n");
        assert!(globals.command("").starts_with("-USAGE"));
    }
}
