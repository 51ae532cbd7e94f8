//! A call queue: callers wait with music, hear their position, and are served in order.
//!
//! There are as many conversations at a time as there are agents. The caller who has waited longest
//! gets the agent who has been free longest; an agent who does not answer is passed over. If no free
//! agent answers, the caller is told so.
//!
//! In the dialplan: `<action application="socket" data="127.0.0.1:8084 async full"/>`. With the
//! simulated switch, two callers and one agent, who hangs up after five seconds:
//!
//! ```text
//! cargo run -p genesis-cli -- sim
//! cargo run -p genesis-examples --bin call_queue -- --agent 'sim/answer?after=1s&hangup_after=5s'
//! cargo run -p genesis-cli -- originate user/2001 --app 'socket 127.0.0.1:8084 async full'
//! cargo run -p genesis-cli -- originate user/2002 --app 'socket 127.0.0.1:8084 async full'
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use genesis_channel::{Channel, OriginateOptions, Say};
use genesis_client::{AtDeadline, Drain, Outbound, Session};
use genesis_ringgroup::{Queue, Result, SlotOptions, Ticket};

/// A queue for callers, with music on hold.
#[derive(Parser)]
struct Options {
    /// Where FreeSWITCH's `socket` application connects to
    #[arg(long, default_value = "127.0.0.1:8084")]
    listen: String,
    /// The dial string of an agent; may be repeated
    #[arg(long = "agent", default_value = "user/1000")]
    agents: Vec<String>,
    /// What callers hear while they wait
    #[arg(long, default_value = "local_stream://moh")]
    music: String,
}

/// The line, and those who serve it.
struct Support {
    queue: Queue,
    slot: SlotOptions,
    music: String,
    /// The dial strings of those who are free; who has been free longest is first.
    free: Mutex<VecDeque<String>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let support = Arc::new(Support {
        queue: Queue::in_memory(),
        slot: SlotOptions::new().limit(options.agents.len()),
        music: options.music,
        free: Mutex::new(options.agents.into()),
    });
    let outbound = Outbound::builder().bind(&options.listen).await?;
    println!("waiting for calls on {}", outbound.local_addr()?);
    tokio::spawn(stop_on_ctrl_c(outbound.drain()));
    outbound
        .serve(move |session| {
            let support = support.clone();
            async move {
                let caller = caller_of(&session);
                match support.take_call(&session, &caller).await {
                    Ok(()) => println!("{caller}: the call is over"),
                    Err(error) => println!("{caller}: {error}"),
                }
                Ok(())
            }
        })
        .await?;
    Ok(())
}

impl Support {
    async fn take_call(&self, session: &Session, name: &str) -> Result<()> {
        let mode = session.client().socket_mode();
        if !mode.is_some_and(|mode| mode.is_async() && mode.is_full()) {
            println!("{name}: write `async full` behind the address in the dialplan");
            return Ok(());
        }
        let caller = Channel::from_session(session).await?;
        caller.answer().await?.complete().await?;
        let mut ticket = self.queue.enter("support", self.slot.clone()).await?;
        // plays until the caller is connected
        caller.playback(&self.music).await?;
        tokio::select! {
            biased;
            // dropping the ticket leaves the line
            _ = caller.ended_with() => {
                println!("{name}: gave up");
                return Ok(());
            }
            turn = wait(&mut ticket, &caller, name) => turn?,
        }
        // held until the conversation is over
        let slot = ticket.slot().await?;
        println!("{name}: has waited {:.0} s", slot.waited().as_secs_f64());
        self.serve(&caller, name).await
    }

    /// Calls one free agent after the other until somebody answers, and connects the two.
    async fn serve(&self, caller: &Channel, name: &str) -> Result<()> {
        let ring = OriginateOptions::new()
            .caller_id("Support", name)
            .timeout(Duration::from_secs(20));
        let agents = self.free().len();
        for _ in 0..agents {
            let Some(agent) = self.take_agent() else {
                break;
            };
            let mut ringing =
                Channel::originate_start(caller.client(), &*agent.dial, ring.clone()).await?;
            let answered = tokio::select! {
                answered = ringing.answered() => answered,
                _ = caller.ended_with() => {
                    println!("{name}: gave up");
                    return Ok(ringing.cancel(None).await?);
                }
            };
            match answered {
                Ok(phone) => {
                    println!("{name}: talks to {}", agent.dial);
                    let talked = talk(caller, &phone).await;
                    phone.hangup(None).await?;
                    return talked;
                }
                Err(error) if error.is_not_answered() => println!("{name}: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
        println!("{name}: no agent answers");
        let sorry = caller.playback("ivr/ivr-no_user_response.wav").await?;
        sorry.complete().await?;
        Ok(caller.hangup(None).await?)
    }

    fn free(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_agent(&self) -> Option<Agent<'_>> {
        let dial = self.free().pop_front()?;
        Some(Agent {
            dial,
            support: self,
        })
    }
}

/// An agent at work; free again when dropped.
struct Agent<'a> {
    dial: String,
    support: &'a Support,
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        self.support
            .free()
            .push_back(std::mem::take(&mut self.dial));
    }
}

/// Tells the caller each position until it is the caller's turn.
async fn wait(ticket: &mut Ticket, caller: &Channel, name: &str) -> Result<()> {
    let mut positions = ticket.watch();
    loop {
        tokio::select! {
            biased;
            turn = ticket.granted() => return turn,
            Some(position) = positions.next() => {
                println!("{name}: number {position} in line");
                // runs inside the music, which goes on afterwards
                let say = Say::new("en", "NUMBER", position.to_string());
                caller.say(&say).await?.complete().await?;
            }
        }
    }
}

/// Connects the two until one of them hangs up.
async fn talk(caller: &Channel, phone: &Channel) -> Result<()> {
    let bridge = caller.bridge(phone).await?;
    let bridge = bridge.connected(Duration::from_secs(5)).await?;
    match bridge.ended().await {
        Err(error) if !error.is_hung_up() => Err(error.into()),
        _ => Ok(()),
    }
}

fn caller_of(session: &Session) -> String {
    let number = session.get("Caller-Caller-ID-Number");
    number.unwrap_or_default().into_owned()
}

/// Ctrl-C: no new calls; those that are up have ten seconds, then they go on in the dialplan.
async fn stop_on_ctrl_c(drain: Drain) {
    if tokio::signal::ctrl_c().await.is_ok() {
        drain
            .start(Duration::from_secs(10), AtDeadline::Resume)
            .await;
    }
}
