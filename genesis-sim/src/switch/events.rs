//! The headers of events, in the order in which FreeSWITCH 1.11.2 writes them.

use genesis_proto::event::EventBuilder;
use genesis_proto::name::{CallDirection, CallState, ChannelState, EventName};

use super::channel::{Channel, Data};
use super::clock;
use super::profile::{Profile, Times};

/// Adds a header. Names that cannot be written (a variable called `a:b`) are left out.
pub(crate) fn put(event: &mut EventBuilder, name: &str, value: impl AsRef<[u8]>) {
    if event.push(name, value).is_err() {
        tracing::debug!(
            name,
            "a header name that cannot be written was left out of an event"
        );
    }
}

/// What every event of a switch begins with.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) uuid: String,
    pub(crate) hostname: String,
    pub(crate) switchname: String,
    pub(crate) ipv4: String,
    pub(crate) ipv6: String,
}

impl Core {
    /// switch_event.c, `switch_event_prep_for_delivery_detailed`.
    pub(crate) fn put(&self, event: &mut EventBuilder, name: &EventName, now: u64, sequence: u64) {
        let (file, function, line) = origin(name);
        put(event, "Core-UUID", &self.uuid);
        put(event, "FreeSWITCH-Hostname", &self.hostname);
        put(event, "FreeSWITCH-Switchname", &self.switchname);
        put(event, "FreeSWITCH-IPv4", &self.ipv4);
        put(event, "FreeSWITCH-IPv6", &self.ipv6);
        put(event, "Event-Date-Local", clock::local(now));
        put(event, "Event-Date-GMT", clock::gmt(now));
        put(event, "Event-Date-Timestamp", now.to_string());
        put(event, "Event-Calling-File", file);
        put(event, "Event-Calling-Function", function);
        put(event, "Event-Calling-Line-Number", line.to_string());
        put(event, "Event-Sequence", sequence.to_string());
    }
}

/// Where FreeSWITCH 1.11.2 fires an event of this name.
fn origin(name: &EventName) -> (&'static str, &'static str, u32) {
    use EventName::*;
    match name {
        ChannelOutgoing => (
            "switch_core_session.c",
            "switch_core_session_outgoing_channel",
            768,
        ),
        ChannelState => (
            "switch_channel.c",
            "switch_channel_perform_set_running_state",
            2409,
        ),
        ChannelCallstate => (
            "switch_channel.c",
            "switch_channel_perform_set_callstate",
            302,
        ),
        ChannelCreate => (
            "switch_core_state_machine.c",
            "switch_core_session_run",
            626,
        ),
        ChannelOriginate => (
            "switch_core_state_machine.c",
            "switch_core_session_run",
            632,
        ),
        ChannelExecute => ("switch_core_session.c", "switch_core_session_exec", 2949),
        ChannelExecuteComplete => ("switch_core_session.c", "switch_core_session_exec", 2972),
        ChannelProgress => (
            "switch_channel.c",
            "switch_channel_perform_mark_ring_ready_value",
            3507,
        ),
        ChannelProgressMedia => (
            "switch_channel.c",
            "switch_channel_perform_mark_pre_answered",
            3562,
        ),
        ChannelAnswer => (
            "switch_channel.c",
            "switch_channel_perform_mark_answered",
            3848,
        ),
        ChannelHangup => ("switch_channel.c", "switch_channel_perform_hangup", 3447),
        ChannelHangupComplete => (
            "switch_core_state_machine.c",
            "switch_core_session_reporting_state",
            943,
        ),
        ChannelDestroy => (
            "switch_core_session.c",
            "switch_core_session_perform_destroy",
            1588,
        ),
        ChannelPark => ("switch_ivr.c", "switch_ivr_park", 1002),
        ChannelUnpark => ("switch_ivr.c", "switch_ivr_park", 1213),
        ChannelHold => ("switch_ivr.c", "switch_ivr_hold", 1558),
        ChannelUnhold => ("switch_ivr.c", "switch_ivr_unhold", 1638),
        ChannelBridge => (
            "switch_ivr_bridge.c",
            "switch_ivr_multi_threaded_bridge",
            1689,
        ),
        ChannelUnbridge => (
            "switch_ivr_bridge.c",
            "switch_ivr_multi_threaded_bridge",
            1879,
        ),
        ChannelData => ("mod_commands.c", "uuid_dump_function", 6495),
        CallUpdate => ("switch_channel.c", "switch_channel_flip_cid", 3279),
        Codec => (
            "switch_core_codec.c",
            "switch_core_session_set_read_codec",
            300,
        ),
        Dtmf => ("switch_channel.c", "switch_channel_dequeue_dtmf", 678),
        PlaybackStart => ("switch_ivr_play_say.c", "switch_ivr_play_file", 1649),
        PlaybackStop => ("switch_ivr_play_say.c", "switch_ivr_play_file", 2023),
        RecordStart => ("switch_ivr_async.c", "record_callback", 1482),
        RecordStop => ("switch_ivr_async.c", "send_record_stop_event", 1241),
        PrivateCommand => ("switch_ivr.c", "switch_ivr_parse_next_event", 804),
        Api => ("switch_loadable_module.c", "switch_api_execute", 3140),
        BackgroundJob => ("mod_event_socket.c", "api_exec", 1580),
        Heartbeat => ("switch_core.c", "send_heartbeat", 95),
        _ => ("mod_event_socket.c", "parse_command", 2029),
    }
}

/// Whether events of this name carry the channel variables.
fn carries_variables(name: &EventName) -> bool {
    use EventName::*;
    !matches!(
        name,
        ChannelOutgoing | ChannelState | ChannelCallstate | Dtmf | Codec | PrivateCommand
    )
}

/// The headers of a channel, as switch_channel.c `switch_channel_event_set_data` adds them.
pub(crate) fn put_channel(event: &mut EventBuilder, channel: &Channel, name: &EventName) {
    let data = channel.data();
    put_basic(event, channel, &data);
    // Until its first message was read a leg has no caller profile.
    if data.state == ChannelState::New {
        return;
    }
    put_profile(
        event,
        "Caller",
        &channel.direction,
        &data.profile,
        &data.times,
        Some(&data.name),
        &channel.uuid,
    );
    if let Some(other) = &data.other {
        put(
            event,
            "Other-Type",
            if other.is_originator {
                "originator"
            } else {
                "originatee"
            },
        );
        let times = Times {
            transferred: 0,
            bridged: 0,
            ..other.times
        };
        let (direction, profile) = (&other.direction, &other.profile);
        put_profile(
            event,
            "Other-Leg",
            direction,
            profile,
            &times,
            Some(&other.name),
            &other.uuid,
        );
    }
    if carries_variables(name) {
        put_variables(event, &data);
    }
}

/// The reply to `connect` has the caller profile a second time, in front, with the prefix
/// `Channel` (mod_event_socket.c, `parse_command`).
pub(crate) fn put_channel_data(event: &mut EventBuilder, channel: &Channel) {
    {
        let data = channel.data();
        let (profile, times) = (&data.profile, &data.times);
        let (direction, name) = (&channel.direction, Some(data.name.as_str()));
        put_profile(
            event,
            "Channel",
            direction,
            profile,
            times,
            name,
            &channel.uuid,
        );
    }
    put_channel(event, channel, &EventName::ChannelData);
}

fn put_basic(event: &mut EventBuilder, channel: &Channel, data: &Data) {
    put(event, "Channel-State", data.running.as_str());
    put(event, "Channel-Call-State", data.call_state.as_str());
    put(
        event,
        "Channel-State-Number",
        data.state.number().unwrap_or_default().to_string(),
    );
    put(event, "Channel-Name", &data.name);
    put(event, "Unique-ID", &channel.uuid);
    put(event, "Call-Direction", channel.direction.as_str());
    put(event, "Presence-Call-Direction", channel.direction.as_str());
    put(
        event,
        "Channel-HIT-Dialplan",
        if data.hit_dialplan { "true" } else { "false" },
    );
    if let Some(presence) = data.variable("presence_id") {
        put(event, "Channel-Presence-ID", presence);
    }
    put(event, "Channel-Call-UUID", &data.call_uuid);
    put(event, "Answer-State", data.answer_state().as_str());
    if let Some(cause) = &data.cause {
        put(event, "Hangup-Cause", cause.switch_name());
    }
    if data.codec {
        for way in ["Read", "Write"] {
            put(event, &format!("Channel-{way}-Codec-Name"), "PCMU");
            put(event, &format!("Channel-{way}-Codec-Rate"), "8000");
            put(event, &format!("Channel-{way}-Codec-Bit-Rate"), "64000");
        }
    }
}

/// switch_caller.c, `switch_caller_profile_event_set_data`.
fn put_profile(
    event: &mut EventBuilder,
    prefix: &str,
    direction: &CallDirection,
    profile: &Profile,
    times: &Times,
    channel_name: Option<&str>,
    uuid: &str,
) {
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            put(event, &format!("{prefix}-{name}"), value);
        }
    };
    add("Direction", direction.as_str());
    let inbound = profile.logical_inbound || *direction == CallDirection::Inbound;
    add(
        "Logical-Direction",
        if inbound { "inbound" } else { "outbound" },
    );
    add("Username", &profile.username);
    add("Dialplan", &profile.dialplan);
    add("Caller-ID-Name", &profile.caller_id_name);
    add("Caller-ID-Number", &profile.caller_id_number);
    add("Orig-Caller-ID-Name", &profile.orig_caller_id_name);
    add("Orig-Caller-ID-Number", &profile.orig_caller_id_number);
    add("Callee-ID-Name", &profile.callee_id_name);
    add("Callee-ID-Number", &profile.callee_id_number);
    add("Network-Addr", &profile.network_addr);
    add("ANI", &profile.ani);
    add("Destination-Number", &profile.destination_number);
    add("Unique-ID", uuid);
    add("Source", &profile.source);
    add("Context", &profile.context);
    add("RDNIS", &profile.rdnis);
    add("Channel-Name", channel_name.unwrap_or_default());
    if profile.index > 0 && prefix != "Other-Leg" {
        add("Profile-Index", &profile.index.to_string());
    }
    for (name, time) in [
        ("Profile-Created-Time", times.profile_created),
        ("Channel-Created-Time", times.created),
        ("Channel-Answered-Time", times.answered),
        ("Channel-Progress-Time", times.progress),
        ("Channel-Progress-Media-Time", times.progress_media),
        ("Channel-Hangup-Time", times.hangup),
        ("Channel-Transfer-Time", times.transferred),
        ("Channel-Resurrect-Time", 0),
        ("Channel-Bridged-Time", times.bridged),
        ("Channel-Last-Hold", times.last_hold),
        ("Channel-Hold-Accum", times.hold_accum),
    ] {
        add(name, &time.to_string());
    }
    add("Screen-Bit", "true");
    add("Privacy-Hide-Name", "false");
    add("Privacy-Hide-Number", "false");
}

pub(crate) fn put_variables(event: &mut EventBuilder, data: &Data) {
    for (name, value) in &data.variables {
        put(event, &format!("variable_{name}"), value);
    }
}

/// `Channel-Call-State-Number` (switch_channel.c, `callstate2str` table).
pub(crate) fn call_state_number(state: &CallState) -> usize {
    CallState::ALL_KNOWN
        .iter()
        .position(|known| known == state)
        .unwrap_or_default()
}
