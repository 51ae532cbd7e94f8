//! `genesis channels`: which channels there are.

mod board;
mod lines;
mod screen;
mod table;
mod view;

use std::time::SystemTime;

use genesis_client::{Client, EventStream, Item};
use tokio::time::sleep_until;

use self::board::{Board, Change};
use self::screen::Screen;
use self::table::Styles;
use self::view::Aged;
use super::{Interrupts, holes};
use crate::cli::Channels;
use crate::exit::Failure;
use crate::observability::Observed;
use crate::output::Output;

pub(crate) async fn run(
    options: Channels,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let builder = options.connect.builder_following(options.reconnect)?;
    let address = options.connect.address();
    let mut interrupts = Interrupts::new()?;
    let work = async {
        let client = builder.connect(&address).await?;
        if !options.watch {
            return once(&client, output).await;
        }
        seen.follow(&client).await?;
        let events = client.subscribe(Board::subscription()).await?;
        let display = match output.screen && !output.json {
            true => Display::Screen(Screen::new(address.clone(), output)?),
            false => Display::Lines(output),
        };
        let mut watch = Watch {
            client: &client,
            events,
            board: Board::default(),
            display,
            reconnect: options.reconnect,
        };
        watch.ask().await?;
        watch.follow().await
    };
    tokio::select! {
        done = work => done,
        interrupted = interrupts.wait() => interrupted,
    }
}

/// Shows the channels there are now.
async fn once(client: &Client, output: &mut Output) -> Result<(), Failure> {
    let mut board = Board::default();
    board.ask(client).await?;
    let (views, now) = (board.views(), now());
    if output.json {
        let rows: Vec<Aged<'_>> = views.iter().map(|view| view.aged(now)).collect();
        output.object(&rows)?;
    } else {
        if !views.is_empty() {
            for line in table::lines(&views, now, None, &Styles::new(output)) {
                output.line(&line)?;
            }
            output.line("")?;
        }
        output.line(&table::count(&views))?;
    }
    output.flush()?;
    client.exit().await;
    Ok(())
}

/// Where changes are shown.
#[derive(Debug)]
enum Display<'a> {
    Lines(&'a mut Output),
    Screen(Screen<'a>),
}

impl Display<'_> {
    fn changes(&mut self, changes: &[Change]) -> Result<(), Failure> {
        match self {
            Self::Lines(output) => {
                let now = now();
                let mut changes = changes.iter();
                changes.try_for_each(|change| lines::show(change, now, output))
            }
            Self::Screen(screen) => {
                screen.touch();
                Ok(())
            }
        }
    }

    fn hole(&mut self, hole: &Item) -> Result<(), Failure> {
        match self {
            Self::Lines(output) => holes::show(hole, output),
            Self::Screen(screen) => {
                screen.notice(&holes::in_words(hole));
                Ok(())
            }
        }
    }
}

struct Watch<'a> {
    client: &'a Client,
    events: EventStream,
    board: Board,
    display: Display<'a>,
    reconnect: bool,
}

impl Watch<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
        loop {
            match self.next().await? {
                Item::Event(event) => {
                    let changes = self.board.apply(&event);
                    self.display.changes(&changes)?;
                }
                hole => {
                    self.display.hole(&hole)?;
                    self.ask().await?;
                }
            }
        }
    }

    /// Asks FreeSWITCH which channels there are. When the link is lost meanwhile and will come
    /// back, the gap that follows asks again.
    async fn ask(&mut self) -> Result<(), Failure> {
        match self.board.ask(self.client).await {
            Ok(changes) => self.display.changes(&changes),
            Err(error) if self.reconnect && error.is_disconnected() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The next item; meanwhile what is shown stays up to date.
    async fn next(&mut self) -> Result<Item, Failure> {
        let item = match &mut self.display {
            Display::Lines(output) => match self.events.try_next() {
                Some(item) => Some(item),
                None => {
                    output.flush()?;
                    self.events.next().await
                }
            },
            Display::Screen(screen) => loop {
                tokio::select! {
                    biased;
                    () = sleep_until(screen.due()) => {
                        screen.draw(&self.board, &self.client.state())?;
                    }
                    item = self.events.next() => break item,
                }
            },
        };
        item.ok_or_else(|| Failure::lost(self.events.close_reason().as_ref()))
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use genesis_client::{Inbound, Overflow};
    use genesis_sim::Sim;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_that_were_lost_are_made_good_by_asking_again() {
        let sim = Sim::builder().start().await.unwrap();
        let client = Inbound::builder()
            .connect_over(sim.connect())
            .await
            .unwrap();
        let subscription = Board::subscription()
            .queue_items(2)
            .overflow(Overflow::DropOldest);
        let events = client.subscribe(subscription).await.unwrap();
        let (mut output, written) = Output::to_memory(true);
        let mut watch = Watch {
            client: &client,
            events,
            board: Board::default(),
            display: Display::Lines(&mut output),
            reconnect: false,
        };
        watch.ask().await.unwrap();
        // nobody reads meanwhile
        for _ in 0..3 {
            client.bgapi("originate sim/answer &park").await.unwrap();
        }
        let following = tokio::time::timeout(Duration::from_secs(1), watch.follow());
        assert!(following.await.is_err(), "it follows until it is ended");
        let written = written.text();
        let lines: Vec<serde_json::Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines[0]["lagged"].as_u64().unwrap() > 2, "{written}");
        assert_eq!(watch.board.views().len(), 3, "{written}");
        let new = lines.iter().filter(|line| line["change"] == "new").count();
        assert_eq!(new, 3, "{written}");
    }
}
