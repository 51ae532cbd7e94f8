//! Bridging two legs.

use genesis_proto::dial::DialString;
use genesis_proto::name::{EventName, HangupCause, LogLevel};

use super::After;
use crate::switch::channel::{Next, is_true};
use crate::switch::originate::Dial;
use crate::switch::session::Session;
use crate::switch::wait::{Stop, Wait};

/// `bridge DIALSTRING` (mod_dptools.c, `audio_bridge_function`).
///
/// When no leg can be reached the call goes on after NO_ANSWER, NO_USER_RESPONSE and
/// ORIGINATOR_CANCEL, or with `continue_on_fail`; else it is hung up with the cause. After the
/// bridge it goes on, unless `hangup_after_bridge` is set.
pub(super) async fn bridge(session: &Session, arg: &str) -> After {
    let dial = match DialString::parse(arg.trim()) {
        Ok(dial) => dial,
        Err(error) => {
            let text = format!("bridge: {error}");
            session
                .switch
                .log(LogLevel::Err, Some(&session.channel.uuid), &text);
            return failed(session, HangupCause::InvalidNumberFormat);
        }
    };
    let dial = Dial {
        originator: Some(session),
        ..Dial::new(&dial)
    };
    match session.switch.originate(&dial).await {
        Ok(leg) => {
            session
                .channel
                .set_variable("originate_disposition", "SUCCESS");
            session.channel.set_variable("DIALSTATUS", "SUCCESS");
            know_callee(session, &leg);
            let answered = leg.channel.data().answered;
            if answered {
                session.answer();
            } else {
                session.pre_answer();
            }
            let cause = connect(session, &leg).await;
            after_bridge(session, &leg, cause)
        }
        Err(cause) => failed(session, cause),
    }
}

fn failed(session: &Session, cause: HangupCause) -> After {
    let name = cause.switch_name().to_owned();
    session.channel.update(|data| {
        data.set_variable("originate_disposition", &name);
        data.set_variable("originate_failed_cause", &name);
        data.set_variable("DIALSTATUS", dial_status(&cause));
    });
    if session.interrupted() {
        return After::Continue;
    }
    let goes_on = matches!(
        cause,
        HangupCause::NoAnswer | HangupCause::NoUserResponse | HangupCause::OriginatorCancel
    );
    let listed = |list: &str| is_true(list) || list.split(',').any(|word| word.trim() == name);
    let asked = session
        .channel
        .variable("continue_on_fail")
        .is_some_and(|list| listed(&list));
    if goes_on || asked {
        After::Continue
    } else {
        After::Hangup(cause)
    }
}

fn dial_status(cause: &HangupCause) -> &'static str {
    match cause {
        HangupCause::UserBusy => "BUSY",
        HangupCause::NoAnswer | HangupCause::NoUserResponse => "NOANSWER",
        HangupCause::OriginatorCancel => "CANCEL",
        HangupCause::CallRejected => "DONTCALL",
        _ => "CHANUNAVAIL",
    }
}

fn after_bridge(session: &Session, leg: &Session, cause: Option<HangupCause>) -> After {
    if session.interrupted() {
        return After::Continue;
    }
    let answered = leg.channel.data().answered;
    let cause = cause.unwrap_or(HangupCause::NormalClearing);
    let hangup = session
        .channel
        .variable("hangup_after_bridge")
        .unwrap_or_default();
    if hangup.eq_ignore_ascii_case("explicit") {
        return After::Hangup(cause);
    }
    if answered && !session.go_elsewhere_after_bridge() && is_true(&hangup) {
        return After::Hangup(cause);
    }
    After::Continue
}

/// What `uuid_bridge` makes its first leg do.
pub(super) async fn uuid_bridge(session: &Session, arg: &str) -> After {
    let Some(other) = session.switch.find_up(arg.trim()) else {
        return After::Continue;
    };
    let cause = connect(session, &other).await;
    if session.interrupted() || session.go_elsewhere_after_bridge() {
        return After::Continue;
    }
    After::Hangup(cause.unwrap_or(HangupCause::NormalClearing))
}

/// The caller's profile gets the callee's name and number.
fn know_callee(session: &Session, leg: &Session) {
    if session.channel.data().name.starts_with("sofia/") {
        let callee = leg.channel.data().profile.clone();
        session.channel.update(|data| {
            data.profile.callee_id_name = callee.callee_id_name;
            data.profile.callee_id_number = callee.callee_id_number;
        });
    }
}

/// A leg shows its end whom it talks with (mod_sofia.c, `sofia_receive_message` for
/// `SWITCH_MESSAGE_INDICATE_DISPLAY`).
fn tell_who(side: &Session, other: &Session) {
    let (name, number) = {
        let data = other.channel.data();
        let profile = &data.profile;
        if other.channel.is_outbound() {
            (
                profile.callee_id_name.clone(),
                profile.callee_id_number.clone(),
            )
        } else {
            (
                profile.caller_id_name.clone(),
                profile.caller_id_number.clone(),
            )
        }
    };
    side.channel.update(|data| {
        data.set_variable("last_sent_callee_id_name", &name);
        data.set_variable("last_sent_callee_id_number", &number);
    });
    let sent = [
        ("Direction", "SEND"),
        ("Sent-Callee-ID-Name", &*name),
        ("Sent-Callee-ID-Number", &*number),
        ("Bridged-To", &*other.channel.uuid),
    ];
    side.event_with(EventName::CallUpdate, &sent, &[]);
}

/// Bridges until one leg hangs up or has something else to do (switch_ivr_bridge.c,
/// `switch_ivr_multi_threaded_bridge`). Returns the cause of the other leg when it hung up.
async fn connect(session: &Session, leg: &Session) -> Option<HangupCause> {
    let now = session.switch.now();
    let (mine, theirs) = (session.channel.uuid.clone(), leg.channel.uuid.clone());
    session.join(leg);
    let mut names = Vec::new();
    for (side, other) in [(session, &theirs), (leg, &mine)] {
        let name = side
            .switch
            .find(other)
            .map(|other| other.channel.data().name.clone());
        side.channel.update(|data| {
            data.partner = Some(other.clone());
            data.times.bridged = now;
            data.set_variable("signal_bond", other);
        });
        names.push(name.unwrap_or_default());
    }
    let call_uuid = session.channel.data().call_uuid.clone();
    leg.channel.update(|data| data.call_uuid = call_uuid);
    let ids = [
        ("Bridge-A-Unique-ID", &*mine),
        ("Bridge-B-Unique-ID", &*theirs),
    ];
    session.event_with(EventName::ChannelBridge, &ids, &[]);
    for ((side, other), name) in [(session, &theirs), (leg, &mine)].iter().zip(&names) {
        side.channel.update(|data| {
            data.set_variable("bridge_channel", name);
            data.set_variable("bridge_uuid", other);
            data.set_variable("last_bridge_to", other);
        });
    }
    leg.redirect(Next::Exchange { with: mine.clone() });
    tell_who(leg, session);
    if session.channel.data().name.starts_with("sofia/") {
        tell_who(session, leg);
    }

    let mut wait = Wait::new(None).beside(&leg.channel);
    loop {
        match session.wait(&mut wait).await {
            Stop::Interrupted | Stop::Watched => break,
            _ => {
                let (early, answered) = {
                    let data = leg.channel.data();
                    (data.early, data.answered)
                };
                if answered {
                    session.answer();
                } else if early {
                    session.pre_answer();
                }
            }
        }
    }

    let leg_cause = leg.channel.data().cause.clone();
    session.channel.update(|data| {
        data.partner = None;
        data.set_variable("signal_bond", "");
        if let Some(cause) = &leg_cause {
            data.set_variable("last_bridge_hangup_cause", cause.switch_name());
            data.set_variable("bridge_hangup_cause", cause.switch_name());
        }
        // The other leg is remembered only until here, except by a call that is over.
        if data.cause.is_none() {
            data.other = None;
        }
    });
    session.event_with(EventName::ChannelUnbridge, &ids, &[]);
    leg_cause
}
