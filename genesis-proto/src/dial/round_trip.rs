//! What can be built is read back, and nothing that is read does harm.

use proptest::prelude::*;

use super::*;

#[test]
fn hostile_nesting_is_read_in_linear_time() {
    let text = format!("user/{}", "[".repeat(1 << 20));
    assert!(DialString::parse(&text).is_err());
    let text = format!("{}user/1", "'\\".repeat(1 << 18));
    assert!(DialString::parse(&text).is_ok());
}

/// Anything with a meaning somewhere, and some without.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "a", "n", "s", "\\", "'", "\"", ",", "|", "=", " ", "^", ":", "_", "[", "]", "{", "}",
            "<", ">", "(", ")", "&", "$", "\t", "é", "x", "1",
        ]),
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

fn leg() -> impl Strategy<Value = Leg> {
    let endpoint = text().prop_map(|text| Leg::new(format!("user/{text}")).ok());
    let endpoint = endpoint.prop_filter_map("not an endpoint", |leg| leg);
    (endpoint, prop::collection::vec(text(), 0..4)).prop_map(|(mut leg, values)| {
        for (at, value) in values.iter().enumerate() {
            let _ = leg.set_variable(&format!("v{at}"), value);
        }
        leg
    })
}

fn dial() -> impl Strategy<Value = DialString> {
    let shared = || prop::collection::vec(text(), 0..4);
    let part = (
        leg(),
        prop::collection::vec((any::<bool>(), leg()), 0..3),
        shared(),
    );
    let part = part.prop_map(|(first, more, values)| {
        let mut dial = DialString::leg(first);
        for (together, leg) in more {
            dial = if together {
                dial.and(leg)
            } else {
                dial.or(leg)
            };
        }
        for (at, value) in values.iter().enumerate() {
            let set = dial.clone().variable(&format!("v{at}"), value);
            dial = set.unwrap_or(dial);
        }
        dial
    });
    (prop::collection::vec(part, 1..3), shared()).prop_map(|(parts, values)| {
        let dial = parts.into_iter().reduce(DialString::enterprise).unwrap();
        values.iter().enumerate().fold(dial, |dial, (at, value)| {
            dial.clone()
                .global_variable(&format!("v{at}"), value)
                .unwrap_or(dial)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_built_is_read_back(dial in dial()) {
        let text = dial.to_string();
        prop_assert_eq!(DialString::parse(&text).map_err(|e| (e, text.clone())), Ok(dial));
    }

    #[test]
    fn what_is_read_can_be_written(text in text(), more in text()) {
        let text = format!("{text}{more}user/1{more}");
        if let Ok(dial) = DialString::parse(&text) {
            prop_assert_eq!(DialString::parse(&dial.to_string()), Ok(dial), "{}", text);
        }
    }

    #[test]
    fn originates_are_read_back(dial in dial(), texts in prop::array::uniform5(text()), inline in any::<bool>()) {
        let [argument, extension, context, name, number] = texts;
        let originate = Originate::new(dial).context(context).caller_id(name, number);
        for originate in [
            originate.clone().extension(extension),
            originate.clone().target(Target::Application(Application::new("log", argument.clone()))),
            match inline {
                true => originate.inline([Application::new("a", argument), Application::bare("b")]),
                false => originate,
            },
        ] {
            if let Ok(line) = originate.to_args() {
                prop_assert_eq!(Originate::parse(&line).map_err(|e| (e, line.clone())), Ok(originate));
            }
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in any::<String>()) {
        let _ = DialString::parse(&text);
        let _ = Originate::parse(&text);
    }
}
