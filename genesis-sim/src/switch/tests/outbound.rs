use std::io;
use std::sync::Mutex;

use tokio::sync::oneshot;

use super::*;

type Session = (OutboundRequest, oneshot::Sender<OutboundEnd>);

/// Accepts every address but those that begin with `refuse`, and lets the test end the service.
#[derive(Default)]
struct Connector {
    sessions: Mutex<Vec<Session>>,
}

impl Connector {
    fn take(&self) -> Session {
        self.sessions.lock().unwrap().remove(0)
    }
}

impl OutboundConnector for Connector {
    fn connect(&self, request: OutboundRequest) -> Connecting {
        let result: io::Result<Serving> = if request.address.starts_with("refuse") {
            Err(io::ErrorKind::ConnectionRefused.into())
        } else {
            let (sender, receiver) = oneshot::channel();
            self.sessions.lock().unwrap().push((request, sender));
            Ok(Box::pin(async move { receiver.await.unwrap_or_default() }))
        };
        Box::pin(async move { result })
    }
}

async fn called(action: &str) -> (Switch, EventFeed, Arc<Connector>) {
    let script = Script::new().extension("1", &["answer", action, "set after=1", "park"]);
    let (switch, feed) = start(script);
    let connector = Arc::new(Connector::default());
    switch.set_outbound_connector(connector.clone());
    switch.incoming(IncomingCall::new("1").uuid("a")).unwrap();
    run(1).await;
    (switch, feed, connector)
}

fn tail(feed: &mut EventFeed, from: &str) -> Vec<String> {
    let story = story(&drain(feed), "a");
    let at = story.iter().position(|line| line == from).unwrap();
    story[at..].to_vec()
}

#[tokio::test(start_paused = true)]
async fn an_async_client_that_goes_away_ends_the_call() {
    let (switch, mut feed, connector) = called("socket 127.0.0.1:8084 async full").await;
    let (request, end) = connector.take();
    assert_eq!(
        request,
        OutboundRequest {
            address: "127.0.0.1:8084".to_owned(),
            asynchronous: true,
            full: true,
            uuid: "a".to_owned(),
        }
    );
    end.send(OutboundEnd::default()).unwrap();
    run(1).await;
    assert_eq!(
        tail(&mut feed, "CHANNEL_EXECUTE socket")[..5],
        [
            "CHANNEL_EXECUTE socket",
            "CHANNEL_PARK",
            "CHANNEL_UNPARK",
            "CHANNEL_EXECUTE_COMPLETE socket",
            "CHANNEL_HANGUP",
        ]
    );
    assert!(!switch.has_channel("a"));
}

#[tokio::test(start_paused = true)]
async fn resume_lets_the_dialplan_go_on() {
    let (switch, _feed, connector) = called("socket 127.0.0.1:8084 async").await;
    connector
        .take()
        .1
        .send(OutboundEnd { resume: true })
        .unwrap();
    run(1).await;
    assert_eq!(switch.get_variable("a", "after").as_deref(), Some("1"));

    let (switch, _feed, connector) = called("socket 127.0.0.1:8084 async").await;
    switch.api("uuid_setvar", "a socket_resume true").await;
    drop(connector.take());
    run(1).await;
    assert_eq!(switch.get_variable("a", "after").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn who_was_transferred_goes_there_though_the_client_goes_in_the_same_moment() {
    let (switch, mut feed, connector) = called("socket 127.0.0.1:8084 async full").await;
    connector.take().1.send(OutboundEnd::default()).unwrap();
    // the channel sees both at once
    let said = switch.api("uuid_transfer", "a park inline").await;
    assert!(said.starts_with("+OK"), "{said}");
    run(1).await;
    assert!(switch.has_channel("a"));
    let story = tail(&mut feed, "CHANNEL_EXECUTE_COMPLETE socket");
    assert!(
        story.contains(&"CHANNEL_EXECUTE park".to_owned()),
        "{story:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_goes_on_with_the_next_address_or_action() {
    let (_switch, _feed, connector) = called("socket refuse:1|127.0.0.1:2 async").await;
    assert_eq!(connector.take().0.address, "127.0.0.1:2");
    let (switch, mut feed, _connector) = called("socket refuse:1 async").await;
    assert_eq!(switch.get_variable("a", "after").as_deref(), Some("1"));
    assert!(!story(&drain(&mut feed), "a")[..10].contains(&"CHANNEL_PARK".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_sync_client_runs_one_application_after_the_other() {
    let (switch, mut feed, connector) = called("socket 127.0.0.1:8084 full").await;
    let (request, end) = connector.take();
    assert!(!request.asynchronous);
    // Queued messages wait until a sync one runs.
    switch
        .send_message("a", ChannelMessage::execute("set", "queued=1"))
        .unwrap();
    run(100).await;
    assert_eq!(switch.get_variable("a", "queued"), None);
    let began = switch.uptime();
    let playback = ChannelMessage::execute("playback", "silence_stream://1500");
    switch.send_message_sync("a", playback).await.unwrap();
    assert_eq!(switch.uptime() - began, Duration::from_millis(1500));
    assert_eq!(switch.get_variable("a", "queued").as_deref(), Some("1"));
    end.send(OutboundEnd::default()).unwrap();
    run(1).await;
    assert_eq!(switch.get_variable("a", "after").as_deref(), Some("1"));
    let story = tail(&mut feed, "CHANNEL_EXECUTE_COMPLETE socket");
    assert_eq!(story[1], "CHANNEL_EXECUTE set");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lingers_keeps_the_data_of_the_channel() {
    let (switch, mut feed, connector) = called("socket 127.0.0.1:8084 async full").await;
    let (_, end) = connector.take();
    switch.api("uuid_kill", "a").await;
    run(1_000).await;
    let story = tail(&mut feed, "CHANNEL_HANGUP");
    assert_eq!(
        story,
        [
            "CHANNEL_HANGUP",
            "CHANNEL_UNPARK",
            "CHANNEL_EXECUTE_COMPLETE socket",
            "CHANNEL_CALLSTATE",
            "CHANNEL_HANGUP_COMPLETE",
        ]
    );
    assert!(!switch.has_channel("a"));
    assert_eq!(
        switch.get_variable("a", "hangup_cause").as_deref(),
        Some("NORMAL_CLEARING")
    );
    end.send(OutboundEnd::default()).unwrap();
    run(1).await;
    assert_eq!(super::story(&drain(&mut feed), "a"), ["CHANNEL_DESTROY"]);
    assert_eq!(switch.channel_data("a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_sync_message_to_a_call_that_is_over_returns() {
    let (switch, _feed, connector) = called("socket 127.0.0.1:8084 full").await;
    let (_, end) = connector.take();
    let waiting = tokio::spawn({
        let switch = switch.clone();
        async move {
            switch
                .send_message_sync(
                    "a",
                    ChannelMessage::execute("playback", "local_stream://moh"),
                )
                .await
        }
    });
    run(100).await;
    switch.api("uuid_kill", "a").await;
    waiting.await.unwrap().unwrap();
    switch
        .send_message_sync("a", ChannelMessage::execute("answer", ""))
        .await
        .unwrap();
    end.send(OutboundEnd::default()).unwrap();
    run(1).await;
    let gone = switch
        .send_message_sync("a", ChannelMessage::execute("answer", ""))
        .await;
    assert_eq!(gone, Err(NoSuchSession("a".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn park_inside_an_async_socket_returns_at_once() {
    let (switch, mut feed, _connector) = called("socket 127.0.0.1:8084 async full").await;
    drain(&mut feed);
    switch
        .send_message("a", ChannelMessage::execute("park", ""))
        .unwrap();
    run(1).await;
    assert_eq!(
        story(&drain(&mut feed), "a"),
        [
            "CHANNEL_EXECUTE park",
            "CHANNEL_EXECUTE_COMPLETE park",
            "PRIVATE_COMMAND"
        ]
    );
}
