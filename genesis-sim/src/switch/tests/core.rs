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
    switch
        .send_message(&uuid, ChannelMessage::execute("log", "WARNING be careful"))
        .unwrap();
    let entry = log.recv().await.unwrap();
    assert_eq!(entry.level, LogLevel::Warning);
    assert_eq!(entry.text, "be careful");
    assert_eq!(entry.unique_id.as_deref(), Some(&*uuid));
}
