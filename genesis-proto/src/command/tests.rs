use super::*;
use crate::name::{EventName, HangupCause};

fn text(command: &Command) -> String {
    String::from_utf8(command.to_bytes().to_vec()).unwrap()
}

#[test]
fn known_answers() {
    let secret = Secret::from("ClueCon");
    let mut events = EventSet::new();
    events
        .add(EventName::Heartbeat)
        .unwrap()
        .add_subclass("a::b")
        .unwrap();
    events.add(EventName::ChannelAnswer).unwrap();
    for (command, expected) in [
        (Command::auth(&secret), "auth ClueCon\n\n"),
        (
            Command::userauth("bob", "example.org", &secret),
            "userauth bob@example.org:ClueCon\n\n",
        ),
        (Command::api("status"), "api status\n\n"),
        (
            Command::bgapi("status", "7f"),
            "bgapi status\nJob-UUID: 7f\n\n",
        ),
        (
            Command::event(EventFormat::Json, &events),
            "event json CHANNEL_ANSWER HEARTBEAT CUSTOM a::b\n\n",
        ),
        (
            Command::event(EventFormat::Plain, &EventSet::all()),
            "event plain ALL\n\n",
        ),
        (
            Command::nixevent(&events),
            "nixevent CHANNEL_ANSWER HEARTBEAT CUSTOM a::b\n\n",
        ),
        (Ok(Command::noevents()), "noevents\n\n"),
        (
            Ok(Command::myevents(EventFormat::Json)),
            "myevents json\n\n",
        ),
        (Command::myevents_of("7f"), "myevents 7f\n\n"),
        (
            Command::filter("Unique-ID", "/^7f/"),
            "filter Unique-ID /^7f/\n\n",
        ),
        (
            Command::filter_delete("Unique-ID", None),
            "filter delete Unique-ID\n\n",
        ),
        (
            Command::filter_delete("Unique-ID", Some("7")),
            "filter delete Unique-ID 7\n\n",
        ),
        (Ok(Command::filter_delete_all()), "filter delete all\n\n"),
        (Ok(Command::divert_events(true)), "divert_events on\n\n"),
        (Ok(Command::linger(None)), "linger\n\n"),
        (
            Ok(Command::linger(Some(Duration::from_millis(1500)))),
            "linger 2\n\n",
        ),
        (Ok(Command::nolinger()), "nolinger\n\n"),
        (Ok(Command::log(LogLevel::Debug)), "log 7\n\n"),
        (Ok(Command::nolog()), "nolog\n\n"),
        (Ok(Command::connect()), "connect\n\n"),
        (Ok(Command::resume()), "resume\n\n"),
        (Command::getvar("x"), "getvar x\n\n"),
        (Ok(Command::exit()), "exit\n\n"),
        (
            Message::Hangup(HangupCause::UserBusy).build(Some("7f")),
            "sendmsg 7f\ncall-command: hangup\nhangup-cause: USER_BUSY\n\n",
        ),
        (
            Message::Nomedia("7f".into()).build(None),
            "sendmsg\ncall-command: nomedia\nnomedia-uuid: 7f\n\n",
        ),
        (
            Message::Xferext(vec![("playback".into(), "a b".into())]).build(Some("7f")),
            "sendmsg 7f\ncall-command: xferext\napplication: playback a b\n\n",
        ),
        (
            Execute::new("set")
                .and_then(|e| e.text_arg("a=1\n\n2"))
                .and_then(|e| e.build(None)),
            "sendmsg\ncall-command: execute\nexecute-app-name: set\ncontent-type: text/plain\n\
             content-length: 6\n\na=1\n\n2",
        ),
    ] {
        assert_eq!(text(&command.unwrap()), expected);
    }
}

#[test]
fn lesson_08_no_value_can_end_a_line() {
    let evil = ["a\n\napi fsctl shutdown", "a\rb", "a\0b"];
    for bad in evil {
        let secret = Secret::from(bad);
        let hangup = Message::Xferext(vec![("log".into(), bad.into())]);
        let event = EventName::from(bad);
        let results = [
            Command::raw(bad),
            Command::raw_with("sendevent X", &[("a", bad)], None),
            Command::raw_with("sendevent X", &[(bad, "a")], None),
            Command::auth(&secret),
            Command::userauth(bad, "d", &secret),
            Command::userauth("u", bad, &Secret::from("x")),
            Command::api(bad),
            Command::bgapi(bad, "7f"),
            Command::bgapi("status", bad),
            Command::myevents_of(bad),
            Command::filter(bad, "x"),
            Command::filter("x", bad),
            Command::filter_delete(bad, None),
            Command::filter_delete("x", Some(bad)),
            Command::getvar(bad),
            hangup.build(None),
            Message::Nomedia(bad.into()).build(None),
            Message::Nomedia("7f".into()).build(Some(bad)),
            Execute::new(bad).and_then(|e| e.build(None)),
            Execute::new("set")
                .and_then(|e| e.arg(bad))
                .and_then(|e| e.build(None)),
            Execute::new("set")
                .and_then(|e| e.event_uuid(bad))
                .and_then(|e| e.build(None)),
            Execute::new("set")
                .and_then(|e| e.with(bad, "x"))
                .and_then(|e| e.build(None)),
            Execute::new("set")
                .and_then(|e| e.with("x", bad))
                .and_then(|e| e.build(None)),
            SendEvent::new(EventName::Custom)
                .header(bad, "x")
                .map(|e| e.build()),
            SendEvent::new(EventName::Custom)
                .header("x", bad)
                .map(|e| e.build()),
        ];
        for (i, result) in results.into_iter().enumerate() {
            assert!(
                result.unwrap_err().is_invalid_argument(),
                "case {i} of {bad:?}"
            );
        }
        assert!(EventSet::new().add(event.clone()).is_err());
        assert!(EventSet::new().add_subclass(bad).is_err());
        assert_eq!(
            SendEvent::new(event).build().to_bytes(),
            "sendevent CUSTOM\n\n"
        );
    }
    assert!(SendEvent::new(EventName::Custom).body("a\0").is_err());
    assert!(Execute::new("set").unwrap().text_arg("a\0").is_err());
    assert!(Command::raw_with("x", &[("Content-Length", "1")], None).is_err());
}

#[test]
fn lesson_25_custom_goes_last() {
    let mut events: EventSet = [EventName::Custom, EventName::Dtmf].into_iter().collect();
    events
        .add_subclass("x::y")
        .unwrap()
        .add(EventName::Api)
        .unwrap();
    let command = text(&Command::event(EventFormat::Plain, &events).unwrap());
    assert!(command.ends_with("CUSTOM x::y\n\n"), "{command}");
    assert!(command.contains("DTMF") && command.contains("API"));
}

#[test]
fn lesson_42_secrets_do_not_show() {
    let secret = Secret::from("hunter2");
    let auth = Command::auth(&secret).unwrap();
    let user = Command::userauth("u", "d", &secret).unwrap();
    for command in [auth, user] {
        assert!(!format!("{command:?} {}", command.name()).contains("hunter2"));
    }
    let refused = Command::auth(&Secret::from("hunter2\n")).unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    assert_eq!(
        Command::api("originate {pin=1}x &park").unwrap().name(),
        "api originate"
    );
}
