//! What never reaches a span or a metric.
//!
//! A header is left out by its name. A value that has assignments in it (a dial string, the data
//! of an application, the argument of an api) is kept, what a secret name is set to is masked.
//! Too much masked is fine, too little is not.

mod assignment;
mod line;

use std::borrow::Cow;

use assignment::Brackets;

use crate::glob::{Globs, Stems};

/// Names whose values are secrets, of headers, variables (without `variable_`) and parameters.
pub const DENIED: &[&str] = &[
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*secret*",
    "*authorization*",
    "*credential*",
    "sip_auth_*",
    "*a1-hash*",
    "pin",
    "*_pin",
    "*.pin",
    "pin_code",
    "*_pin_code",
    "pin_number",
    "*_pin_number",
    "*passcode*",
    "*_token",
    "*.token",
    "*api_key*",
    "*private_key*",
];

pub(crate) const MASK: &str = "***";
const VARIABLE: usize = "variable_".len();

/// The list of names, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    denied: Globs,
    /// Without one of them in it nothing is a secret.
    stems: Stems,
}

impl Secrets {
    pub(crate) fn new(denied: Globs) -> Self {
        let stems = denied.stems();
        Self { denied, stems }
    }

    /// Whether a header or variable of this name is a secret.
    pub(crate) fn is_secret(&self, name: &[u8]) -> bool {
        if !self.stems.are_in(name) {
            return false;
        }
        let variable = name
            .split_at_checked(VARIABLE)
            .filter(|(prefix, _)| prefix.eq_ignore_ascii_case(b"variable_"));
        self.denied.hit(name) || variable.is_some_and(|(_, rest)| self.denied.hit(rest))
    }

    /// Whether a word in `text` is the name of a secret: what answers it may be one.
    pub(crate) fn are_named_in(&self, text: &[u8]) -> bool {
        self.stems.are_in(text)
            && text
                .split(|&byte| !is_word(byte))
                .any(|word| !word.is_empty() && self.is_secret(word))
    }

    /// `value` with the secrets in it masked.
    ///
    /// Inside the brackets of a dial string a secret ends with its assignment, at the delimiter that
    /// is in force there or the bracket that closes, elsewhere with the text: nobody can tell how far
    /// it goes.
    pub(crate) fn masked<'a>(&self, value: &'a str) -> Cow<'a, str> {
        let bytes = value.as_bytes();
        // most values are one word: nothing in them is set to anything
        if !bytes.iter().any(|&byte| assignment::may_assign(byte)) {
            return Cow::Borrowed(value);
        }
        if !self.stems.are_in(bytes) {
            return without_places(Cow::Borrowed(value));
        }
        let mut brackets = Brackets::new(bytes);
        let mut out = String::new();
        let mut kept = 0;
        let mut at = 0;
        while at < bytes.len() {
            if !is_word(bytes[at]) {
                at += brackets.read(at);
                continue;
            }
            let word = bytes[at..].iter().take_while(|&&byte| is_word(byte));
            let length = word.count();
            let word = &bytes[at..at + length];
            at += length;
            if !self.is_secret(word) {
                continue;
            }
            let Some(start) = brackets.start(at) else {
                continue;
            };
            at = brackets.end(start);
            out.push_str(&value[kept..start.at]);
            out.push_str(MASK);
            kept = at;
        }
        let masked = if kept == 0 {
            Cow::Borrowed(value)
        } else {
            out.push_str(&value[kept..]);
            Cow::Owned(out)
        };
        without_places(masked)
    }

    /// The data of an application: [`masked`](Self::masked), and the PIN of a conference.
    pub(crate) fn application_data<'a>(&self, application: &str, data: &'a str) -> Cow<'a, str> {
        let masked = self.masked(data);
        if !application.eq_ignore_ascii_case("conference") {
            return masked;
        }
        // NAME@PROFILE+PIN+flags{...}
        let Some((room, rest)) = masked.split_once('+') else {
            return masked;
        };
        if rest.starts_with("flags{") {
            return masked;
        }
        let flags = rest.find('+').map_or("", |plus| &rest[plus..]);
        Cow::Owned(format!("{room}+{MASK}{flags}"))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Masks what is a secret by the place where it stands.
fn without_places(value: Cow<'_, str>) -> Cow<'_, str> {
    without_pins(without_userinfo(value))
}

/// Masks the PIN where the application `conference` stands with its data, as in
/// `&conference(NAME@PROFILE+PIN+flags{...})` and `conference::NAME+PIN`.
fn without_pins(value: Cow<'_, str>) -> Cow<'_, str> {
    const CONFERENCE: &str = "conference";
    if !value.contains('+') {
        return value;
    }
    let mut rest = &*value;
    let mut out = String::new();
    let mut changed = false;
    while let Some(found) = rest.find(CONFERENCE) {
        let (before, after) = rest.split_at(found + CONFERENCE.len());
        out.push_str(before);
        rest = after;
        let data = after.trim_start_matches(['(', ':', ' ', '=']);
        if data.len() == after.len() {
            continue;
        }
        let end = data.find(|c: char| c.is_whitespace() || matches!(c, ')' | ',' | '\'' | '"'));
        let Some((room, pin)) = data[..end.unwrap_or(data.len())].split_once('+') else {
            continue;
        };
        if pin.starts_with("flags{") {
            continue;
        }
        let pin = pin.find('+').map_or(pin, |end| &pin[..end]);
        let start = after.len() - data.len() + room.len() + 1;
        out.push_str(&after[..start]);
        out.push_str(MASK);
        changed = true;
        rest = &after[start + pin.len()..];
    }
    if !changed {
        return value;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Masks the password of `scheme://user:password@host` and `sip:user:password@host`.
fn without_userinfo(value: Cow<'_, str>) -> Cow<'_, str> {
    // who has a password has an @ behind it
    if !value.contains('@') {
        return value;
    }
    let mut rest = &*value;
    let mut out = String::new();
    let mut changed = false;
    while let Some((found, length)) = ["://", "sip:", "sips:"]
        .iter()
        .filter_map(|scheme| rest.find(scheme).map(|at| (at, scheme.len())))
        .min()
    {
        let (before, after) = rest.split_at(found + length);
        out.push_str(before);
        rest = after;
        let word = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let word = &after[..word.unwrap_or(after.len())];
        let strict = word.find(['/', ',', ';', '>']).unwrap_or(word.len());
        let userinfo = word[..strict].rfind('@').or_else(|| {
            // what is no port is a password with one of these in it
            let (_, port) = word[..strict].split_once(':')?;
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            (!is_port).then(|| word.rfind('@')).flatten()
        });
        let userinfo = userinfo.map(|at| &word[..at]);
        if let Some((user, password)) = userinfo.and_then(|text| text.split_once(':')) {
            out.push_str(user);
            out.push(':');
            out.push_str(MASK);
            changed = true;
            rest = &after[user.len() + 1 + password.len()..];
        }
    }
    if !changed {
        return value;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What a command may be called in a span: its first word, for `api` and `bgapi` with the name of
/// the api after it. Arguments never: they hold passwords and numbers.
///
/// ```
/// use genesis_otel::command_name;
///
/// assert_eq!(command_name("auth ClueCon"), "auth");
/// assert_eq!(command_name("bgapi originate {a=b}user/1000 &park"), "bgapi originate");
/// ```
#[must_use]
pub fn command_name(command: &str) -> Cow<'_, str> {
    let line = command.lines().next().unwrap_or_default();
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let fits = |word: &str| {
        word.len() <= 64
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if !fits(first) || first.is_empty() {
        return Cow::Borrowed(crate::vocabulary::values::OTHER);
    }
    let is_api = first.eq_ignore_ascii_case("api") || first.eq_ignore_ascii_case("bgapi");
    match words.next() {
        Some(api) if is_api && fits(api) => Cow::Owned(format!("{first} {api}")),
        _ => Cow::Borrowed(first),
    }
}

/// What a command is called in a label: a first word that is known, or `other`.
#[must_use]
pub fn command_label(command: &str) -> &'static str {
    use crate::vocabulary::values::{COMMANDS, OTHER};

    let first = command
        .trim_start()
        .split([' ', '\n'])
        .next()
        .unwrap_or_default();
    COMMANDS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(first))
        .unwrap_or(&OTHER)
}

#[cfg(test)]
#[path = "secrets/tests.rs"]
mod any_text;

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(Globs::new(DENIED))
    }

    #[test]
    fn secret_names_are_known_in_every_spelling() {
        for name in [
            "variable_sip_auth_password",
            "sip_auth_username",
            "Variable_SIP_Auth_Realm",
            "a1-hash",
            "variable_vm-a1-hash",
            "variable_conf_pin",
            "variable_pin",
            "X-Password",
            "variable_sip_h_Authorization",
        ] {
            assert!(secrets().is_secret(name.as_bytes()), "{name}");
        }
        for name in [
            "Unique-ID",
            "variable_pinned",
            "variable_sip_call_id",
            "Hangup-Cause",
        ] {
            assert!(!secrets().is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn lesson_42_what_a_secret_is_set_to_is_masked() {
        let cases = [
            ("db insert/realm/pin/1234", "db insert/realm/pin/***"),
            ("eval password\thunter2", "eval password\t***"),
            (
                "{sip_auth_password=hunter2,a=b}sofia/gw/1000",
                "{sip_auth_password=***,a=b}sofia/gw/1000",
            ),
            (
                "[x_pin='12,34',leg_timeout=5]user/1000",
                "[x_pin='***',leg_timeout=5]user/1000",
            ),
            (
                r"{my_password=a\,b,c=d}user/1",
                "{my_password=***,c=d}user/1",
            ),
            ("sip_auth_password=with, comma", "sip_auth_password=***"),
            (
                "7f4d sip_auth_password hunter2",
                "7f4d sip_auth_password ***",
            ),
            (
                r#"{"password":"hunter2","a":1}"#,
                r#"{"password":"***","a":1}"#,
            ),
            (
                "http://joe:hunter2@example.com/x",
                "http://joe:***@example.com/x",
            ),
            ("sofia/x/sip:joe:hunter2@host", "sofia/x/sip:joe:***@host"),
            (
                "{n_pin=hunter2}http://a:hunter2@h",
                "{n_pin=***}http://a:***@h",
            ),
            (
                "user/1 &conference(3001@default+1234+flags{mute})",
                "user/1 &conference(3001@default+***+flags{mute})",
            ),
            ("&conference(3001+1234)", "&conference(3001+***)"),
            (
                "conference::3001@x+1234 aleg",
                "conference::3001@x+*** aleg",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(secrets().masked(value), expected);
        }
        for value in [
            "",
            "user/1000",
            "sip:1000@host:5060",
            "http://host:80/a@b",
            "password",
            "1:2:att_xfer:0@127.0.0.1/9@h",
            "+49 30 conference",
            "&conference(3001+flags{mute})",
            "my conference+1",
        ] {
            assert_eq!(secrets().masked(value), value);
        }
    }

    #[test]
    fn odd_texts_do_not_panic() {
        let mut random = 7_u64;
        let parts = [
            "password", "=", "'", "\\", "ü", "{", "}", "://", "@", ":", "sip:", ",", " ",
        ];
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                text.push_str(parts[(random >> 33) as usize % parts.len()]);
            }
            let _ = secrets().application_data("conference", &text);
        }
    }

    #[test]
    fn the_pin_of_a_conference_is_masked() {
        let of = |data| secrets().application_data("conference", data).into_owned();
        assert_eq!(
            of("3001@default+1234+flags{mute}"),
            "3001@default+***+flags{mute}"
        );
        assert_eq!(of("3001@default+1234"), "3001@default+***");
        assert_eq!(of("3001@default+flags{mute}"), "3001@default+flags{mute}");
        assert_eq!(secrets().application_data("playback", "a+1"), "a+1");
    }

    #[test]
    fn lesson_42_a_command_is_named_without_its_arguments() {
        assert_eq!(command_name("auth ClueCon"), "auth");
        assert_eq!(command_name("userauth 1000@x:secret"), "userauth");
        assert_eq!(
            command_name("api originate {p=1}user/1 &park"),
            "api originate"
        );
        assert_eq!(command_name("api  status"), "api status");
        assert_eq!(
            command_name("sendmsg 7f4d\nexecute-app-name: set"),
            "sendmsg"
        );
        assert_eq!(command_name("my:secret"), "other");
        assert_eq!(command_name(""), "other");
    }

    #[test]
    fn lesson_44_labels_of_commands_are_a_closed_set() {
        assert_eq!(command_label("BGAPI originate"), "bgapi");
        assert_eq!(command_label("sendmsg\nx"), "sendmsg");
        assert_eq!(command_label("hunter2"), "other");
    }
}
