//! Passwords that do not print.

use std::fmt;

/// A password or another text that must not reach a log, an error or a span.
///
/// `Debug` prints `[redacted]`, and there is no `Display` and no serde support, so that it is
/// written only where [`expose`](Secret::expose) is called.
///
/// ```
/// use genesis_proto::Secret;
///
/// let password = Secret::from("ClueCon");
/// assert_eq!(format!("{password:?}"), "[redacted]");
/// assert_eq!(password.expose(), "ClueCon");
/// ```
///
/// Comparison stops at the first difference: do not use it to check a password that a stranger
/// may try many times while measuring how long the answer takes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself. Every call is a place where the secret could leak.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&Secret> for Secret {
    fn from(secret: &Secret) -> Self {
        secret.clone()
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        #[derive(Debug)]
        struct Holder {
            #[allow(dead_code)]
            password: Option<Secret>,
        }
        let holder = Holder {
            password: Some(Secret::from("hunter2")),
        };
        for shown in [format!("{holder:?}"), format!("{holder:#?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("[redacted]"), "{shown}");
        }
    }

    #[test]
    fn keeps_the_text() {
        assert_eq!(Secret::from("a b".to_owned()).expose(), "a b");
        assert_eq!(Secret::from("x"), Secret::from("x"));
        assert_ne!(Secret::from("x"), Secret::from("y"));
        assert!(Secret::default().is_empty());
    }
}
