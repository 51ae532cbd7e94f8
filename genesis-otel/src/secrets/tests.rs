//! Secrets of any text, in every way in which a name can be set to one.

use super::*;

fn secrets() -> Secrets {
    Secrets::new(Globs::new(DENIED))
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % end
    }

    /// A text of these characters, twelve of them.
    fn text(&mut self, of: &[char]) -> String {
        (0..12).map(|_| of[self.below(of.len())]).collect()
    }
}

/// All punctuation, blanks, letters, digits and what is no ASCII, but not `without`.
fn all_but(without: &str) -> Vec<char> {
    let ascii = (b' '..=b'~').map(char::from);
    let all = ascii.chain("äßλ€".chars());
    all.filter(|c| !without.contains(*c)).collect()
}

/// What shows of a secret: four of its characters, for one or two signs may be taken for those that
/// set the name to it.
fn leak<'a>(secret: &'a str, shown: &str) -> Option<&'a str> {
    let starts: Vec<usize> = secret.char_indices().map(|(at, _)| at).collect();
    let windows = starts.windows(4).skip(2).map(|four| {
        let last = secret[four[3]..].chars().next().map_or(0, char::len_utf8);
        &secret[four[0]..four[3] + last]
    });
    let mut windows = windows.filter(|part| !part.trim().is_empty());
    windows.find(|part| shown.contains(*part))
}

const BRACKETS: [(char, char); 3] = [('{', '}'), ('[', ']'), ('<', '>')];

#[test]
fn lesson_42_a_secret_of_any_text_is_masked_in_every_bracket_whatever_delimits() {
    let mut random = Random(7);
    for (open, close) in BRACKETS {
        for delimiter in ",:;|~!#+.&*%$".chars() {
            let own = match delimiter {
                ',' => String::new(),
                own => format!("^^{own}"),
            };
            let letters = all_but(&format!("{close}{delimiter}\\"));
            for round in 0..80 {
                let secret = random.text(&letters);
                let before = format!("{open}{own}aa=bb{delimiter}sip_auth_password=");
                let text = format!("{before}{secret}{delimiter}xx=yy{close}user/1000");
                let shown = secrets().masked(&text).into_owned();
                assert_eq!(leak(&secret, &shown), None, "{text:?} {shown:?}");
                assert!(shown.starts_with(&before), "{text:?} {shown:?}");
                // where a quote or a bracket opens nobody knows
                if round % 2 == 0 && !secret.contains(['\'', '"', '{', '[', '<']) {
                    let after = format!("***{delimiter}xx=yy{close}user/1000");
                    assert!(shown.ends_with(&after), "{text:?} {shown:?}");
                }
                let text = format!("{before}{secret}{close}user/1000");
                let shown = secrets().masked(&text).into_owned();
                assert_eq!(leak(&secret, &shown), None, "{text:?} {shown:?}");
            }
        }
    }
}

#[test]
fn lesson_42_a_secret_in_quotes_or_escaped_is_masked_to_its_end() {
    let mut random = Random(11);
    for (open, close) in BRACKETS {
        for _ in 0..500 {
            let secret = random.text(&all_but("'\\"));
            for text in [
                format!("{open}a=b,my_password='{secret}',c=d{close}user/1"),
                format!("{open}a=b,'my_password={secret}',c=d{close}user/1"),
                format!("{open}a=b,my_password=x'{secret}',c=d{close}user/1"),
                format!("{open}my_password='{secret}'{close}user/1"),
            ] {
                let shown = secrets().masked(&text).into_owned();
                assert_eq!(leak(&secret, &shown), None, "{text:?} {shown:?}");
            }
            let secret = random.text(&all_but("\""));
            let json = secret.replace('\\', "\\\\");
            let text = format!(r#"{{"password":"{json}","a":1}}"#);
            let shown = secrets().masked(&text).into_owned();
            assert_eq!(leak(&json, &shown), None, "{text:?} {shown:?}");
            let secret = random.text(&all_but("\\"));
            let escaped: String = secret.chars().flat_map(|c| ['\\', c]).collect();
            let text = format!("{open}my_password={escaped},c=d{close}user/1");
            let expected = format!("{open}my_password=***,c=d{close}user/1");
            // `\'` and `\"` are read as the quote of JSON within JSON
            if !secret.starts_with(['\'', '"', ' ', '=', ':', '/']) {
                assert_eq!(secrets().masked(&text), expected);
            }
        }
    }
}

#[test]
fn lesson_42_outside_of_brackets_a_secret_ends_with_the_text() {
    let mut random = Random(13);
    for _ in 0..1_500 {
        let secret = random.text(&all_but("'\"\\"));
        for text in [
            format!("uuid_setvar u my_password {secret}"),
            format!("uuid_setvar_multi u a=b;my_password={secret}"),
            format!("a < b my_password={secret}"),
            format!("{{a=b}}user/1 &set(my_password={secret})"),
            format!("{{sip_auth_password={secret}"),
            format!("eval sip_auth_password%3D{secret}"),
            format!("{{a=b}}[x=y]user/1,[z=1]user/2 my.pin={secret}"),
        ] {
            let shown = secrets().masked(&text).into_owned();
            // the bracket that is a secret's own closes none
            if !secret.contains(['}', ']', '>']) {
                assert_eq!(leak(&secret, &shown), None, "{text:?} {shown:?}");
            }
        }
    }
}

#[test]
fn lesson_42_the_secret_ends_where_freeswitch_ends_it() {
    for (value, expected) in [
        (
            "{sip_auth_password=p;s3cB}l/busy",
            "{sip_auth_password=***}l/busy",
        ),
        (
            "{sip_auth_password=p>s3cC}l/busy",
            "{sip_auth_password=***}l/busy",
        ),
        (
            "[sip_auth_password=p}s3cD]l/busy",
            "[sip_auth_password=***]l/busy",
        ),
        (
            "[sip_auth_password=pre>s3c]user/1",
            "[sip_auth_password=***]user/1",
        ),
        (
            "{^^:sip_auth_password=a,s3cA:x=y}l/park",
            "{^^:sip_auth_password=***:x=y}l/park",
        ),
        (
            "<^^;a=b;my_pin=1,2>{c=d}[my_pin=3,e=f]user/1",
            "<^^;a=b;my_pin=***>{c=d}[my_pin=***,e=f]user/1",
        ),
        (
            "{a={b=c,my_pin=1]2},my_pin=3}user/1",
            "{a={b=c,my_pin=***},my_pin=***}user/1",
        ),
        ("{my_pin={1,2},a=b}user/1", "{my_pin=***,a=b}user/1"),
        (r#"{"pin":[1,2],"a":3}"#, r#"{"pin":***,"a":3}"#),
        ("{'my_pin=1,2',a=b}user/1", "{'my_pin=***',a=b}user/1"),
        ("{my_pin='1'2,a=b}user/1", "{my_pin='***"),
        (
            "{a=it's,my_pin=1,b=c}user/1",
            "{a=it's,my_pin=***,b=c}user/1",
        ),
        ("%7Bmy_pin%3D12%2C34%7D", "%7Bmy_pin%3D***"),
        ("%7Bpin%3D12%2C34%7D", "%7Bpin%3D***"),
        (
            "https://h/x?access_token=s3cT&password=s3cQ post pin=s3cR",
            "https://h/x?access_token=***",
        ),
        (
            r#"{\"password\":\"a,s3c\",\"b\":1}"#,
            r#"{\"password\":\"***"#,
        ),
    ] {
        assert_eq!(secrets().masked(value), expected, "{value}");
    }
}

#[test]
fn names_of_secrets_are_not_those_that_look_like_them() {
    for name in [
        "access_token",
        "X-Auth-Token",
        "variable_api_token",
        "user_pin_code",
        "pin-code",
        "conference_pin_number",
        "my.pin",
        "variable_my.pin",
        "voicemail_passcode",
        "sip_h_X-Api-Key",
        "private_key",
    ] {
        assert!(secrets().is_secret(name.as_bytes()), "{name}");
    }
    for name in [
        "opinion",
        "opinion_code",
        "pinned",
        "pinned_code",
        "pin_ok",
        "spin",
        "token",
        "tokens",
        "broken_tokens_used",
        "Channel-Read-Codec-Name",
        "hangup_code",
        "sip_term_status",
        "keypad",
        "Event-Calling-Function",
    ] {
        assert!(!secrets().is_secret(name.as_bytes()), "{name}");
    }
    for text in [
        "opinion: it is pinned",
        "main.lua:1: unexpected token near 'x'",
    ] {
        assert_eq!(secrets().masked(text), text);
    }
}

#[test]
fn lesson_42_a_password_in_a_url_may_have_any_text_that_an_at_ends() {
    for (value, expected) in [
        ("http://joe:p;s3c@h/x", "http://joe:***@h/x"),
        ("http://joe:p>s3c,d@h/x", "http://joe:***@h/x"),
        ("http://joe:p/s3c@h/x", "http://joe:***@h/x"),
        ("http://joe:p@s3c@h/x", "http://joe:***@h/x"),
        ("http://joe:/p;s3c@h/x", "http://joe:***@h/x"),
        ("<sip:joe:p;s3c@h>", "<sip:joe:***@h>"),
        ("http://h:80/a@b", "http://h:80/a@b"),
        ("sip:h:5060;x=a@b", "sip:h:5060;x=a@b"),
        ("sip:joe@h;x=y:a@b", "sip:joe@h;x=y:a@b"),
        ("https://h/x:y a@b", "https://h/x:y a@b"),
    ] {
        assert_eq!(secrets().masked(value), expected, "{value}");
    }
}
