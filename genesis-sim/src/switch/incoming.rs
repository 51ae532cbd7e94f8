//! Calls that come in.

use std::sync::Arc;
use std::time::Duration;

use genesis_proto::name::{CallDirection, CallState, ChannelState, EventName, HangupCause};

use super::Switch;
use super::channel::Next;
use super::profile::Profile;
use super::remote;
use crate::script::Destination;

impl Switch {
    /// Lets a call come in and run an extension of the dialplan. Returns its Unique-ID at once.
    ///
    /// # Errors
    ///
    /// When a limit of the switch forbids another channel; with the cause that the caller sees.
    pub fn incoming(&self, call: IncomingCall) -> Result<String, HangupCause> {
        let name = format!(
            "sofia/internal/{}@{}",
            call.caller_id_number,
            self.options().ipv4
        );
        let presence = format!("{}@{}", call.caller_id_number, self.options().ipv4);
        let profile = Profile {
            username: call.caller_id_number.clone(),
            dialplan: "XML".to_owned(),
            caller_id_name: call.caller_id_name.clone(),
            caller_id_number: call.caller_id_number.clone(),
            orig_caller_id_name: call.caller_id_name,
            orig_caller_id_number: call.caller_id_number.clone(),
            network_addr: self.options().ipv4.clone(),
            ani: call.caller_id_number.clone(),
            destination_number: call.destination.clone(),
            source: "mod_sofia".to_owned(),
            context: "default".to_owned(),
            index: 1,
            ..Profile::default()
        };
        let session = self.add_channel(call.uuid, CallDirection::Inbound, name.clone(), profile)?;
        let channel = Arc::clone(&session.channel);
        channel.update(|data| {
            data.state = ChannelState::New;
            data.running = ChannelState::New;
            data.set_variable("direction", "inbound");
            data.set_variable("uuid", &channel.uuid);
            data.set_variable("session_id", &channel.session_id.to_string());
            data.set_variable("channel_name", &name);
            data.set_variable("call_uuid", &channel.uuid);
            for (name, value) in &call.variables {
                data.set_variable(name, value);
            }
        });
        session.event(EventName::ChannelState);
        channel.update(|data| {
            data.set_variable("presence_id", &presence);
            data.set_variable("endpoint_disposition", "DELAYED NEGOTIATION");
        });
        session.enter(ChannelState::Init);
        channel.update(|data| data.state = ChannelState::Routing);
        session.event(EventName::ChannelCreate);
        channel.update(|data| {
            data.hit_dialplan = true;
            data.running = ChannelState::Routing;
        });
        session.set_call_state(CallState::Ringing);
        session.redirect(Next::Route {
            extension: call.destination,
            dialplan: "XML".to_owned(),
            context: "default".to_owned(),
        });
        tokio::spawn(session.clone().run());
        if let Some(caller) = call.caller {
            tokio::spawn(async move {
                let mut changes = session.channel.changes();
                while !session.channel.data().answered && !session.channel.is_down() {
                    // The sender lives in the channel, so this cannot fail.
                    let _ = changes.changed().await;
                }
                let caller = Destination {
                    rings: false,
                    after: Duration::ZERO,
                    ..caller
                };
                remote::run(session, caller).await;
            });
        }
        Ok(channel.uuid.clone())
    }
}

/// A call that comes in from outside.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use genesis_sim::switch::{IncomingCall, Switch, SwitchOptions};
///
/// let switch = Switch::new(SwitchOptions::default());
/// let uuid = switch.incoming(IncomingCall::new("9196").from("Jane", "1001")).unwrap();
/// assert!(switch.has_channel(&uuid));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct IncomingCall {
    destination: String,
    caller_id_name: String,
    caller_id_number: String,
    uuid: Option<String>,
    variables: Vec<(String, String)>,
    caller: Option<Destination>,
}

impl IncomingCall {
    /// A call to this extension.
    pub fn new(destination: &str) -> Self {
        Self {
            destination: destination.to_owned(),
            caller_id_name: "Caller".to_owned(),
            caller_id_number: "1000".to_owned(),
            uuid: None,
            variables: Vec::new(),
            caller: None,
        }
    }

    /// Who calls.
    #[must_use]
    pub fn from(mut self, name: &str, number: &str) -> Self {
        self.caller_id_name = name.to_owned();
        self.caller_id_number = number.to_owned();
        self
    }

    /// The Unique-ID it is to have.
    #[must_use]
    pub fn uuid(mut self, uuid: &str) -> Self {
        self.uuid = Some(uuid.to_owned());
        self
    }

    /// A channel variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What the caller does once the call is answered: its digits and when it hangs up.
    #[must_use]
    pub fn caller(mut self, caller: Destination) -> Self {
        self.caller = Some(caller);
        self
    }
}
