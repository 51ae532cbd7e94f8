//! Names with `*` in them.

/// Whether `name` is what `glob` describes: `*` stands for anything, also nothing. Case does not
/// matter, and `-` and `_` are the same, for headers come in both spellings.
pub(crate) fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // where the last star stood and how far it has eaten
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match glob.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&byte) if same(byte, name[seen]) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star_at, eaten)) = star else {
                    return false;
                };
                star = Some((star_at, eaten + 1));
                at = star_at + 1;
                seen = eaten + 1;
            }
        }
    }
    glob[at..].iter().all(|&byte| byte == b'*')
}

fn same(a: u8, b: u8) -> bool {
    let plain = |byte: u8| match byte {
        b'-' => b'_',
        byte => byte.to_ascii_lowercase(),
    };
    plain(a) == plain(b)
}

/// Several of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Globs(Vec<Box<str>>);

impl Globs {
    pub(crate) fn new<S: AsRef<str>>(globs: impl IntoIterator<Item = S>) -> Self {
        let globs = globs.into_iter().filter_map(|glob| {
            let glob = glob.as_ref().trim();
            (!glob.is_empty()).then(|| glob.into())
        });
        Self(globs.collect())
    }

    /// Reads a list that is separated by commas or blanks, as environment variables have it.
    pub(crate) fn parse(list: &str) -> Self {
        Self::new(list.split([',', ' ', '\t', '\n']))
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub(crate) fn hit(&self, name: &[u8]) -> bool {
        self.0.iter().any(|glob| matches(glob.as_bytes(), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let yes = [
            ("*", ""),
            ("*password*", "variable_sip_auth_password"),
            ("sip_auth_*", "SIP-Auth-Username"),
            ("*a1-hash*", "a1_hash"),
            ("*_pin", "conf_pin"),
            ("a*b*c", "axxbyybzc"),
            ("sofia::*", "sofia::register"),
            ("HEARTBEAT", "heartbeat"),
        ];
        for (glob, name) in yes {
            assert!(matches(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
        let no = [
            ("", "a"),
            ("*_pin", "pinned"),
            ("a*b", "ac"),
            ("ab", "a"),
            ("a", "ab"),
        ];
        for (glob, name) in no {
            assert!(!matches(glob.as_bytes(), name.as_bytes()), "{glob} {name}");
        }
    }

    #[test]
    fn a_list_is_read() {
        let globs = Globs::parse(" HEARTBEAT, sofia::*,,RE_SCHEDULE ");
        assert_eq!(globs.0.len(), 3);
        assert!(globs.hit(b"sofia::expire") && !globs.hit(b"CODEC"));
        assert!(Globs::parse(" , ").0.is_empty());
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let glob = "*a".repeat(40) + "b";
        assert!(!matches(glob.as_bytes(), &[b'a'; 5000]));
    }
}
