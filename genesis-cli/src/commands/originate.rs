//! `genesis originate`: one call.

use std::time::Instant;

use genesis_channel::{Channel, Error, ErrorKind, OriginateOptions, Origination, Pace, Progress};
use genesis_client::proto::dial::Target;
use genesis_ringgroup::Outcome;
use serde::Serialize;

use super::Interrupts;
use super::live::{Live, rounded};
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
}

pub(crate) async fn run(options: Originate, output: &mut Output) -> Result<(), Failure> {
    let wanted = wanted(&options)?;
    let mut dial = values::dial_strings("DIAL_STRING", std::slice::from_ref(&options.dial_string))?;
    let Some(dial) = dial.pop() else {
        return Err(Failure::usage("there is no dial string"));
    };
    let mut interrupts = Interrupts::new()?;
    let connecting = options
        .connect
        .builder_calling()?
        .connect(options.connect.address());
    let client = tokio::select! {
        client = connecting => client?,
        interrupted = interrupts.wait() => {
            interrupted?;
            return Err(Failure::failed("given up before the call was made"));
        }
    };
    let mut call = Call {
        live: Live::new([]),
        // without variables, which may hold passwords
        destination: dial.endpoints(),
        output,
        report: Report {
            dial_path: dial.endpoints(),
            ..Report::default()
        },
    };
    let origination = Channel::originate_start(&client, dial, wanted).await;
    let done = match origination {
        Ok(origination) => {
            call.follow(origination, options.wait, &mut interrupts)
                .await
        }
        Err(error) => Err(call.failed(error)),
    };
    if call.output.json {
        call.output.object(&call.report)?;
    }
    call.output.flush()?;
    client.exit().await;
    done
}

fn wanted(options: &Originate) -> Result<OriginateOptions, Failure> {
    // one call does not need to be paced
    let mut wanted = OriginateOptions::new()
        .pace(Pace::Unlimited)
        .timeout(options.timeout)
        .variables(values::variables(&options.variables)?);
    if let Some(caller) = &options.caller_id {
        wanted = wanted.caller_id(&caller.name, &caller.number);
    }
    Ok(match (&options.app, &options.exten) {
        (Some(application), _) => wanted.target(Target::Application(application.clone())),
        (None, Some(extension)) => wanted.extension(extension),
        (None, None) => wanted,
    })
}

/// The call and how it is told.
struct Call<'a> {
    live: Live,
    destination: String,
    output: &'a mut Output,
    report: Report,
}

impl Call<'_> {
    async fn follow(
        &mut self,
        origination: Origination,
        wait: WaitFor,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        let Some(channel) = self.ring(origination, interrupts).await? else {
            return Err(Failure::failed("the call was cancelled and hung up"));
        };
        if wait == WaitFor::Answer {
            return Ok(());
        }
        let answered = Instant::now();
        let cause = tokio::select! {
            cause = channel.ended_with() => cause?,
            // the call stays up, and that is what was said
            interrupted = interrupts.wait() => return interrupted,
        };
        let talked = rounded(answered.elapsed().as_secs_f64());
        self.report.talked = Some(talked);
        self.report.cause = cause.as_ref().map(ToString::to_string);
        let cause = cause.map_or_else(|| "cause unknown".to_owned(), |cause| cause.to_string());
        self.tell(
            style::NONE,
            &format!("hung up after {talked:.1} s, {cause}"),
        )
    }

    /// Tells how it rings until it is answered; `None` when it was cancelled.
    async fn ring(
        &mut self,
        mut origination: Origination,
        interrupts: &mut Interrupts,
    ) -> Result<Option<Channel>, Failure> {
        let mut told = Progress::Dialing;
        self.tell(style::NONE, "is being called")?;
        let answered = loop {
            let changed = origination.progress_changed(told);
            tokio::select! {
                biased;
                answered = origination.answered() => break answered,
                progress = changed => {
                    told = progress;
                    self.progress(progress)?;
                }
                interrupted = interrupts.wait() => {
                    interrupted?;
                    self.cancel(origination, interrupts).await?;
                    return Ok(None);
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
                self.tell(style::GOOD, &text)?;
                Ok(Some(channel))
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    fn progress(&mut self, progress: Progress) -> Result<(), Failure> {
        match progress {
            Progress::Ringing => self.tell(style::WARN, "rings"),
            Progress::EarlyMedia => self.tell(style::WARN, "sends early media"),
            // a channel without news, or what the result tells in a moment
            _ => Ok(()),
        }
    }

    async fn cancel(
        &mut self,
        origination: Origination,
        interrupts: &mut Interrupts,
    ) -> Result<(), Failure> {
        self.report.result = "cancelled";
        self.report.duration = self.live.seconds();
        self.tell(style::WARN, "cancelled; hanging up")?;
        let uuids: Vec<String> = origination.uuids();
        tokio::select! {
            cancelled = origination.cancel(None) => {
                cancelled.map_err(|error| self.failed(error))
            }
            // who cannot wait is told what is left to do
            interrupted = interrupts.wait() => {
                interrupted?;
                Err(Failure::new(
                    Code::Link,
                    format!(
                        "FreeSWITCH did not say yet that the call hung up; it may still ring: {}",
                        uuids.join(", ")
                    ),
                ))
            }
        }
    }

    /// Tells why there is no answer.
    fn failed(&mut self, error: Error) -> Failure {
        let (result, words) = match error.kind() {
            ErrorKind::NotAnswered(cause) => {
                ("no_answer", Outcome::Failed(cause.clone()).to_string())
            }
            _ => ("error", error.to_string()),
        };
        self.report.result = result;
        self.report.duration = self.live.seconds();
        self.report.cause = error.hangup_cause().map(ToString::to_string);
        if result == "error" {
            self.report.error = Some(words);
            return error.into();
        }
        Failure::failed(format!("no answer from {}: {words}", self.destination))
    }

    fn tell(&mut self, style: anstyle::Style, text: &str) -> Result<(), Failure> {
        self.live.tell(&self.destination, style, text, self.output)
    }
}
