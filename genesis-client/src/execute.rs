//! `sendmsg`: applications on a channel, and the events by which they complete.

use std::fmt;

use genesis_proto::command::{Execute, Message};
use genesis_proto::{Event, Reply};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::client::{Client, observe_end, observe_reply, within};
use crate::error::{Error, ErrorKind, Result};
use crate::link::{Request, after};
use crate::observe;

/// An application that the switch has queued on a channel.
pub struct Execution {
    client: Client,
    uuid: String,
    result: oneshot::Receiver<Result<Event>>,
    /// On an outbound socket: it ends when the application does, or when nobody waits for that.
    observed: Option<observe::Done>,
}

impl Client {
    /// Runs an application on a channel: of this `uuid`, or (`None`) of the one that the
    /// connection controls. Returns when the switch has queued it; [`Execution::complete`] waits
    /// until it is done.
    ///
    /// Unless the message has an `Event-UUID` of its own, one is chosen; it comes back as
    /// `Application-UUID` and is awaited before the message leaves. Executions nest and complete
    /// in any order. A looped one counts as complete after its first turn, because the switch may
    /// end a loop early.
    ///
    /// On a sync outbound socket the switch answers when the application is done, so this waits
    /// that long, within [`Options::job_timeout`](crate::Options).
    ///
    /// # Errors
    ///
    /// As [`send`](Client::send), and when the switch refuses (an unknown UUID). An application
    /// that the switch does not know is accepted and then hangs the call up.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Client::send): what was sent runs.
    pub async fn execute(&self, uuid: Option<&str>, execute: Execute) -> Result<Execution> {
        let channel = match uuid {
            Some(uuid) => uuid.to_owned(),
            None => self.channel().ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidArgument,
                    "this connection controls no channel; name the channel's UUID",
                )
            })?,
        };
        let application_uuid = match execute.chosen_event_uuid() {
            Some(chosen) => chosen.to_owned(),
            None => Uuid::new_v4().to_string(),
        };
        let application = execute.application().to_owned();
        let command = execute.event_uuid(&application_uuid)?.build(uuid)?;
        self.permit_for(&command)?;
        let observed = self.observe_sendmsg(&channel, &application, &application_uuid);
        let (result, receiver) = oneshot::channel();
        let sync = self.socket_mode().is_some_and(|mode| !mode.is_async());
        let deadline = if sync {
            self.long_deadline()
        } else {
            self.deadline()
        };
        let until = after(deadline);
        let sending = async |command| {
            let permit = self.permit().await?;
            let (reply, answer) = oneshot::channel();
            let application_uuid = application_uuid.clone();
            self.request(Request::Execute {
                application_uuid,
                channel,
                command,
                reply,
                permit,
                deadline: until,
                result,
            })?;
            self.answer(answer).await
        };
        let sending = async {
            let observed = self.observe().command(&command, deadline);
            let ending = self.ended_by(&command);
            let replied = within(deadline, "sendmsg", sending(command)).await;
            observe_reply(observed, "sendmsg execute", &replied);
            self.hangs_up(ending, &replied);
            match replied? {
                reply if reply.is_refused() => Err(Error::refused("sendmsg execute", &reply)),
                _ => Ok(()),
            }
        };
        let queued = match &observed {
            Some(observed) => observed.run(sending).await,
            None => sending.await,
        };
        if let Err(error) = queued {
            if let Some(observed) = observed {
                observed.flag("application.block", false);
                observed.failed(error.kind().as_str(), &error);
            }
            return Err(error);
        }
        Ok(Execution {
            client: self.clone(),
            uuid: application_uuid,
            result: receiver,
            observed: observed.map(|it| observe::Done::new(it, Some("application.block"))),
        })
    }

    /// A `sendmsg` of a session, as telemetry sees it.
    fn observe_sendmsg(
        &self,
        channel: &str,
        application: &str,
        application_uuid: &str,
    ) -> Option<observe::Operation> {
        self.socket_mode()?;
        let mut observed = self.observe().operation("session.sendmsg", None);
        observed.label("application.name", application);
        observed.text("channel.uuid", channel);
        observed.text("application.name", application);
        observed.text("application.uuid", application_uuid);
        Some(observed)
    }

    /// Sends another message to a channel: hangup, unicast, nomedia, xferext.
    ///
    /// # Errors
    ///
    /// As [`send`](Client::send), and when the switch refuses.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Client::send).
    pub async fn message(&self, uuid: Option<&str>, message: &Message) -> Result<Reply> {
        self.accepted(message.build(uuid)?).await
    }
}

impl Execution {
    /// The `Application-UUID`.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Waits until the application is done and gives its CHANNEL_EXECUTE_COMPLETE, which has the
    /// `Application-Response`.
    ///
    /// # Errors
    ///
    /// The channel hung up first ([`Error::is_hung_up`], with the cause), the deadline
    /// ([`Options::job_timeout`](crate::Options)) passed, or the connection ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the completion up; the application runs on.
    pub async fn complete(self) -> Result<Event> {
        let Self {
            client,
            uuid,
            result,
            observed,
        } = self;
        let deadline = client.long_deadline();
        let completing = within(deadline, "the application", client.answer(result));
        let Some(observed) = observed.and_then(observe::Done::follow) else {
            return completing.await;
        };
        let waiting = observed.run(async {
            let waiting = client.observe();
            let waiting = waiting.operation("session.await_complete", Some(deadline));
            if let Some(channel) = client.channel() {
                waiting.text("channel.uuid", &channel);
            }
            waiting.text("application.uuid", &uuid);
            let completed = completing.await;
            observe_end(waiting, &completed);
            completed
        });
        let completed = waiting.await;
        observe_end(observed, &completed);
        completed
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("uuid", &self.uuid)
            .finish_non_exhaustive()
    }
}
