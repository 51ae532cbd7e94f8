use super::*;

fn message(app: &str, arg: &str, id: &str) -> ChannelMessage {
    ChannelMessage::execute(app, arg).with("Event-UUID", id)
}

/// Ids and responses of CHANNEL_EXECUTE_COMPLETE in order.
fn completed(events: &[Arc<SwitchEvent>]) -> Vec<(String, String)> {
    let complete = events
        .iter()
        .filter(|e| e.name == EventName::ChannelExecuteComplete);
    complete
        .map(|e| (get(e, "Application-UUID"), get(e, "Application-Response")))
        .collect()
}

fn pair(id: &str, response: &str) -> (String, String) {
    (id.to_owned(), response.to_owned())
}

#[tokio::test(start_paused = true)]
async fn later_messages_run_inside_a_playback_and_stop_its_clock() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    drain(&mut feed);
    let began = switch.now();
    for message in [
        message("playback", "tone_stream://%(800,0,500)", "pb-1"),
        message("set", "a=1", "set-1"),
        message("playback", "tone_stream://%(300,0,700)", "pb-2").with("event-lock", "true"),
        message("say", "en number pronounced 7", "say-1"),
    ] {
        switch.send_message(&uuid, message).unwrap();
    }
    run(1_600).await;
    let events = drain(&mut feed);
    assert_eq!(
        completed(&events),
        [
            pair("set-1", "_none_"),
            pair("pb-2", "FILE PLAYED"),
            pair("say-1", "_none_"),
            pair("pb-1", "FILE PLAYED"),
        ]
    );
    let last = events
        .iter()
        .rfind(|e| e.name == EventName::ChannelExecuteComplete)
        .unwrap();
    let took = get(last, "Event-Date-Timestamp").parse::<u64>().unwrap() - began;
    assert_eq!(took, 1_500_000, "800 ms + 300 ms + 400 ms");
    let echo = events
        .iter()
        .find(|e| e.name == EventName::PrivateCommand)
        .unwrap();
    assert_eq!(get(echo, "call-command"), "execute");
    assert_eq!(get(echo, "Event-UUID"), "set-1");
}

#[tokio::test(start_paused = true)]
async fn event_lock_keeps_later_messages_out() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    let locked = message("playback", "silence_stream://500", "pb").with("event-lock", "true");
    switch.send_message(&uuid, locked).unwrap();
    switch
        .send_message(&uuid, message("set", "a=1", "set"))
        .unwrap();
    run(501).await;
    let ids: Vec<String> = completed(&drain(&mut feed))
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ids, ["pb", "set"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_application_hangs_up() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    drain(&mut feed);
    switch
        .send_message(&uuid, message("no_such_app", "", "x"))
        .unwrap();
    run(1).await;
    let events = drain(&mut feed);
    let hangup = find(&events, EventName::ChannelHangup);
    assert_eq!(get(hangup, "Hangup-Cause"), "DESTINATION_OUT_OF_ORDER");
    assert!(!events.iter().any(|e| get(e, "Application-UUID") == "x"));
}

#[tokio::test(start_paused = true)]
async fn loops_repeat_what_takes_half_a_second() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    let slow = message("playback", "silence_stream://700", "slow").with("loops", "3");
    switch.send_message(&uuid, slow).unwrap();
    run(2_200).await;
    let fast = message("set", "a=1", "fast").with("loops", "5");
    switch.send_message(&uuid, fast).unwrap();
    run(1).await;
    let ids: Vec<String> = completed(&drain(&mut feed))
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ids, ["slow", "slow", "slow", "fast"]);
}

#[tokio::test(start_paused = true)]
async fn a_break_ends_a_playback() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    switch
        .send_message(
            &uuid,
            message("playback", "tone_stream://%(5000,0,1)", "pb"),
        )
        .unwrap();
    run(200).await;
    assert_eq!(switch.api("uuid_break", &uuid).await, "+OK\n");
    run(1).await;
    let events = drain(&mut feed);
    assert_eq!(
        get(find(&events, EventName::PlaybackStop), "Playback-Status"),
        "break"
    );
    assert_eq!(
        get(
            find(&events, EventName::PlaybackStop),
            "variable_playback_ms"
        ),
        "200"
    );
    assert_eq!(completed(&events), [pair("pb", "FILE PLAYED")]);
}

#[tokio::test(start_paused = true)]
async fn playback_responds_as_recorded() {
    let script = Script::new()
        .missing_file("/lost.wav")
        .file("/long.wav", Duration::from_secs(9));
    let (switch, mut feed) = start(script);
    let uuid = parked(&switch).await;
    switch
        .send_message(&uuid, message("playback", "/lost.wav", "lost"))
        .unwrap();
    switch
        .send_message(&uuid, message("playback", "/short.wav", "short"))
        .unwrap();
    run(1_100).await;
    switch
        .send_message(&uuid, message("playback", "/long.wav", "long"))
        .unwrap();
    run(1_000).await;
    switch.api("uuid_kill", &uuid).await;
    run(1).await;
    let mut all = completed(&drain(&mut feed));
    all.retain(|(id, _)| ["lost", "short", "long"].contains(&id.as_str()));
    assert_eq!(
        all,
        [
            pair("lost", "FILE NOT FOUND"),
            pair("short", "FILE PLAYED"),
            pair("long", "PLAYBACK ERROR")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn digits_are_collected() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    let arg = r"1 4 1 4000 # tone_stream://%(300,0,800) silence_stream://100 my_digits \d+";
    switch
        .send_message(&uuid, message("play_and_get_digits", arg, "pagd"))
        .unwrap();
    run(1_000).await;
    for digit in ["9", "8", "#"] {
        run(500).await;
        let args = format!("{uuid} {digit}");
        let output = switch.api("uuid_recv_dtmf", &args).await;
        assert_eq!(output, format!("+OK {uuid} received DTMF {digit}.\n"));
    }
    run(1).await;
    assert_eq!(
        switch.get_variable(&uuid, "my_digits").as_deref(),
        Some("98")
    );
    assert_eq!(
        switch
            .get_variable(&uuid, "read_terminator_used")
            .as_deref(),
        Some("#")
    );
    let story = story(&drain(&mut feed), &uuid);
    assert!(story.contains(&"DTMF 9".to_owned()));

    switch
        .send_message(&uuid, message("read", "2 4 silence got 2000 #", "read"))
        .unwrap();
    run(1_999).await;
    assert_eq!(
        switch.get_variable(&uuid, "read_result").as_deref(),
        Some("success"),
        "of the digits before"
    );
    run(2).await;
    assert_eq!(
        switch.get_variable(&uuid, "read_result").as_deref(),
        Some("timeout")
    );
}

#[tokio::test(start_paused = true)]
async fn variables_are_set_and_expanded() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    for (app, arg) in [
        ("set", "name=Jane"),
        ("multiset", "^^:x=1:y=${name} 2"),
        ("export", "nolocal:z=3"),
        ("set", "gone=1"),
        ("unset", "gone"),
        (
            "event",
            "Event-Name=CUSTOM,Event-Subclass=my::event,Key=${x}",
        ),
    ] {
        switch
            .send_message(&uuid, ChannelMessage::execute(app, arg))
            .unwrap();
    }
    run(1).await;
    let value = |name: &str| switch.get_variable(&uuid, name);
    assert_eq!(value("x").as_deref(), Some("1"));
    assert_eq!(value("y").as_deref(), Some("Jane 2"));
    assert_eq!(value("export_vars").as_deref(), Some("nolocal:z"));
    assert_eq!(value("gone"), None);
    let events = drain(&mut feed);
    let custom = find(&events, EventName::Custom);
    assert_eq!(custom.subclass.as_deref(), Some("my::event"));
    assert_eq!(get(custom, "Key"), "1");
    assert_eq!(get(custom, "Unique-ID"), uuid);
}

#[tokio::test(start_paused = true)]
async fn a_long_argument_comes_in_the_body() {
    let (switch, _feed) = start(Script::new());
    let uuid = parked(&switch).await;
    let mut message = ChannelMessage::execute("set", "").with("content-type", "text/plain");
    message.body = Some(b"text=line one\nline two".to_vec());
    switch.send_message(&uuid, message).unwrap();
    run(1).await;
    assert_eq!(
        switch.get_variable(&uuid, "text").as_deref(),
        Some("line one\nline two")
    );
}

#[tokio::test(start_paused = true)]
async fn messages_to_nobody_are_refused() {
    let (switch, _feed) = start(Script::new());
    let error = switch
        .send_message("nosuch", ChannelMessage::execute("park", ""))
        .unwrap_err();
    assert_eq!(error, NoSuchSession("nosuch".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn messages_that_wait_are_bounded() {
    let options = SwitchOptions {
        max_queued_messages: 2,
        ..options(Script::new())
    };
    let switch = Switch::new(options);
    let uuid = parked(&switch).await;
    let lock = message("sleep", "1000", "lock").with("event-lock", "true");
    switch.send_message(&uuid, lock).unwrap();
    run(1).await;
    for name in ["a", "b", "c"] {
        let set = ChannelMessage::execute("set", &format!("{name}=1"));
        switch.send_message(&uuid, set).unwrap();
    }
    run(1_000).await;
    assert_eq!(switch.get_variable(&uuid, "b").as_deref(), Some("1"));
    assert_eq!(switch.get_variable(&uuid, "c"), None);
}

#[tokio::test(start_paused = true)]
async fn a_message_hangs_up_with_its_cause() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    let watch = switch.hangup_watch(&uuid);
    assert!(!*watch.borrow());
    let hangup = ChannelMessage::default()
        .with("call-command", "hangup")
        .with("hangup-cause", "CALL_REJECTED");
    switch.send_message(&uuid, hangup).unwrap();
    run(1).await;
    assert!(*watch.borrow());
    assert_eq!(
        get(
            find(&drain(&mut feed), EventName::ChannelHangup),
            "Hangup-Cause"
        ),
        "CALL_REJECTED"
    );
}

#[tokio::test(start_paused = true)]
async fn recording_tells_its_start_and_end() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    switch
        .send_message(&uuid, message("record", "/tmp/a.wav 3", "rec"))
        .unwrap();
    run(3_001).await;
    let events = drain(&mut feed);
    assert_eq!(
        get(find(&events, EventName::RecordStart), "Record-File-Path"),
        "/tmp/a.wav"
    );
    let stop = find(&events, EventName::RecordStop);
    assert_eq!(get(stop, "Record-Completion-Cause"), "success-maxtime");
    assert_eq!(
        switch
            .api("uuid_record", &format!("{uuid} start /tmp/b.wav"))
            .await,
        "+OK Success\n"
    );
    assert_eq!(
        switch
            .api("uuid_record", &format!("{uuid} stop /tmp/b.wav"))
            .await,
        "+OK Success\n"
    );
    assert_eq!(
        switch
            .api("uuid_record", &format!("{uuid} stop /tmp/b.wav"))
            .await,
        "-ERR Cannot stop record session!\n"
    );
}

#[tokio::test(start_paused = true)]
async fn messages_nest_only_so_deep() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    for i in 0..500 {
        let message = message("playback", "silence_stream://100", &format!("{i}"));
        switch.send_message(&uuid, message).unwrap();
    }
    run(51_000).await;
    let events = completed(&drain(&mut feed));
    assert_eq!(events.len(), 500);
    assert_eq!(
        events[0].0, "15",
        "the sixteenth ends first, the first one later"
    );
}

#[tokio::test(start_paused = true)]
async fn transfers_in_a_circle_end() {
    let script = Script::new().extension("1", &["transfer 1"]);
    let (switch, mut feed) = start(script);
    switch.incoming(IncomingCall::new("1").uuid("a")).unwrap();
    run(1).await;
    let events = drain(&mut feed);
    let hangup = find(&events, EventName::ChannelHangup);
    assert_eq!(get(hangup, "Hangup-Cause"), "EXCHANGE_ROUTING_ERROR");
}

#[tokio::test(start_paused = true)]
async fn digits_that_nobody_reads_are_bounded() {
    let script = Script::new().extension("1", &["answer"]);
    let (switch, _feed) = start(script);
    let call = "{origination_uuid=a}sim/answer?early_media=no&after=1s &park";
    let ringing = tokio::spawn({
        let switch = switch.clone();
        async move { switch.api("originate", call).await }
    });
    run(1).await;
    for _ in 0..20 {
        switch
            .api("uuid_recv_dtmf", &format!("a {}", "1".repeat(100)))
            .await;
    }
    assert_eq!(switch.find("a").unwrap().channel.data().dtmf.len(), 1000);
    ringing.await.unwrap();
}
