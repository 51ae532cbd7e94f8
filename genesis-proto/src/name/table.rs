//! Names in one table each: the enum, its texts and the look-up come from the same lines.

use std::fmt;

/// A text from the wire that this version has no variant for.
///
/// It can only be made by reading a text that is not known, so a known value has exactly one
/// representation: `EventName::from("HEARTBEAT")` is never `Other`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unknown(Box<str>);

impl Unknown {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text as it was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Length first, then the text without regard to case.
const fn compare(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if a.len() != b.len() {
        return if a.len() < b.len() { Less } else { Greater };
    }
    let mut i = 0;
    while i < a.len() {
        let (x, y) = (a[i].to_ascii_uppercase(), b[i].to_ascii_uppercase());
        if x != y {
            return if x < y { Less } else { Greater };
        }
        i += 1;
    }
    Equal
}

/// The positions of `names` in the order of [`compare`], computed when compiling.
pub(super) const fn sorted<const N: usize>(names: &[&str; N]) -> [u8; N] {
    let mut order = [0u8; N];
    let mut i = 0;
    while i < N {
        let mut slot = i;
        while slot > 0
            && compare(
                names[order[slot - 1] as usize].as_bytes(),
                names[i].as_bytes(),
            )
            .is_gt()
        {
            order[slot] = order[slot - 1];
            slot -= 1;
        }
        order[slot] = i as u8;
        i += 1;
    }
    order
}

/// The position of `text` in `names`, found by halving.
pub(super) fn find(names: &[&str], order: &[u8], text: &str) -> Option<usize> {
    let found = order
        .binary_search_by(|&at| compare(names[usize::from(at)].as_bytes(), text.as_bytes()))
        .ok()?;
    Some(usize::from(order[found]))
}

/// An enum whose variants are texts on the wire. Reading ignores case, as FreeSWITCH does
/// (`strcasecmp`); a text without a variant is kept as `Other`.
macro_rules! wire_names {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $( $(#[$variant_meta:meta])* $Variant:ident = $text:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $Name {
            $(
                #[doc = concat!("`", $text, "`")]
                $(#[$variant_meta])*
                $Variant,
            )+
            /// Anything else, kept as it was read.
            Other($crate::name::Unknown),
        }

        impl $Name {
            /// Every variant but `Other`, in the order in which FreeSWITCH lists them.
            pub const ALL_KNOWN: &[Self] = &[$(Self::$Variant),+];

            const TEXTS: [&str; Self::ALL_KNOWN.len()] = [$($text),+];
            const ORDER: [u8; Self::ALL_KNOWN.len()] = $crate::name::table::sorted(&Self::TEXTS);

            /// The text as FreeSWITCH spells it; for an unknown one, as it was read.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$Variant => $text,)+
                    Self::Other(unknown) => unknown.as_str(),
                }
            }

            /// Whether this version has a variant for it.
            #[must_use]
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Other(_))
            }

            fn find(text: &str) -> Option<Self> {
                let at = $crate::name::table::find(&Self::TEXTS, &Self::ORDER, text)?;
                Self::ALL_KNOWN.get(at).cloned()
            }
        }

        $crate::name::table::text_traits!($Name);
    };
}

/// What every name has in common: `Display`, `AsRef`, comparison with a text, reading that cannot
/// fail, and serialising as the text.
macro_rules! text_traits {
    ($Name:ident) => {
        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $Name {
            /// Ignores case, as reading does.
            fn eq(&self, other: &str) -> bool {
                self.as_str().eq_ignore_ascii_case(other)
            }
        }

        impl PartialEq<&str> for $Name {
            fn eq(&self, other: &&str) -> bool {
                self == *other
            }
        }

        impl From<String> for $Name {
            fn from(text: String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl std::str::FromStr for $Name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

/// `From<&str>` for a name whose unknown texts need no further thought.
macro_rules! keep_unknown {
    ($($Name:ident),+) => {
        $(
            impl From<&str> for $Name {
                fn from(text: &str) -> Self {
                    Self::find(text)
                        .unwrap_or_else(|| Self::Other($crate::name::Unknown::new(text)))
                }
            }
        )+
    };
}

pub(super) use {keep_unknown, text_traits, wire_names};

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["bb", "a", "BA", "ccc"];

    #[test]
    fn order_is_by_length_then_text() {
        assert_eq!(sorted(&NAMES), [1, 2, 0, 3]);
    }

    #[test]
    fn look_up_ignores_case_and_misses_what_is_not_there() {
        let order = sorted(&NAMES);
        for (at, name) in NAMES.iter().enumerate() {
            assert_eq!(find(&NAMES, &order, name), Some(at));
            assert_eq!(find(&NAMES, &order, &name.to_lowercase()), Some(at));
        }
        for missing in ["", "b", "cc", "cccc", "bb "] {
            assert_eq!(find(&NAMES, &order, missing), None, "{missing:?}");
        }
    }
}
