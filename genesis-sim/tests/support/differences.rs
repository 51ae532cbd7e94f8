//! Where events of simulated calls differ from recorded ones, and why: all of it is here.

/// What may differ.
enum Allowed {
    /// Events of this name are recorded; the simulator fires none.
    NotFired(&'static str),
    /// Headers whose names begin so; in events of this name, `""` for any.
    RecordedOnly(&'static str, &'static str),
    /// As [`Allowed::RecordedOnly`], the other way round.
    SimulatedOnly(&'static str, &'static str),
}

use Allowed::{NotFired, RecordedOnly, SimulatedOnly};
use genesis_proto::Event;

use super::events::header;

const SIP: &str = "a simulated leg has no SIP messages";
const MEDIA: &str = "nothing is negotiated for the media of a simulated leg, and there is none";

const FORGOTTEN: &str = "a leg forgets the other one when their bridge ends";
const LOOPBACK: &str = "a simulated `loopback/` is one leg like any other";
const LISTS: &str = "the lists of what an originate tried are not kept";

const LOOPBACK_CODEC: &str =
    "a recorded `loopback/` has its codec from the start, a simulated leg with its media";

const DIFFERENCES: &[(Allowed, &str)] = &[
    (NotFired("RECV_INFO"), SIP),
    (NotFired("PRESENCE_IN"), "there are no presence agents"),
    (RecordedOnly("", "variable_sip_"), SIP),
    (RecordedOnly("", "variable_sofia_profile_"), SIP),
    (RecordedOnly("", "variable_recovery_profile_name"), SIP),
    (RecordedOnly("", "variable_max_forwards"), SIP),
    (RecordedOnly("", "variable_rtp_"), MEDIA),
    (RecordedOnly("", "variable_video_media_flow"), MEDIA),
    (RecordedOnly("", "variable_text_media_flow"), MEDIA),
    (RecordedOnly("", "variable_audio_media_flow"), MEDIA),
    (RecordedOnly("", "variable_remote_"), MEDIA),
    (RecordedOnly("", "variable_local_media_"), MEDIA),
    (RecordedOnly("", "variable_advertised_media_ip"), MEDIA),
    (RecordedOnly("", "variable_switch_r_sdp"), MEDIA),
    (RecordedOnly("", "variable_ep_codec_string"), MEDIA),
    (RecordedOnly("", "variable_switch_m_sdp"), MEDIA),
    (
        RecordedOnly("CHANNEL_PROGRESS_MEDIA", "variable_originate_signal_bond"),
        "it lasts only while the leg waits for the called ones",
    ),
    (RecordedOnly("", "variable_dtmf_type"), MEDIA),
    (
        RecordedOnly("", "variable_proto_specific_hangup_cause"),
        SIP,
    ),
    (
        RecordedOnly("", "variable_sound_prefix"),
        "`say` plays a tone instead of a voice",
    ),
    (
        SimulatedOnly("PLAYBACK_START", "Playback-File-Type"),
        "`say` plays a tone instead of a voice",
    ),
    (
        SimulatedOnly("PLAYBACK_STOP", "Playback-File-Type"),
        "`say` plays a tone instead of a voice",
    ),
    (RecordedOnly("CHANNEL_EXECUTE", "Other-"), FORGOTTEN),
    (
        RecordedOnly("CHANNEL_EXECUTE_COMPLETE", "Other-"),
        FORGOTTEN,
    ),
    (RecordedOnly("CHANNEL_HANGUP", "Other-"), FORGOTTEN),
    (RecordedOnly("CHANNEL_HANGUP_COMPLETE", "Other-"), FORGOTTEN),
    (RecordedOnly("CHANNEL_STATE", "Other-"), FORGOTTEN),
    (RecordedOnly("CHANNEL_UNBRIDGE", "Other-"), FORGOTTEN),
    (RecordedOnly("CHANNEL_UNPARK", "Other-"), FORGOTTEN),
    (RecordedOnly("", "Other-Leg-Dialplan"), LOOPBACK),
    (RecordedOnly("", "Other-Leg-Network-Addr"), LOOPBACK),
    (RecordedOnly("", "Other-Leg-Username"), LOOPBACK),
    (RecordedOnly("", "variable_originated_legs"), LISTS),
    (RecordedOnly("", "variable_originate_causes"), LISTS),
    (
        RecordedOnly("", "variable_signal_bond"),
        "it is taken back when a bridge ends",
    ),
    (
        RecordedOnly("CALL_UPDATE", "variable_bridge_to"),
        "it lasts only while the legs are told of each other",
    ),
    (
        RecordedOnly("", "variable_other_loopback_leg_uuid"),
        LOOPBACK,
    ),
    (RecordedOnly("", "variable_loopback_leg"), LOOPBACK),
    (RecordedOnly("", "variable_is_loopback"), LOOPBACK),
    (RecordedOnly("", "Caller-Dialplan"), LOOPBACK),
    (
        RecordedOnly("CHANNEL_OUTGOING", "Channel-Read-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_OUTGOING", "Channel-Write-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_CREATE", "Channel-Read-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_CREATE", "Channel-Write-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_CREATE", "variable_read_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_CREATE", "variable_write_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_ORIGINATE", "Channel-Read-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_ORIGINATE", "Channel-Write-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_ORIGINATE", "variable_read_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_ORIGINATE", "variable_write_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP", "Channel-Read-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP", "Channel-Write-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP", "variable_read_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP", "variable_write_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP_COMPLETE", "Channel-Read-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP_COMPLETE", "Channel-Write-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP_COMPLETE", "variable_read_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_HANGUP_COMPLETE", "variable_write_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_DESTROY", "Channel-Read-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_DESTROY", "Channel-Write-Codec-"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_DESTROY", "variable_read_"),
        LOOPBACK_CODEC,
    ),
    (
        RecordedOnly("CHANNEL_DESTROY", "variable_write_"),
        LOOPBACK_CODEC,
    ),
];

/// An async `socket` parks its call as soon as it is connected. FreeSWITCH waits for `connect`, so a
/// client that subscribes within the same 20 ms may get CHANNEL_PARK: it comes first, or not at all.
pub(crate) fn without_early_park(mut events: Vec<&Event>) -> Vec<&Event> {
    let first = events.first();
    if first.is_some_and(|event| header(event, "Event-Name") == "CHANNEL_PARK") {
        events.remove(0);
    }
    events
}

pub(crate) fn never_fired(name: &str) -> bool {
    DIFFERENCES
        .iter()
        .any(|(allowed, _)| matches!(allowed, NotFired(event) if *event == name))
}

pub(crate) fn recorded_only(event: &str, header: &str) -> bool {
    DIFFERENCES
        .iter()
        .any(|(allowed, _)| matches!(allowed, RecordedOnly(e, h) if covers(e, h, event, header)))
}

pub(crate) fn simulated_only(event: &str, header: &str) -> bool {
    DIFFERENCES
        .iter()
        .any(|(allowed, _)| matches!(allowed, SimulatedOnly(e, h) if covers(e, h, event, header)))
}

fn covers(of: &str, prefix: &str, event: &str, header: &str) -> bool {
    (of.is_empty() || of == event) && header.starts_with(prefix)
}
