//! Calls that an outbound server hands to handlers, over TCP: what a handler leaves behind.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use std::time::Duration;

use genesis_channel::{Channel, OriginateOptions};
use genesis_client::{AtDeadline, Client, Options, Outbound, Session};
use genesis_proto::HangupCause;
use genesis_sim::Sim;
use support::only_left;
use tokio::sync::mpsc;

/// What the handler drops when it returns.
#[derive(Clone, Copy, Debug)]
enum Drops {
    /// A call that the switch has been asked to make.
    Originate,
    /// One that was answered, which nobody has looked at.
    Answer,
    /// A channel that is hung up when it is dropped.
    Guard,
}

async fn take_call(session: Session, drops: Drops) -> genesis_channel::Result<()> {
    let client = session.client();
    let dial = match drops {
        Drops::Originate => "sim/no_answer",
        Drops::Answer | Drops::Guard => "sim/answer",
    };
    let mut origination =
        Channel::originate_start(client, dial, OriginateOptions::new().uuid("callee")).await?;
    match drops {
        Drops::Originate => {}
        Drops::Answer => {
            let callee = Channel::attach(client, "callee").await?;
            let answered = |channel: &Channel| channel.was_answered();
            while !answered(&callee) {
                tokio::task::yield_now().await;
            }
        }
        Drops::Guard => {
            let callee = origination.answered().await?;
            let guard = callee.hangup_on_drop(HangupCause::NormalClearing);
            keep_busy(client).await;
            drop(guard);
            return Ok(());
        }
    }
    keep_busy(client).await;
    Ok(())
}

/// Takes the only place for a command, so that the next one is sent later.
async fn keep_busy(client: &Client) {
    let busy = client.clone();
    tokio::spawn(async move { drop(busy.api("status").await) });
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn what_a_handler_drops_is_hung_up_before_the_connection_closes() {
    for drops in [Drops::Originate, Drops::Answer, Drops::Guard] {
        let sim = Sim::builder().start().await.unwrap();
        let slow = Duration::from_millis(30);
        sim.faults().update(|plan| plan.reply_delay = Some(slow));
        let options = Options {
            commands_in_flight: 1,
            ..Options::default()
        };
        let outbound = Outbound::builder().options(options);
        let outbound = outbound.bind("127.0.0.1:0").await.unwrap();
        let address = outbound.local_addr().unwrap();
        let drain = outbound.drain();
        let (over, mut overs) = mpsc::unbounded_channel();
        let serving = tokio::spawn(outbound.serve_with(move |session: Session| {
            let over = over.clone();
            async move {
                let result = take_call(session, drops).await;
                let _ = over.send(result.is_ok());
                result
            }
        }));
        let line = format!("{{origination_uuid=caller}}null/1 '&socket({address} async full)'");
        let answer = sim.switch().api("originate", &line).await;
        assert!(answer.starts_with("+OK"), "{answer}");
        assert_eq!(overs.recv().await, Some(true), "{drops:?}");
        // far sooner than the callee stops ringing by itself
        only_left(&sim, &[], Duration::from_secs(5)).await;
        drain
            .start(Duration::from_secs(5), AtDeadline::Resume)
            .await;
        serving.await.unwrap().unwrap();
    }
}
