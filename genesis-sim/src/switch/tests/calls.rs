use super::*;
use crate::script::Destination;

#[tokio::test(start_paused = true)]
async fn a_call_tells_its_whole_story() {
    let (switch, mut feed) = start(Script::new());
    let output = switch
        .api(
            "originate",
            "{origination_uuid=leg-1,color=red}user/1000 &park",
        )
        .await;
    assert_eq!(output, "+OK leg-1\n");
    assert_eq!(switch.uptime(), Duration::from_secs(1));
    run(2_000).await;
    assert_eq!(switch.api("uuid_kill", "leg-1 USER_BUSY").await, "+OK\n");
    run(1).await;
    let events = drain(&mut feed);
    let all: Vec<String> = events
        .iter()
        .map(|event| {
            let state = get(event, "Channel-State");
            let state = state.strip_prefix("CS_").unwrap_or_default();
            format!(
                "{} {state} {}",
                event.name.as_str(),
                get(event, "Channel-State-Number")
            )
        })
        .filter(|line| !line.starts_with("CODEC"))
        .collect();
    assert_eq!(
        all,
        [
            "CHANNEL_OUTGOING NONE 1",
            "CHANNEL_STATE INIT 1",
            "CHANNEL_CREATE INIT 2",
            "CHANNEL_ORIGINATE INIT 2",
            "CHANNEL_STATE ROUTING 2",
            "CHANNEL_STATE CONSUME_MEDIA 7",
            "CHANNEL_PROGRESS CONSUME_MEDIA 7",
            "CHANNEL_CALLSTATE CONSUME_MEDIA 7",
            "CHANNEL_ANSWER CONSUME_MEDIA 7",
            "CHANNEL_CALLSTATE CONSUME_MEDIA 7",
            "CALL_UPDATE CONSUME_MEDIA 7",
            "API  ",
            "CHANNEL_STATE EXECUTE 4",
            "CHANNEL_EXECUTE EXECUTE 4",
            "CHANNEL_PARK EXECUTE 4",
            "CHANNEL_HANGUP EXECUTE 10",
            "API  ",
            "CHANNEL_UNPARK EXECUTE 10",
            "CHANNEL_EXECUTE_COMPLETE EXECUTE 10",
            "CHANNEL_STATE HANGUP 10",
            "CHANNEL_CALLSTATE HANGUP 10",
            "CHANNEL_STATE REPORTING 11",
            "CHANNEL_HANGUP_COMPLETE REPORTING 11",
            "CHANNEL_DESTROY REPORTING 12",
            "CHANNEL_STATE DESTROY 12",
        ]
    );
    let end = find(&events, EventName::ChannelHangupComplete);
    for (name, value) in [
        ("Hangup-Cause", "USER_BUSY"),
        ("Answer-State", "hangup"),
        ("Channel-Call-State", "HANGUP"),
        ("variable_hangup_cause", "USER_BUSY"),
        ("variable_hangup_cause_q850", "17"),
        ("variable_duration", "3"),
        ("variable_billsec", "2"),
        ("variable_answermsec", "1000"),
        ("variable_last_app", "park"),
        ("variable_color", "red"),
    ] {
        assert_eq!(get(end, name), value, "{name}");
    }
    let callstate = find(&events, EventName::ChannelCallstate);
    assert_eq!(get(callstate, "Original-Channel-Call-State"), "DOWN");
    assert_eq!(get(callstate, "Channel-Call-State"), "RINGING");
    assert_eq!(callstate.header("variable_color"), None);
    assert!(!switch.has_channel("leg-1"));
}

#[tokio::test(start_paused = true)]
async fn destinations_fail_with_their_causes_in_their_time() {
    let script = Script::new()
        .destination("user/1001", Destination::busy())
        .destination("user/1002", Destination::unregistered());
    for (call, output, ms) in [
        ("user/1001 &park", "-ERR USER_BUSY\n", 0),
        ("user/1002 &park", "-ERR USER_NOT_REGISTERED\n", 0),
        ("sim/reject?after=3s &park", "-ERR CALL_REJECTED\n", 3_000),
        ("sim/no_answer &park", "-ERR NO_ANSWER\n", 60_000),
        (
            "sim/no_answer &park XML default name 1 20",
            "-ERR NO_ANSWER\n",
            20_000,
        ),
        (
            "{originate_timeout=5}sim/no_answer &park",
            "-ERR NO_ANSWER\n",
            5_000,
        ),
        (
            "[leg_timeout=4]sim/no_answer &park",
            "-ERR NO_ANSWER\n",
            4_000,
        ),
        (
            "sim/fail?cause=GATEWAY_DOWN &park",
            "-ERR GATEWAY_DOWN\n",
            0,
        ),
        (
            "error/NETWORK_OUT_OF_ORDER &park",
            "-ERR NETWORK_OUT_OF_ORDER\n",
            0,
        ),
        ("nosuch/endpoint &park", "-ERR CHAN_NOT_IMPLEMENTED\n", 0),
        ("sim/explode &park", "-ERR CHAN_NOT_IMPLEMENTED\n", 0),
    ] {
        let (switch, _feed) = start(script.clone());
        assert_eq!(switch.api("originate", call).await, output, "{call}");
        assert_eq!(switch.uptime(), Duration::from_millis(ms), "{call}");
        run(1).await;
        assert_eq!(switch.session_count(), 0, "{call}");
    }
    let (switch, _feed) = start(Script::new());
    for call in ["", "user/1000"] {
        let output = switch.api("originate", call).await;
        assert!(
            output.starts_with("-USAGE: <call url> <exten>|&<application_name>"),
            "{output}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_known_cause_comes_through() {
    let (switch, mut feed) = start(Script::new());
    for cause in HangupCause::ALL_KNOWN {
        if matches!(cause, HangupCause::None) {
            continue;
        }
        run(1_000).await;
        let call = format!("sim/fail?cause={} &park", cause.as_str());
        let output = switch.api("originate", &call).await;
        assert_eq!(output, format!("-ERR {}\n", cause.as_str()));
        run(1).await;
        let events = drain(&mut feed);
        let end = find(&events, EventName::ChannelHangupComplete);
        assert_eq!(get(end, "variable_hangup_cause"), cause.as_str());
        assert_eq!(
            get(end, "variable_hangup_cause_q850"),
            cause.q850().to_string()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_legs_that_ring_together_the_first_to_answer_wins() {
    let (switch, mut feed) = start(Script::new());
    let call = "[origination_uuid=slow]sim/answer?after=5s,[origination_uuid=fast]sim/answer?after=2s &park";
    assert_eq!(switch.api("originate", call).await, "+OK fast\n");
    assert_eq!(switch.uptime(), Duration::from_secs(2));
    run(1).await;
    let events = drain(&mut feed);
    let hangup = find(&events, EventName::ChannelHangup);
    assert_eq!(hangup.unique_id.as_deref(), Some("slow"));
    assert_eq!(get(hangup, "Hangup-Cause"), "LOSE_RACE");
    assert!(switch.has_channel("fast"));
}

#[tokio::test(start_paused = true)]
async fn attempts_follow_one_another() {
    let (switch, _feed) = start(Script::new());
    let call =
        "sim/busy?after=1s|error/USER_NOT_REGISTERED|[origination_uuid=c]sim/answer?after=1s &park";
    assert_eq!(switch.api("originate", call).await, "+OK c\n");
    assert_eq!(switch.uptime(), Duration::from_secs(2));
    let call = "sim/answer?after=9s:_:[origination_uuid=d]sim/answer?after=1s &park";
    assert_eq!(switch.api("originate", call).await, "+OK d\n");
    run(1).await;
    assert_eq!(switch.channels(), ["c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn early_media_ends_the_wait_unless_it_is_ignored() {
    let (switch, mut feed) = start(Script::new());
    let call = "{origination_uuid=a}sim/answer?after=3s&early_media &park";
    assert_eq!(switch.api("originate", call).await, "+OK a\n");
    assert_eq!(switch.uptime(), Duration::ZERO);
    run(3_001).await;
    let events = drain(&mut feed);
    let story = story(&events, "a");
    let early = story
        .iter()
        .position(|line| line == "CHANNEL_PROGRESS_MEDIA")
        .unwrap();
    let park = story
        .iter()
        .position(|line| line == "CHANNEL_PARK")
        .unwrap();
    let answer = story
        .iter()
        .position(|line| line == "CHANNEL_ANSWER")
        .unwrap();
    assert!(early < park && park < answer, "{story:?}");
    let before = switch.uptime();
    let call = "{ignore_early_media=true}sim/answer?after=3s&early_media &park";
    assert!(switch.api("originate", call).await.starts_with("+OK "));
    assert_eq!(switch.uptime() - before, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_leg_cannot_be_killed_before_it_exists() {
    let (switch, _feed) = start(Script::new());
    let call = "[leg_delay_start=2,origination_uuid=late]sim/no_answer &park";
    let ringing = tokio::spawn({
        let switch = switch.clone();
        async move { switch.api("originate", call).await }
    });
    run(1_000).await;
    assert_eq!(
        switch.api("uuid_kill", "late").await,
        "-ERR No such channel!\n"
    );
    run(1_500).await;
    assert_eq!(switch.api("uuid_kill", "late CALL_REJECTED").await, "+OK\n");
    assert_eq!(
        switch.api("uuid_kill", "late").await,
        "-ERR No such channel!\n"
    );
    assert_eq!(ringing.await.unwrap(), "-ERR CALL_REJECTED\n");
}

#[tokio::test(start_paused = true)]
async fn an_originate_goes_on_when_nobody_waits_for_it() {
    let (switch, _feed) = start(Script::new());
    let call = switch.api("originate", "{origination_uuid=a}user/1000 &park");
    tokio::time::timeout(Duration::from_millis(100), call)
        .await
        .unwrap_err();
    run(1_000).await;
    assert_eq!(
        switch.api("uuid_getvar", "a current_application").await,
        "park"
    );
}

#[tokio::test(start_paused = true)]
async fn limits_refuse_calls_as_the_switch_does() {
    let options = SwitchOptions {
        max_sessions: 2,
        sessions_per_second: 3,
        ..options(Script::new())
    };
    let switch = Switch::new(options);
    parked(&switch).await;
    let second = parked(&switch).await;
    let mut log = switch.subscribe_log();
    let refused = "-ERR DESTINATION_OUT_OF_ORDER\n";
    assert_eq!(switch.api("originate", "null/1 &park").await, refused);
    assert_eq!(log.try_recv().unwrap().text, "Over Session Limit! 2");
    switch.api("uuid_kill", &second).await;
    run(1).await;
    let third = parked(&switch).await;
    switch.api("uuid_kill", &third).await;
    run(1).await;
    let mut log = switch.subscribe_log();
    assert_eq!(switch.api("originate", "null/1 &park").await, refused);
    assert_eq!(log.try_recv().unwrap().text, "Throttle Error! 3");
    run(1_000).await;
    parked(&switch).await;
    let counters = switch.session_counters();
    assert_eq!(
        (counters.count, counters.peak, counters.since_startup),
        (2, 2, 4)
    );
    assert_eq!(counters.per_second_peak, 3);
}

#[tokio::test(start_paused = true)]
async fn a_unique_id_is_used_once() {
    let (switch, _feed) = start(Script::new());
    let call = "{origination_uuid=same}null/1 &park";
    assert_eq!(switch.api("originate", call).await, "+OK same\n");
    assert_eq!(
        switch.api("originate", call).await,
        "-ERR DESTINATION_OUT_OF_ORDER\n"
    );
}

#[tokio::test(start_paused = true)]
async fn the_other_end_presses_digits_and_hangs_up() {
    let (switch, mut feed) = start(Script::new());
    let call = "{origination_uuid=a}sim/answer?after=1s&hangup_after=5s&digits=12# &park";
    assert_eq!(switch.api("originate", call).await, "+OK a\n");
    run(4_999).await;
    assert!(switch.has_channel("a"));
    run(2).await;
    assert!(!switch.has_channel("a"));
    let story = story(&drain(&mut feed), "a");
    let digits: Vec<&str> = story
        .iter()
        .filter_map(|line| line.strip_prefix("DTMF "))
        .collect();
    assert_eq!(digits, ["1", "2", "#"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_comes_in_and_runs_its_extension() {
    let script =
        Script::new().extension("555", &["set a=1", "answer", "sleep 1000", "log INFO ${a}"]);
    let (switch, mut feed) = start(script);
    let call = IncomingCall::new("555")
        .from("Jane", "1001")
        .uuid("in-1")
        .variable("b", "2");
    assert_eq!(switch.incoming(call).unwrap(), "in-1");
    run(1_001).await;
    let events = drain(&mut feed);
    assert_eq!(
        story(&events, "in-1"),
        [
            "CHANNEL_CREATE",
            "CHANNEL_CALLSTATE",
            "CHANNEL_EXECUTE set",
            "CHANNEL_EXECUTE_COMPLETE set",
            "CHANNEL_EXECUTE answer",
            "CHANNEL_PROGRESS_MEDIA",
            "CHANNEL_CALLSTATE",
            "CHANNEL_ANSWER",
            "CHANNEL_CALLSTATE",
            "CHANNEL_EXECUTE_COMPLETE answer",
            "CHANNEL_EXECUTE sleep",
            "CHANNEL_EXECUTE_COMPLETE sleep",
            "CHANNEL_EXECUTE log",
            "CHANNEL_EXECUTE_COMPLETE log",
            "CHANNEL_HANGUP",
            "CHANNEL_CALLSTATE",
            "CHANNEL_HANGUP_COMPLETE",
            "CHANNEL_DESTROY",
        ]
    );
    let create = find(&events, EventName::ChannelCreate);
    assert_eq!(get(create, "Caller-Caller-ID-Name"), "Jane");
    assert_eq!(get(create, "Call-Direction"), "inbound");
    assert_eq!(get(create, "variable_b"), "2");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_extension_has_no_route() {
    let (switch, mut feed) = start(Script::new());
    switch
        .incoming(IncomingCall::new("404").uuid("in"))
        .unwrap();
    run(1).await;
    let events = drain(&mut feed);
    assert_eq!(
        get(find(&events, EventName::ChannelHangup), "Hangup-Cause"),
        "NO_ROUTE_DESTINATION"
    );
}
