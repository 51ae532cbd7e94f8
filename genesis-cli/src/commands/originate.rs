//! `genesis originate`: one call.

use std::time::Instant;

use genesis_channel::{Channel, Error, ErrorKind, OriginateOptions, Origination, Pace, Progress};
use genesis_client::InboundBuilder;
use genesis_client::proto::HangupCause;
use genesis_client::proto::dial::{DialString, Target};
use genesis_ringgroup::Outcome;
use serde::Serialize;

use super::Interrupts;
use super::live::{Live, rounded};
use super::talk;
use crate::cli::{Originate, WaitFor, values};
use crate::exit::{Code, Failure};
use crate::output::{Output, style};

/// What became of the call.
#[derive(Debug, Default, Serialize)]
struct Report {
    result: &'static str,
    uuid: Option<String>,
    dial_path: String,
    /// Seconds until it was answered or failed.
    duration: f64,
    cause: Option<String>,
    /// Seconds from the answer to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    talked: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Unique-IDs of legs that nobody could hang up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    may_still_ring: Vec<String>,
    /// The Unique-ID of the answered call, when nobody can say that it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    still_up: Option<String>,
}

pub(crate) async fn run(options: Originate, output: &mut Output) -> Result<(), Failure> {
    // everything that is wrong with the command line is told before anything is done
    let (dial, wanted) = checked(&options)?;
    let builder = options.connect.builder_calling()?;
    let mut interrupts = Interrupts::new()?;
    // without variables, which may hold passwords
    let destination = dial.endpoints();
    let mut call = Call {
        live: Live::new([], output),
        report: Report {
            dial_path: destination.clone(),
            ..Report::default()
        },
        destination,
    };
    let done = call
        .make(&options, builder, dial, wanted, &mut interrupts)
        .await;
    let up = match call.report.talked {
        None => call.report.uuid.as_deref(),
        Some(_) => None,
    };
    call.live.end(&call.report, done, up)
}

/// The call that is to be made.
fn checked(options: &Originate) -> Result<(DialString, OriginateOptions), Failure> {
    let mut dials = values::dial_strings(
        "DIAL_STRING",
        std::slice::from_ref(&options.dial_string),
        "what the answered call runs is given with --app or --exten",
    )?;
    let Some(dial) = dials.pop() else {
        return Err(Failure::usage("there is no dial string"));
    };
    // one call does not need to be paced
    let mut wanted = OriginateOptions::new()
        .pace(Pace::Unlimited)
        .timeout(options.timeout)
        .variables(values::variables(&options.variables)?);
    if let Some(caller) = &options.caller_id {
        wanted = wanted.caller_id(&caller.name, &caller.number);
    }
    let wanted = match (&options.app, &options.exten) {
        (Some(application), _) => wanted.target(Target::Application(application.clone())),
        (None, Some(extension)) => wanted.extension(extension),
        (None, None) => wanted,
    };
    wanted.check(&dial)?;
    Ok((dial, wanted))
}

/// The call and how it is told.
struct Call<'a> {
    live: Live<'a>,
    destination: String,
    report: Report,
}

impl Call<'_> {
    async fn make(
        &mut self,
        options: &Originate,
        builder: InboundBuilder,
        dial: DialString,
        wanted: OriginateOptions,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let client = tokio::select! {
            client = builder.connect(options.connect.address()) => match client {
                Ok(client) => client,
                Err(error) => return Err(self.broken(error.into())),
            },
            _ = interrupts.wait() => return Err(self.given_up()),
        };
        // nobody is called before start, so whoever gives up before that leaves nothing behind
        let prepared = tokio::select! {
            prepared = Channel::originate_prepare(&client, dial, wanted) => Some(prepared),
            _ = interrupts.wait() => None,
        };
        let done = match prepared {
            Some(Ok(prepared)) => {
                let origination = prepared.start();
                self.follow(origination, options.wait, interrupts).await
            }
            Some(Err(error)) => Err(self.failed(error)),
            None => Err(self.given_up()),
        };
        talk::leave(&client, interrupts).await;
        done
    }

    async fn follow(
        &mut self,
        origination: Origination,
        wait: WaitFor,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let channel = self.ring(origination, interrupts).await?;
        if wait == WaitFor::Answer || self.live.is_broken() {
            return Ok(());
        }
        let answered = Instant::now();
        let ended = tokio::select! {
            ended = talk::ended(&channel) => ended,
            // the call stays up, and that is what was said
            interrupted = interrupts.wait() => return interrupted,
        };
        let cause = match ended {
            Ok(cause) => cause,
            Err(error) => {
                self.report.error = Some(error.to_string());
                self.report.still_up = Some(channel.uuid().to_owned());
                return Err(talk::still_up(&error.to_string(), channel.uuid()));
            }
        };
        let talked = rounded(answered.elapsed().as_secs_f64());
        self.report.talked = Some(talked);
        self.report.cause = cause.as_ref().map(ToString::to_string);
        self.tell(style::NONE, &talk::words(talked, cause.as_ref()));
        Ok(())
    }

    /// Tells how it rings until it is answered.
    async fn ring(
        &mut self,
        mut origination: Origination,
        interrupts: &mut Interrupts,
    ) -> Result<Channel, Failure> {
        let mut told = Progress::Dialing;
        self.tell(style::NONE, "is being called");
        let answered = loop {
            let changed = origination.progress_changed(told);
            // who cannot be told how it goes does not want the call
            let given_up = async {
                if !self.live.is_broken() {
                    let _ = interrupts.wait().await;
                }
            };
            tokio::select! {
                biased;
                answered = origination.answered() => break answered,
                () = given_up => {
                    return Err(self.cancel(origination, interrupts).await);
                }
                progress = changed => {
                    told = progress;
                    self.progress(progress);
                }
            }
        };
        self.report.duration = self.live.seconds();
        match answered {
            Ok(channel) => {
                self.report.result = "answered";
                self.report.uuid = Some(channel.uuid().to_owned());
                if let Some(path) = channel.dial_path() {
                    path.clone_into(&mut self.report.dial_path);
                }
                let text = format!("answered, Unique-ID {}", channel.uuid());
                self.tell(style::GOOD, &text);
                Ok(channel)
            }
            Err(error) => {
                let failure = self.failed(error);
                Err(self.gone(origination, failure, interrupts).await)
            }
        }
    }

    /// Waits until nothing is left of a call that failed. Gives what there is to say at the end.
    async fn gone(
        &mut self,
        mut origination: Origination,
        failure: Failure,
        interrupts: &mut Interrupts,
    ) -> Failure {
        let left = tokio::select! {
            gone = origination.gone() => match gone {
                Ok(()) => Vec::new(),
                Err(error) => error.may_still_ring().to_vec(),
            },
            // who cannot wait is told what is left to do
            () = interrupts.wait_again() => self.report.may_still_ring.clone(),
        };
        let told = left == self.report.may_still_ring && self.report.result == "error";
        let failure = match left.is_empty() || told {
            true => failure,
            false => {
                let text = format!("{}; may still ring: {}", failure.text(), left.join(", "));
                Failure::new(Code::Link, text)
            }
        };
        self.report.may_still_ring = left;
        failure
    }

    fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Ringing => self.tell(style::WARN, "rings"),
            Progress::EarlyMedia => self.tell(style::WARN, "sends early media"),
            // a channel without news, or what the result tells in a moment
            _ => {}
        }
    }

    fn given_up(&mut self) -> Failure {
        self.report.result = "cancelled";
        Failure::failed("given up before the call was made")
    }

    /// Hangs the call up. Gives what there is to say at the end.
    async fn cancel(&mut self, origination: Origination, interrupts: &mut Interrupts) -> Failure {
        let uuids = origination.uuids();
        self.report.result = "cancelled";
        self.report.duration = self.live.seconds();
        self.report.cause = Some(HangupCause::OriginatorCancel.to_string());
        self.tell(style::WARN, "cancelled; hanging up");
        tokio::select! {
            cancelled = origination.cancel(None) => match cancelled {
                Ok(()) => Failure::failed("the call was cancelled and hung up"),
                Err(error) => self.failed(error),
            },
            // who cannot wait is told what is left to do
            () = interrupts.wait_again() => {
                let mut text = "FreeSWITCH did not say yet that the call hung up".to_owned();
                if !uuids.is_empty() {
                    text = format!("{text}; may still ring: {}", uuids.join(", "));
                }
                self.report.may_still_ring = uuids;
                Failure::new(Code::Link, text)
            }
        }
    }

    /// Tells why there is no answer.
    fn failed(&mut self, error: Error) -> Failure {
        self.report.duration = self.live.seconds();
        self.report.cause = error.hangup_cause().map(ToString::to_string);
        self.report.may_still_ring = error.may_still_ring().to_vec();
        let ErrorKind::NotAnswered(cause) = error.kind() else {
            return self.broken(error.into());
        };
        let words = Outcome::Failed(cause.clone()).to_string();
        self.report.result = "no_answer";
        self.tell(style::BAD, &words);
        Failure::failed(format!("no answer from {}: {words}", self.destination))
    }

    /// It went wrong.
    fn broken(&mut self, failure: Failure) -> Failure {
        self.report.result = "error";
        self.report.error = Some(failure.text());
        failure
    }

    fn tell(&mut self, style: anstyle::Style, text: &str) {
        self.live.tell(&self.destination, style, text);
    }
}
