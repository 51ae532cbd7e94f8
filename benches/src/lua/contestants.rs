//! What links genesis-lua.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cpu_time::ProcessTime;
use genesis_channel::Channel;
use genesis_client::proto::Event;
use genesis_client::{Client, Consumer, Inbound, Options, Outbound, Session};
use genesis_lua::{App, Live, Runtime};
use genesis_sim::Sim;
use genesis_sim::script::Script;
use genesis_sim::switch::IncomingCall;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Failure;
use crate::calls::switch::{Limits, SwitchThread};
use crate::calls::{PATIENCE, Stopwatch, bounded};
use crate::measure::{Heap, Sample};

/// Two parts of the burst may be on their way to handlers.
const AHEAD: u64 = 2;

const READS: &str = r#"
local app = genesis.consumer()
local count = 0
app:handle("*", function(event)
  local name, uuid, date = event["Event-Name"], event["Unique-ID"], event["Event-Date-Timestamp"]
  if name and uuid and date then count = count + 1 end
end)"#;

const CALL: &str = r#"
genesis.outbound(function(session)
  local channel = session.channel
  channel:answer()
  channel:playback("greeting.wav")
  channel:hangup()
end)"#;

const MOD_LUA_CALL: &str = r#"
session:answer()
session:streamFile("greeting.wav")
session:hangup()"#;

const EXTENSION: &str = "7777";
const FILE: &str = "greeting.wav";
/// How long the file lasts: until it is broken off, once it plays for all.
const PLAYS: Duration = Duration::from_secs(600);

/// Runs one contestant in this process: `run lua SCENARIO …`.
///
/// # Errors
///
/// When there is no such contestant, or it fails.
pub fn run(arguments: &[String], heap: Heap) -> Result<Sample, Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", "lua", "events", who, address, parts, events] => {
            let burst = Burst {
                parts: parts.parse()?,
                events: events.parse()?,
            };
            events_through(who, address, burst, heap)
        }
        ["run", "lua", "calls", who, number] => {
            let (who, number) = ((*who).to_owned(), number.parse()?);
            bounded(async move { calls(&who, number, heap).await })
        }
        _ => Err(format!("no such contestant: {words:?}").into()),
    }
}

/// An application of this source.
fn app(source: &str) -> Result<App, Failure> {
    let path: PathBuf = std::env::temp_dir().join(format!("benches_{}.lua", std::process::id()));
    fs::write(&path, source)?;
    let app = App::load(&path);
    fs::remove_file(&path)?;
    Ok(app?)
}

/// So many parts of so many events.
#[derive(Clone, Copy)]
struct Burst {
    parts: u64,
    events: u64,
}

fn events_through(who: &str, address: &str, burst: Burst, heap: Heap) -> Result<Sample, Failure> {
    let (who, address) = (who.to_owned(), address.to_owned());
    let inbound = Inbound::builder().password("ClueCon");
    bounded(async move {
        let client = inbound.connect(address).await?;
        match &*who {
            "rust" => {
                let handled = Arc::new(AtomicU64::new(0));
                let count = handled.clone();
                let consumer = Consumer::new(client.clone()).on_all(move |event: Event| {
                    let count = count.clone();
                    async move {
                        // read, and not left out by the compiler
                        let read = ["Event-Name", "Unique-ID", "Event-Date-Timestamp"]
                            .map(|name| event.get(name).is_some());
                        std::hint::black_box(read);
                        count.fetch_add(1, Ordering::Relaxed);
                        Ok(())
                    }
                });
                let running = consumer.start().await?;
                let handled = || handled.load(Ordering::Relaxed);
                let sample = play(&client, burst, heap, handled).await?;
                drop(running);
                Ok(sample)
            }
            "lua" => {
                let options = genesis_lua::Options::default();
                let runtime = Runtime::new(options, tokio::runtime::Handle::current())?;
                let running = runtime.consumer(&app(READS)?, client.clone());
                let running = running.start().await?;
                let sample = play(&client, burst, heap, || runtime.stats().events).await?;
                match runtime.stats().handlers_failed {
                    0 => drop(running),
                    failed => return Err(format!("{failed} handlers failed").into()),
                }
                Ok(sample)
            }
            _ => Err(format!("no such contestant: {who}").into()),
        }
    })
}

/// Lets the switch play, never more than are handled.
async fn play(
    client: &Client,
    burst: Burst,
    heap: Heap,
    handled: impl Fn() -> u64,
) -> Result<Sample, Failure> {
    let until = async |events: u64| {
        while handled() < events {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // the first one warms up
    client.api("play part 1").await?;
    until(burst.events).await;
    let watch = Stopwatch::start(heap);
    for part in 1..=burst.parts {
        client.api("play part 1").await?;
        until((part + 1).saturating_sub(AHEAD) * burst.events).await;
    }
    until((burst.parts + 1) * burst.events).await;
    let mut sample = watch.finish(burst.parts * burst.events, 0, [Duration::ZERO; 2]);
    // all of this process; what other threads had is Lua's
    sample.cpu += sample.switch;
    Ok(sample)
}

/// A switch whose calls come here, and what says that so many play the file.
fn switch(address: &str, number: u64) -> Result<(SwitchThread, oneshot::Receiver<()>), Failure> {
    let line = format!("socket {address} async full");
    let script = Script::new().extension(EXTENSION, &[&line]);
    let script = script.file(FILE, PLAYS);
    let builder = SwitchThread::builder(Limits::None);
    let switch = SwitchThread::start(builder.switch(|options| options.script = script))?;
    let (all_play, playing) = oneshot::channel();
    switch.run(move |sim: &Sim| {
        let mut feed = sim.switch().subscribe();
        tokio::spawn(async move {
            let mut play = 0;
            while play < number {
                let Some(event) = feed.recv().await else {
                    return;
                };
                let is = |name: &str, value: &str| event.header(name).as_deref() == Some(value);
                if is("Event-Name", "CHANNEL_EXECUTE") && is("Application", "playback") {
                    play += 1;
                }
            }
            // who waits may have given up
            let _ = all_play.send(());
        });
    });
    Ok((switch, playing))
}

async fn in_rust(session: &Session) -> Result<(), genesis_channel::Error> {
    let channel = Channel::from_session(session).await?;
    channel.answer().await?.complete().await?;
    channel.playback(FILE).await?.complete().await?;
    channel.hangup(None).await?;
    channel.ended_with().await?;
    Ok(())
}

/// So many calls at once: each is answered, plays a file, and hangs up.
async fn calls(who: &str, number: u64, heap: Heap) -> Result<Sample, Failure> {
    let options = Options {
        connect_timeout: PATIENCE,
        command_timeout: PATIENCE,
        ..Options::default()
    };
    let outbound = Outbound::builder().options(options);
    let outbound = outbound.bind("127.0.0.1:0").await?;
    let (switch, playing) = switch(&outbound.local_addr()?.to_string(), number)?;
    let options = genesis_lua::Options::default();
    let runtime = Runtime::new(options, tokio::runtime::Handle::current())?;
    let (well, badly) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = (well.clone(), badly.clone());
    let mut server = JoinSet::new();
    match who {
        "rust" => {
            server.spawn(outbound.serve(move |session: Session| {
                let (well, badly) = counts.clone();
                async move {
                    match in_rust(&session).await {
                        Ok(()) => well.fetch_add(1, Ordering::Relaxed),
                        Err(_) => badly.fetch_add(1, Ordering::Relaxed),
                    };
                    Ok(())
                }
            }));
        }
        "lua" | "mod_lua" => {
            let source = if who == "lua" { CALL } else { MOD_LUA_CALL };
            let live = Live::new(app(source)?);
            server.spawn(outbound.serve(runtime.outbound(&live)));
        }
        _ => return Err(format!("no such contestant: {who}").into()),
    }
    let over = || {
        let stats = runtime.stats();
        let well = well.load(Ordering::Relaxed) + stats.succeeded;
        (well, badly.load(Ordering::Relaxed) + stats.failed)
    };

    let (watch, all) = (Stopwatch::start(heap), ProcessTime::now());
    switch.run(move |sim: &Sim| {
        for _ in 0..number {
            // one that is refused is missed at the end
            let _ = sim.switch().incoming(IncomingCall::new(EXTENSION));
        }
    });
    playing.await?;
    let (held, play) = (watch.held(), watch.elapsed());
    switch.run(|sim: &Sim| {
        let switch = sim.switch().clone();
        tokio::spawn(async move {
            for uuid in switch.channels() {
                // a channel that is not broken off keeps the run from ending
                switch.api("uuid_break", &uuid).await;
            }
        });
    });
    while over().0 + over().1 < number {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (well, badly) = over();
    if (well, badly) != (number, 0) {
        return Err(format!("{well} calls went well, {badly} did not").into());
    }
    let ended = watch.elapsed().saturating_sub(play);
    let mut sample = watch.finish(number, held, [play, ended]);
    sample.cpu = all.elapsed();
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_applications() {
        for source in [READS, CALL, MOD_LUA_CALL] {
            app(source).unwrap();
        }
    }
}
