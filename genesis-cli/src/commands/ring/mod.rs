//! `genesis ring`: whoever answers first.

mod group;
mod report;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use genesis_channel::Channel;
use genesis_client::{Client, InboundBuilder};
use genesis_ringgroup::balance::RedisBalancer;
use genesis_ringgroup::{Error, Outcome, RedisOptions, RingEvent, RingGroup, RingStep, Ringing};

use self::group::Destinations;
use self::report::Report;
use super::Interrupts;
use super::live::{Live, rounded};
use super::talk;
use crate::cli;
use crate::exit::{Code, Failure};
use crate::output::{Output, style};

pub(crate) async fn run(options: cli::Ring, output: &mut Output) -> Result<(), Failure> {
    // everything that is wrong with the command line is told before anything is done
    let destinations = Destinations::read(&options)?;
    let group = destinations.group(&options)?;
    let builder = options.connect.builder_calling()?;
    let mut interrupts = Interrupts::new()?;
    let names = destinations.names();
    let mut call = Call {
        live: Live::new(names.iter().map(String::as_str), output),
        report: Report::new(names),
        destinations: names,
        called: BTreeMap::new(),
    };
    let done = call.make(&options, group, builder, &mut interrupts).await;
    if call.report.result.is_empty() && done.is_err() {
        // a mistake in the command line: nothing was done, and there is nothing to report
        return done;
    }
    let up = call.report.up().map(str::to_owned);
    call.live.end(&call.report, done, up.as_deref())
}

/// The ring and how it is told.
struct Call<'a> {
    live: Live<'a>,
    report: Report,
    destinations: &'a [String],
    /// The Unique-IDs of those that were called and are not known to be over.
    called: BTreeMap<usize, String>,
}

impl Call<'_> {
    async fn make(
        &mut self,
        options: &cli::Ring,
        mut group: RingGroup,
        builder: InboundBuilder,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let preparing = async {
            let redis = match &options.redis {
                Some(url) => Some(RedisBalancer::connect(RedisOptions::new(url.expose())).await?),
                None => None,
            };
            let client = builder.connect(options.connect.address()).await?;
            Ok::<_, Failure>((redis, client))
        };
        let (redis, client) = tokio::select! {
            prepared = preparing => match prepared {
                Err(failure) if failure.is_usage() => return Err(failure),
                Err(failure) => return Err(self.broken(failure)),
                Ok(prepared) => prepared,
            },
            _ = interrupts.wait() => {
                self.report.result = "cancelled";
                return Err(Failure::failed("given up before anybody was called"));
            }
        };
        if let Some(redis) = &redis {
            group = group.balancer(std::sync::Arc::new(redis.clone()));
        }
        let done = self
            .run(&group, &client, options.hangup_after, interrupts)
            .await;
        if let Some(redis) = &redis {
            self.give_back(redis, interrupts).await;
        }
        talk::leave(&client, interrupts).await;
        done
    }

    async fn run(
        &mut self,
        group: &RingGroup,
        client: &Client,
        hangup_after: Option<Duration>,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let mut ringing = match group.start(client) {
            Ok(ringing) => ringing,
            Err(error) => return Err(self.failed(&error)),
        };
        loop {
            // who cannot be told how it goes does not want the call
            if self.live.is_broken() {
                return Err(self.cancel(ringing, interrupts).await);
            }
            tokio::select! {
                biased;
                event = ringing.next_event() => match event {
                    Some(event) => self.tell(&event),
                    None => break,
                },
                _ = interrupts.wait() => return Err(self.cancel(ringing, interrupts).await),
            }
        }
        self.report.duration = self.live.seconds();
        let mut ring = match ringing.result().await {
            Ok(ring) => ring,
            Err(error) => return Err(self.failed(&error)),
        };
        let answered = Instant::now();
        self.report.duration = rounded(ring.duration().as_secs_f64());
        self.report.decide(&ring);
        let channel = ring.channel().cloned();
        let summary = match &channel {
            Some(_) => ring.to_string(),
            None => report::nobody_answered(&ring),
        };
        match &channel {
            Some(channel) => {
                let uuid = format!(", Unique-ID {}", channel.uuid());
                self.live.line(style::GOOD, &summary, &uuid);
            }
            None => self.live.line(style::BAD, &summary, ""),
        }
        // this process must not end before they are hung up
        let (gone, interrupted) = {
            let mut gone = std::pin::pin!(ring.losers_gone());
            let first = tokio::select! {
                gone = &mut gone => Some(gone),
                _ = interrupts.wait() => None,
            };
            match first {
                Some(gone) => (Some(gone), false),
                None => tokio::select! {
                    gone = &mut gone => (Some(gone), true),
                    () = interrupts.wait_again() => (None, true),
                },
            }
        };
        match (gone, channel, hangup_after) {
            (Some(Ok(())), None, _) => Err(match self.live.tells() {
                true => Failure::told(summary),
                false => Failure::failed(summary),
            }),
            (Some(Ok(())), Some(_), None) => Ok(()),
            (Some(Ok(())), Some(channel), Some(after)) => {
                let at_once = interrupted || self.live.is_broken();
                let until = answered + if at_once { Duration::ZERO } else { after };
                self.hang_up(&channel, answered, until, interrupts).await
            }
            (not_gone, channel, hangup_after) => {
                let failure = match not_gone {
                    Some(Err(error)) => self.failed(&error),
                    _ => self.still_ringing(report::not_won(&ring)),
                };
                match (channel, hangup_after) {
                    (Some(channel), Some(_)) => Err(self.still_up(&failure.text(), &channel)),
                    _ => Err(failure),
                }
            }
        }
    }

    fn tell(&mut self, event: &RingEvent) {
        self.report.see(event);
        let place = event.destination;
        let (style, text) = match &event.what {
            RingStep::Dialing { uuid } => {
                self.called.insert(place, uuid.clone());
                (style::NONE, "is being called".to_owned())
            }
            RingStep::Ringing => (style::WARN, "rings".to_owned()),
            RingStep::EarlyMedia => (style::WARN, "sends early media".to_owned()),
            RingStep::Ended(outcome) => {
                let style = match outcome {
                    Outcome::Answered => style::GOOD,
                    Outcome::Lost | Outcome::Cancelled | Outcome::NotTried => style::NONE,
                    _ => style::BAD,
                };
                if !report::is_hung_up_by_us(outcome) {
                    self.called.remove(&place);
                }
                (style, outcome.to_string())
            }
            // a step that this version does not know
            other => (style::NONE, other.to_string()),
        };
        let destination = self.destinations.get(place);
        let destination = destination.map_or("?", String::as_str);
        self.live.tell(destination, style, &text);
    }

    /// Waits until then and hangs the answered call up, unless it ends before.
    async fn hang_up(
        &mut self,
        channel: &Channel,
        answered: Instant,
        until: Instant,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let ended = tokio::select! {
            ended = talk::ended(channel) => Some(ended),
            () = tokio::time::sleep_until(until.into()) => None,
            // who does not want to wait wants it to end now
            _ = interrupts.wait() => None,
        };
        let hanging_up = async {
            match ended {
                Some(ended) => ended,
                None => {
                    talk::hang_up(channel).await?;
                    talk::ended(channel).await
                }
            }
        };
        let ended = tokio::select! {
            ended = hanging_up => ended,
            () = interrupts.wait_again() => {
                let text = "FreeSWITCH did not say yet that the call hung up";
                return Err(self.still_up(text, channel));
            }
        };
        let cause = match ended {
            Ok(cause) => cause,
            Err(error) => return Err(self.still_up(&error.to_string(), channel)),
        };
        let talked = rounded(answered.elapsed().as_secs_f64());
        self.report.talked = Some(talked);
        let text = talk::words(talked, cause.as_ref());
        let destination = channel.dial_path().unwrap_or_default();
        self.live.tell(destination, style::NONE, &text);
        Ok(())
    }

    /// Hangs everybody up. Gives what there is to say at the end.
    async fn cancel(&mut self, ringing: Ringing, interrupts: &mut Interrupts) -> Failure {
        self.report.result = "cancelled";
        self.report.duration = self.live.seconds();
        self.live
            .line(style::NONE, "cancelled; hanging everybody up", "");
        tokio::select! {
            cancelled = ringing.cancel() => match cancelled {
                Ok(()) => Failure::failed("the ring was cancelled and everybody hung up"),
                Err(error) => self.failed(&error),
            },
            () = interrupts.wait_again() => {
                let called = self.called.values().cloned().collect();
                self.still_ringing(called)
            }
        }
    }

    /// What is over must not stay counted until the lease runs out.
    async fn give_back(&self, redis: &RedisBalancer, interrupts: &mut Interrupts) {
        if self.report.is_uncertain() {
            // as the calls of a process that died
            return;
        }
        let told = async {
            match self.report.up() {
                None => redis.close().await,
                Some(_) => redis.settled().await,
            }
        };
        tokio::select! {
            told = told => if let Err(error) = told {
                tracing::warn!("{error}");
            },
            () = interrupts.wait_again() => {}
        }
    }

    /// Somebody did not want to wait until everybody was hung up.
    fn still_ringing(&mut self, uuids: Vec<String>) -> Failure {
        let mut text = "FreeSWITCH did not say yet that everybody hung up".to_owned();
        if !uuids.is_empty() {
            text = format!("{text}; may still ring: {}", uuids.join(", "));
        }
        self.report.may_still_ring = uuids;
        self.broken(Failure::new(Code::Link, text))
    }

    /// Nobody knows of the end of the answered call.
    fn still_up(&mut self, reason: &str, channel: &Channel) -> Failure {
        self.report.still_up = Some(channel.uuid().to_owned());
        self.broken(talk::still_up(reason, channel.uuid()))
    }

    fn failed(&mut self, error: &Error) -> Failure {
        self.report.may_still_ring = error.may_still_ring().to_vec();
        self.broken(error.clone().into())
    }

    /// It went wrong, be it after it was decided.
    fn broken(&mut self, failure: Failure) -> Failure {
        if self.report.result.is_empty() {
            self.report.result = "error";
        }
        self.report.error = Some(failure.text());
        failure
    }
}
