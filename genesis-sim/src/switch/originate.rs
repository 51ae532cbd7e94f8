//! Making calls: `originate`, the legs of `bridge`, and calls that come in.

use std::sync::Arc;
use std::time::Duration;

use genesis_proto::dial::{Application, DialString, LegView, Originate, Target};
use genesis_proto::name::{
    CallDirection, CallState, ChannelState, EventName, HangupCause, LogLevel,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Switch;
use super::channel::{Action, Channel, Next, Profile, is_true};
use super::registry::Refusal;
use super::remote;
use super::session::Session;
use crate::script::{Destination, Outcome};

const USAGE: &str = "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] \
                     [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n";

/// A call to be made.
pub(crate) struct Dial<'a> {
    pub(crate) string: &'a DialString,
    pub(crate) timeout: Option<Duration>,
    pub(crate) caller_id_name: Option<&'a str>,
    pub(crate) caller_id_number: Option<&'a str>,
    /// The leg that bridges.
    pub(crate) originator: Option<&'a Session>,
}

impl<'a> Dial<'a> {
    pub(crate) fn new(string: &'a DialString) -> Self {
        Self {
            string,
            timeout: None,
            caller_id_name: None,
            caller_id_number: None,
            originator: None,
        }
    }
}

/// A leg as it is to be made; nothing borrowed, so that parts can ring on tasks of their own.
#[derive(Clone)]
struct LegSpec {
    endpoint: String,
    variables: Vec<(String, String)>,
    attempt: usize,
    part: usize,
}

impl LegSpec {
    fn of(view: &LegView<'_>) -> Self {
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

    fn variable(&self, name: &str) -> Option<&str> {
        let found = self
            .variables
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn seconds(&self, name: &str) -> Option<Duration> {
        self.variable(name)?.parse().ok().map(Duration::from_secs)
    }

    fn flag(&self, name: &str) -> bool {
        self.variable(name).is_some_and(is_true)
    }
}

/// What all legs of a call share.
#[derive(Clone)]
struct Shared {
    timeout: Duration,
    caller_id_name: Option<String>,
    caller_id_number: Option<String>,
    originator: Option<Session>,
    ignore_early_media: bool,
}

/// A leg that rings. Dropped before it was taken, it hangs up.
struct Ringing {
    session: Session,
    give_up_at: Option<Instant>,
    taken: bool,
}

impl Drop for Ringing {
    fn drop(&mut self) {
        if !self.taken {
            self.session.hangup(HangupCause::OriginatorCancel);
        }
    }
}

impl Switch {
    /// The command `originate` (mod_commands.c, `originate_function`).
    pub(super) async fn api_originate(&self, args: &str) -> String {
        let count = Originate::words(args).len();
        if args.trim().is_empty() || !(2..=7).contains(&count) {
            return USAGE.to_owned();
        }
        let originate = match Originate::parse(args) {
            Ok(originate) => originate,
            Err(error) => {
                self.log(LogLevel::Err, None, &format!("originate: {error}"));
                return "-ERR DESTINATION_OUT_OF_ORDER\n".to_owned();
            }
        };
        self.run_originate(&originate).await
    }

    async fn run_originate(&self, originate: &Originate) -> String {
        let dial = Dial {
            timeout: originate.get_timeout(),
            caller_id_name: originate.caller_id_name(),
            caller_id_number: originate.caller_id_number(),
            ..Dial::new(originate.dial_string())
        };
        let leg = match self.originate(&dial).await {
            Ok(leg) => leg,
            Err(cause) => return format!("-ERR {}\n", cause.switch_name()),
        };
        leg.flip_caller_id();
        let action = |app: &Application| Action {
            app: app.name().to_owned(),
            arg: app.argument().unwrap_or_default().to_owned(),
        };
        match originate.get_target() {
            Target::Application(app) => leg.redirect(Next::Actions(vec![action(app)])),
            Target::Inline(apps) => {
                leg.redirect(Next::Actions(apps.iter().map(action).collect()));
            }
            Target::Extension(extension) => {
                let dialplan = originate.get_dialplan().unwrap_or("XML");
                let context = originate.get_context().unwrap_or("default");
                leg.transfer(extension, dialplan, context);
            }
            _ => leg.hangup(HangupCause::ServiceNotImplemented),
        }
        format!("+OK {}\n", leg.channel.uuid)
    }

    /// Calls until one leg answers, or sends early media unless that is ignored
    /// (switch_ivr_originate.c, `switch_ivr_originate`).
    pub(crate) async fn originate(&self, dial: &Dial<'_>) -> Result<Session, HangupCause> {
        let legs: Vec<LegSpec> = dial.string.legs().map(|view| LegSpec::of(&view)).collect();
        let first = legs.first().ok_or(HangupCause::DestinationOutOfOrder)?;
        let timeout = first.seconds("originate_timeout").or_else(|| {
            let variable = dial.originator?.channel.variable("call_timeout")?;
            variable.parse().ok().map(Duration::from_secs)
        });
        let shared = Shared {
            timeout: timeout.or(dial.timeout).unwrap_or(Duration::from_secs(60)),
            caller_id_name: dial.caller_id_name.map(str::to_owned),
            caller_id_number: dial.caller_id_number.map(str::to_owned),
            originator: dial.originator.cloned(),
            ignore_early_media: first.flag("ignore_early_media")
                || dial
                    .originator
                    .is_some_and(|leg| leg.channel.flag("ignore_early_media")),
        };
        if dial.string.part_count() <= 1 {
            return self.ring_part(legs, shared).await;
        }
        // Enterprise: each part on its own, the first success counts. Aborting a task drops its
        // legs, which hang up.
        let mut parts = JoinSet::new();
        for part in 0..dial.string.part_count() {
            let legs: Vec<LegSpec> = legs
                .iter()
                .filter(|leg| leg.part == part)
                .cloned()
                .collect();
            let (switch, shared) = (self.clone(), shared.clone());
            parts.spawn(async move { switch.ring_part(legs, shared).await });
        }
        let mut last = HangupCause::DestinationOutOfOrder;
        while let Some(part) = parts.join_next().await {
            match part {
                Ok(Ok(leg)) => return Ok(leg),
                Ok(Err(cause)) => last = cause,
                Err(_) => last = HangupCause::Crash,
            }
        }
        Err(last)
    }

    /// One attempt after the other.
    async fn ring_part(&self, legs: Vec<LegSpec>, shared: Shared) -> Result<Session, HangupCause> {
        let mut last = HangupCause::DestinationOutOfOrder;
        let attempts = legs.iter().map(|leg| leg.attempt).max().unwrap_or_default();
        for attempt in 0..=attempts {
            let together = legs
                .iter()
                .filter(|leg| leg.attempt == attempt)
                .cloned()
                .collect();
            match self.ring_together(together, &shared).await {
                Ok(leg) => return Ok(leg),
                Err(cause) => last = cause,
            }
            if last == HangupCause::OriginatorCancel {
                break;
            }
        }
        Err(last)
    }

    async fn ring_together(
        &self,
        legs: Vec<LegSpec>,
        shared: &Shared,
    ) -> Result<Session, HangupCause> {
        let news = Arc::new(Notify::new());
        let start = Instant::now();
        let give_up_at = start + shared.timeout;
        let mut later: Vec<(Instant, LegSpec)> = legs
            .into_iter()
            .map(|leg| {
                (
                    start + leg.seconds("leg_delay_start").unwrap_or_default(),
                    leg,
                )
            })
            .collect();
        let mut ringing: Vec<Ringing> = Vec::new();
        let mut last = HangupCause::DestinationOutOfOrder;
        let mut originator_down = shared
            .originator
            .as_ref()
            .map(|leg| leg.channel.hangup_watch());
        loop {
            let now = Instant::now();
            let due: Vec<LegSpec> = {
                let (due, rest) = later.drain(..).partition(|(at, _)| *at <= now);
                later = rest;
                let due: Vec<(Instant, LegSpec)> = due;
                due.into_iter().map(|(_, leg)| leg).collect()
            };
            for leg in due {
                match self.create_leg(&leg, shared, &news) {
                    Ok(session) => {
                        let give_up_at = leg.seconds("leg_timeout").map(|time| now + time);
                        ringing.push(Ringing {
                            session,
                            give_up_at,
                            taken: false,
                        });
                    }
                    Err(cause) => last = cause,
                }
            }
            if let Some(at) = ringing.iter().position(|leg| is_won(leg, shared)) {
                let mut winner = ringing.swap_remove(at);
                winner.taken = true;
                for leg in ringing.drain(..) {
                    leg.session.hangup(HangupCause::LoseRace);
                }
                return Ok(winner.session.clone());
            }
            if originator_down.as_ref().is_some_and(|down| *down.borrow()) {
                return Err(HangupCause::OriginatorCancel);
            }
            tell_originator(shared, &ringing);
            for leg in &ringing {
                let over = leg.give_up_at.is_some_and(|at| at <= now) || give_up_at <= now;
                if over {
                    leg.session.hangup(HangupCause::NoAnswer);
                }
            }
            ringing.retain(|leg| {
                let cause = leg.session.channel.data().cause.clone();
                let up = cause.is_none();
                if let Some(cause) = cause {
                    last = cause;
                }
                up
            });
            if ringing.is_empty() && (later.is_empty() || give_up_at <= now) {
                return Err(last);
            }
            let next = ringing.iter().filter_map(|leg| leg.give_up_at);
            let next = next.chain(later.iter().map(|(at, _)| *at)).min();
            let next = next.map_or(give_up_at, |at| at.min(give_up_at));
            tokio::select! {
                biased;
                () = news.notified() => {}
                () = went_down(&mut originator_down) => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Makes a leg with its first events and starts its tasks.
    fn create_leg(
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

    fn add_channel(
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

fn is_won(leg: &Ringing, shared: &Shared) -> bool {
    let data = leg.session.channel.data();
    data.cause.is_none() && (data.answered || (data.early && !shared.ignore_early_media))
}

/// A call that comes in hears what the called legs do.
fn tell_originator(shared: &Shared, ringing: &[Ringing]) {
    let Some(originator) = &shared.originator else {
        return;
    };
    if originator.channel.is_outbound() {
        return;
    }
    if ringing.iter().any(|leg| leg.session.channel.data().ringing) {
        originator.ring_ready();
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

async fn went_down(watch: &mut Option<tokio::sync::watch::Receiver<bool>>) {
    match watch {
        // The receiver's channel is held by the originator's session.
        Some(watch) => drop(watch.wait_for(|down| *down).await),
        None => std::future::pending().await,
    }
}
