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
pub(crate) struct Globs(Vec<Glob>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    text: Box<str>,
    /// The longest part between stars, which every hit has, without the signs around it.
    stem: Box<[u8]>,
}

impl Globs {
    pub(crate) fn new<S: AsRef<str>>(globs: impl IntoIterator<Item = S>) -> Self {
        let globs = globs.into_iter().filter_map(|glob| {
            let text = glob.as_ref().trim();
            let stem = text
                .split('*')
                .map(|part| part.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
                .max_by_key(|part| part.len())?;
            (!text.is_empty()).then(|| Glob {
                text: text.into(),
                stem: stem.as_bytes().into(),
            })
        });
        Self(globs.collect())
    }

    /// Where in texts a name can be that is hit.
    pub(crate) fn stems(&self) -> Stems {
        Stems::new(self.0.iter().map(|glob| glob.stem.clone()))
    }

    /// Reads a list that is separated by commas or blanks, as environment variables have it.
    pub(crate) fn parse(list: &str) -> Self {
        Self::new(list.split([',', ' ', '\t', '\n']))
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub(crate) fn hit(&self, name: &[u8]) -> bool {
        self.0
            .iter()
            .any(|glob| matches(glob.text.as_bytes(), name))
    }
}

/// Parts of words, found fast in whatever case: most texts have none of them, and need no closer
/// look.
#[derive(Clone, Debug)]
pub(crate) struct Stems {
    stems: Box<[Box<[u8]>]>,
    /// Whether a stem begins with this byte.
    begins: [bool; 256],
}

impl Stems {
    fn new(stems: impl Iterator<Item = Box<[u8]>>) -> Self {
        let stems: Box<[Box<[u8]>]> = stems.collect();
        let mut begins = [false; 256];
        for first in stems.iter().filter_map(|stem| stem.first()) {
            begins[usize::from(first.to_ascii_lowercase())] = true;
            begins[usize::from(first.to_ascii_uppercase())] = true;
        }
        Self { stems, begins }
    }

    /// Whether one of them is in `text`.
    pub(crate) fn are_in(&self, text: &[u8]) -> bool {
        let is_here = |rest: &[u8]| {
            let mut stems = self.stems.iter();
            stems.any(|stem| {
                let part = rest.get(..stem.len());
                part.is_some_and(|part| part.iter().zip(&**stem).all(|(a, b)| same(*a, *b)))
            })
        };
        // a glob of nothing but stars has an empty stem, which is everywhere
        if self.stems.iter().any(|stem| stem.is_empty()) {
            return true;
        }
        let places = text.iter().enumerate();
        let mut places = places.filter(|(_, byte)| self.begins[usize::from(**byte)]);
        places.any(|(at, _)| is_here(&text[at..]))
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
    fn what_is_hit_has_a_stem() {
        let globs = Globs::new(["*password*", "sip_auth_*", "*a1-hash*", "*_pin"]);
        let stems = globs.stems();
        for name in ["Password", "variable_SIP_Auth_Realm", "A1_HASH", "x_pin"] {
            assert!(stems.are_in(name.as_bytes()), "{name}");
        }
        for name in ["", "p", "passwor", "Unique-ID", "sip_call_id", "pi"] {
            assert!(!stems.are_in(name.as_bytes()), "{name}");
        }
        assert!(Globs::new(["*"]).stems().are_in(b""));
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let glob = "*a".repeat(40) + "b";
        assert!(!matches(glob.as_bytes(), &[b'a'; 5000]));
    }
}
