//! Patterns with `*` and `?`.

/// A pattern: `*` stands for any characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Vec<char>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.chars().collect(),
        }
    }

    /// Takes time in proportion to both lengths: after a mismatch only the last `*` is retried.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut to) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while to < text.len() {
            match self.text.get(at) {
                Some('*') => {
                    star = Some((at, to));
                    at += 1;
                }
                Some(&want) if want == '?' || want == text[to] => {
                    at += 1;
                    to += 1;
                }
                _ => match star {
                    Some((star_at, star_to)) => {
                        star = Some((star_at, star_to + 1));
                        at = star_at + 1;
                        to = star_to + 1;
                    }
                    None => return false,
                },
            }
        }
        self.text[at..].iter().all(|&rest| rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_exactly_by_prefix_and_by_glob() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        assert!(matches("user/1000", "user/1000"));
        assert!(!matches("user/1000", "user/10001"));
        assert!(matches("user/*", "user/1000"));
        assert!(matches("sofia/*/1?00@*", "sofia/internal/1200@example.com"));
        assert!(!matches("sofia/*/1?00@*", "sofia/internal/120@example.com"));
        assert!(matches("*", ""));
        assert!(!matches("", "x"));
    }
}
