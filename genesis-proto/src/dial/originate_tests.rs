//! Known answers for the arguments of `originate`, both ways.

use std::time::Duration;

use super::*;

fn user() -> Originate {
    Originate::new(Leg::new("user/1000").unwrap())
}

#[test]
fn originate_lines_both_ways() {
    let cases: Vec<(Originate, &str)> = vec![
        (user(), "user/1000 &park"),
        (
            user().application("playback", "x"),
            "user/1000 &playback(x)",
        ),
        (
            user().application("say", "en name a b"),
            "user/1000 '&say(en name a b)'",
        ),
        (
            user().application("log", "it's so"),
            r"user/1000 &log(it\'s\sso)",
        ),
        (
            user().extension("9664").context("public"),
            "user/1000 9664 undef public",
        ),
        (
            user().extension("9664").dialplan("XML"),
            "user/1000 9664 XML",
        ),
        (
            user()
                .caller_id("Jane \"J\" Doe", "")
                .timeout(Duration::from_millis(1500)),
            r#"user/1000 &park undef undef 'Jane "J" Doe' '' 2"#,
        ),
        (
            user().inline([Application::new("set", "a=b,c"), Application::bare("park")]),
            r"user/1000 set:a=b\,c,park inline",
        ),
        (
            user()
                .variable("origination_caller_id_name", "Jane Doe")
                .unwrap(),
            "'{origination_caller_id_name=Jane Doe}user/1000' &park",
        ),
        (
            user()
                .variable("absolute_codec_string", "PCMU,PCMA")
                .unwrap(),
            r"{absolute_codec_string=PCMU\,PCMA}user/1000 &park",
        ),
        (
            user().uuid("7f-1").unwrap(),
            "{origination_uuid=7f-1}user/1000 &park",
        ),
    ];
    for (originate, line) in cases {
        let written = originate.to_args().unwrap();
        assert_eq!(written, line);
        let read = Originate::parse(line).unwrap();
        let expected = match originate.get_timeout() {
            Some(_) => originate.timeout(Duration::from_secs(2)),
            None => originate,
        };
        assert_eq!(read, expected, "{line}");
    }
}

/// Lines recorded from FreeSWITCH 1.11.2, and lines as people write them.
#[test]
fn originate_lines_as_the_switch_reads_them() {
    let read = |line: &str| Originate::parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    let line = "{ignore_early_media=true}[leg_delay_start=0]loopback/9103/default/XML,\
                [leg_timeout=30]loopback/9104/default/XML &hangup(USER_BUSY)";
    let originate = read(line);
    assert_eq!(originate.dial_string().leg_count(), 2);
    let hangup = Application::new("hangup", "USER_BUSY");
    assert_eq!(originate.get_target(), &Target::Application(hangup));
    assert_eq!(originate.to_args().unwrap(), line);

    let originate = read("{a='b c'}user/1 9664 XML default 'Jane Doe' 100 30");
    // the quotes are gone when the dial string is read
    assert_eq!(originate.dial_string().variables().get("a"), Some("b c"));
    assert_eq!(originate.get_dialplan(), Some("XML"));
    assert_eq!(originate.get_context(), Some("default"));
    assert_eq!(originate.caller_id_name(), Some("Jane Doe"));
    assert_eq!(originate.caller_id_number(), Some("100"));
    assert_eq!(originate.get_timeout(), Some(Duration::from_secs(30)));

    // and so the commas in them cut
    let originate = read("{a='b,c=d'}user/1 &park");
    assert_eq!(originate.dial_string().variables().get("c"), Some("d"));

    let originate = read("user/1 m:^:playback:a,b^hangup:USER_BUSY INLINE");
    let inline = vec![
        Application::new("playback", "a,b"),
        Application::new("hangup", "USER_BUSY"),
    ];
    assert_eq!(originate.get_target(), &Target::Inline(inline));

    for (line, target) in [
        ("user/1 &", Target::Extension("&".into())),
        (
            "user/1 &park()",
            Target::Application(Application::new("park", "")),
        ),
        (
            "user/1 &log(a(b)c)",
            Target::Application(Application::new("log", "a(b")),
        ),
    ] {
        assert_eq!(read(line).get_target(), &target, "{line}");
    }
    for bad in [
        "",
        "user/1",
        "user/1 &park 3 4 5 6 7 8",
        "user/1 undef",
        "'' &park",
        "undef 1",
    ] {
        assert!(Originate::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn lesson_08_nothing_in_an_originate_can_end_the_line() {
    for bad in ["\n", "a\r\nb", "\0", "undef", "UNDEF"] {
        for refused in [
            user().extension(bad).to_args(),
            user().dialplan(bad).to_args(),
            user().context(bad).to_args(),
            user().caller_id(bad, "1").to_args(),
            user().caller_id("x", bad).to_args(),
        ] {
            assert!(refused.expect_err(bad).is_invalid_argument());
        }
    }
    for bad in ["\n", "a\0"] {
        assert!(user().application("a", bad).to_args().is_err());
        assert!(user().application(bad, "a").to_args().is_err());
        assert!(
            user()
                .inline([Application::new("a", bad)])
                .to_args()
                .is_err()
        );
        assert!(user().uuid(bad).is_err());
    }
    assert!(user().application("a", "b)c").to_args().is_err());
    assert!(
        user()
            .inline([Application::new("a", "b)c")])
            .to_args()
            .is_ok()
    );
    assert!(user().extension("&park").to_args().is_err());
    assert!(
        user()
            .inline([Application::bare("a")])
            .dialplan("XML")
            .to_args()
            .is_err()
    );
    assert!(user().timeout(Duration::ZERO).to_args().is_err());
    assert!(
        Originate::new(Leg::new("undef").unwrap())
            .to_args()
            .is_err()
    );
}
