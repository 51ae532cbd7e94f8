//! The end of a channel, from CS_HANGUP to CHANNEL_DESTROY.

use genesis_proto::name::{CallState, ChannelState, EventName, HangupCause};

use super::channel::Data;
use super::clock;
use super::session::Session;

impl Session {
    /// Runs on the channel's own task after it hung up, when its applications have ended.
    pub(super) async fn finish(&self) {
        let channel = &self.channel;
        // Dropping a message tells whoever waits for it that it was not carried out.
        drop(channel.update(|data| {
            data.closed = true;
            std::mem::take(&mut data.queue)
        }));
        self.enter(ChannelState::Hangup);
        self.set_call_state(CallState::Hangup);
        self.enter(ChannelState::Reporting);
        let cause = channel.update(|data| {
            let cause = data.cause.clone().unwrap_or(HangupCause::NormalClearing);
            set_call_data(data, &cause);
            cause
        });
        let before = [("Hangup-Cause", cause.switch_name())];
        self.event_with(EventName::ChannelHangupComplete, &before, &[]);
        channel.released().await;
        channel.update(|data| data.state = ChannelState::Destroy);
        self.event(EventName::ChannelDestroy);
        self.switch.registry().remove(&channel.uuid);
        self.enter(ChannelState::Destroy);
        channel.mark_destroyed();
    }
}

/// Variables that tell how the call was (switch_channel.c, `switch_channel_set_timestamps`).
fn set_call_data(data: &mut Data, cause: &HangupCause) {
    let times = data.times;
    data.set_variable("hangup_cause", cause.switch_name());
    data.set_variable("hangup_cause_q850", &cause.q850().to_string());
    data.set_variable("digits_dialed", "none");

    let stamps = [
        ("start", times.created),
        ("profile_start", times.profile_created),
        ("answer", times.answered),
        ("bridge", times.bridged),
        ("progress", times.progress),
        ("progress_media", times.progress_media),
        ("end", times.hangup),
    ];
    for (name, time) in stamps {
        if time > 0 {
            data.set_variable(&format!("{name}_stamp"), &clock::local(time));
        }
    }
    let epochs = [
        ("start", times.created),
        ("profile_start", times.profile_created),
        ("answer", times.answered),
        ("bridge", times.bridged),
        ("last_hold", times.last_hold),
    ];
    let set_epoch = |data: &mut Data, name: &str, time: u64| {
        data.set_variable(&format!("{name}_epoch"), &(time / 1_000_000).to_string());
        data.set_variable(&format!("{name}_uepoch"), &time.to_string());
    };
    for (name, time) in epochs {
        set_epoch(data, name, time);
    }
    let held = times.hold_accum;
    data.set_variable("hold_accum_seconds", &(held / 1_000_000).to_string());
    data.set_variable("hold_accum_usec", &held.to_string());
    data.set_variable("hold_accum_ms", &(held / 1000).to_string());
    for (name, time) in [
        ("resurrect", 0),
        ("progress", times.progress),
        ("progress_media", times.progress_media),
        ("end", times.hangup),
    ] {
        set_epoch(data, name, time);
    }

    let last_app = data
        .variable("current_application")
        .unwrap_or_default()
        .to_owned();
    let last_arg = data
        .variable("current_application_data")
        .unwrap_or_default()
        .to_owned();
    data.set_variable("last_app", &last_app);
    data.set_variable("last_arg", &last_arg);
    let profile = &data.profile;
    let caller_id = if profile.caller_id_name.is_empty() {
        profile.caller_id_number.clone()
    } else {
        format!(
            "\"{}\" <{}>",
            profile.caller_id_name, profile.caller_id_number
        )
    };
    data.set_variable("caller_id", &caller_id);

    let since = |from: u64, to: u64| {
        if from == 0 || to == 0 {
            0
        } else {
            to.saturating_sub(from)
        }
    };
    let whole = since(times.created, times.hangup);
    let talked = since(times.answered, times.hangup);
    let spans = [
        ("duration", "mduration", "uduration", whole),
        ("billsec", "billmsec", "billusec", talked),
        (
            "progresssec",
            "progressmsec",
            "progressusec",
            since(times.created, times.progress),
        ),
        (
            "answersec",
            "answermsec",
            "answerusec",
            since(times.created, times.answered),
        ),
        (
            "waitsec",
            "waitmsec",
            "waitusec",
            since(times.created, times.bridged),
        ),
        (
            "progress_mediasec",
            "progress_mediamsec",
            "progress_mediausec",
            since(times.created, times.progress_media),
        ),
        ("flow_billsec", "flow_billmsec", "flow_billusec", talked),
    ];
    // Seconds are differences of whole seconds, not whole seconds of the difference.
    for (name, _, _, span) in spans {
        let end = times.hangup;
        let seconds = match name {
            "duration" => (end / 1_000_000).saturating_sub(times.created / 1_000_000),
            "billsec" | "flow_billsec" if times.answered > 0 => {
                (end / 1_000_000).saturating_sub(times.answered / 1_000_000)
            }
            _ => span / 1_000_000,
        };
        data.set_variable(name, &seconds.to_string());
    }
    for (_, name, _, span) in spans {
        data.set_variable(name, &(span / 1000).to_string());
    }
    for (_, _, name, span) in spans {
        data.set_variable(name, &span.to_string());
    }
}
