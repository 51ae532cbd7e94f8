use super::*;

async fn incoming(switch: &Switch, extension: &str) {
    switch
        .incoming(IncomingCall::new(extension).uuid("a"))
        .unwrap();
    run(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_bridge_joins_two_legs_until_one_hangs_up() {
    let script = Script::new().extension(
        "1",
        &[
            "set hangup_after_bridge=true",
            "export color=red",
            "bridge {origination_uuid=b}sim/answer?after=2s&hangup_after=5s",
        ],
    );
    let (switch, mut feed) = start(script);
    incoming(&switch, "1").await;
    run(3_000).await;
    assert_eq!(switch.get_variable("b", "color").as_deref(), Some("red"));
    assert_eq!(
        switch.get_variable("a", "bridge_uuid").as_deref(),
        Some("b")
    );
    let calls = show::parse_json(&switch.api("show", "bridged_calls as json").await);
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (&calls[0]["uuid"], &calls[0]["b_uuid"]),
        (&"a".into(), &"b".into())
    );
    run(4_001).await;
    let events = drain(&mut feed);
    let story_a: Vec<String> = story(&events, "a").split_off(6);
    assert_eq!(
        story_a,
        [
            "CHANNEL_EXECUTE bridge",
            "CHANNEL_PROGRESS",
            "CHANNEL_PROGRESS_MEDIA",
            "CHANNEL_CALLSTATE",
            "CHANNEL_ANSWER",
            "CHANNEL_CALLSTATE",
            "CHANNEL_BRIDGE",
            "CALL_UPDATE",
            "CHANNEL_UNBRIDGE",
            "CHANNEL_EXECUTE_COMPLETE bridge",
            "CHANNEL_HANGUP",
            "CHANNEL_CALLSTATE",
            "CHANNEL_HANGUP_COMPLETE",
            "CHANNEL_DESTROY",
        ]
    );
    let bridge = find(&events, EventName::ChannelBridge);
    for (name, value) in [
        ("Bridge-A-Unique-ID", "a"),
        ("Bridge-B-Unique-ID", "b"),
        ("Other-Type", "originatee"),
        ("Other-Leg-Unique-ID", "b"),
    ] {
        assert_eq!(get(bridge, name), value);
    }
    let outgoing = find(&events, EventName::ChannelOutgoing);
    assert_eq!(get(outgoing, "Other-Type"), "originator");
    assert_eq!(get(outgoing, "Other-Leg-Unique-ID"), "a");
    let position = |name: EventName, uuid: &str| {
        let fits = |e: &Arc<SwitchEvent>| e.name == name && e.unique_id.as_deref() == Some(uuid);
        events.iter().position(fits).unwrap()
    };
    assert!(position(EventName::ChannelHangup, "b") < position(EventName::ChannelUnbridge, "a"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_takes_the_other_leg_down() {
    let script = Script::new().extension("1", &["bridge {origination_uuid=b}null/2", "park"]);
    let (switch, mut feed) = start(script);
    incoming(&switch, "1").await;
    assert!(switch.has_channel("b"));
    switch.api("uuid_kill", "a ATTENDED_TRANSFER").await;
    run(1).await;
    let events = drain(&mut feed);
    let causes: Vec<String> = events
        .iter()
        .filter(|e| e.name == EventName::ChannelHangup)
        .map(|e| get(e, "Hangup-Cause"))
        .collect();
    assert_eq!(causes, ["ATTENDED_TRANSFER", "NORMAL_CLEARING"]);
    assert_eq!(switch.session_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_bridge_that_fails_hangs_up_unless_it_is_to_go_on() {
    let script = Script::new()
        .extension("1", &["bridge sim/busy", "park"])
        .extension(
            "2",
            &["set continue_on_fail=true", "bridge sim/busy", "park"],
        )
        .extension("3", &["set call_timeout=5", "bridge sim/no_answer", "park"]);
    let (switch, mut feed) = start(script);
    incoming(&switch, "1").await;
    assert!(!switch.has_channel("a"));
    let events = drain(&mut feed);
    let hangup = events
        .iter()
        .rfind(|e| e.name == EventName::ChannelHangup)
        .unwrap();
    assert_eq!(get(hangup, "Hangup-Cause"), "USER_BUSY");

    incoming(&switch, "2").await;
    assert_eq!(
        switch.get_variable("a", "originate_disposition").as_deref(),
        Some("USER_BUSY")
    );
    assert_eq!(
        switch.get_variable("a", "current_application").as_deref(),
        Some("park")
    );
    switch.api("uuid_kill", "a").await;
    run(1).await;

    incoming(&switch, "3").await;
    run(5_000).await;
    assert_eq!(
        switch.get_variable("a", "DIALSTATUS").as_deref(),
        Some("NOANSWER")
    );
    assert_eq!(
        switch.get_variable("a", "current_application").as_deref(),
        Some("park")
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_cancels_the_legs() {
    let script = Script::new().extension("1", &["bridge sim/no_answer,sim/no_answer"]);
    let (switch, mut feed) = start(script);
    incoming(&switch, "1").await;
    assert_eq!(switch.session_count(), 3);
    switch.api("uuid_kill", "a").await;
    run(1).await;
    assert_eq!(switch.session_count(), 0);
    let events = drain(&mut feed);
    let cancelled = events.iter().filter(|e| {
        e.name == EventName::ChannelHangup && get(e, "Hangup-Cause") == "ORIGINATOR_CANCEL"
    });
    assert_eq!(cancelled.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn uuid_bridge_joins_parked_legs() {
    let (switch, mut feed) = start(Script::new());
    let (a, b) = (parked(&switch).await, parked(&switch).await);
    drain(&mut feed);
    assert_eq!(
        switch.api("uuid_bridge", &format!("{a} {b}")).await,
        format!("+OK {b}\n")
    );
    run(1).await;
    let events = drain(&mut feed);
    assert_eq!(
        story(&events, &a),
        [
            "CHANNEL_UNPARK",
            "CHANNEL_EXECUTE_COMPLETE park",
            "CHANNEL_EXECUTE uuid_bridge",
            "CHANNEL_BRIDGE",
        ]
    );
    assert_eq!(
        story(&events, &b),
        [
            "CALL_UPDATE",
            "CHANNEL_UNPARK",
            "CHANNEL_EXECUTE_COMPLETE park"
        ]
    );
    assert_eq!(
        switch.api("uuid_send_dtmf", &format!("{a} 12")).await,
        format!("+OK {a} sent DTMF 12.\n")
    );
    run(1).await;
    assert!(story(&drain(&mut feed), &b).contains(&"DTMF 2".to_owned()));
    switch.api("uuid_kill", &b).await;
    run(1).await;
    assert_eq!(switch.session_count(), 0);
    assert_eq!(
        switch.api("uuid_bridge", &format!("{a} {b}")).await,
        "-ERR Invalid uuid\n"
    );
}

/// switch_ivr_bridge.c, `switch_ivr_uuid_bridge`; switch_ivr_originate.c, `switch_ivr_wait_for_answer`.
#[tokio::test(start_paused = true)]
async fn uuid_bridge_ends_both_legs_when_one_has_no_media() {
    let script = Script::new()
        .extension("ringing", &["sleep 600000"])
        .extension("early", &["pre_answer", "sleep 600000"]);
    for ringing_first in [true, false] {
        let (switch, mut feed) = start(script.clone());
        for uuid in ["a", "c"] {
            let call = IncomingCall::new("ringing").uuid(uuid);
            switch.incoming(call).unwrap();
        }
        let call = IncomingCall::new("early").uuid("e");
        switch.incoming(call).unwrap();
        let b = parked(&switch).await;
        // two without media are refused, and stay
        let refused = switch.api("uuid_bridge", "a c").await;
        assert_eq!(refused, "-ERR Invalid uuid\n");
        run(1).await;
        assert_eq!(switch.session_count(), 4);

        let (first, other) = if ringing_first {
            ("a", &*b)
        } else {
            (&*b, "a")
        };
        drain(&mut feed);
        assert_eq!(
            switch.api("uuid_bridge", &format!("{first} {other}")).await,
            format!("+OK {other}\n")
        );
        run(1).await;
        let events = drain(&mut feed);
        let cause = |uuid: &str| {
            let hangup = events.iter().find(|event| {
                event.name == EventName::ChannelHangup && event.unique_id.as_deref() == Some(uuid)
            });
            get(hangup.unwrap(), "Hangup-Cause")
        };
        assert_eq!(cause("a"), "DESTINATION_OUT_OF_ORDER");
        assert_eq!(cause(&b), "ORIGINATOR_CANCEL");

        // early media is enough
        let b = parked(&switch).await;
        assert_eq!(
            switch.api("uuid_bridge", &format!("e {b}")).await,
            format!("+OK {b}\n")
        );
        run(1).await;
        assert_eq!(switch.get_variable("e", "bridge_uuid"), Some(b));
        // another one is tried when the first is refused
        let b = parked(&switch).await;
        let tried = switch.api("uuid_bridge", &format!("c x {b}")).await;
        assert_eq!(tried, format!("+OK {b}\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_leaves_the_bridge() {
    let script = Script::new()
        .extension("1", &["bridge {origination_uuid=b}null/2"])
        .extension("600", &["set here=1", "park"]);
    let (switch, _feed) = start(script);
    incoming(&switch, "1").await;
    assert_eq!(switch.api("uuid_transfer", "a 600").await, "+OK\n");
    run(1).await;
    assert_eq!(switch.get_variable("a", "here").as_deref(), Some("1"));
    assert!(!switch.has_channel("b"));
    assert_eq!(
        switch
            .api("uuid_transfer", "a m:^:set:q=2^park inline")
            .await,
        "+OK\n"
    );
    run(1).await;
    assert_eq!(switch.get_variable("a", "q").as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn both_legs_of_a_bridge_can_be_transferred() {
    let script = Script::new().extension("1", &["bridge {origination_uuid=b}null/2"]);
    let (switch, _feed) = start(script);
    incoming(&switch, "1").await;
    assert_eq!(switch.api("uuid_transfer", "a -both park").await, "+OK\n");
    run(1).await;
    for leg in ["a", "b"] {
        assert_eq!(
            switch.get_variable(leg, "current_application").as_deref(),
            Some("park")
        );
    }
}
