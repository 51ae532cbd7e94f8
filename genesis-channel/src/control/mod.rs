//! What can be done with a channel.

mod bridge;
mod call;
mod digits;
mod execution;
mod guard;
mod media;
pub(crate) mod observed;
mod variables;

use genesis_client::Client;
use genesis_proto::Reply;
use genesis_proto::command::Execute;

pub use bridge::{Bridge, BridgeTo, Bridging};
pub use call::{Transfer, TransferLeg};
pub use digits::{DigitsResult, PlayAndGetDigits};
pub use execution::{Completed, Execution};
pub use guard::HangupGuard;
pub use media::{BroadcastLeg, RecordOptions, Say, SayGender, SayMethod};

use crate::channel::{Channel, is_no_channel};
use crate::error::{Error, Result};

/// Commands other than those for a socket's own channel can be sent, or the error says that `what`
/// needs it.
pub(crate) fn needs_full(client: &Client, what: &str) -> Result<()> {
    match client.socket_mode() {
        Some(mode) if !mode.is_full() => Err(Error::mode(what, "full", Some(mode))),
        _ => Ok(()),
    }
}

/// What a caller knows a command by.
fn operation(command: &str) -> &str {
    match command {
        "uuid_getvar" => "get_variable",
        "uuid_hold" => "hold",
        "uuid_hold off" => "unhold",
        "uuid_break" => "break_media",
        "uuid_broadcast" => "broadcast",
        "uuid_bridge" => "bridge",
        command => command,
    }
}

impl Channel {
    /// Runs any application on the channel. Returns when the switch has queued it (on a sync outbound
    /// socket: when it is done).
    ///
    /// Works over every connection. An application that the switch does not know is accepted and then
    /// hangs the call up (DESTINATION_OUT_OF_ORDER).
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let conference = channel.execute("conference", "3000@default").await?;
    /// conference.complete().await?; // the caller has left it
    /// channel.execute("voicemail", "default example.com 1000").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The channel has hung up; the argument has a line break (see
    /// [`execute_with`](Self::execute_with)); the connection ended; the switch refuses.
    ///
    /// # Cancel safety
    ///
    /// What was sent runs.
    pub async fn execute(&self, application: &str, argument: &str) -> Result<Execution> {
        let work = self.run(application, argument);
        self.counted_to_its_end("channel.execute", work).await
    }

    /// Runs an application with all that `sendmsg` knows: loops, event lock, an argument of several
    /// lines, an `Event-UUID` of your own.
    ///
    /// ```no_run
    /// # use genesis_proto::command::{Execute, Loops};
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let ring = Execute::new("playback")?.arg("tone_stream://%(1000,4000,440,480)")?;
    /// channel.execute_with(ring.loops(Loops::Times(5)).event_lock()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn execute_with(&self, execute: Execute) -> Result<Execution> {
        let work = self.run_with(execute);
        self.counted_to_its_end("channel.execute", work).await
    }

    /// [`execute`](Self::execute) as a part of another operation.
    pub(crate) async fn run(&self, application: &str, argument: &str) -> Result<Execution> {
        let mut execute = Execute::new(application)?;
        if !argument.is_empty() {
            execute = execute.arg(argument)?;
        }
        self.run_with(execute).await
    }

    async fn run_with(&self, execute: Execute) -> Result<Execution> {
        self.check_alive()?;
        let execution = self.client().execute(self.target(), execute).await;
        let execution = execution.map_err(|error| self.explain(error))?;
        Ok(Execution::new(execution, self.clone()))
    }

    /// Runs `api COMMAND UUID REST` for this channel.
    pub(crate) async fn uuid_api(&self, command: &str, rest: &str) -> Result<Reply> {
        self.check_alive()?;
        needs_full(self.client(), operation(command))?;
        let line = match rest.is_empty() {
            true => format!("{command} {}", self.uuid()),
            false => format!("{command} {} {rest}", self.uuid()),
        };
        let reply = self.client().api(&line).await;
        reply.map_err(|error| self.explain(error))
    }

    /// Commands other than those for the channel itself can be sent.
    pub(crate) fn has_api(&self) -> bool {
        let mode = self.client().socket_mode();
        mode.is_none_or(genesis_client::SocketMode::is_full)
    }

    /// A refusal because the channel is gone says so.
    fn explain(&self, error: genesis_client::Error) -> Error {
        let text = error.switch_text().unwrap_or("");
        let gone = is_no_channel(Some(text)) || text.starts_with("-ERR invalid session id");
        match self.check_alive() {
            Err(hung_up) if gone || error.is_hung_up() => hung_up,
            _ if gone => Error::unknown_channel(self.uuid()),
            _ => error.into(),
        }
    }
}
