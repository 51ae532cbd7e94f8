use super::*;

fn one(input: &[u8]) -> Request {
    RequestRef::parse(input).unwrap().unwrap().0.to_owned()
}

#[test]
fn words_match_by_prefix_in_any_case() {
    let verb = |line: &str| split_verb(line.as_bytes()).0;
    assert_eq!(verb("exitfoo"), Verb::Exit);
    assert_eq!(verb("...."), Verb::Exit);
    assert_eq!(verb("LOGfoo"), Verb::Log);
    assert_eq!(verb("nolinger"), Verb::Nolinger);
    assert_eq!(verb("auth"), Verb::Unknown);
    assert_eq!(verb("AUTH x"), Verb::Auth);
    assert_eq!(verb("api"), Verb::Unknown);
    assert_eq!(verb(" api status"), Verb::Unknown);
    assert_eq!(verb("filter"), Verb::Unknown);
    assert_eq!(verb("myevents"), Verb::Myevents);
}

#[test]
fn both_line_ends_and_stray_ones() {
    for input in [
        "\n\r\n\napi x\n\n",
        "api x\r\n\r\n",
        "api x\n\r\n",
        "api x\r\n\n",
    ] {
        assert_eq!(one(input.as_bytes()).line(), "api x", "{input:?}");
    }
    assert!(RequestRef::parse(b"api x\n").unwrap().is_none());
    assert!(RequestRef::parse(b"\n\n\n").unwrap().is_none());
}

#[test]
fn headers_as_the_switch_reads_them() {
    let request = one(b"sendevent CUSTOM\nA:1\nno colon\n: x\nB:   b: c \nA: 2\nC: 1\nc:\n\n");
    assert_eq!(request.header("a").as_deref(), Some("1"));
    assert_eq!(request.header("B").as_deref(), Some("b: c "));
    assert_eq!(request.header("C"), None);
    assert_eq!(
        request.headers().filter(|(name, _)| *name == "A").count(),
        2
    );
}

#[test]
fn mixed_line_ends_lose_lines() {
    let request = one(b"sendevent X\nA: 1\r\nB: 2\r\n\r\n");
    assert_eq!(request.header("A"), None);
    assert_eq!(request.header("B").as_deref(), Some("2"));
    assert_eq!(request.line(), "sendevent X");
}

#[test]
fn bodies() {
    let input = b"sendevent X\ncontent-length: 5\n\nab\ncdexit\n\n";
    let (request, rest) = RequestRef::parse(input).unwrap().unwrap();
    assert_eq!(request.body(), Some(&b"ab\ncd"[..]));
    assert_eq!(rest, b"exit\n\n");
    assert!(
        RequestRef::parse(b"sendevent X\nContent-Length: 5\n\nab")
            .unwrap()
            .is_none()
    );
    for none in ["abc", "0"] {
        let text = format!("api x\nContent-Length: {none}\n\n");
        assert_eq!(one(text.as_bytes()).body(), None);
    }
    for bad in ["-5", "16777217", "99999999999999999999"] {
        let text = format!("api x\nContent-Length: {bad}\n\n");
        assert_eq!(
            RequestRef::parse(text.as_bytes()).unwrap_err(),
            BadRequest::ContentLength
        );
    }
    assert_eq!(
        one(b"x\nContent-Length: 3\n\na\0b")
            .body()
            .unwrap()
            .as_ref(),
        b"a"
    );
}

#[test]
fn a_nul_ends_the_text() {
    assert_eq!(
        one(b"api host\0name\nContent-Length: 4\n\n").line(),
        "api host"
    );
    assert!(one(b"\0\x01\x02\n\n").is_unreadable());
}

#[test]
fn a_block_that_never_ends_counts_as_complete() {
    let mut input = vec![b'x'; MAX_BLOCK + 3];
    let (request, rest) = RequestRef::parse(&input).unwrap().unwrap();
    assert_eq!((request.text().len(), rest.len()), (MAX_BLOCK, 3));
    input.truncate(MAX_BLOCK - 1);
    assert!(RequestRef::parse(&input).unwrap().is_none());
}

#[test]
fn debug_shows_no_password() {
    let request = one(b"auth secret-word\n\n");
    assert!(!format!("{request:?}").contains("secret-word"));
}
