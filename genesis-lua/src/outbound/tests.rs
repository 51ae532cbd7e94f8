//! A call whose end the switch tells late.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use genesis_client::Options;
use genesis_sim::Sim;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, sleep_until};

use super::*;
use crate::api::shared::Shared;
use crate::state::Limits;

/// Reads one frame with its body.
async fn frame(from: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Vec<u8>> {
    let (mut frame, mut body) = (Vec::new(), 0);
    loop {
        let from_here = frame.len();
        if from.read_until(b'\n', &mut frame).await.ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&frame[from_here..]).into_owned();
        if let Some(length) = line.strip_prefix("Content-Length: ") {
            body = length.trim().parse().unwrap();
        }
        if line == "\n" && frame.len() > 1 {
            break;
        }
    }
    let head = frame.len();
    frame.resize(head + body, 0);
    from.read_exact(&mut frame[head..]).await.ok()?;
    Some(frame)
}

/// Passes everything on; from the hangup on, what is no answer waits for `late`.
async fn hold_back(
    switch: impl AsyncRead + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    late: Duration,
) {
    let mut switch = BufReader::new(switch);
    let (mut held, mut until) = (Vec::new(), None);
    loop {
        let frame = tokio::select! {
            frame = frame(&mut switch) => frame,
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => None,
        };
        let Some(frame) = frame else { break };
        let text = String::from_utf8_lossy(&frame);
        if until.is_none() && text.contains("Event-Name: CHANNEL_HANGUP\n") {
            until = Some(Instant::now() + late);
        }
        let is_answer = text.contains("command/reply") || text.contains("api/response");
        match until.is_some() && !is_answer {
            true => held.extend(frame),
            false => to.write_all(&frame).await.unwrap(),
        }
    }
    if let Some(until) = until {
        sleep_until(until).await;
    }
    // who reads may have gone
    let _ = to.write_all(&held).await;
    let _ = tokio::io::copy(&mut switch, &mut to).await;
}

fn between(switch: DuplexStream, late: Duration) -> DuplexStream {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (from_switch, mut to_switch) = tokio::io::split(switch);
    let (mut from_us, to_us) = tokio::io::split(far);
    tokio::spawn(hold_back(from_switch, to_us, late));
    tokio::spawn(async move { tokio::io::copy(&mut from_us, &mut to_switch).await });
    near
}

fn written(source: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(format!("genesis-lua-{process}-{number}.lua"));
    std::fs::write(&path, source).unwrap();
    path
}

/// Runs a script on a call whose end is told so late; how it ended and when, from its last word.
async fn ran(body: &str, late: Duration) -> (Ended, Channel, Duration) {
    let source =
        format!("genesis.outbound(function(session) local channel = session.channel {body} end)");
    let path = written(&source);
    let app = App::load(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let sim = Sim::builder().switch(|options| options.heartbeat = None);
    let sim = sim.start().await.unwrap();
    let mut arrivals = sim.listen_in_memory("app:1");
    let answer = sim
        .switch()
        .api("originate", "null/1 '&socket(app:1 async full)'")
        .await;
    assert!(answer.starts_with("+OK"), "{answer}");
    let io = between(arrivals.accept().await.unwrap(), late);
    let session = Arc::new(Session::over(io, Options::default()).await.unwrap());
    let channel = Channel::from_session(&session).await.unwrap();
    channel.answer().await.unwrap().complete().await.unwrap();
    let (remote, mut driver) = io::pair();
    let setup = Setup {
        code: app.code().clone(),
        limits: Limits {
            memory: 1 << 24,
            computing: Duration::from_secs(1),
        },
        remote,
        shared: Arc::new(Shared::new()),
        role: Role::Outbound,
        client: Some(session.client().clone()),
        threads: 2,
    };
    let begun = Instant::now();
    let script = script(setup, app.kind(), session, channel.clone());
    let ended = tokio::select! {
        ended = script => ended,
        () = driver.run() => unreachable!(),
    };
    (ended, channel, begun.elapsed())
}

const HOOKS: &str = "
    channel:on_hangup(function(cause) assert(cause == 'USER_BUSY') error('the hook ran') end)
    channel:on_hangup(function(cause) genesis.sleep(0.5) error('the second, too') end)";

#[tokio::test(start_paused = true)]
async fn hooks_of_a_script_that_hangs_up_last_wait_for_the_end_of_the_call() {
    let (ended, channel, took) = ran(
        &format!("{HOOKS} channel:hangup('USER_BUSY')"),
        Duration::from_secs(3),
    )
    .await;
    assert!(ended.result.is_ok());
    assert_eq!(ended.callbacks_failed, 2);
    assert!(channel.is_over());
    let (least, most) = (Duration::from_millis(3_500), Duration::from_secs(4));
    assert!(least <= took && took < most, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn hooks_wait_for_an_end_that_is_never_told_so_long_and_no_longer() {
    let (ended, channel, took) = ran(
        &format!("{HOOKS} channel:hangup('USER_BUSY')"),
        Duration::from_secs(3_600),
    )
    .await;
    assert!(ended.result.is_ok());
    assert_eq!(ended.callbacks_failed, 0);
    assert!(!channel.is_over());
    assert!(LAST_WORDS <= took && took < LAST_WORDS * 2, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_switch_no_longer_knows_ends_its_script_without_a_failure() {
    let body = format!(
        "{HOOKS}
        session.client:api('uuid_kill', channel.uuid .. ' USER_BUSY')
        genesis.sleep(1)
        channel:set_variable('a', 'b')"
    );
    let (ended, channel, took) = ran(&body, Duration::from_secs(3)).await;
    let trouble = ended.result.unwrap_err();
    assert!(is_the_end(&trouble, &channel), "{trouble:?}");
    assert_eq!(ended.callbacks_failed, 2);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_does_not_hang_up_is_not_kept() {
    let (ended, channel, took) = ran(HOOKS, Duration::ZERO).await;
    assert!(ended.result.is_ok() && !channel.is_over());
    assert_eq!(ended.callbacks_failed, 0);
    assert!(took < Duration::from_millis(100), "{took:?}");
    let (ended, _, took) = ran("session.client:attach('nobody')", Duration::ZERO).await;
    assert!(ended.result.is_err());
    assert!(took < Duration::from_millis(100), "{took:?}");
}
