//! Known answers for dial strings, both ways.

use super::*;

/// The leg that most tests call.
fn user() -> Leg {
    Leg::new("user/1000").unwrap()
}

fn endpoints(dial: &DialString) -> Vec<Vec<Vec<&str>>> {
    dial.parts
        .iter()
        .map(|part| {
            let attempts = part.attempts.iter();
            attempts
                .map(|legs| legs.iter().map(|leg| leg.endpoint().as_str()).collect())
                .collect()
        })
        .collect()
}

fn pairs(variables: &Variables) -> Vec<(&str, &str)> {
    variables.iter().collect()
}

#[test]
fn written_as_expected() {
    let cases: Vec<(DialString, &str)> = vec![
        (user().into(), "user/1000"),
        (
            DialString::leg(user()).and(Leg::new("a/b").unwrap()),
            "user/1000,a/b",
        ),
        (
            DialString::leg(user()).or(Leg::new("a/b").unwrap()),
            "user/1000|a/b",
        ),
        (
            DialString::leg(user())
                .variable("v", "1")
                .unwrap()
                .global_variable("g", "2")
                .unwrap()
                .enterprise(
                    DialString::leg(Leg::new("a/b").unwrap())
                        .variable("w", "3")
                        .unwrap(),
                ),
            "<g=2>{v=1}user/1000:_:{w=3}a/b",
        ),
        (
            DialString::leg(user()).variable("v", "a,b").unwrap(),
            r"{v=a\,b}user/1000",
        ),
        (
            DialString::leg(user()).variable("v", "a b|c=d").unwrap(),
            "{v=a b|c=d}user/1000",
        ),
        (
            DialString::leg(user()).variable("v", "it's").unwrap(),
            r"{v=it\\\'s}user/1000",
        ),
        (
            DialString::leg(user()).variable("v", "").unwrap(),
            r"{v=\'\'}user/1000",
        ),
        (
            user().variable("v", "a,b").unwrap().into(),
            r"[v=a\,b]user/1000",
        ),
        (
            user()
                .variable("a", "1")
                .unwrap()
                .variable("b", "x|y")
                .unwrap()
                .into(),
            r"[a=1,b=x\|y]user/1000",
        ),
        (
            Leg::new("sofia/a/1,2|3").unwrap().into(),
            r"sofia/a/1\,2\|3",
        ),
    ];
    for (dial, text) in cases {
        assert_eq!(dial.to_string(), text);
        assert_eq!(DialString::parse(text).unwrap(), dial, "{text}");
    }
}

#[test]
fn read_as_the_switch_reads() {
    type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a [&'a [&'a str]]]);
    let cases: &[Expected<'_>] = &[
        // recorded from FreeSWITCH 1.11.2
        (
            "{originate_timeout=10,progress_timeout=1}sofia/external/9999@127.0.0.1:5999",
            &[("originate_timeout", "10"), ("progress_timeout", "1")],
            &[&[&["sofia/external/9999@127.0.0.1:5999"]]],
        ),
        (
            "error/user_busy|error/no_answer|loopback/9102/default/XML",
            &[],
            &[&[
                &["error/user_busy"],
                &["error/no_answer"],
                &["loopback/9102/default/XML"],
            ]],
        ),
        // quotes, spaces, several brackets, own delimiters
        (
            "  {a='1,2' , b = 3 } user/1 ",
            &[("a", "1,2"), ("b", "3")],
            &[&[&["user/1"]]],
        ),
        (
            "{a=1}{b=2}{A=3} user/1",
            &[("a", "3"), ("b", "2")],
            &[&[&["user/1"]]],
        ),
        (
            "{^^:a=1,2:b=3}user/1",
            &[("a", "1,2"), ("b", "3")],
            &[&[&["user/1"]]],
        ),
        ("{a,b=,=c,d=e}user/1", &[("d", "e")], &[&[&["user/1"]]]),
        ("{a={x}}user/1", &[("a", "{x}")], &[&[&["user/1"]]]),
        (
            "user/1,user/2,|user/3:_:user/4",
            &[],
            &[&[&["user/1", "user/2"], &["user/3"]], &[&["user/4"]]],
        ),
    ];
    for (text, variables, legs) in cases {
        let dial = DialString::parse(text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
        assert_eq!(pairs(dial.variables()), *variables, "{text}");
        assert_eq!(endpoints(&dial), *legs, "{text}");
        assert_eq!(
            DialString::parse(&dial.to_string()).unwrap(),
            dial,
            "{text}"
        );
    }
}

#[test]
fn variables_of_one_leg() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("[a=1,b=2]user/1,user/2", &[("a", "1"), ("b", "2")]),
        ("[a=1][b=2] user/1", &[("a", "1"), ("b", "2")]),
        // the pass that cuts at '|' takes the quotes away before the commas are looked at
        ("[a='1,2',b=3]user/1", &[("a", "1"), ("b", "3")]),
        (r"[a=\'1,2\',b=3]user/1", &[("a", "1,2"), ("b", "3")]),
        ("[^^:a=1,2:b=3]user/1,user/2", &[("a", "1,2"), ("b", "3")]),
        (r"[a=1\\,2]user/1", &[("a", "1,2")]),
        ("[a=[x,y=]]user/1", &[("a", "[x")]),
    ];
    for (text, variables) in &cases[..6] {
        let dial = DialString::parse(text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
        let leg = dial.legs().next().unwrap().leg();
        assert_eq!(pairs(leg.variables()), *variables, "{text}");
        assert_eq!(leg.endpoint().as_str(), "user/1");
    }
    // the value ends up with brackets that could not be written again
    assert!(DialString::parse(cases[6].0).is_err());
}

#[test]
fn refused_with_the_place() {
    let cases = [
        ("", 0),
        ("{a=1}", 5),
        ("{a=1user/1", 0),
        ("<a=1>{b=2user/1", 5),
        ("user/1:_:{a=1user/2", 9),
        ("user/1:_:", 9),
        ("user/1,,user/2", 0),
        ("user/1|{a=1}user/2", 0),
        ("{a=1} {b=2}user/1", 6),
        ("[a=1] [b=2]user/1", 0),
        ("[a=1user/1", 0),
        ("user/1]", 0),
        ("user/\n1", 5),
        ("user/1\0", 6),
        (r"user/\n", 0),
        (r"user/1\\s", 0),
        (r"{a=x\ny}user/1", 0),
    ];
    for (text, offset) in cases {
        let refused = DialString::parse(text).expect_err(text);
        assert_eq!(refused.kind(), crate::ErrorKind::Malformed, "{text}");
        assert_eq!(refused.offset(), Some(offset), "{text}: {refused}");
    }
}

#[test]
fn endpoints_that_cannot_be_written_are_refused() {
    for bad in [
        "", " a", "a ", "a\n", "a\0b", "[a", "{a}b", "<a", "^^:a", "a:_:b", "a:_", "a]", "a][",
    ] {
        let refused = Endpoint::new(bad).expect_err(bad);
        assert!(refused.is_invalid_argument());
    }
    assert!(Endpoint::gateway("a/b", "1").is_err());
    assert!(Endpoint::loopback("", "default").is_err());
    assert_eq!(
        Endpoint::error(&crate::HangupCause::UserBusy)
            .unwrap()
            .as_str(),
        "error/USER_BUSY"
    );
    assert_eq!(Endpoint::user("1@b").unwrap().destination(), "1@b");
}

#[test]
fn the_scope_that_wins_depends_on_the_name() {
    let leg = |text: &str| {
        let dial = DialString::parse(text).unwrap();
        let view = dial.legs().next().unwrap();
        let all = view.variables();
        for (name, value) in all.iter() {
            assert_eq!(view.variable(name), Some(value));
        }
        all
    };
    let all = leg("<a=g,b=g,origination_uuid=g>{b=p,c=p}[c=l,d=l,origination_uuid=l]user/1");
    assert_eq!(
        pairs(&all),
        [
            ("a", "g"),
            ("b", "p"),
            ("origination_uuid", "l"),
            ("c", "p"),
            ("d", "l")
        ]
    );
    let all = leg("{local_var_clobber=true,c=p}[c=l]user/1");
    assert_eq!(all.get("c"), Some("l"));
}

#[test]
fn every_leg_can_have_its_own_uuid() {
    let mut dial = DialString::parse("user/1,[a=1]user/2|user/3:_:user/4").unwrap();
    for leg in 0..dial.leg_count() {
        dial.set_leg_variable(leg, "origination_uuid", &format!("uuid-{leg}"))
            .unwrap();
    }
    assert!(dial.set_leg_variable(4, "origination_uuid", "x").is_err());
    assert_eq!(
        dial.to_string(),
        "[origination_uuid=uuid-0]user/1,[a=1,origination_uuid=uuid-1]user/2|\
         [origination_uuid=uuid-2]user/3:_:[origination_uuid=uuid-3]user/4"
    );
    let places: Vec<_> = dial.legs().map(|leg| (leg.part(), leg.attempt())).collect();
    assert_eq!(places, [(0, 0), (0, 0), (0, 1), (1, 0)]);
}

#[test]
fn more_than_the_switch_reads_is_refused() {
    let many = vec!["user/1"; MAX_PEERS];
    for separator in [",", "|", ":_:"] {
        let text = many.join(separator);
        let dial = DialString::parse(&text).unwrap();
        assert!(Originate::new(dial).to_args().is_ok());
        assert!(DialString::parse(&format!("{text}{separator}user/1")).is_err());
    }
    let dial = DialString::parse(&many.join(",")).unwrap().and(user());
    assert!(Originate::new(dial).to_args().is_err());
}

#[test]
fn errors_do_not_show_what_may_be_a_secret() {
    for text in [
        "{a=1} {sip_auth_password=hunter2}user/1",
        "{sip_auth_password=hunter2user/1",
        "[sip_auth_password=x,y hunter2=z]user/1",
        "[sip_auth_password=x,hunter2=[y,z=]]user/1",
        r"{sip_auth_password=hunter2\n}user/1",
        "[sip_auth_password=hunter2]]user/1",
        "sofia/x/1:hunter2]",
    ] {
        let refused = DialString::parse(text).expect_err(text);
        assert!(
            !format!("{refused} {refused:?}").contains("hunter2"),
            "{refused}"
        );
        let refused = Originate::parse(&format!("{text} &park")).expect_err(text);
        assert!(
            !format!("{refused} {refused:?}").contains("hunter2"),
            "{refused}"
        );
    }
}
