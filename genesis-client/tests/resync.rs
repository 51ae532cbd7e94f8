//! Channel snapshots: read, kept up to date, compared after a gap.

#![allow(clippy::unwrap_used)] // helpers outside #[test] too

mod scripted_switch;

use genesis_client::proto::name::{CallDirection, CallState, ChannelState};
use genesis_client::proto::{Event, EventName};
use genesis_client::{ChannelSnapshot, ErrorKind, Item};
use scripted_switch::{Switch, settled};

/// Recorded from FreeSWITCH 1.11.2: one row with all its columns.
const RECORDED: &str = r#"{"row_count":1,"rows":[{"uuid":"2fc34c88-1023-4e83-853f-7faaf8da836a","direction":"outbound","created":"2026-11-21 00:56:20","created_epoch":"1795222580","name":"loopback/9102-a","state":"CS_EXECUTE","cid_name":"Outbound Call","cid_num":"XML","ip_addr":"","dest":"9102","application":"park","application_data":"","dialplan":"XML","context":"default","read_codec":"L16","read_rate":"8000","read_bit_rate":"128000","write_codec":"L16","write_rate":"8000","write_bit_rate":"128000","secure":"","hostname":"fs-capture","presence_id":"","presence_data":"","accountcode":"","callstate":"ACTIVE","callee_name":"Wörk","callee_num":"5550","callee_direction":"RECV","call_uuid":"2fc34c88-1023-4e83-853f-7faaf8da836a","sent_callee_name":"","sent_callee_num":"","initial_cid_name":"Wörk","initial_cid_num":"5550","initial_ip_addr":"","initial_dest":"9102","initial_dialplan":"XML","initial_context":"default"}]}"#;
type Headers<'a> = &'a [(&'a str, &'a str)];

const NONE: &str = "{\"row_count\": 0}\n";

fn shown(rows: &[(&str, &str)]) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|(uuid, callstate)| {
            format!(
                r#"{{"uuid":"{uuid}","state":"CS_EXECUTE","callstate":"{callstate}","created_epoch":"1795222580","cid_num":"1000"}}"#
            )
        })
        .collect();
    format!(
        r#"{{"row_count":{},"rows":[{}]}}"#,
        rows.len(),
        rows.join(",")
    )
}

/// An event made this many microseconds after the channels of `shown` began.
fn event(name: EventName, uuid: &str, after: u64, headers: &[(&str, &str)]) -> Event {
    let mut builder = Event::builder(name);
    let stamp = (1_795_222_580_000_000 + after).to_string();
    builder.push("Unique-ID", uuid).unwrap();
    builder.push("Event-Date-Timestamp", stamp).unwrap();
    for (header, value) in headers {
        builder.push(header, value).unwrap();
    }
    builder.build()
}

#[tokio::test(start_paused = true)]
async fn the_switch_is_asked_and_all_columns_are_kept() {
    let (client, switch) = Switch::connect().await;
    switch.output(RECORDED);
    let channels = client.channels().await.unwrap();
    assert_eq!(
        switch.commands().last().unwrap(),
        "api show channels as json"
    );
    assert_eq!(channels.len(), 1);
    let row = channels
        .get("2fc34c88-1023-4e83-853f-7faaf8da836a")
        .unwrap();
    assert_eq!(row.columns().count(), 38);
    assert_eq!(row.direction(), CallDirection::Outbound);
    assert_eq!(row.state(), ChannelState::Execute);
    assert_eq!(row.callstate(), CallState::Active);
    assert_eq!(row.created(), "2026-11-21 00:56:20");
    assert_eq!(row.created_epoch(), Some(1_795_222_580));
    let texts = [
        (row.name(), "loopback/9102-a"),
        (row.cid_name(), "Outbound Call"),
        (row.cid_num(), "XML"),
        (row.dest(), "9102"),
        (row.application(), "park"),
        (row.hostname(), "fs-capture"),
        (row.call_uuid(), row.uuid()),
    ];
    for (value, expected) in texts {
        assert_eq!(value, expected);
    }
    assert_eq!(row.get("callee_name"), Some("Wörk"));
    assert_eq!(row.get("initial_dest"), Some("9102"));
    assert_eq!(row.get("no_such_column"), None);
    let debug = format!("{row:?} {channels:?}");
    assert!(!debug.contains("Wörk"), "{debug}");
}

#[tokio::test(start_paused = true)]
async fn no_channels_is_no_error() {
    let (client, switch) = Switch::connect().await;
    switch.output(NONE);
    assert!(client.channels().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn output_that_cannot_be_read_is_an_error_and_changes_nothing() {
    let (client, switch) = Switch::connect().await;
    let mut channels = ChannelSnapshot::from_json(RECORDED.as_bytes()).unwrap();
    let before = channels.iter().next().unwrap().clone();
    let bad = [
        "",
        "no json",
        "[]",
        "{}",
        r#"{"row_count":1}"#,
        r#"{"row_count":2,"rows":[{"uuid":"a"}]}"#,
        r#"{"row_count":1,"rows":[{"name":"without a uuid"}]}"#,
        r#"{"row_count":1,"rows":[{"uuid":["a"]}]}"#,
        r#"{"row_count":1,"rows":["a"]}"#,
        &RECORDED[..RECORDED.len() - 2],
    ];
    for output in bad {
        switch.output(output);
        let error = client.resync(&mut channels).await.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Protocol, "{output}: {error}");
        assert!(!error.to_string().contains("without a uuid\""), "{error}");
    }
    switch.output("-ERR SQL disabled, no data available!\n");
    assert!(client.resync(&mut channels).await.unwrap_err().is_refused());
    assert_eq!(channels.iter().collect::<Vec<_>>(), [&before]);
    // and the connection goes on
    switch.output(RECORDED);
    assert!(client.resync(&mut channels).await.unwrap().is_empty());
}

#[test]
fn invalid_utf8_harms_one_value_only() {
    let output = b"{\"row_count\":1,\"rows\":[{\"uuid\":\"a\",\"cid_name\":\"J\xf6rg\",\"x\":7,\"y\":null}]}";
    let channels = ChannelSnapshot::from_json(output).unwrap();
    let row = channels.get("a").unwrap();
    assert_eq!(row.cid_name(), "J\u{fffd}rg");
    assert_eq!((row.get("x"), row.get("y")), (Some("7"), Some("")));
}

#[tokio::test(start_paused = true)]
async fn large_output_is_read() {
    let (client, switch) = Switch::connect().await;
    let uuids: Vec<String> = (0..20_000).map(|n| format!("channel-{n}")).collect();
    let rows: Vec<_> = uuids.iter().map(|uuid| (uuid.as_str(), "ACTIVE")).collect();
    let output = shown(&rows);
    assert!(output.len() > 1 << 20);
    switch.output(output);
    assert_eq!(client.channels().await.unwrap().len(), 20_000);
}

#[tokio::test(start_paused = true)]
async fn lesson_32_resync_tells_what_vanished_while_the_link_was_away() {
    let (client, switch) = Switch::connect_for_good().await;
    let subscription = ChannelSnapshot::subscription();
    let mut events = client.subscribe(subscription).await.unwrap();
    switch.output(shown(&[
        ("stays", "ACTIVE"),
        ("ends", "ACTIVE"),
        ("held", "ACTIVE"),
    ]));
    let mut channels = client.channels().await.unwrap();
    switch.event("CHANNEL_CREATE", Some("began"), &[]);
    let Some(Item::Event(began)) = events.next().await else {
        panic!("no event");
    };
    assert!(channels.apply(&began));

    switch.drop_link();
    let Some(Item::Gap(_)) = events.next().await else {
        panic!("no gap");
    };
    switch.output(shown(&[
        ("stays", "ACTIVE"),
        ("held", "HELD"),
        ("new", "RINGING"),
    ]));
    let changes = client.resync(&mut channels).await.unwrap();
    let mut vanished: Vec<_> = changes.vanished.iter().map(|row| row.uuid()).collect();
    vanished.sort_unstable();
    assert_eq!(vanished, ["began", "ends"]);
    assert_eq!(changes.appeared.len(), 1);
    assert_eq!(changes.appeared[0].uuid(), "new");
    assert_eq!(changes.changed.len(), 1);
    let change = &changes.changed[0];
    assert_eq!(
        (change.before.uuid(), change.after.uuid()),
        ("held", "held")
    );
    assert_eq!(change.before.callstate(), CallState::Active);
    assert_eq!(change.after.callstate(), CallState::Held);
    let mut left: Vec<_> = channels.iter().map(|row| row.uuid()).collect();
    left.sort_unstable();
    assert_eq!(left, ["held", "new", "stays"]);

    // events flow on, and a second look finds nothing new
    switch.output(shown(&[
        ("stays", "ACTIVE"),
        ("held", "HELD"),
        ("new", "RINGING"),
    ]));
    assert!(client.resync(&mut channels).await.unwrap().is_empty());
    switch.event("CHANNEL_DESTROY", Some("held"), &[]);
    settled().await;
    assert!(channels.apply(&events.next_event().await.unwrap()));
    assert_eq!(channels.len(), 2);
}

#[test]
fn a_call_is_followed_from_its_events() {
    let mut channels = ChannelSnapshot::new();
    let create = event(
        EventName::ChannelCreate,
        "a",
        0,
        &[
            ("Event-Date-Local", "2026-11-21 00:56:20"),
            ("FreeSWITCH-Switchname", "fs-capture"),
            ("Channel-State", "CS_INIT"),
            ("Channel-Call-State", "DOWN"),
            ("Channel-Name", "sofia/external/9106"),
            ("Call-Direction", "inbound"),
            ("Caller-Caller-ID-Name", "José"),
            ("Caller-Caller-ID-Number", "1000"),
            ("Caller-Destination-Number", "9106"),
        ],
    );
    assert!(channels.apply(&create));
    assert!(!channels.apply(&create), "the same again changes nothing");
    let row = channels.get("a").unwrap();
    assert_eq!(row.created(), "2026-11-21 00:56:20");
    assert_eq!(row.created_epoch(), Some(1_795_222_580));
    assert_eq!(row.direction(), CallDirection::Inbound);
    assert_eq!(
        (row.name(), row.hostname()),
        ("sofia/external/9106", "fs-capture")
    );
    assert_eq!(
        (row.cid_name(), row.cid_num(), row.dest()),
        ("José", "1000", "9106")
    );

    let steps: [(EventName, Headers<'_>, &str, &str); 5] = [
        (
            EventName::ChannelState,
            &[
                ("Channel-State", "CS_ROUTING"),
                ("Channel-Call-State", "RINGING"),
            ],
            "CS_ROUTING",
            "RINGING",
        ),
        (
            EventName::ChannelExecute,
            &[("Channel-State", "CS_EXECUTE"), ("Application", "park")],
            "CS_EXECUTE",
            "RINGING",
        ),
        (
            EventName::ChannelCallstate,
            &[
                ("Channel-State", "CS_EXECUTE"),
                ("Channel-Call-State", "ACTIVE"),
            ],
            "CS_EXECUTE",
            "ACTIVE",
        ),
        (
            // a live channel does go back to routing: a transfer
            EventName::ChannelState,
            &[
                ("Channel-State", "CS_ROUTING"),
                ("Caller-Destination-Number", "9107"),
            ],
            "CS_ROUTING",
            "ACTIVE",
        ),
        (
            EventName::ChannelHangupComplete,
            &[
                ("Channel-State", "CS_REPORTING"),
                ("Channel-Call-State", "HANGUP"),
            ],
            "CS_REPORTING",
            "HANGUP",
        ),
    ];
    for (at, (name, headers, state, callstate)) in steps.into_iter().enumerate() {
        let event = event(name, "a", 1 + at as u64, headers);
        assert!(channels.apply(&event), "{event:?}");
        let row = channels.get("a").unwrap();
        assert_eq!(
            (row.get("state"), row.get("callstate")),
            (Some(state), Some(callstate))
        );
    }
    let row = channels.get("a").unwrap();
    assert!(row.is_over());
    assert_eq!((row.application(), row.dest()), ("park", "9107"));
    assert!(channels.apply(&event(EventName::ChannelDestroy, "a", 9, &[])));
    assert!(channels.is_empty());
}

#[test]
fn state_never_goes_backwards() {
    let mut channels = ChannelSnapshot::new();
    let over = [
        ("Channel-State", "CS_REPORTING"),
        ("Channel-Call-State", "HANGUP"),
    ];
    channels.apply(&event(EventName::ChannelHangupComplete, "a", 50, &over));
    // made before it, comes after it
    let began = [
        ("Channel-State", "CS_INIT"),
        ("Channel-Call-State", "DOWN"),
        ("Event-Date-Local", "2026-11-21 00:56:20"),
    ];
    assert!(channels.apply(&event(EventName::ChannelCreate, "a", 10, &began)));
    let row = channels.get("a").unwrap();
    assert_eq!(
        (row.state(), row.callstate()),
        (ChannelState::Reporting, CallState::Hangup)
    );
    assert_eq!(row.created(), "2026-11-21 00:56:20", "what is new is kept");
    // nor does a later event bring it back to life
    let late = [
        ("Channel-State", "CS_EXECUTE"),
        ("Channel-Call-State", "ACTIVE"),
    ];
    assert!(!channels.apply(&event(EventName::ChannelState, "a", 60, &late)));
    // nor an event that comes after its end
    channels.apply(&event(EventName::ChannelDestroy, "a", 70, &[]));
    assert!(!channels.apply(&event(EventName::ChannelState, "a", 60, &late)));
    assert!(channels.is_empty(), "gone is gone");
    let again = [("Channel-State", "CS_INIT")];
    assert!(channels.apply(&event(EventName::ChannelCreate, "a", 80, &again)));
    assert_eq!(channels.len(), 1, "a Unique-ID can be used again");

    // an older event of a live channel changes no state either
    channels.apply(&event(
        EventName::ChannelState,
        "b",
        20,
        &[("Channel-State", "CS_EXECUTE")],
    ));
    assert!(!channels.apply(&event(
        EventName::ChannelState,
        "b",
        15,
        &[("Channel-State", "CS_ROUTING")]
    )));
    assert_eq!(channels.get("b").unwrap().state(), ChannelState::Execute);
}

#[tokio::test(start_paused = true)]
async fn a_resync_does_not_bring_back_what_ended() {
    let (client, switch) = Switch::connect().await;
    let both = shown(&[("gone", "ACTIVE"), ("over", "ACTIVE")]);
    switch.output(both.clone());
    let mut channels = client.channels().await.unwrap();
    channels.apply(&event(EventName::ChannelDestroy, "gone", 5, &[]));
    channels.apply(&event(EventName::ChannelHangupComplete, "over", 5, &[]));
    // the switch deletes rows a moment after it says so
    switch.output(both);
    assert!(client.resync(&mut channels).await.unwrap().is_empty());
    assert!(channels.get("gone").is_none());
    assert!(channels.get("over").unwrap().is_over());
}

#[test]
fn a_channel_that_gets_another_uuid_goes_on_under_it() {
    let mut channels = ChannelSnapshot::from_json(shown(&[("a", "ACTIVE")]).as_bytes()).unwrap();
    let renamed = event(EventName::ChannelUuid, "b", 1, &[("Old-Unique-ID", "a")]);
    assert!(channels.apply(&renamed));
    assert!(channels.get("a").is_none());
    let row = channels.get("b").unwrap();
    assert_eq!((row.uuid(), row.cid_num()), ("b", "1000"));
    assert_eq!(row.callstate(), CallState::Active);
}

#[test]
fn other_events_change_nothing() {
    let mut channels = ChannelSnapshot::new();
    assert!(!channels.apply(&event(EventName::Dtmf, "a", 1, &[])));
    assert!(!channels.apply(&event(EventName::ChannelState, "", 1, &[])));
    assert!(!channels.apply(&Event::builder(EventName::ChannelDestroy).build()));
    assert!(channels.is_empty());
}
