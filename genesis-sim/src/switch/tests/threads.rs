//! Calls on several threads at once: nothing is lost, whoever is first.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_on_several_threads_all_end() {
    const CALLS: usize = 200;
    let options = SwitchOptions {
        sessions_per_second: 10_000,
        ..SwitchOptions::default()
    };
    let switch = Switch::new(options);
    let mut feed = switch.subscribe();
    let calls = (0..CALLS).map(|i| {
        let switch = switch.clone();
        tokio::spawn(async move {
            let action = if i % 2 == 0 {
                "&park"
            } else {
                "&bridge(null/2)"
            };
            let uuid = uuid_of(&switch.api("originate", &format!("null/1 {action}")).await);
            for n in 0..3 {
                let message = ChannelMessage::execute("set", &format!("n={n}"));
                switch.send_message(&uuid, message).unwrap();
            }
            assert_eq!(switch.api("uuid_kill", &uuid).await, "+OK\n");
            uuid
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut uuids = Vec::new();
    for call in calls {
        uuids.push(call.await.unwrap());
    }
    let mut ended = std::collections::HashSet::new();
    let mut hung_up = std::collections::HashSet::new();
    while !uuids.iter().all(|uuid| ended.contains(uuid)) {
        let event = feed.recv().await.unwrap();
        let Some(uuid) = event.unique_id.clone() else {
            continue;
        };
        match event.name {
            EventName::ChannelHangup => assert!(hung_up.insert(uuid), "hung up twice"),
            EventName::ChannelHangupComplete => assert!(hung_up.contains(&uuid)),
            EventName::ChannelDestroy => assert!(ended.insert(uuid), "destroyed twice"),
            _ => {}
        }
    }
    switch.shutdown().await;
    assert_eq!(switch.session_count(), 0);
}
