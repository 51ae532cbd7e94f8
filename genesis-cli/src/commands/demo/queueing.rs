//! The queue: callers who are handed over to this program, and served one at a time.

use std::time::{Duration, Instant};

use genesis_channel::{Channel, OriginateOptions};
use genesis_client::observe::Telemetry;
use genesis_client::proto::HangupCause;
use genesis_client::{Client, Session};
use genesis_ringgroup::{Queue, SlotOptions};
use tokio::sync::mpsc;

use super::broken;
use super::story::Teller;
use crate::exit::Failure;

/// Who calls, in this order.
pub(super) const CALLERS: [&str; 3] = ["2001", "2002", "2003"];
/// The extension that leads to this program.
pub(super) const EXTENSION: &str = "5000";
const QUEUE: &str = "support";
const MUSIC: &str = "local_stream://moh";
const GREETING: &str = "tone_stream://%(500,0,440)";

/// A caller who has been served.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) who: &'static str,
    pub(super) waited: Duration,
}

/// What happens to a caller.
#[derive(Debug)]
enum News {
    InLine(&'static str),
    Served(Served),
    Failed(Failure),
}

/// Serves the callers that the switch hands over.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    queue: Queue,
    teller: Teller,
    news: mpsc::UnboundedSender<News>,
}

/// Hears what the desk does.
#[derive(Debug)]
pub(super) struct Hearing(mpsc::UnboundedReceiver<News>);

impl Desk {
    pub(super) fn new(teller: Teller, telemetry: Telemetry) -> (Self, Hearing) {
        let (news, hearing) = mpsc::unbounded_channel();
        let desk = Self {
            queue: Queue::in_memory().telemetry(telemetry),
            teller,
            news,
        };
        (desk, Hearing(hearing))
    }

    /// Serves one caller. What becomes of it is news.
    pub(super) async fn serve(self, session: Session) {
        let name = session.get("Channel-Name").unwrap_or_default().into_owned();
        let number = name.rsplit('/').next().unwrap_or_default();
        let news = match CALLERS.into_iter().find(|caller| *caller == number) {
            None => News::Failed(broken(format!("{name} was handed over, who is no caller"))),
            Some(who) => match self.attend(who, &session).await {
                Ok(served) => News::Served(served),
                Err(failure) => News::Failed(failure),
            },
        };
        // a receiver that is gone has given the demo up already
        let _ = self.news.send(news);
    }

    async fn attend(&self, who: &'static str, session: &Session) -> Result<Served, Failure> {
        let channel = Channel::from_session(session).await?;
        channel.answer().await?.complete().await?;
        let mut ticket = self
            .queue
            .enter(QUEUE, SlotOptions::new().limit(1).item_id(who))
            .await?;
        match ticket.position().await {
            Some(0) | None => self
                .teller
                .tell(who, "enters the queue, which is free, and is served"),
            Some(position) => {
                self.teller.tell(
                    who,
                    format!("enters the queue at position {position} and hears music"),
                );
                let music = channel.playback(MUSIC).await?;
                let _ = self.news.send(News::InLine(who));
                ticket.granted().await?;
                channel.break_media(true).await?;
                music.complete().await?;
                self.teller.tell(who, "has its turn and is served");
            }
        }
        let slot = ticket.slot().await?;
        let waited = slot.waited();
        let _ = self.news.send(News::InLine(who));
        let start = Instant::now();
        channel.playback(GREETING).await?.complete().await?;
        channel.hangup(HangupCause::NormalClearing).await?;
        channel.ended_with().await?;
        self.teller.tell(
            who,
            format!(
                "is hung up, waited for {:.1} s and served for {:.1} s",
                waited.as_secs_f64(),
                start.elapsed().as_secs_f64()
            ),
        );
        slot.release().await?;
        Ok(Served { who, waited })
    }
}

/// Lets the callers call, each once the one before is in line, and gives them as they were served.
pub(super) async fn callers(
    client: &Client,
    teller: &Teller,
    mut hearing: Hearing,
) -> Result<Vec<Served>, Failure> {
    let mut served = Vec::new();
    for who in CALLERS {
        teller.tell(who, format!("calls extension {EXTENSION}"));
        let options = OriginateOptions::new().extension(EXTENSION);
        Channel::originate(client, &*format!("user/{who}"), options).await?;
        let mut is_in_line = false;
        while !is_in_line {
            is_in_line = hearing.next(&mut served).await? == Some(who);
        }
    }
    while served.len() < CALLERS.len() {
        hearing.next(&mut served).await?;
    }
    let order: Vec<&str> = served.iter().map(|served| served.who).collect();
    if order != CALLERS {
        return Err(broken(format!(
            "the callers were served in another order than they came: {order:?}"
        )));
    }
    Ok(served)
}

impl Hearing {
    /// Takes over the next news; who is in line, if that was it.
    async fn next(&mut self, served: &mut Vec<Served>) -> Result<Option<&'static str>, Failure> {
        match self.0.recv().await {
            Some(News::InLine(who)) => Ok(Some(who)),
            Some(News::Served(caller)) => {
                served.push(caller);
                Ok(None)
            }
            Some(News::Failed(failure)) => Err(failure),
            None => Err(broken("nobody serves the queue any more")),
        }
    }
}
