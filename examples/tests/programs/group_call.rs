//! Who answers is connected, the others stop ringing, and the caller hears if nobody does.

use genesis_sim::script::Script;

use crate::support::{Program, Switch};

const GROUP_CALL: &str = env!("CARGO_BIN_EXE_group_call");

async fn start(arguments: &[&str]) -> (Program, Switch) {
    let (program, address) = Program::server(GROUP_CALL, arguments).await;
    (program, Switch::with_socket(&address, Script::new()).await)
}

#[tokio::test]
async fn the_first_to_answer_talks_and_the_others_stop_ringing() {
    let answers = "sim/answer?after=300ms&hangup_after=1s";
    let (mut program, mut switch) = start(&["sim/busy", "sim/no_answer", answers]).await;
    let caller = switch.call_from("2001");
    program
        .line(&format!("2001: {answers} answered after"))
        .await;
    switch.event("CHANNEL_BRIDGE", "Unique-ID", &caller).await;
    program.line("2001: the call is over").await;
    switch.quiet().await;
    assert_eq!(switch.cause("sim/busy").as_deref(), Some("USER_BUSY"));
    assert_eq!(switch.cause("sim/no_answer").as_deref(), Some("LOSE_RACE"));
    assert!(
        program.printed(&[
            "2001: calls",
            "2001: sim/busy busy (USER_BUSY)",
            &format!("2001: {answers} answered"),
            "2001: the call is over",
        ]),
        "{:#?}",
        program.seen()
    );
}

#[tokio::test]
async fn the_caller_is_told_when_nobody_answers() {
    let phones = ["--mode", "sequential", "sim/reject", "sim/unregistered"];
    let (mut program, mut switch) = start(&phones).await;
    let caller = switch.call_from("2001");
    program
        .line(
            "2001: nobody answered: sim/reject rejected the call (CALL_REJECTED), \
             sim/unregistered not registered (USER_NOT_REGISTERED)",
        )
        .await;
    let sorry = ("Playback-File-Path", "ivr/ivr-no_user_response.wav");
    let played = switch.event("PLAYBACK_STOP", sorry.0, sorry.1).await;
    assert_eq!(played.header("Unique-ID").as_deref(), Some(&*caller));
    assert_eq!(played.header("Playback-Status").as_deref(), Some("done"));
    program.line("2001: the call is over").await;
    switch.quiet().await;
}

#[tokio::test]
async fn the_phones_stop_ringing_when_the_caller_hangs_up() {
    let (mut program, mut switch) =
        start(&["sim/no_answer", "sim/no_answer?early_media=true"]).await;
    let caller = switch.call_from("2001");
    program.line(" ringing").await;
    switch.api("uuid_kill", &caller).await;
    program.line("2001: gave up").await;
    switch.quiet().await;
    assert_eq!(switch.seen("CHANNEL_ANSWER").len(), 0);
}
