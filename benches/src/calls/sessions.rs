//! Outbound sessions, all at once: each is answered, waits until all are, plays a file and hangs up.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use genesis_channel::Channel;
use genesis_client::{Options, Outbound, Session};
use genesis_sim::Sim;
use genesis_sim::script::Script;
use genesis_sim::switch::IncomingCall;
use tokio::io::DuplexStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::plain::{FOLLOWED, Plain, event_is};
use super::switch::{Limits, SwitchThread};
use super::{Case, Measured, PATIENCE, Stopwatch, Target, bounded, measure_cases, shown};
use crate::Failure;
use crate::measure::{Heap, Sample};
use crate::table::CallRow;

const EXTENSION: &str = "7777";
const IN_MEMORY: &str = "app:8084";
const FILE: &str = "greeting.wav";
/// How long the file lasts.
const PLAYS: Duration = Duration::from_millis(100);

pub(super) fn run(contestant: &str, number: u64, heap: Heap) -> Result<Sample, Failure> {
    match contestant {
        "plain" => bounded(plain(number, heap)),
        "over" => bounded(over(number, heap)),
        "outbound" => bounded(outbound(number, heap)),
        _ => Err(format!("no such contestant: {contestant}").into()),
    }
}

/// A switch whose calls run `socket ADDRESS async full`.
fn switch(address: &str) -> Result<SwitchThread, Failure> {
    let line = format!("socket {address} async full");
    let script = Script::new().extension(EXTENSION, &[&line]);
    let script = script.file(FILE, PLAYS);
    let builder = SwitchThread::builder(Limits::None);
    SwitchThread::start(builder.switch(|options| options.script = script))
}

fn options() -> Options {
    Options {
        connect_timeout: PATIENCE,
        command_timeout: PATIENCE,
        ..Options::default()
    }
}

/// Lets so many calls come in, all at once.
fn call_in(switch: &SwitchThread, number: u64) {
    switch.run(move |sim: &Sim| {
        for _ in 0..number {
            // one that is refused is missed at the end
            let _ = sim.switch().incoming(IncomingCall::new(EXTENSION));
        }
    });
}

/// Where all sessions wait for each other: once when all are answered, once more when the heap has
/// been looked at.
#[derive(Clone)]
struct Together(Arc<Barrier>);

impl Together {
    /// For so many sessions and the one that measures.
    fn new(number: u64) -> Self {
        Self(Arc::new(Barrier::new(number as usize + 1)))
    }

    async fn meet(&self) {
        self.0.wait().await;
        self.0.wait().await;
    }

    /// Waits for all sessions; gives the heap and the time.
    async fn look(&self, watch: &Stopwatch) -> (u64, Duration) {
        self.0.wait().await;
        let looked = (watch.held(), watch.elapsed());
        self.0.wait().await;
        looked
    }
}

async fn serve(session: &Session, together: &Together) -> Result<(), genesis_channel::Error> {
    let channel = Channel::from_session(session).await?;
    channel.answer().await?.complete().await?;
    together.meet().await;
    channel.playback(FILE).await?.complete().await?;
    channel.hangup(None).await?;
    channel.ended_with().await?;
    Ok(())
}

async fn over(number: u64, heap: Heap) -> Result<Sample, Failure> {
    let switch = switch(IN_MEMORY)?;
    let mut arrivals = switch.listen(IN_MEMORY);
    let together = Together::new(number);
    let mut sessions = JoinSet::new();

    let watch = Stopwatch::start(heap);
    call_in(&switch, number);
    for _ in 0..number {
        let io = arrivals.accept().await.ok_or("the switch has gone")?;
        let together = together.clone();
        sessions.spawn(async move {
            let session = Session::over(io, options()).await?;
            serve(&session, &together).await
        });
    }
    let (held, up) = all(&together, &watch, &mut sessions).await?;
    let over = watch.elapsed();
    Ok(watch.finish(number, held, [up, over]))
}

async fn outbound(number: u64, heap: Heap) -> Result<Sample, Failure> {
    let outbound = Outbound::builder()
        .options(options())
        .bind("127.0.0.1:0")
        .await?;
    let switch = switch(&outbound.local_addr()?.to_string())?;
    let together = Together::new(number);
    let (served, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let mut server = JoinSet::new();

    let watch = Stopwatch::start(heap);
    let meeting = together.clone();
    server.spawn(outbound.serve(move |session: Session| {
        let (together, served) = (meeting.clone(), served.clone());
        async move {
            let _ = served.send(serve(&session, &together).await);
            Ok(())
        }
    }));
    call_in(&switch, number);
    let mut sessions: JoinSet<Result<(), Failure>> = JoinSet::new();
    sessions.spawn(async move {
        for _ in 0..number {
            match ended.recv().await {
                Some(served) => served?,
                None => break,
            }
        }
        Ok(())
    });
    let (held, up) = all(&together, &watch, &mut sessions).await?;
    let over = watch.elapsed();
    Ok(watch.finish(number, held, [up, over]))
}

async fn plain(number: u64, heap: Heap) -> Result<Sample, Failure> {
    let switch = switch(IN_MEMORY)?;
    let mut arrivals = switch.listen(IN_MEMORY);
    let together = Together::new(number);
    let mut sessions = JoinSet::new();

    let watch = Stopwatch::start(heap);
    call_in(&switch, number);
    for _ in 0..number {
        let io = arrivals.accept().await.ok_or("the switch has gone")?;
        sessions.spawn(serve_plain(io, together.clone()));
    }
    let (held, up) = all(&together, &watch, &mut sessions).await?;
    let over = watch.elapsed();
    Ok(watch.finish(number, held, [up, over]))
}

/// The same words on the wire.
async fn serve_plain(io: DuplexStream, together: Together) -> Result<(), Failure> {
    let execute = |name: &str, argument: &str| {
        format!(
            "sendmsg\ncall-command: execute\nexecute-app-name: {name}\n\
             execute-app-arg: {argument}\n\n"
        )
    };
    let mut session = Plain::new(io);
    session.send("connect\n\n");
    let uuid = session.read(unique_id).await?;
    // without the filter every session would get the events of all
    session.send(format!("linger 5\n\nfilter Unique-ID {uuid}\n\n"));
    session.send(FOLLOWED);
    session.until("+OK event listener enabled").await?;
    for (name, argument) in [("answer", ""), ("playback", FILE)] {
        if name == "playback" {
            together.meet().await;
        }
        session.send(execute(name, argument));
        let application = format!("Application: {name}\n");
        session
            .read(|frame| {
                let done = event_is(frame, "CHANNEL_EXECUTE_COMPLETE");
                let this = memchr::memmem::find(frame, application.as_bytes());
                (done && this.is_some()).then_some(())
            })
            .await?;
    }
    session.send(format!("api uuid_kill {uuid} NORMAL_CLEARING\n\n"));
    let ended = |frame: &[u8]| event_is(frame, "CHANNEL_HANGUP").then_some(());
    session.read(ended).await
}

/// The Unique-ID in the reply to `connect`.
fn unique_id(frame: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(frame).ok()?;
    let uuid = text
        .lines()
        .find_map(|line| line.strip_prefix("Unique-ID: "))?;
    Some(uuid.to_owned())
}

/// Waits until all have met and ended. One that fails would be waited for in vain.
async fn all<E: Into<Failure> + 'static>(
    together: &Together,
    watch: &Stopwatch,
    sessions: &mut JoinSet<Result<(), E>>,
) -> Result<(u64, Duration), Failure> {
    let looked = tokio::select! {
        looked = together.look(watch) => looked,
        Some(ended) = sessions.join_next() => {
            ended?.map_err(Into::<Failure>::into)?;
            return Err("a session ended early".into());
        }
    };
    while let Some(ended) = sessions.join_next().await {
        ended?.map_err(Into::<Failure>::into)?;
    }
    Ok(looked)
}

pub(super) fn report(counter: &Path) -> Result<Vec<CallRow>, Failure> {
    let mut cases = Vec::new();
    for (number, rounds) in [(100, 9), (500, 3), (2_000, 3)] {
        for (contestant, what) in [
            ("plain", "a plain client, pipes"),
            ("over", "Session::over, pipes"),
            ("outbound", "Outbound, loopback TCP"),
        ] {
            let (heap, target) = match (contestant, number) {
                ("plain", _) => (Measured::Switch, Target::None),
                (_, 2_000) => (
                    Measured::Beyond("plain"),
                    Target::Done("all served at once"),
                ),
                _ => (Measured::Beyond("plain"), Target::None),
            };
            cases.push(Case {
                contestant,
                number,
                what: format!("{what}, {number} at once"),
                rounds,
                heap,
                target,
            });
        }
    }
    measure_cases("sessions", counter, &cases, |sample| {
        let [up, over] = sample.marks;
        format!(
            "all answered after {}, over after {}",
            shown(up),
            shown(over)
        )
    })
}
