//! The menu, its digits and transfers.

use genesis_sim::script::Script;

use crate::support::{Program, Switch};

const IVR: &str = env!("CARGO_BIN_EXE_ivr");

async fn start() -> (Program, Switch) {
    let (program, address) = Program::server(IVR, &[]).await;
    let script = Script::new()
        .extension("sales", &["answer", "playback sales.wav"])
        .extension("operator", &["answer", "playback operator.wav"]);
    (program, Switch::with_socket(&address, script).await)
}

async fn asked(switch: &mut Switch) {
    let menu = ("Application", "play_and_get_digits");
    switch.event("CHANNEL_EXECUTE", menu.0, menu.1).await;
}

#[tokio::test]
async fn the_menu_reads_the_number_plays_music_and_transfers() {
    let (mut program, mut switch) = start().await;
    let uuid = switch.call_from("2001");
    asked(&mut switch).await;
    switch.api("uuid_recv_dtmf", &format!("{uuid} 2")).await;
    program.line("2001: hears the number").await;
    let said = switch.event("CHANNEL_EXECUTE", "Application", "say").await;
    let said = said.header("Application-Data").unwrap();
    assert_eq!(said, "en NUMBER iterated 2001");

    asked(&mut switch).await;
    switch.api("uuid_recv_dtmf", &format!("{uuid} 3")).await;
    program.line("2001: listens to the music").await;
    let music = ("Playback-File-Path", "local_stream://moh");
    switch.event("PLAYBACK_START", music.0, music.1).await;
    switch.api("uuid_recv_dtmf", &format!("{uuid} 7")).await;
    program.line("2001: 7 does nothing here").await;
    switch.api("uuid_recv_dtmf", &format!("{uuid} #")).await;
    switch.event("PLAYBACK_STOP", music.0, music.1).await;

    asked(&mut switch).await;
    switch.api("uuid_recv_dtmf", &format!("{uuid} 1")).await;
    program.line("2001: has left the menu").await;
    let sales = ("Application-Data", "sales.wav");
    switch
        .event("CHANNEL_EXECUTE_COMPLETE", sales.0, sales.1)
        .await;
    switch.quiet().await;
}

#[tokio::test]
async fn zero_leads_to_the_operator_while_the_menu_is_played() {
    let (mut program, mut switch) = start().await;
    let uuid = switch.call_from("2001");
    asked(&mut switch).await;
    switch.api("uuid_recv_dtmf", &format!("{uuid} 0")).await;
    program.line("2001: has left the menu").await;
    let operator = ("Application-Data", "operator.wav");
    switch
        .event("CHANNEL_EXECUTE_COMPLETE", operator.0, operator.1)
        .await;
    switch.quiet().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_menu() {
    let (mut program, mut switch) = start().await;
    let uuid = switch.call_from("2001");
    asked(&mut switch).await;
    switch.api("uuid_kill", &uuid).await;
    let line = program.line("2001: ").await;
    assert_eq!(line, "2001: calls");
    let line = program.line("2001: ").await;
    assert!(line.ends_with("has hung up (NORMAL_CLEARING)"), "{line}");
    switch.quiet().await;
}
