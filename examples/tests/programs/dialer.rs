//! The list is called at the pace that was asked for, and Ctrl-C leaves nothing behind.

use genesis_sim::script::Script;

use crate::support::{Program, Switch};

const DIALER: &str = env!("CARGO_BIN_EXE_dialer");

fn dial(switch: &Switch, arguments: &[&str]) -> Program {
    let address = switch.address();
    Program::start(
        DIALER,
        &[&["--switch", &address, "--prefix", "sim/"], arguments].concat(),
    )
}

#[tokio::test]
async fn everybody_is_called_and_counted() {
    let mut switch = Switch::start(Script::new()).await;
    let numbers = ["answer", "busy", "reject", "unregistered", "answer", "busy"];
    let printed = dial(&switch, &numbers).end().await;
    let summary = "
    6 numbers
    1 CALL_REJECTED
    2 USER_BUSY
    1 USER_NOT_REGISTERED
    2 answered";
    assert!(printed.ends_with(summary), "{printed}");
    switch.quiet().await;
    let played = switch.seen("PLAYBACK_STOP");
    let whole = |status: Option<String>| status.as_deref() == Some("done");
    let whole = played
        .iter()
        .filter(|event| whole(event.header("Playback-Status")));
    assert_eq!(whole.count(), 2);
}

#[tokio::test]
async fn never_more_calls_at_once_and_in_a_second_than_allowed() {
    let mut switch = Switch::start(Script::new()).await;
    let limits = ["--per-second", "4", "--at-once", "2"];
    let numbers = ["answer?after=10ms"; 9];
    dial(&switch, &[&limits[..], &numbers].concat()).end().await;
    switch.quiet().await;

    let stamp = |event: &&genesis_sim::switch::SwitchEvent| -> u64 {
        event
            .header("Event-Date-Timestamp")
            .unwrap()
            .parse()
            .unwrap()
    };
    let begun: Vec<u64> = switch.seen("CHANNEL_CREATE").iter().map(stamp).collect();
    let ended: Vec<u64> = switch.seen("CHANNEL_HANGUP").iter().map(stamp).collect();
    assert_eq!((begun.len(), ended.len()), (9, 9));
    // less than a second, because what leaves on time may arrive late
    let crowded = begun.windows(5).find(|five| five[4] - five[0] < 500_000);
    assert_eq!(crowded, None);
    for at in &begun {
        let up = begun.iter().filter(|begun| *begun <= at).count();
        let down = ended.iter().filter(|ended| *ended <= at).count();
        assert!(up - down <= 2, "{} calls at once", up - down);
    }
}

#[tokio::test]
async fn ctrl_c_hangs_up_what_was_made_and_dials_no_more() {
    let mut switch =
        Switch::start(Script::new().file("long.wav", std::time::Duration::from_secs(60))).await;
    let options = ["--play", "long.wav", "--at-once", "3"];
    let numbers = ["no_answer", "answer", "no_answer", "answer", "answer"];
    let mut dialer = dial(&switch, &[&options[..], &numbers].concat());
    dialer.line("sim/answer: listening").await;
    for _ in 0..2 {
        switch
            .event("CHANNEL_PROGRESS", "Channel-Name", "sim/no_answer")
            .await;
    }
    dialer.interrupt().await;
    let printed = dialer.end().await;
    let summary = "
    5 numbers
    1 answered
    2 stopped
    2 not dialled";
    assert!(printed.ends_with(summary), "{printed}");
    switch.quiet().await;
    let causes = switch.cause("sim/no_answer");
    assert_eq!(causes.as_deref(), Some("ORIGINATOR_CANCEL"));
}
