//! Faults are exact and the same every time.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use genesis_sim::{FaultPlan, Sim};
use support::Client;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::Instant;

const SESSION: &str = "auth ClueCon\n\napi echo one\n\napi echo two\n\nexit\n\n";

async fn sim() -> Sim {
    Sim::builder()
        .switch(|options| options.heartbeat = None)
        .start()
        .await
        .unwrap()
}

/// Everything that a short session gives.
async fn session(sim: &Sim) -> Vec<u8> {
    let mut client = Client::new(sim.connect());
    client.send(SESSION).await;
    client.read_to_end().await;
    client.received
}

#[tokio::test(start_paused = true)]
async fn split_writes_change_no_byte() {
    let sim = sim().await;
    let whole = session(&sim).await;
    for size in 1..20 {
        sim.faults().next(FaultPlan {
            split_writes: Some(size),
            ..Default::default()
        });
        assert_eq!(session(&sim).await, whole, "split at {size}");
    }
}

/// A stream that says a session and notes how much each write carries.
struct Noting {
    input: &'static [u8],
    writes: mpsc::UnboundedSender<usize>,
}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(std::mem::take(&mut self.input));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Noting {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.send(bytes.len()).unwrap();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn split_writes_carry_so_many_bytes() {
    let sim = sim().await;
    let whole = session(&sim).await.len();
    sim.faults().next(FaultPlan {
        split_writes: Some(7),
        ..Default::default()
    });
    let (writes, mut sizes) = mpsc::unbounded_channel();
    sim.accept(Noting {
        input: SESSION.as_bytes(),
        writes,
    });
    let mut total = 0;
    let mut whole_ones = 0;
    while let Some(size) = sizes.recv().await {
        assert!(size <= 7);
        total += size;
        whole_ones += usize::from(size == 7);
    }
    assert_eq!(total, whole);
    assert!(whole_ones > whole / 10);
}

#[tokio::test(start_paused = true)]
async fn the_line_dies_after_exactly_so_many_bytes_to_the_client() {
    let sim = sim().await;
    let whole = session(&sim).await;
    for count in 0..whole.len() {
        let plan = FaultPlan {
            cut_after_sent: Some(count as u64),
            ..Default::default()
        };
        sim.faults().next(plan);
        assert_eq!(session(&sim).await, whole[..count]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_is_carried_out_though_its_reply_is_lost() {
    let sim = sim().await;
    let command = "auth ClueCon\n\napi global_setvar x=1\n\n";
    for (count, expected) in [(command.len() - 1, ""), (command.len(), "1")] {
        let plan = FaultPlan {
            cut_after_received: Some(count as u64),
            ..Default::default()
        };
        sim.faults().next(plan);
        let mut client = Client::new(sim.connect());
        client.read_frames(1).await;
        client.send(command).await;
        client.read_to_end().await;
        assert_eq!(client.frames().len(), 1, "no reply: {}", client.text());
        assert_eq!(sim.switch().api("global_getvar", "x").await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_switch_goes_on_where_it_was() {
    let sim = sim().await;
    let mut client = Client::ready(&sim).await;
    sim.faults().update(|plan| plan.stall_reads = true);
    client.send("api echo late\n\n").await;
    client.expect_silence(Duration::from_secs(60)).await;
    sim.faults()
        .update(|plan| (plan.stall_reads, plan.stall_writes) = (false, true));
    client.expect_silence(Duration::from_secs(60)).await;
    sim.faults().clear();
    client.read_frames(3).await;
    assert!(client.text().ends_with("\n\nlate"));
}

#[tokio::test(start_paused = true)]
async fn replies_come_late_and_in_order() {
    let sim = sim().await;
    let mut client = Client::ready(&sim).await;
    sim.faults()
        .update(|plan| plan.reply_delay = Some(Duration::from_secs(3)));
    let start = Instant::now();
    client.send("api echo one\n\napi echo two\n\n").await;
    client.read_frames(4).await;
    assert_eq!(start.elapsed().as_secs(), 6);
    assert!(client.text().ends_with("\n\ntwo"));
}

#[tokio::test(start_paused = true)]
async fn refused_connections_and_passwords() {
    let sim = sim().await;
    sim.faults().refuse_connections(true);
    let mut client = Client::new(sim.connect());
    client.read_to_end().await;
    assert_eq!(client.text(), "");
    sim.faults().refuse_connections(false);
    sim.faults().next(FaultPlan {
        wrong_password: true,
        ..Default::default()
    });
    let text = String::from_utf8(session(&sim).await).unwrap();
    assert!(text.contains("Reply-Text: -ERR invalid\n\nContent-Type: text/disconnect-notice"));
    // the plan was for one connection only
    Client::ready(&sim).await;
}

#[tokio::test(start_paused = true)]
async fn cut_kill_and_goodbye() {
    let sim = sim().await;
    let mut cut = Client::ready(&sim).await;
    let mut killed = Client::ready(&sim).await;
    let mut ended = Client::ready(&sim).await;
    let connections = sim.faults().connections();
    assert_eq!(connections, [0, 1, 2]);
    assert!(sim.faults().cut(0) && sim.faults().kill_for_slowness(1));
    assert!(sim.faults().disconnect(2));
    cut.read_to_end().await;
    assert_eq!(cut.frames().len(), 2);
    killed.read_to_end().await;
    assert!(killed.text().ends_with(
        "Content-Type: text/disconnect-notice\nContent-Length: 39\n\n\
         killed listener because of lost events\n"
    ));
    ended.read_to_end().await;
    assert!(ended.text().ends_with("http://www.cluecon.com/\n"));
    assert!(!sim.faults().cut(0), "it has ended");
    assert!(sim.faults().connections().is_empty());
}

/// FreeSWITCH writes the notice from another thread, be it in the middle of a frame.
#[tokio::test(start_paused = true)]
async fn lesson_28_a_slow_client_is_killed_inside_a_frame() {
    let sim = Sim::builder()
        .listener(|options| (options.event_queue, options.max_missed) = (100, 50))
        .listener(|options| options.write_buffer = 16 * 1024)
        .pipe_size(4000)
        .start()
        .await
        .unwrap();
    let mut slow = Client::ready(&sim).await;
    assert!(
        slow.ask("event plain CUSTOM a::b\n\n")
            .await
            .starts_with("+OK")
    );
    let mut other = Client::ready(&sim).await;
    // it takes what the pipe holds and the queue: 4000 bytes, 16 kB, 100 events, and 50 may be lost
    for _ in 0..250 {
        let reply = other
            .ask("sendevent CUSTOM\nEvent-Subclass: a::b\n\n")
            .await;
        assert!(reply.starts_with("+OK"), "{reply}");
    }
    slow.read_to_end().await;
    let (frames, rest) = support::frames(&slow.received);
    assert!(
        frames.len() > 4 && frames.len() < 20,
        "{} frames",
        frames.len()
    );
    assert!(
        rest.starts_with(b"Content-Length: "),
        "the stream ends inside a frame"
    );
    assert_eq!(
        sim.faults().connections(),
        [1],
        "the other connection lives"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_catches_up_loses_events_but_lives() {
    let sim = Sim::builder()
        .listener(|options| options.event_queue = 10)
        .switch(|options| options.heartbeat = None)
        .start()
        .await
        .unwrap();
    let mut slow = Client::ready(&sim).await;
    slow.ask("event plain CUSTOM a::b\n\n").await;
    sim.faults()
        .update_connection(0, |plan| plan.stall_writes = true);
    let mut other = Client::ready(&sim).await;
    for n in 0..400 {
        other
            .ask(&format!(
                "sendevent CUSTOM\nEvent-Subclass: a::b\nN: {n}\n\n"
            ))
            .await;
    }
    sim.faults().clear();
    slow.settle().await;
    let count = slow.frames().len() - 3;
    assert!((10..400).contains(&count), "{count} of 400 events");
    assert_eq!(slow.ask("api echo alive\n\n").await, "alive");
}
