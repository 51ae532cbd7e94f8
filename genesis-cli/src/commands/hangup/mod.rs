//! `genesis hangup`: channels come to their end.

mod progress;

use std::io::{self, IsTerminal as _, Write as _};

use genesis_client::proto::{EventName, HangupCause};
use genesis_client::{Client, Error, EventStream, Item, Subscription};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use self::progress::{Answer, Outcome, Progress};
use crate::cli::Hangup;
use crate::exit::{Code, Failure};
use crate::output::{Output, one_line, style};

#[derive(Serialize)]
struct ChannelObject<'a> {
    uuid: &'a str,
    outcome: &'static str,
    cause: Option<&'a str>,
}

#[derive(Serialize)]
struct SummaryObject<'a> {
    summary: &'a Summary,
}

/// How many channels there were, and how many of them are gone.
#[derive(Debug, Default, Serialize)]
struct Summary {
    channels: usize,
    hung_up: usize,
    #[serde(skip)]
    not_confirmed: usize,
}

pub(crate) async fn run(options: Hangup, output: &mut Output) -> Result<(), Failure> {
    if options.uuids.is_empty() && !options.all {
        return Err(Failure::usage(
            "which channels? Name their Unique-IDs (<UUID>…), which `genesis channels` shows, or give \
             --all; see genesis hangup --help",
        ));
    }
    let address = options.connect.address();
    let client = options.connect.builder()?.connect(&address).await?;
    let uuids = match options.all {
        true => all(&client, &options, &address).await?,
        false => options.uuids.clone(),
    };
    let mut report = Report {
        output,
        all: options.all,
        summary: Summary::default(),
        broken: None,
    };
    let mut progress = Progress::new(uuids);
    report.summary.channels = progress.uuids().len();
    if !progress.uuids().is_empty() {
        // first listen, then act: no hangup is missed
        let hangups = Subscription::new().event(EventName::ChannelHangupComplete);
        let mut events = client.subscribe(hangups).await?;
        let done = hang_up(&client, &options, &mut progress, &mut events, &mut report).await;
        for (uuid, outcome) in progress.rest() {
            report.tell(&uuid, &outcome);
        }
        done?;
    }
    report.end();
    client.exit().await;
    report.verdict(options.timeout.as_secs_f64())?;
    report.broken.map_or(Ok(()), Err)
}

/// The channels there are, once whoever asked for it is sure.
async fn all(client: &Client, options: &Hangup, address: &str) -> Result<Vec<String>, Failure> {
    let channels = client.channels().await?;
    let mut rows: Vec<_> = channels.iter().collect();
    rows.sort_by_key(|row| row.created_epoch());
    let uuids: Vec<String> = rows.iter().map(|row| row.uuid().to_owned()).collect();
    if uuids.is_empty() || options.yes || !io::stdin().is_terminal() {
        return Ok(uuids);
    }
    let question = format!(
        "Hang up {} of {address} with {}? [y/N] ",
        match uuids.len() {
            1 => "the only channel".to_owned(),
            count => format!("all {count} channels"),
        },
        options.cause
    );
    match tokio::task::spawn_blocking(move || ask(&question)).await {
        Ok(Ok(answer)) if is_yes(&answer) => Ok(uuids),
        Ok(Ok(_)) => Err(Failure::failed("nothing was hung up")),
        Ok(Err(error)) => Err(Failure::failed(format!(
            "nothing was hung up: cannot read the answer: {error}"
        ))),
        Err(error) => Err(Failure::failed(format!("nothing was hung up: {error}"))),
    }
}

fn ask(question: &str) -> io::Result<String> {
    let mut stderr = io::stderr();
    stderr.write_all(question.as_bytes())?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

async fn hang_up(
    client: &Client,
    options: &Hangup,
    progress: &mut Progress,
    events: &mut EventStream,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    let deadline = Instant::now() + options.timeout;
    // the client bounds how many commands are under way
    let mut kills = JoinSet::new();
    for uuid in progress.uuids() {
        let (client, uuid) = (client.timeout(options.timeout), uuid.clone());
        let cause = options.cause.clone();
        kills.spawn(async move {
            let answer = kill(&client, &uuid, &cause).await;
            (uuid, answer)
        });
    }
    while progress.waits() {
        let (uuid, outcome) = tokio::select! {
            Some(Ok((uuid, answer))) = kills.join_next() => match answer {
                Ok(answer) => {
                    let outcome = progress.answered(&uuid, answer);
                    (uuid, outcome)
                }
                // its channel is not confirmed; others may still be
                Err(error) if error.is_timeout() => continue,
                Err(error) => return Err(error.into()),
            },
            item = events.next() => match item {
                Some(Item::Event(event)) => {
                    let uuid = event.unique_id().unwrap_or_default().into_owned();
                    let cause = event.get("Hangup-Cause").map(Into::into);
                    let outcome = progress.ended(&uuid, cause);
                    (uuid, outcome)
                }
                Some(_) => continue,
                None => return Err(Failure::lost(events.close_reason().as_ref())),
            },
            () = sleep_until(deadline) => break,
        };
        if let Some(outcome) = outcome {
            report.tell(&uuid, &outcome);
        }
    }
    Ok(())
}

async fn kill(client: &Client, uuid: &str, cause: &HangupCause) -> Result<Answer, Error> {
    let answer = async {
        let exists = client.api(&format!("uuid_exists {uuid}")).await?;
        if exists.text().trim() == "false" {
            return Ok(Answer::NoSuchChannel);
        }
        client.api(&format!("uuid_kill {uuid} {cause}")).await?;
        Ok::<_, Error>(Answer::Ok)
    };
    match answer.await {
        Err(error) if error.is_refused() => {
            let text = error.switch_text().unwrap_or_default().trim();
            Ok(match text.contains("No such channel") {
                true => Answer::Gone,
                false => Answer::Refused(text.to_owned()),
            })
        }
        answer => answer,
    }
}

/// Says what happened.
struct Report<'a> {
    output: &'a mut Output,
    all: bool,
    summary: Summary,
    /// Output that could not be written. The other channels are hung up all the same.
    broken: Option<Failure>,
}

impl Report<'_> {
    fn tell(&mut self, uuid: &str, outcome: &Outcome) {
        // of all channels, one that has ended meanwhile is what was wanted
        let ended_meanwhile = Outcome::AlreadyHungUp(None);
        let outcome = match outcome {
            Outcome::NoSuchChannel if self.all => &ended_meanwhile,
            outcome => outcome,
        };
        let (name, style, cause) = match outcome {
            Outcome::HungUp(cause) => ("hung_up", style::GOOD, cause.as_deref()),
            Outcome::AlreadyHungUp(cause) => ("already_hung_up", style::DIM, cause.as_deref()),
            Outcome::NoSuchChannel => ("no_such_channel", style::BAD, None),
            Outcome::Refused(_) => ("refused", style::BAD, None),
            Outcome::NotConfirmed => ("not_confirmed", style::WARN, None),
        };
        match outcome {
            Outcome::HungUp(_) | Outcome::AlreadyHungUp(_) => self.summary.hung_up += 1,
            Outcome::NotConfirmed => self.summary.not_confirmed += 1,
            _ => {}
        }
        self.write(|output, _| {
            if output.json {
                let outcome = name;
                return output.object(&ChannelObject {
                    uuid,
                    outcome,
                    cause,
                });
            }
            let style = output.style(style);
            let words = in_words(outcome);
            output.line(&format!("{}  {style}{words}{style:#}", one_line(uuid)))
        });
    }

    fn write(&mut self, write: impl FnOnce(&mut Output, &Summary) -> Result<(), Failure>) {
        if self.broken.is_none() {
            let written = write(self.output, &self.summary);
            self.broken = written.and_then(|()| self.output.flush()).err();
        }
    }

    fn end(&mut self) {
        if self.all && self.output.json {
            self.write(|output, summary| output.object(&SummaryObject { summary }));
        } else if self.all {
            let Summary {
                channels, hung_up, ..
            } = self.summary;
            let text = match channels {
                0 => "no channels".to_owned(),
                _ if hung_up < channels => format!("{hung_up} of {channels} channels hung up"),
                1 => "1 channel hung up".to_owned(),
                _ => format!("{channels} channels hung up"),
            };
            self.write(|output, _| output.line(&text));
        }
    }

    fn verdict(&self, seconds: f64) -> Result<(), Failure> {
        let Summary {
            channels,
            hung_up,
            not_confirmed,
        } = self.summary;
        if not_confirmed > 0 {
            return Err(Failure::new(
                Code::Link,
                format!(
                    "FreeSWITCH did not say within {seconds} s that {} hung up; `genesis channels` \
                     shows whether they are still there, and --timeout waits longer",
                    portion(not_confirmed, channels)
                ),
            ));
        }
        match channels - hung_up {
            0 => Ok(()),
            left => Err(Failure::failed(format!(
                "{} could not be hung up; `genesis channels` shows those that are there",
                portion(left, channels)
            ))),
        }
    }
}

/// `the channel`, `2 of 3 channels`.
fn portion(some: usize, all: usize) -> String {
    match all {
        1 => "the channel".to_owned(),
        all => format!("{some} of {all} channels"),
    }
}

fn in_words(outcome: &Outcome) -> String {
    let with = |words: &str, cause: &Option<String>| match cause {
        Some(cause) => format!("{words}, {}", one_line(cause)),
        None => words.to_owned(),
    };
    match outcome {
        Outcome::HungUp(cause) => with("hung up", cause),
        Outcome::AlreadyHungUp(cause) => with("had hung up already", cause),
        Outcome::NoSuchChannel => "no such channel".to_owned(),
        Outcome::Refused(text) => format!("refused: {}", one_line(text)),
        Outcome::NotConfirmed => "not confirmed: FreeSWITCH did not say that it hung up".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for answer in ["y\n", "Y", " yes \r\n"] {
            assert!(is_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n\n", "yep", "no"] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }
}
