//! `bgapi`: commands that run in the background and answer by an event.

use std::fmt;

use genesis_proto::reply::Status;
use genesis_proto::{Command, Event};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::client::{Client, observe_reply, within};
use crate::error::{Error, Result};
use crate::link::{Request, after};

/// A job that the switch has accepted.
#[must_use = "the result of the job is lost if nobody waits for it"]
pub struct Job {
    client: Client,
    uuid: String,
    name: String,
    result: oneshot::Receiver<Result<Event>>,
}

/// What a job gave: its BACKGROUND_JOB event.
#[derive(Clone, Debug)]
pub struct JobResult {
    event: Event,
}

impl Client {
    /// Sends `bgapi COMMAND` and waits for the job's result. Events and other commands flow on
    /// meanwhile. The switch starts about 900 jobs a second on one connection.
    ///
    /// # Errors
    ///
    /// Beside those of [`send`](Client::send): the result starts with `-ERR` or `-USAGE`
    /// ([`Error::is_refused`]); the deadline is [`Options::job_timeout`](crate::Options). If the
    /// connection ends first the outcome is unknown: the result went to the old connection.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Client::send): the job runs on, its result is thrown away.
    pub async fn bgapi(&self, command: &str) -> Result<JobResult> {
        self.bgapi_start(command).await?.result().await
    }

    /// Sends `bgapi COMMAND` and returns as soon as the switch has accepted it. The Job-UUID is
    /// chosen here and awaited before the command leaves, so the result cannot be missed.
    ///
    /// # Errors
    ///
    /// As [`send`](Client::send), and when the switch refuses the command or the user may not
    /// subscribe to BACKGROUND_JOB.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Client::send).
    pub async fn bgapi_start(&self, command: &str) -> Result<Job> {
        let uuid = Uuid::new_v4().to_string();
        let command = Command::bgapi(command, &uuid)?;
        self.permit_for(&command)?;
        let name = command.name();
        let (result, receiver) = oneshot::channel();
        let until = after(self.deadline());
        let observed = self.observe().command(&command, self.deadline());
        let sending = async {
            let permit = self.permit().await?;
            let (reply, answer) = oneshot::channel();
            let uuid = uuid.clone();
            self.request(Request::Job {
                uuid,
                command,
                reply,
                permit,
                deadline: until,
                result,
            })?;
            self.answer(answer).await
        };
        let replied = within(self.deadline(), &name, sending).await;
        observe_reply(observed, &name, &replied);
        let reply = replied?;
        if reply.is_refused() {
            return Err(Error::refused(&name, &reply));
        }
        Ok(Job {
            client: self.clone(),
            uuid,
            name,
            result: receiver,
        })
    }
}

impl Job {
    /// The Job-UUID.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Waits for the result.
    ///
    /// # Errors
    ///
    /// As [`Client::bgapi`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the result up.
    pub async fn result(self) -> Result<JobResult> {
        let Self {
            client,
            name,
            result,
            ..
        } = self;
        let event = within(client.long_deadline(), &name, client.answer(result)).await?;
        let result = JobResult { event };
        if result.is_refused() {
            return Err(Error::refused_text(&name, &result.text()));
        }
        Ok(result)
    }
}

impl JobResult {
    /// The output of the command; empty if it had none.
    pub fn text(&self) -> String {
        self.event.body_text().unwrap_or_default().into_owned()
    }

    /// The output starts with `-ERR` or `-USAGE`.
    pub fn is_refused(&self) -> bool {
        Status::of(&self.text()).0.is_refusal()
    }

    /// The BACKGROUND_JOB event.
    pub fn event(&self) -> &Event {
        &self.event
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("uuid", &self.uuid)
            .field("name", &self.name)
            .finish()
    }
}
