use super::*;

#[tokio::test(start_paused = true)]
async fn commands_about_a_channel_answer_as_recorded() {
    let (switch, _feed) = start(Script::new());
    let id = parked(&switch).await;
    for (command, args, output) in [
        ("uuid_setvar", "ID foo bar", "+OK\n"),
        ("uuid_getvar", "ID foo", "bar"),
        ("uuid_getvar", "ID nosuch", "_undef_"),
        ("uuid_setvar", "ID foo", "+OK\n"),
        ("uuid_getvar", "ID foo", "_undef_"),
        ("uuid_setvar", "ID pct 100% %41 %2B", "+OK\n"),
        ("uuid_getvar", "ID pct", "100% %41 %2B"),
        ("uuid_exists", "ID", "true"),
        ("uuid_buglist", "ID", "<media-bugs>\n</media-bugs>\n"),
        ("uuid_setvar_multi", "ID a=1;b=2", "+OK\n"),
        ("uuid_getvar", "ID b", "2"),
        ("uuid_flush_dtmf", "ID", "+OK\n"),
        ("uuid_hold", "ID", "+OK Success\n"),
        ("uuid_hold", "off ID", "+OK Success\n"),
        (
            "uuid_broadcast",
            "ID silence_stream://1 both",
            "+OK Message sent\n",
        ),
        ("uuid_answer", "ID", "+OK\n"),
        ("uuid_park", "ID", "+OK\n"),
        ("uuid_break", "ID", "+OK\n"),
        ("uuid_kill", "ID CALL_REJECTED", "+OK\n"),
        ("uuid_kill", "ID", "-ERR No such channel!\n"),
        ("uuid_exists", "ID", "false"),
        ("uuid_dump", "nosuch", "-ERR No such channel!\n"),
        ("uuid_getvar", "nosuch x", "-ERR No such channel!\n"),
        ("uuid_park", "nosuch", "-ERR No such channel!\n"),
        ("uuid_transfer", "nosuch 1", "-ERR No such channel!\n"),
        ("uuid_hold", "nosuch", "-ERR Operation failed\n"),
        ("uuid_broadcast", "nosuch x", "-ERR invalid uuid\n"),
        (
            "uuid_recv_dtmf",
            "nosuch 1",
            "-ERR Cannot locate session!\n",
        ),
        ("uuid_kill", "", "-USAGE: <uuid> [cause]\n"),
        ("uuid_getvar", "", "-USAGE: <uuid> <var>\n"),
        ("uuid_setvar", "x", "-USAGE: <uuid> <var> [value]\n"),
        ("uuid_bridge", "x", "-USAGE: <uuid> <other_uuid>\n"),
        ("show", "channels", "\n0 total.\n"),
        ("show", "channels as json", "{\"row_count\": 0}\n"),
        ("show", "channels count", "\n0 total.\n"),
    ] {
        let args = args.replace("ID", &id);
        assert_eq!(switch.api(command, &args).await, output, "{command} {args}");
        run(5).await;
    }
    let output = switch.api("hupall", "").await;
    assert_eq!(
        output,
        "+OK hangup all channels with cause MANAGER_REQUEST\n"
    );
    let output = switch.api("no_such_command", "x").await;
    assert_eq!(output, "-ERR no_such_command Command not found!\n");
}

#[tokio::test(start_paused = true)]
async fn hupall_takes_variables() {
    let (switch, mut feed) = start(Script::new());
    for color in ["red", "blue"] {
        let call = format!("{{origination_uuid={color},color={color}}}null/1 &park");
        switch.api("originate", &call).await;
    }
    let output = switch.api("hupall", "USER_BUSY color red").await;
    assert_eq!(
        output,
        "+OK hangup all channels matching [color]=[red] with cause: USER_BUSY\n"
    );
    assert_eq!(switch.channels(), ["blue"]);
    run(1).await;
    assert_eq!(
        get(
            find(&drain(&mut feed), EventName::ChannelHangup),
            "Hangup-Cause"
        ),
        "USER_BUSY"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dump_has_the_recorded_order() {
    let (switch, _feed) = start(Script::new());
    let id = parked(&switch).await;
    let plain = switch.api("uuid_dump", &id).await;
    let names: Vec<&str> = plain
        .lines()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(names[0], "Event-Name");
    assert_eq!(
        names[13..25],
        [
            "Channel-State",
            "Channel-Call-State",
            "Channel-State-Number",
            "Channel-Name",
            "Unique-ID",
            "Call-Direction",
            "Presence-Call-Direction",
            "Channel-HIT-Dialplan",
            "Channel-Call-UUID",
            "Answer-State",
            "Channel-Read-Codec-Name",
            "Channel-Read-Codec-Rate",
        ]
    );
    assert!(plain.ends_with("\n\n"));
    let json = switch.api("uuid_dump", &format!("{id} json")).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["Unique-ID"], id);
    assert_eq!(json["Caller-Destination-Number"], "1000");
    let xml = switch.api("uuid_dump", &format!("{id} xml")).await;
    assert!(xml.starts_with("<event>\n  <headers>\n    <Event-Name>CHANNEL_DATA</Event-Name>"));

    let data = switch.channel_data(&id).unwrap();
    assert_eq!(data[13].0, "Channel-Direction");
    let at = |name: &str| data.iter().position(|(key, _)| key == name).unwrap();
    assert!(at("Channel-Unique-ID") < at("Channel-State"));
    assert!(at("Channel-State") < at("Caller-Direction"));
    assert!(at("Caller-Direction") < at("variable_direction"));
}

#[tokio::test(start_paused = true)]
async fn show_channels_has_the_recorded_columns() {
    let (switch, _feed) = start(Script::new());
    let call = "{origination_caller_id_name=Jane,origination_caller_id_number=5550}null/9102 &park";
    let id = uuid_of(&switch.api("originate", call).await);
    run(1).await;
    let table = switch.api("show", "channels").await;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with(
        "uuid,direction,created,created_epoch,name,state,cid_name,cid_num,ip_addr,dest,application"
    ));
    assert!(lines[0].ends_with("initial_dest,initial_dialplan,initial_context"));
    assert_eq!(lines[0].split(',').count(), 38);
    assert_eq!(lines[1].split(',').count(), 38);
    assert!(lines[1].starts_with(&format!("{id},outbound,2026-11-21 01:00:00,{START},null/9102,CS_EXECUTE,Outbound Call,9102,,9102,park,")));
    assert_eq!(lines[2..], ["", "1 total."]);
    assert_eq!(switch.api("show", "channels count").await, "\n1 total.\n");
    let rows = show::parse_json(&switch.api("show", "channels as json").await);
    assert_eq!(rows[0]["callee_name"], "Jane");
    assert_eq!(rows[0]["callstate"], "ACTIVE");
    assert_eq!(
        switch.api("show", "channels like nobody").await,
        "\n0 total.\n"
    );
    assert!(
        switch
            .api("show", "calls as delim |")
            .await
            .starts_with("uuid|direction|")
    );
    assert!(
        switch
            .api("show", "channels as xml")
            .await
            .starts_with("<result row_count=\"1\">\n  <row row_id=\"1\">\n")
    );
}

#[tokio::test(start_paused = true)]
async fn every_command_fires_an_api_event() {
    let (switch, mut feed) = start(Script::new());
    switch.api("uuid_exists", "x").await;
    let event = feed.recv().await.unwrap();
    assert_eq!(event.name, EventName::Api);
    assert_eq!(get(&event, "API-Command"), "uuid_exists");
    assert_eq!(get(&event, "API-Command-Argument"), "x");
}
