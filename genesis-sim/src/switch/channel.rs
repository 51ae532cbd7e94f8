//! One call leg: what is known about it. What happens to it is in [`super::session`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use genesis_proto::name::{AnswerState, CallDirection, CallState, ChannelState, HangupCause};
use tokio::sync::{Notify, oneshot, watch};

use super::message::ChannelMessage;
use super::profile::{Profile, Times};

/// The leg on the other side, as this one remembers it.
#[derive(Clone, Debug)]
pub(crate) struct OtherLeg {
    /// Whether the other leg called this one.
    pub(crate) is_originator: bool,
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) direction: CallDirection,
    pub(crate) profile: Profile,
    pub(crate) times: Times,
}

/// Digits that may wait to be read (switch_types.h, `SWITCH_DTMF_LOG_LEN`).
const MAX_DTMF: usize = 1000;

/// An application with its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) app: String,
    pub(crate) arg: String,
}

impl Action {
    /// `app argument`.
    pub(crate) fn parse(text: &str) -> Self {
        let (app, arg) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Self {
            app: app.to_owned(),
            arg: arg.trim_start().to_owned(),
        }
    }
}

/// What a channel is to do when it can: replaces what it does now.
#[derive(Debug)]
pub(crate) enum Next {
    /// Run these, then hang up.
    Actions(Vec<Action>),
    /// Look up an extension and run its actions.
    Route {
        extension: String,
        dialplan: String,
        context: String,
    },
    /// Be the second leg of a bridge.
    Exchange { with: String },
}

/// A message that waits for the channel.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) message: ChannelMessage,
    /// Somebody waits until it was carried out.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// Everything about a channel that changes.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) name: String,
    /// `Channel-State`: the state whose code runs.
    pub(crate) running: ChannelState,
    /// `Channel-State-Number`: the state it was told to go to.
    pub(crate) state: ChannelState,
    pub(crate) call_state: CallState,
    pub(crate) ringing: bool,
    pub(crate) early: bool,
    pub(crate) answered: bool,
    pub(crate) hit_dialplan: bool,
    pub(crate) call_uuid: String,
    pub(crate) codec: bool,
    pub(crate) profile: Profile,
    pub(crate) times: Times,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) cause: Option<HangupCause>,
    pub(crate) other: Option<OtherLeg>,
    /// Unique-ID of the leg it is bridged with.
    pub(crate) partner: Option<String>,
    pub(crate) next: Option<Next>,
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) dtmf: VecDeque<char>,
    /// A break was asked for and no application has seen it.
    pub(crate) broken: bool,
    /// How many messages are being carried out, one inside the other.
    pub(crate) depth: u32,
    /// How many running applications hold `event-lock`.
    pub(crate) locks: u32,
    pub(crate) held: bool,
    /// `uuid_record` runs on this file.
    pub(crate) recording: Vec<String>,
    /// It is parked, by `park` or an async `socket`.
    pub(crate) parked: bool,
    /// No message is accepted any more.
    pub(crate) closed: bool,
}

/// One call leg.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) uuid: String,
    pub(crate) session_id: u64,
    pub(crate) direction: CallDirection,
    data: Mutex<Data>,
    changed: watch::Sender<u64>,
    hung_up: watch::Sender<bool>,
    /// Connections of the `socket` application that still use this channel.
    servers: watch::Sender<usize>,
    destroyed: watch::Sender<bool>,
    /// Whoever called this leg.
    observer: OnceLock<Arc<Notify>>,
}

impl Channel {
    pub(crate) fn new(
        uuid: String,
        session_id: u64,
        direction: CallDirection,
        name: String,
        profile: Profile,
        now: u64,
    ) -> Self {
        let data = Data {
            name,
            running: ChannelState::None,
            state: ChannelState::Init,
            call_state: CallState::Down,
            ringing: false,
            early: false,
            answered: false,
            hit_dialplan: false,
            call_uuid: uuid.clone(),
            codec: false,
            profile,
            times: Times {
                profile_created: now,
                created: now,
                ..Times::default()
            },
            variables: Vec::new(),
            cause: None,
            other: None,
            partner: None,
            next: None,
            queue: VecDeque::new(),
            dtmf: VecDeque::new(),
            broken: false,
            depth: 0,
            locks: 0,
            held: false,
            recording: Vec::new(),
            parked: false,
            closed: false,
        };
        Self {
            uuid,
            session_id,
            direction,
            data: Mutex::new(data),
            changed: watch::Sender::new(0),
            hung_up: watch::Sender::new(false),
            servers: watch::Sender::new(0),
            destroyed: watch::Sender::new(false),
            observer: OnceLock::new(),
        }
    }

    /// The data. Never fire an event while holding it: composing the event takes it too.
    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the data and wakes whoever waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut Data) -> R) -> R {
        let result = change(&mut self.data());
        self.wake();
        result
    }

    /// Wakes whoever waits for a change.
    pub(crate) fn wake(&self) {
        self.changed
            .send_modify(|count| *count = count.wrapping_add(1));
        if let Some(observer) = self.observer.get() {
            observer.notify_one();
        }
    }

    /// Lets whoever called this leg know of every change; only the first observer counts.
    pub(crate) fn observe(&self, observer: Arc<Notify>) {
        // A leg is made by one call, so there is never a second.
        let _ = self.observer.set(observer);
    }

    /// Changes the data without waking anybody: taking something that only this channel takes.
    pub(crate) fn update_quietly<R>(&self, change: impl FnOnce(&mut Data) -> R) -> R {
        change(&mut self.data())
    }

    /// Sees every [`update`](Self::update) from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn is_down(&self) -> bool {
        *self.hung_up.borrow()
    }

    pub(crate) fn hangup_watch(&self) -> watch::Receiver<bool> {
        self.hung_up.subscribe()
    }

    /// Records the cause; false when it was hung up before.
    pub(crate) fn mark_hung_up(&self, cause: HangupCause, now: u64) -> bool {
        self.update_quietly(|data| {
            let first = data.cause.is_none();
            if first {
                data.cause = Some(cause);
                data.state = ChannelState::Hangup;
                data.times.hangup = now;
            }
            first
        })
    }

    /// Tells everybody who waits that the call is over.
    pub(crate) fn announce_hangup(&self) {
        self.hung_up.send_replace(true);
        self.wake();
    }

    pub(crate) fn mark_destroyed(&self) {
        self.destroyed.send_replace(true);
    }

    /// Waits until the channel is destroyed.
    pub(crate) async fn gone(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self
            .destroyed
            .subscribe()
            .wait_for(|destroyed| *destroyed)
            .await;
    }

    pub(crate) fn is_outbound(&self) -> bool {
        self.direction == CallDirection::Outbound
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let data = self.data();
        data.variable(name)
            .map(str::to_owned)
            .or_else(|| match name {
                "uuid" => Some(self.uuid.clone()),
                "chan_name" => Some(data.name.clone()),
                _ => data.profile.field(name).map(str::to_owned),
            })
    }

    /// A variable that says yes, as `switch_true` reads it.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| is_true(&value))
    }

    pub(crate) fn set_variable(&self, name: &str, value: &str) {
        self.data().set_variable(name, value);
    }

    /// How another leg remembers this one.
    pub(crate) fn as_other_leg(&self, is_originator: bool) -> OtherLeg {
        let data = self.data();
        OtherLeg {
            is_originator,
            uuid: self.uuid.clone(),
            name: data.name.clone(),
            direction: self.direction.clone(),
            profile: data.profile.clone(),
            times: data.times,
        }
    }

    /// Notes that a connection uses this channel until the guard is dropped.
    pub(crate) fn serve(self: &Arc<Self>) -> ServerGuard {
        self.servers.send_modify(|count| *count += 1);
        ServerGuard {
            channel: self.clone(),
        }
    }

    /// Waits until no connection uses this channel.
    pub(crate) async fn released(&self) {
        let mut servers = self.servers.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = servers.wait_for(|count| *count == 0).await;
    }
}

/// See [`Channel::serve`].
#[derive(Debug)]
pub(crate) struct ServerGuard {
    channel: Arc<Channel>,
}

impl Drop for ServerGuard {
    fn drop(&mut self) {
        self.channel
            .servers
            .send_modify(|count| *count = count.saturating_sub(1));
        self.channel.wake();
    }
}

impl Data {
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self
            .variables
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a variable, as the last one; an empty value removes it (switch_channel.c,
    /// `switch_channel_set_variable_var_check`).
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        self.variables
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            self.variables.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The other end pressed digits; what nobody reads is bounded, as in the switch.
    pub(crate) fn press(&mut self, digits: impl Iterator<Item = char>) {
        let room = MAX_DTMF.saturating_sub(self.dtmf.len());
        self.dtmf.extend(digits.take(room));
    }

    pub(crate) fn answer_state(&self) -> AnswerState {
        if self.cause.is_some() {
            AnswerState::Hangup
        } else if self.answered {
            AnswerState::Answered
        } else if self.early {
            AnswerState::Early
        } else {
            AnswerState::Ringing
        }
    }
}

/// `switch_true` (switch_utils.c).
pub(crate) fn is_true(text: &str) -> bool {
    let words = ["yes", "on", "true", "t", "enabled", "active", "allow"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.parse::<i64>().is_ok_and(|number| number != 0)
}
