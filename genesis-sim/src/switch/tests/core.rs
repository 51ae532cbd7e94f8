use genesis_proto::event::EventBuilder;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_fired_event_gets_the_block_of_the_core_in_the_recorded_order() {
    let (switch, mut feed) = start(Script::new());
    let event = EventBuilder::new(EventName::Custom)
        .header("Event-Subclass", "my::news")
        .unwrap()
        .header("Event-Sequence", "9999")
        .unwrap()
        .array("List", ["a", "b"])
        .unwrap()
        .body("text");
    switch.fire(event);
    let event = feed.recv().await.unwrap();
    let names: Vec<String> = event
        .event()
        .headers()
        .iter()
        .map(|header| header.name().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "Event-Name",
            "Core-UUID",
            "FreeSWITCH-Hostname",
            "FreeSWITCH-Switchname",
            "FreeSWITCH-IPv4",
            "FreeSWITCH-IPv6",
            "Event-Date-Local",
            "Event-Date-GMT",
            "Event-Date-Timestamp",
            "Event-Calling-File",
            "Event-Calling-Function",
            "Event-Calling-Line-Number",
            "Event-Sequence",
            "Event-Subclass",
            "List",
            "Content-Length",
        ]
    );
    assert_eq!(event.subclass.as_deref(), Some("my::news"));
    assert_eq!(get(&event, "Event-Sequence"), "1");
    assert_eq!(
        get(&event, "Event-Date-Timestamp"),
        format!("{START}000000")
    );
    assert_eq!(event.event().headers().array("List").unwrap().len(), 2);
    assert_eq!(event.event().body(), Some(&b"text"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_written_once_per_format() {
    let (switch, mut feed) = start(Script::new());
    switch.fire(EventBuilder::new(EventName::Custom));
    let event = feed.recv().await.unwrap();
    let format = genesis_proto::name::EventFormat::Json;
    assert_eq!(event.frame(format).as_ptr(), event.frame(format).as_ptr());
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_every_twenty_seconds() {
    let (switch, mut feed) = start(Script::new());
    run(19_999).await;
    assert!(feed.is_empty());
    run(2).await;
    let beat = feed.try_recv().unwrap();
    assert_eq!(beat.name, EventName::Heartbeat);
    assert_eq!(get(&beat, "Event-Info"), "System Ready");
    assert_eq!(get(&beat, "Uptime-msec"), "20000");
    assert_eq!(
        get(&beat, "Up-Time"),
        "0 years, 0 days, 0 hours, 0 minutes, 20 seconds, 0 milliseconds, 0 microseconds"
    );
    assert_eq!(get(&beat, "Session-Count"), "0");
    run(20_000).await;
    assert_eq!(drain(&mut feed).len(), 1);
    drop(switch);
}

#[tokio::test(start_paused = true)]
async fn shutdown_hangs_up_and_ends_the_feeds() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    switch.shutdown().await;
    let mut last = None;
    while let Some(event) = feed.recv().await {
        last = Some(event);
    }
    assert_eq!(last.unwrap().name, EventName::ChannelState);
    assert!(!switch.has_channel(&uuid));
    assert_eq!(switch.session_count(), 0);
    assert_eq!(
        switch.api("originate", "null/1 &park").await,
        "-ERR DESTINATION_OUT_OF_ORDER\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_log_reaches_its_listeners() {
    let (switch, _feed) = start(Script::new());
    let mut log = switch.subscribe_log();
    let uuid = parked(&switch).await;
    let entry = log.recv().await.unwrap();
    assert_eq!(entry.level, LogLevel::Notice);
    assert_eq!(entry.text, format!("New Channel null/1000 [{uuid}]"));
    switch
        .send_message(&uuid, ChannelMessage::execute("log", "WARNING be careful"))
        .unwrap();
    let entry = log.recv().await.unwrap();
    assert_eq!(entry.level, LogLevel::Warning);
    assert_eq!(entry.text, "be careful");
    assert_eq!(entry.unique_id.as_deref(), Some(&*uuid));
    switch.api("uuid_kill", &uuid).await;
    let entry = log.recv().await.unwrap();
    assert_eq!(entry.text, "Hangup null/1000 [NORMAL_CLEARING]");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_up_stays_active_when_it_enters_the_dialplan() {
    let (switch, _feed) = start(Script::new());
    let uuid = parked(&switch).await;
    switch.api("uuid_transfer", &format!("{uuid} 9196")).await;
    run(1).await;
    let dump = switch.api("uuid_dump", &uuid).await;
    assert!(dump.contains("Channel-Call-State: ACTIVE"), "{dump}");
}

/// The headers of CHANNEL_OUTGOING of a leg without another one, after the block of the core.
const LEG: &str = "Channel-State Channel-Call-State Channel-State-Number Channel-Name Unique-ID \
    Call-Direction Presence-Call-Direction Channel-HIT-Dialplan Channel-Call-UUID Answer-State \
    Caller-Direction Caller-Logical-Direction Caller-Caller-ID-Name Caller-Caller-ID-Number \
    Caller-Orig-Caller-ID-Name Caller-Orig-Caller-ID-Number Caller-Callee-ID-Name \
    Caller-Callee-ID-Number Caller-ANI Caller-Destination-Number Caller-Unique-ID Caller-Source \
    Caller-Context Caller-Channel-Name Caller-Profile-Index Caller-Profile-Created-Time \
    Caller-Channel-Created-Time Caller-Channel-Answered-Time Caller-Channel-Progress-Time \
    Caller-Channel-Progress-Media-Time Caller-Channel-Hangup-Time Caller-Channel-Transfer-Time \
    Caller-Channel-Resurrect-Time Caller-Channel-Bridged-Time Caller-Channel-Last-Hold \
    Caller-Channel-Hold-Accum Caller-Screen-Bit Caller-Privacy-Hide-Name \
    Caller-Privacy-Hide-Number";

fn names(event: &SwitchEvent) -> Vec<String> {
    let headers = event.event().headers();
    headers
        .iter()
        .map(|header| header.name().into_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn headers_of_a_leg_come_in_the_recorded_order() {
    let (switch, mut feed) = start(Script::new());
    let call = "{origination_caller_id_name=Jane}sofia/external/9106@127.0.0.1:5060 &playback(silence_stream://1)";
    switch.api("originate", call).await;
    run(2).await;
    let events = drain(&mut feed);
    let leg: Vec<&str> = LEG.split_whitespace().collect();
    assert_eq!(names(find(&events, EventName::ChannelOutgoing))[13..], leg);
    let callstate = names(find(&events, EventName::ChannelCallstate));
    assert_eq!(
        callstate[13..15],
        ["Original-Channel-Call-State", "Channel-Call-State-Number"]
    );
    assert_eq!(callstate[15..], leg);
    let complete = names(find(&events, EventName::ChannelExecuteComplete));
    assert_eq!(
        complete[complete.len() - 4..],
        [
            "Application",
            "Application-Data",
            "Application-Response",
            "Application-UUID"
        ]
    );
    let end = names(find(&events, EventName::ChannelHangupComplete));
    assert_eq!(end[13], "Hangup-Cause");
    assert_eq!(end[14..24], leg[..10]);
    assert_eq!(end[24], "Hangup-Cause");
    assert_eq!(end[25], "Channel-Read-Codec-Name");
    let last = "last_app last_arg caller_id duration billsec progresssec answersec waitsec \
        progress_mediasec flow_billsec mduration billmsec progressmsec answermsec waitmsec \
        progress_mediamsec flow_billmsec uduration billusec progressusec answerusec waitusec \
        progress_mediausec flow_billusec";
    let last: Vec<String> = last
        .split_whitespace()
        .map(|name| format!("variable_{name}"))
        .collect();
    assert_eq!(end[end.len() - last.len()..], last);
}

#[tokio::test(start_paused = true)]
async fn the_echo_of_a_message_begins_with_its_own_headers() {
    let (switch, mut feed) = start(Script::new());
    let uuid = parked(&switch).await;
    let mut message = ChannelMessage::execute("set", "").with("content-type", "text/plain");
    message.body = Some(b"a=1".to_vec());
    switch.send_message(&uuid, message).unwrap();
    run(1).await;
    let events = drain(&mut feed);
    let echo = find(&events, EventName::PrivateCommand);
    let names = names(echo);
    assert_eq!(
        names[..7],
        [
            "Command",
            "call-command",
            "execute-app-name",
            "execute-app-arg",
            "content-type",
            "Event-Name",
            "Core-UUID"
        ]
    );
    assert_eq!(echo.event().body(), Some(&b"a=1"[..]));
    assert_eq!(echo.unique_id.as_deref(), Some(&*uuid));
}
