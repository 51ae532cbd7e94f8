//! What happens to a channel, with the events that tell of it.

use std::sync::Arc;

use genesis_proto::event::EventBuilder;
use genesis_proto::name::{CallState, ChannelState, EventName, HangupCause, LogLevel};

use super::Switch;
use super::channel::{Channel, Next};
use super::events::{call_state_number, put};

/// A channel on its switch.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) switch: Switch,
    pub(crate) channel: Arc<Channel>,
}

impl Session {
    /// Fires an event about this channel.
    pub(crate) fn event(&self, name: EventName) {
        if name == EventName::ChannelCreate {
            self.notice(|name, uuid| format!("New Channel {name} [{uuid}]"));
        }
        self.event_with(name, &[], &[]);
    }

    /// A line of the log about this channel, as an operator reads it on the console.
    fn notice(&self, text: impl FnOnce(&str, &str) -> String) {
        let uuid = self.channel.uuid.as_str();
        let name = self.channel.update_quietly(|data| data.name.clone());
        let text = text(&name, uuid);
        self.switch.log(LogLevel::Notice, Some(uuid), &text);
    }

    /// Fires an event with headers before and after those of the channel.
    pub(crate) fn event_with(
        &self,
        name: EventName,
        before: &[(&str, &str)],
        after: &[(&str, &str)],
    ) {
        self.switch.emit_channel(name, &self.channel, before, after);
    }

    /// The state machine enters a state (switch_channel.c,
    /// `switch_channel_perform_set_running_state`).
    pub(crate) fn enter(&self, state: ChannelState) {
        self.channel.update_quietly(|data| {
            data.running = state.clone();
            if data.cause.is_none() || state.is_over() {
                data.state = state;
            }
        });
        self.event(EventName::ChannelState);
    }

    pub(crate) fn set_call_state(&self, state: CallState) {
        let number = call_state_number(&state).to_string();
        let before = self
            .channel
            .update_quietly(|data| std::mem::replace(&mut data.call_state, state.clone()));
        if before != state {
            let extra = [
                ("Original-Channel-Call-State", before.as_str()),
                ("Channel-Call-State-Number", number.as_str()),
            ];
            self.event_with(EventName::ChannelCallstate, &extra, &[]);
        }
    }

    /// The media is set up: one CODEC event for each way.
    fn set_codec(&self) {
        let fresh = self.channel.update_quietly(|data| {
            let fresh = !std::mem::replace(&mut data.codec, true);
            if fresh {
                for (name, value) in [
                    ("read_codec", "PCMU"),
                    ("read_rate", "8000"),
                    ("write_codec", "PCMU"),
                    ("write_rate", "8000"),
                ] {
                    data.set_variable(name, value);
                }
                if data.name.starts_with("sofia/") {
                    data.set_variable("original_read_codec", "PCMU");
                    data.set_variable("original_read_rate", "8000");
                }
            }
            fresh
        });
        if fresh {
            // switch_core_codec.c spells the headers of the two ways differently
            for [name, rate, bits] in [
                [
                    "channel-read-codec-name",
                    "channel-read-codec-rate",
                    "channel-read-codec-bit-rate",
                ],
                [
                    "Channel-Write-Codec-Name",
                    "Channel-Write-Codec-Rate",
                    "Channel-Write-codec-bit-rate",
                ],
            ] {
                let extra = [(name, "PCMU"), (rate, "8000"), (bits, "64000")];
                self.event_with(EventName::Codec, &[], &extra);
            }
        }
    }

    /// The other end rings.
    pub(crate) fn ring_ready(&self) {
        let now = self.switch.now();
        let fresh = self.channel.update_quietly(|data| {
            let fresh = !data.ringing && !data.early && !data.answered && data.cause.is_none();
            if fresh {
                data.ringing = true;
                data.times.progress = now;
            }
            fresh
        });
        if fresh {
            self.event(EventName::ChannelProgress);
            self.set_call_state(CallState::Ringing);
            self.channel.wake();
        }
    }

    /// There is early media.
    pub(crate) fn pre_answer(&self) {
        let now = self.switch.now();
        let fresh = self.channel.update_quietly(|data| {
            let fresh = !data.early && !data.answered && data.cause.is_none();
            if fresh {
                data.early = true;
                data.times.progress_media = now;
                data.set_variable("endpoint_disposition", "EARLY MEDIA");
            }
            fresh
        });
        if fresh {
            self.set_codec();
            self.event(EventName::ChannelProgressMedia);
            self.set_call_state(CallState::Early);
            self.channel.wake();
        }
    }

    pub(crate) fn answer(&self) {
        if !self.channel.is_outbound() {
            self.pre_answer();
        }
        let now = self.switch.now();
        let fresh = self.channel.update_quietly(|data| {
            let fresh = !data.answered && data.cause.is_none();
            if fresh {
                data.answered = true;
                data.times.answered = now;
                data.set_variable("endpoint_disposition", "ANSWER");
            }
            fresh
        });
        if fresh {
            self.set_codec();
            self.event(EventName::ChannelAnswer);
            self.set_call_state(CallState::Active);
            self.channel.wake();
        }
    }

    /// Hangs up: CHANNEL_HANGUP now, the rest when the channel's own task gets to it.
    pub(crate) fn hangup(&self, cause: HangupCause) {
        if self.channel.mark_hung_up(cause.clone(), self.switch.now()) {
            self.notice(|name, _| format!("Hangup {name} [{cause}]"));
            self.event(EventName::ChannelHangup);
            self.channel.announce_hangup();
        }
    }

    /// Replaces what the channel does.
    pub(crate) fn redirect(&self, next: Next) {
        self.channel.update(|data| data.next = Some(next));
    }

    /// `uuid_hold`. False when the channel has not been answered.
    pub(crate) fn hold(&self) -> bool {
        let now = self.switch.now();
        let fresh = self.channel.update_quietly(|data| {
            if data.held || !data.answered {
                return false;
            }
            data.held = true;
            data.times.last_hold = now;
            true
        });
        if fresh {
            self.set_call_state(CallState::Held);
            self.event(EventName::ChannelHold);
        }
        fresh
    }

    /// `uuid_hold off`. False when it was not on hold.
    pub(crate) fn unhold(&self) -> bool {
        let now = self.switch.now();
        let fresh = self.channel.update_quietly(|data| {
            let fresh = std::mem::replace(&mut data.held, false);
            if fresh {
                data.times.hold_accum += now.saturating_sub(data.times.last_hold);
            }
            fresh
        });
        if fresh {
            self.set_call_state(CallState::Unheld);
            self.set_call_state(CallState::Active);
            self.event(EventName::ChannelUnhold);
        }
        fresh
    }

    /// The caller ID of a leg that was called turns round when it begins to act for itself
    /// (switch_channel.c, `switch_channel_flip_cid`).
    pub(crate) fn flip_caller_id(&self) {
        let fresh = self.channel.update_quietly(|data| {
            if data.variable("channel_cid_flipped").is_some() {
                return false;
            }
            let profile = &mut data.profile;
            profile.logical_inbound = true;
            std::mem::swap(&mut profile.caller_id_name, &mut profile.callee_id_name);
            std::mem::swap(&mut profile.caller_id_number, &mut profile.callee_id_number);
            let (name, number) = (
                profile.callee_id_name.clone(),
                profile.callee_id_number.clone(),
            );
            data.set_variable("pre_transfer_caller_id_name", &name);
            data.set_variable("pre_transfer_caller_id_number", &number);
            data.set_variable("channel_cid_flipped", "yes");
            true
        });
        if fresh {
            self.event_with(EventName::CallUpdate, &[("Direction", "RECV")], &[]);
        }
    }

    /// Two legs know each other from now on.
    pub(crate) fn join(&self, other: &Session) {
        let mine = self.channel.as_other_leg(true);
        let theirs = other.channel.as_other_leg(false);
        self.channel.update(|data| data.other = Some(theirs));
        other.channel.update(|data| data.other = Some(mine));
    }

    /// The event that `uuid_dump` writes.
    pub(crate) fn dump(&self) -> EventBuilder {
        let name = EventName::ChannelData;
        let mut event = self.switch.begin_event(&name);
        super::events::put_channel(&mut event, &self.channel, &name);
        event
    }

    /// The headers of the reply to `connect`, with the caller profile in front.
    pub(crate) fn dump_with_profile(&self) -> EventBuilder {
        let name = EventName::ChannelData;
        let mut event = self.switch.begin_event(&name);
        super::events::put_channel_data(&mut event, &self.channel);
        event
    }

    /// Echoes a message that was carried out: its own headers come before `Event-Name`
    /// (switch_ivr.c, `switch_ivr_parse_next_event` fires the event it got).
    pub(crate) fn echo_message(&self, message: &super::ChannelMessage) {
        let name = EventName::PrivateCommand;
        let mut event = EventBuilder::empty();
        if message.header("Command").is_none() {
            put(
                &mut event,
                "Command",
                format!("sendmsg {}", self.channel.uuid),
            );
        }
        for (key, value) in &message.headers {
            put(&mut event, key, value);
        }
        put(&mut event, "Event-Name", name.as_str());
        self.switch.put_core(&mut event, &name);
        if let Some(body) = &message.body {
            event = event.body(body.clone());
        }
        let channel = &self.channel;
        self.switch.emit_begun(name.clone(), event, |event| {
            super::events::put_channel(event, channel, &name);
        });
    }
}
