use super::*;

fn set(names: &[EventName]) -> EventSet {
    names.iter().cloned().collect()
}

fn lines(commands: &[Command]) -> Vec<String> {
    commands.iter().map(line_of).collect()
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(EventFormat::Plain);
    ledger.connected(Allowed::default());
    assert_eq!(lines(&ledger.sync()), ["event plain BACKGROUND_JOB"]);
    ledger
}

#[test]
fn the_wire_is_the_union_and_shrinks_with_the_last() {
    let mut ledger = ledger();
    let (a, b) = (
        set(&[EventName::Dtmf, EventName::Api]),
        set(&[EventName::Dtmf]),
    );
    ledger.acquire(&a);
    assert_eq!(lines(&ledger.sync()), ["event plain API DTMF"]);
    ledger.acquire(&b);
    assert!(ledger.sync().is_empty());
    ledger.release(&a);
    assert_eq!(lines(&ledger.sync()), ["nixevent API"]);
    ledger.release(&b);
    assert_eq!(lines(&ledger.sync()), ["nixevent DTMF"]);
    assert!(ledger.has_jobs());
}

#[test]
fn all_shrinks_to_what_is_left_without_naming_it() {
    let mut ledger = ledger();
    let (all, dtmf) = (EventSet::all(), set(&[EventName::Dtmf]));
    ledger.acquire(&dtmf);
    ledger.acquire(&all);
    assert_eq!(lines(&ledger.sync()), ["event plain ALL"]);
    ledger.release(&all);
    let commands = lines(&ledger.sync());
    assert_eq!(commands.len(), 1);
    assert!(commands[0].starts_with("nixevent ") && !commands[0].contains("DTMF"));
    assert!(!commands[0].contains("BACKGROUND_JOB") && commands[0].contains(" HEARTBEAT"));
}

#[test]
fn lesson_31_everything_is_asked_for_again_on_a_new_connection() {
    let mut ledger = ledger();
    let mut wanted = set(&[EventName::Dtmf]);
    wanted.add_subclass("x::y").unwrap();
    ledger.acquire(&wanted);
    ledger.sync();
    ledger.by_hand(Command::raw("filter Unique-ID 7f").unwrap());
    ledger.acquire_log(LogLevel::Info);
    ledger.connected(Allowed::default());
    assert_eq!(
        lines(&ledger.restore()),
        [
            "filter Event-Name BACKGROUND_JOB",
            "filter Unique-ID 7f",
            "event plain DTMF BACKGROUND_JOB CUSTOM x::y",
            "log 6",
        ]
    );
}

#[test]
fn by_hand_cannot_take_from_subscribers() {
    let mut ledger = ledger();
    ledger.acquire(&set(&[EventName::Dtmf]));
    ledger.sync();
    ledger.by_hand(Command::raw("event plain DTMF API").unwrap());
    let command = ledger
        .by_hand(Command::raw("nixevent DTMF").unwrap())
        .command;
    assert_eq!(
        line_of(&command),
        "event plain API DTMF BACKGROUND_JOB",
        "DTMF must stay"
    );
    let command = ledger.by_hand(Command::raw("noevents").unwrap()).command;
    assert_eq!(line_of(&command), "nixevent API");
}

#[test]
fn a_format_changed_by_hand_is_kept_by_the_ledger() {
    let mut ledger = ledger();
    ledger.by_hand(Command::raw("event json API").unwrap());
    ledger.acquire(&set(&[EventName::Dtmf]));
    assert_eq!(lines(&ledger.sync()), ["event json DTMF"]);
}

#[test]
fn lesson_26_a_filter_by_hand_does_not_hide_job_results() {
    let mut ledger = ledger();
    let sent = ledger.by_hand(Command::raw("filter Unique-ID 7f").unwrap());
    assert_eq!(lines(&sent.before), ["filter Event-Name BACKGROUND_JOB"]);
    assert_eq!(line_of(&sent.command), "filter Unique-ID 7f");
    let after = ledger
        .by_hand(Command::raw("filter delete Unique-ID").unwrap())
        .after;
    assert_eq!(lines(&after), ["filter delete all"]);
}

#[test]
fn wire_filters_are_added_before_old_ones_go() {
    let mut ledger = ledger();
    let none: Option<std::iter::Empty<(&str, &str)>> = None;
    assert_eq!(
        lines(&ledger.sync_filters(Some([("Unique-ID", "a")].into_iter()))),
        ["filter Event-Name BACKGROUND_JOB", "filter Unique-ID a"]
    );
    assert_eq!(
        lines(&ledger.sync_filters(Some([("Unique-ID", "b")].into_iter()))),
        ["filter Unique-ID b", "filter delete Unique-ID a"]
    );
    assert_eq!(lines(&ledger.sync_filters(none)), ["filter delete all"]);
}

#[test]
fn lesson_27_a_restricted_user_is_told_before_anything_is_sent() {
    let mut ledger = Ledger::new(EventFormat::Plain);
    let allowed = Allowed {
        cut: false,
        events: Some(vec!["DTMF".into()]),
        ..Allowed::default()
    };
    ledger.connected(allowed);
    assert!(ledger.sync().is_empty(), "BACKGROUND_JOB is not allowed");
    assert!(!ledger.has_jobs());
    assert!(ledger.check(&set(&[EventName::Dtmf])).is_ok());
    let error = ledger.check(&set(&[EventName::Api])).unwrap_err();
    assert!(
        error.is_refused() && error.to_string().contains("API"),
        "{error}"
    );
    assert!(ledger.check(&EventSet::all()).is_err());
}

#[test]
fn the_log_comes_at_the_most_verbose_level_wanted() {
    let mut ledger = ledger();
    let line = |command: Option<Command>| command.map(|c| line_of(&c));
    assert_eq!(
        line(ledger.acquire_log(LogLevel::Info)).as_deref(),
        Some("log 6")
    );
    assert_eq!(line(ledger.acquire_log(LogLevel::Err)), None);
    assert_eq!(
        line(ledger.acquire_log(LogLevel::Debug)).as_deref(),
        Some("log 7")
    );
    assert_eq!(
        line(ledger.release_log(LogLevel::Debug)).as_deref(),
        Some("log 6")
    );
    assert_eq!(
        line(ledger.release_log(LogLevel::Info)).as_deref(),
        Some("log 3")
    );
    assert_eq!(
        line(ledger.release_log(LogLevel::Err)).as_deref(),
        Some("nolog")
    );
}
