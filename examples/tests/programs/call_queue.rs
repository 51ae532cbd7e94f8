//! Callers wait with music and are served in their order.

use genesis_sim::script::Script;

use crate::support::{Program, Switch};

const CALL_QUEUE: &str = env!("CARGO_BIN_EXE_call_queue");

async fn start(agents: &[&str]) -> (Program, Switch) {
    let agents: Vec<&str> = agents.iter().flat_map(|agent| ["--agent", agent]).collect();
    let (program, address) = Program::server(CALL_QUEUE, &agents).await;
    (program, Switch::with_socket(&address, Script::new()).await)
}

#[tokio::test]
async fn callers_are_served_in_their_order_and_hear_their_position() {
    let (mut program, mut switch) = start(&["sim/answer"]).await;
    let first = switch.call_from("2001");
    program.line("2001: talks to sim/answer").await;
    let second = switch.call_from("2002");
    program.line("2002: number 1 in line").await;
    let third = switch.call_from("2003");
    program.line("2003: number 2 in line").await;
    let fourth = switch.call_from("2004");
    program.line("2004: number 3 in line").await;
    switch.api("uuid_kill", &third).await;
    program.line("2003: gave up").await;
    program.line("2004: number 2 in line").await;

    switch.api("uuid_kill", &first).await;
    program.line("2002: talks to sim/answer").await;
    switch.event("CHANNEL_BRIDGE", "Unique-ID", &second).await;
    switch.api("uuid_kill", &second).await;
    program.line("2004: talks to sim/answer").await;
    switch.event("CHANNEL_BRIDGE", "Unique-ID", &fourth).await;
    switch.api("uuid_kill", &fourth).await;
    program.line("2004: the call is over").await;
    switch.quiet().await;
    let early = |line: &&String| line.starts_with("2003: talks");
    assert_eq!(program.seen().iter().find(early), None);

    let of_second = |event: &&&genesis_sim::switch::SwitchEvent| {
        event.header("Unique-ID").as_deref() == Some(&*second)
    };
    let started = switch.seen("PLAYBACK_START");
    let heard: Vec<String> = started
        .iter()
        .filter(of_second)
        .filter_map(|event| event.header("Playback-File-Path"))
        .collect();
    assert_eq!(heard[0], "local_stream://moh");
    let executed = switch.seen("CHANNEL_EXECUTE");
    let said: Vec<String> = executed
        .iter()
        .filter(of_second)
        .filter(|event| event.header("Application").as_deref() == Some("say"))
        .filter_map(|event| event.header("Application-Data"))
        .collect();
    assert_eq!(said, ["en NUMBER pronounced 1"]);
}

#[tokio::test]
async fn an_agent_who_does_not_answer_is_passed_over() {
    let (mut program, mut switch) = start(&["sim/busy", "sim/answer"]).await;
    let caller = switch.call_from("2001");
    program
        .line("2001: sim/busy did not answer: USER_BUSY")
        .await;
    program.line("2001: talks to sim/answer").await;
    switch.event("CHANNEL_BRIDGE", "Unique-ID", &caller).await;
    switch.api("uuid_kill", &caller).await;
    program.line("2001: the call is over").await;
    switch.quiet().await;
}

#[tokio::test]
async fn the_agents_phone_stops_ringing_when_the_caller_gives_up() {
    let (mut program, mut switch) = start(&["sim/no_answer"]).await;
    let caller = switch.call_from("2001");
    switch
        .event("CHANNEL_PROGRESS", "Channel-Name", "sim/no_answer")
        .await;
    switch.api("uuid_kill", &caller).await;
    program.line("2001: gave up").await;
    switch.quiet().await;
}
