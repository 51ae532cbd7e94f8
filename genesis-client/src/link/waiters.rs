//! Those who wait for one event: the result of a job, the completion of an application.

use std::collections::HashMap;

use genesis_proto::event::Route;
use genesis_proto::session::{CloseReason, Outcome};
use genesis_proto::{Event, HangupCause};

use super::Answer;
use crate::error::Error;

/// Waiters whose callers left are swept out when the table has doubled since the last sweep.
const SWEEP_AT_LEAST: usize = 64;

#[derive(Default)]
pub(crate) struct Waiters {
    jobs: HashMap<Box<str>, Answer<Event>>,
    executions: HashMap<Box<str>, Execution>,
    /// The executions of a channel, and its hangup cause once it is known.
    channels: HashMap<Box<str>, ChannelWaits>,
    sweep_at: usize,
}

struct Execution {
    channel: Box<str>,
    result: Answer<Event>,
}

#[derive(Default)]
struct ChannelWaits {
    executions: Vec<Box<str>>,
    hangup: Option<HangupCause>,
}

impl Waiters {
    pub(crate) fn job(&mut self, uuid: &str, result: Answer<Event>) {
        self.sweep();
        self.jobs.insert(uuid.into(), result);
    }

    pub(crate) fn execution(&mut self, uuid: &str, channel: &str, result: Answer<Event>) {
        self.sweep();
        let execution = Execution {
            channel: channel.into(),
            result,
        };
        self.executions.insert(uuid.into(), execution);
        self.channels
            .entry(channel.into())
            .or_default()
            .executions
            .push(uuid.into());
    }

    /// A command that was to start a job or an application was refused or not sent.
    pub(crate) fn forget_job(&mut self, uuid: &str) {
        self.jobs.remove(uuid);
    }

    pub(crate) fn forget_execution(&mut self, uuid: &str) {
        self.take_execution(uuid);
    }

    fn take_execution(&mut self, uuid: &str) -> Option<Answer<Event>> {
        let execution = self.executions.remove(uuid)?;
        if let Some(waits) = self.channels.get_mut(&execution.channel) {
            waits.executions.retain(|other| &**other != uuid);
            if waits.executions.is_empty() {
                self.channels.remove(&execution.channel);
            }
        }
        Some(execution.result)
    }

    /// Gives the event to whom it is the answer; true if there was somebody.
    pub(crate) fn on_event(&mut self, event: &Event, route: &Route<'_>) -> bool {
        match &*route.name {
            "BACKGROUND_JOB" => {
                let uuid = route.job_uuid.as_deref().unwrap_or("");
                match self.jobs.remove(uuid) {
                    Some(waiter) => waiter.send(Ok(event.clone())).is_ok(),
                    None => false,
                }
            }
            "CHANNEL_EXECUTE_COMPLETE" => {
                let uuid = route.application_uuid.as_deref().unwrap_or("");
                match self.take_execution(uuid) {
                    Some(waiter) => waiter.send(Ok(event.clone())).is_ok(),
                    None => false,
                }
            }
            "CHANNEL_HANGUP" | "CHANNEL_HANGUP_COMPLETE" | "CHANNEL_DESTROY"
                if !self.channels.is_empty() =>
            {
                let channel = route.unique_id.as_deref().unwrap_or("");
                self.on_hangup(channel, event, route.name == "CHANNEL_HANGUP")
            }
            _ => false,
        }
    }

    /// A running application still completes after CHANNEL_HANGUP, so its waiter ends only with
    /// what comes after that. The cause is kept in case the link ends first.
    fn on_hangup(&mut self, channel: &str, event: &Event, first: bool) -> bool {
        let Some(waits) = self.channels.get_mut(channel) else {
            return false;
        };
        if first {
            waits.hangup = event.hangup_cause();
            return true;
        }
        let cause = waits.hangup.clone().or_else(|| event.hangup_cause());
        self.end_channel(channel, cause.unwrap_or(HangupCause::None));
        true
    }

    fn end_channel(&mut self, channel: &str, cause: HangupCause) {
        let Some(waits) = self.channels.remove(channel) else {
            return;
        };
        for uuid in waits.executions {
            if let Some(execution) = self.executions.remove(&uuid) {
                let error = Error::hung_up(cause.clone(), "the application");
                let _ = execution.result.send(Err(error));
            }
        }
    }

    /// The link ended: nobody's event will come.
    pub(crate) fn link_lost(&mut self, reason: &CloseReason) {
        let hung_up: Vec<_> = self
            .channels
            .iter()
            .filter_map(|(channel, waits)| Some((channel.clone(), waits.hangup.clone()?)))
            .collect();
        for (channel, cause) in hung_up {
            self.end_channel(&channel, cause);
        }
        self.channels.clear();
        let executions = self
            .executions
            .drain()
            .map(|(_, execution)| execution.result);
        for waiter in self
            .jobs
            .drain()
            .map(|(_, waiter)| waiter)
            .chain(executions)
        {
            let _ = waiter.send(Err(Error::disconnected(reason, Outcome::Unknown)));
        }
    }

    fn sweep(&mut self) {
        let len = self.jobs.len() + self.executions.len();
        if len < self.sweep_at.max(SWEEP_AT_LEAST) {
            return;
        }
        self.jobs.retain(|_, waiter| !waiter.is_closed());
        let gone: Vec<_> = self
            .executions
            .iter()
            .filter(|(_, execution)| execution.result.is_closed())
            .map(|(uuid, _)| uuid.clone())
            .collect();
        for uuid in gone {
            self.take_execution(&uuid);
        }
        self.sweep_at = (self.jobs.len() + self.executions.len()) * 2;
    }
}
