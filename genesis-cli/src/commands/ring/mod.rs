//! `genesis ring`: whoever answers first.

mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use genesis_channel::Channel;
use genesis_client::Client;
use genesis_client::proto::HangupCause;
use genesis_client::proto::dial::DialString;
use genesis_ringgroup::balance::RedisBalancer;
use genesis_ringgroup::{
    Destination, Error, Outcome, RedisOptions, RingEvent, RingGroup, RingMode, RingStep, Ringing,
};

use self::report::Report;
use super::Interrupts;
use super::live::{Live, rounded};
use crate::cli::{Mode, Ring, values};
use crate::exit::{Code, Failure};
use crate::output::{Output, style};

pub(crate) async fn run(options: Ring, output: &mut Output) -> Result<(), Failure> {
    let destinations = Destinations::read(&options)?;
    let mut interrupts = Interrupts::new()?;
    let preparing = async {
        let group = group(&options, &destinations).await?;
        let builder = options.connect.builder_calling()?;
        let client = builder.connect(options.connect.address()).await?;
        Ok::<_, Failure>((group, client))
    };
    let (group, client) = tokio::select! {
        prepared = preparing => prepared?,
        interrupted = interrupts.wait() => {
            interrupted?;
            return Err(Failure::failed("given up before anybody was called"));
        }
    };
    let mut call = Call {
        live: Live::new(destinations.names.iter().map(String::as_str)),
        report: Report::new(&destinations.names),
        destinations: &destinations.names,
        output,
    };
    let done = call
        .run(&group, &client, options.hangup_after, &mut interrupts)
        .await;
    if call.output.json {
        call.output.object(&call.report)?;
    }
    call.output.flush()?;
    client.exit().await;
    done
}

/// Whom to ring.
struct Destinations {
    /// As they are shown: without variables, which may hold passwords.
    names: Vec<String>,
    destinations: Vec<Destination>,
}

impl Destinations {
    /// Everything that can be wrong with them is told before anything is done.
    fn read(options: &Ring) -> Result<Self, Failure> {
        for (option, used, mode, name) in [
            (
                "--weight",
                !options.weights.is_empty(),
                Mode::WeightedRandom,
                "weighted-random",
            ),
            (
                "--redis",
                options.redis.is_some(),
                Mode::Balancing,
                "balancing",
            ),
        ] {
            if used && options.mode != mode {
                return Err(Failure::usage(format!("{option} needs --mode {name}")));
            }
        }
        let dials = values::dial_strings("DESTINATION", &options.destinations)?;
        let names: Vec<String> = dials.iter().map(DialString::endpoints).collect();
        let mut destinations: Vec<Destination> = options
            .destinations
            .iter()
            .map(|dial| {
                let destination = Destination::new(dial.expose());
                match options.ring_time {
                    Some(time) => destination.timeout(time),
                    None => destination,
                }
            })
            .collect();
        // one is named as it was given, or as it is shown
        let mut change = |option, name: &str, change: &dyn Fn(Destination) -> Destination| {
            let mut found = false;
            for (destination, shown) in destinations.iter_mut().zip(&names) {
                if destination.dial_string() == name || shown == name {
                    *destination = change(destination.clone());
                    found = true;
                }
            }
            match found {
                true => Ok(()),
                false => Err(Failure::usage(format!(
                    "{option} names somebody who is not among the destinations"
                ))),
            }
        };
        for (name, delay) in values::delays(&options.delays)? {
            change("--delay", &name, &|destination| destination.delay(delay))?;
        }
        for (name, weight) in values::weights(&options.weights)? {
            change("--weight", &name, &|destination| destination.weight(weight))?;
        }
        Ok(Self {
            names,
            destinations,
        })
    }
}

async fn group(options: &Ring, destinations: &Destinations) -> Result<RingGroup, Failure> {
    let destinations = destinations.destinations.iter().cloned();
    let mut group = RingGroup::new(destinations)
        .mode(match options.mode {
            Mode::Parallel => RingMode::Parallel,
            Mode::Sequential => RingMode::Sequential,
            Mode::Balancing => RingMode::Balancing,
            Mode::WeightedRandom => RingMode::WeightedRandom,
        })
        .timeout(options.timeout);
    for (name, value) in values::variables(&options.variables)? {
        group = group.variable(name, value);
    }
    if let Some(caller) = &options.caller_id {
        group = group.caller_id(&caller.name, &caller.number);
    }
    if let Some(url) = &options.redis {
        let redis = RedisBalancer::connect(RedisOptions::new(url.expose())).await?;
        group = group.balancer(Arc::new(redis));
    }
    Ok(group)
}

/// The ring and how it is told.
struct Call<'a> {
    live: Live,
    report: Report,
    destinations: &'a [String],
    output: &'a mut Output,
}

impl Call<'_> {
    async fn run(
        &mut self,
        group: &RingGroup,
        client: &Client,
        hangup_after: Option<Duration>,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let mut ringing = match group.start(client) {
            Ok(ringing) => ringing,
            Err(error) => return Err(self.failed(error)),
        };
        loop {
            tokio::select! {
                biased;
                event = ringing.next_event() => match event {
                    Some(event) => self.tell(&event)?,
                    None => break,
                },
                interrupted = interrupts.wait() => {
                    interrupted?;
                    return Err(self.cancel(ringing, interrupts).await?);
                }
            }
        }
        self.report.duration = self.live.seconds();
        let mut ring = match ringing.result().await {
            Ok(ring) => ring,
            Err(error) => return Err(self.failed(error)),
        };
        let answered = Instant::now();
        self.report.duration = rounded(ring.duration().as_secs_f64());
        self.report.decide(&ring);
        let channel = ring.channel().cloned();
        if let Some(channel) = &channel
            && !self.output.json
        {
            let good = self.output.style(style::GOOD);
            self.output.line(&format!(
                "{good}{ring}{good:#}, Unique-ID {}",
                channel.uuid()
            ))?;
            self.output.flush()?;
        }
        // this process must not end before they are hung up
        tokio::select! {
            gone = ring.losers_gone() => if let Err(error) = gone {
                return Err(self.failed(error));
            },
            interrupted = interrupts.wait() => {
                interrupted?;
                return Err(still_ringing());
            }
        }
        match (channel, hangup_after) {
            (None, _) => Err(Failure::failed(ring.to_string())),
            (Some(_), None) => Ok(()),
            (Some(channel), Some(after)) => {
                self.hang_up(&channel, answered, after, interrupts).await
            }
        }
    }

    fn tell(&mut self, event: &RingEvent) -> Result<(), Failure> {
        self.report.see(event);
        let (style, text) = match &event.what {
            RingStep::Dialing { .. } => (style::NONE, "is being called".to_owned()),
            RingStep::Ringing => (style::WARN, "rings".to_owned()),
            RingStep::EarlyMedia => (style::WARN, "sends early media".to_owned()),
            RingStep::Ended(outcome) => {
                let style = match outcome {
                    Outcome::Answered => style::GOOD,
                    Outcome::Lost | Outcome::Cancelled | Outcome::NotTried => style::NONE,
                    _ => style::BAD,
                };
                (style, outcome.to_string())
            }
            // a step that this version does not know
            other => (style::NONE, other.to_string()),
        };
        let destination = self.destinations.get(event.destination);
        let destination = destination.map_or("?", String::as_str);
        self.live.tell(destination, style, &text, self.output)
    }

    /// Waits and hangs the answered call up, unless the other side does so first.
    async fn hang_up(
        &mut self,
        channel: &Channel,
        answered: Instant,
        after: Duration,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let rest = after.saturating_sub(answered.elapsed());
        tokio::select! {
            ended = channel.ended_with() => {
                ended?;
            }
            () = tokio::time::sleep(rest) => channel_hangup(channel).await?,
            // who does not want to wait wants it to end now
            interrupted = interrupts.wait() => {
                interrupted?;
                channel_hangup(channel).await?;
            }
        }
        let cause = channel.ended_with().await?;
        let talked = rounded(answered.elapsed().as_secs_f64());
        self.report.talked = Some(talked);
        let cause = cause.map_or_else(|| "cause unknown".to_owned(), |cause| cause.to_string());
        let text = format!("hung up after {talked:.1} s, {cause}");
        let destination = channel.dial_path().unwrap_or_default();
        self.live.tell(destination, style::NONE, &text, self.output)
    }

    async fn cancel(
        &mut self,
        ringing: Ringing,
        interrupts: &mut Interrupts,
    ) -> Result<Failure, Failure> {
        self.report.result = "cancelled";
        self.report.duration = self.live.seconds();
        if !self.output.json {
            self.output.line("cancelled; hanging everybody up")?;
            self.output.flush()?;
        }
        tokio::select! {
            cancelled = ringing.cancel() => match cancelled {
                Ok(()) => Ok(Failure::failed("the ring was cancelled and everybody hung up")),
                Err(error) => Err(self.failed(error)),
            },
            interrupted = interrupts.wait() => {
                interrupted?;
                Err(still_ringing())
            }
        }
    }

    fn failed(&mut self, error: Error) -> Failure {
        self.report.result = "error";
        self.report.error = Some(error.to_string());
        error.into()
    }
}

/// Hangs up; a call that has ended in the same moment is no error.
async fn channel_hangup(channel: &Channel) -> Result<(), Failure> {
    match channel.hangup(HangupCause::NormalClearing).await {
        Err(error) if !error.is_hung_up() && !error.is_unknown_channel() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Somebody did not want to wait until everybody was hung up.
fn still_ringing() -> Failure {
    Failure::new(
        Code::Link,
        "FreeSWITCH did not say yet that everybody hung up; `genesis channels` shows who still rings",
    )
}
