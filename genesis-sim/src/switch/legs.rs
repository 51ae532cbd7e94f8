//! Making one leg.

use std::sync::Arc;
use std::time::Duration;

use genesis_proto::dial::LegView;
use genesis_proto::name::{CallDirection, ChannelState, EventName, HangupCause, LogLevel};
use tokio::sync::Notify;

use super::Switch;
use super::channel::{Channel, is_true};
use super::profile::Profile;
use super::registry::Refusal;
use super::remote;
use super::session::Session;
use crate::script::Outcome;

/// A leg as it is to be made; nothing borrowed, so that parts can ring on tasks of their own.
#[derive(Clone)]
pub(super) struct LegSpec {
    pub(super) endpoint: String,
    pub(super) variables: Vec<(String, String)>,
    pub(super) attempt: usize,
    pub(super) part: usize,
}

impl LegSpec {
    pub(super) fn of(view: &LegView<'_>) -> Self {
        let variables = view.variables();
        let pairs = variables
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            endpoint: view.leg().endpoint().as_str().to_owned(),
            variables: pairs.collect(),
            attempt: view.attempt(),
            part: view.part(),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let found = self
            .variables
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn seconds(&self, name: &str) -> Option<Duration> {
        self.variable(name)?.parse().ok().map(Duration::from_secs)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.variable(name).is_some_and(is_true)
    }
}

/// What all legs of a call share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) timeout: Duration,
    pub(super) caller_id_name: Option<String>,
    pub(super) caller_id_number: Option<String>,
    pub(super) originator: Option<Session>,
    pub(super) ignore_early_media: bool,
}

impl Switch {
    /// Makes a leg with its first events and starts its tasks.
    pub(super) fn create_leg(
        &self,
        leg: &LegSpec,
        shared: &Shared,
        news: &Arc<Notify>,
    ) -> Result<Session, HangupCause> {
        let Some(destination) = self.options().script.find(&leg.endpoint) else {
            let text = format!("Could not locate channel type of {:?}", leg.endpoint);
            self.log(LogLevel::Err, None, &text);
            return Err(HangupCause::ChanNotImplemented);
        };
        if let Outcome::Refuse(cause) = destination.outcome {
            return Err(cause);
        }
        let number = destination_number(&leg.endpoint);
        let from = shared
            .originator
            .as_ref()
            .map(|leg| leg.channel.data().profile.clone());
        let caller = |variable: &str, given: &Option<String>, inherited: Option<String>| {
            let own = leg.variable(variable).map(str::to_owned);
            own.or_else(|| given.clone()).or(inherited)
        };
        let caller_id_name = caller(
            "origination_caller_id_name",
            &shared.caller_id_name,
            from.as_ref().map(|from| from.caller_id_name.clone()),
        );
        let caller_id_number = caller(
            "origination_caller_id_number",
            &shared.caller_id_number,
            from.as_ref().map(|from| from.caller_id_number.clone()),
        );
        let caller_id_name = caller_id_name.unwrap_or_default();
        let caller_id_number = caller_id_number.unwrap_or_else(|| "0000000000".to_owned());
        let profile = Profile {
            orig_caller_id_name: caller_id_name.clone(),
            orig_caller_id_number: caller_id_number.clone(),
            ani: caller_id_number.clone(),
            caller_id_name,
            caller_id_number,
            callee_id_name: "Outbound Call".to_owned(),
            callee_id_number: number.to_owned(),
            destination_number: number.to_owned(),
            source: "src/switch_ivr_originate.c".to_owned(),
            context: "default".to_owned(),
            index: 1,
            ..Profile::default()
        };
        let name = leg
            .endpoint
            .split('?')
            .next()
            .unwrap_or_default()
            .to_owned();
        let uuid = leg.variable("origination_uuid").map(str::to_owned);
        let session = self.add_channel(uuid, CallDirection::Outbound, name.clone(), profile)?;
        let channel = &session.channel;
        channel.observe(news.clone());
        channel.update(|data| {
            data.set_variable("direction", "outbound");
            data.set_variable("is_outbound", "true");
            data.set_variable("uuid", &channel.uuid);
            data.set_variable("call_uuid", &channel.uuid);
            data.set_variable("session_id", &channel.session_id.to_string());
            data.set_variable("channel_name", &name);
        });
        if let Some(originator) = &shared.originator {
            inherit(originator, &session);
        }
        channel.update(|data| {
            for (name, value) in &leg.variables {
                data.set_variable(name, value);
            }
            if let Some(other) = &mut data.other {
                other.is_originator = true;
            }
            data.set_variable("originate_early_media", "true");
            let module = leg.endpoint.split('/').next().unwrap_or_default();
            data.set_variable("originate_endpoint", module);
        });
        session.event(EventName::ChannelOutgoing);
        session.enter(ChannelState::Init);
        channel.update(|data| data.state = ChannelState::Routing);
        session.event(EventName::ChannelCreate);
        session.event(EventName::ChannelOriginate);
        session.enter(ChannelState::Routing);
        session.enter(ChannelState::ConsumeMedia);
        tokio::spawn(session.clone().run());
        tokio::spawn(remote::run(session.clone(), destination));
        Ok(session)
    }

    pub(super) fn add_channel(
        &self,
        uuid: Option<String>,
        direction: CallDirection,
        name: String,
        profile: Profile,
    ) -> Result<Session, HangupCause> {
        if self.is_stopped() {
            return Err(HangupCause::DestinationOutOfOrder);
        }
        let uuid = uuid.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let now = self.now();
        let options = self.options();
        let added = self.registry().add(&uuid, now, options, |id| {
            Channel::new(uuid.clone(), id, direction, name, profile, now)
        });
        match added {
            Ok(channel) => Ok(Session {
                switch: self.clone(),
                channel,
            }),
            Err(refusal) => {
                let text = match refusal {
                    Refusal::TooMany => format!("Over Session Limit! {}", options.max_sessions),
                    Refusal::TooFast => format!("Throttle Error! {}", options.sessions_per_second),
                    Refusal::Duplicate => format!("Duplicate UUID! {uuid}"),
                };
                self.log(LogLevel::Crit, None, &text);
                Err(HangupCause::DestinationOutOfOrder)
            }
        }
    }
}

/// Variables that a called leg gets from its caller: those of `export_vars`.
fn inherit(originator: &Session, leg: &Session) {
    let mut exported = Vec::new();
    let call_uuid = {
        let data = originator.channel.data();
        for name in data.variable("export_vars").unwrap_or_default().split(',') {
            if let Some(value) = data.variable(name) {
                let plain = name.strip_prefix("nolocal:").unwrap_or(name);
                exported.push((plain.to_owned(), value.to_owned()));
            }
        }
        data.call_uuid.clone()
    };
    let other = originator.channel.as_other_leg(true);
    leg.channel.update(|data| {
        data.other = Some(other);
        data.set_variable("originating_leg_uuid", &originator.channel.uuid);
        data.set_variable("call_uuid", &call_uuid);
        data.call_uuid = call_uuid;
        for (name, value) in &exported {
            data.set_variable(name, value);
        }
    });
}

/// `1000` of `user/1000@domain`, `sofia/internal/1000@host:5060`, `loopback/1000/default/XML`.
fn destination_number(endpoint: &str) -> &str {
    let endpoint = endpoint.split('?').next().unwrap_or_default();
    let (module, rest) = endpoint.split_once('/').unwrap_or(("", endpoint));
    let user = if module == "loopback" {
        rest.split('/').next().unwrap_or_default()
    } else {
        rest.rsplit('/').next().unwrap_or_default()
    };
    user.split(['@', ';']).next().unwrap_or_default()
}
