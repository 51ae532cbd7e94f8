//! Applications about the call itself.

use std::time::Duration;

use genesis_proto::command::arguments;
use genesis_proto::name::{EventName, HangupCause};

use crate::switch::channel::Next;
use crate::switch::session::Session;
use crate::switch::wait::{Stop, Wait};

pub(super) fn hangup(session: &Session, arg: &str) {
    let cause = match arg.trim() {
        "" => HangupCause::NormalClearing,
        text => HangupCause::from_argument(text),
    };
    session.hangup(cause);
}

/// switch_ivr.c, `switch_ivr_park`: until the channel hangs up or has something else to do.
pub(super) async fn park(session: &Session) {
    park_while(session, Wait::new(None)).await;
}

/// Parks until the wait is over. A channel that is parked already goes on at once.
pub(super) async fn park_while(session: &Session, mut wait: Wait<'_>) {
    if session
        .channel
        .update_quietly(|data| std::mem::replace(&mut data.parked, true))
    {
        return;
    }
    session.event(EventName::ChannelPark);
    while !matches!(
        session.wait(&mut wait).await,
        Stop::Interrupted | Stop::Watched
    ) {}
    session.channel.update_quietly(|data| data.parked = false);
    session.event(EventName::ChannelUnpark);
}

/// `transfer extension [dialplan] [context]`.
pub(super) fn transfer(session: &Session, arg: &str) {
    let words = arguments(arg, 5);
    let mut words = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "-bleg" && *word != "-both");
    let Some(extension) = words.next() else {
        return;
    };
    let dialplan = words.next().unwrap_or("XML");
    let context = words.next().unwrap_or("default");
    session.transfer(extension, dialplan, context);
}

/// How many transfers one call may make, unless its variable `max_forwards` says otherwise.
const MAX_FORWARDS: i64 = 70;

impl Session {
    /// switch_ivr.c, `switch_ivr_session_transfer`. Each transfer takes one from `max_forwards`;
    /// without any left the call is hung up with EXCHANGE_ROUTING_ERROR.
    pub(crate) fn transfer(&self, extension: &str, dialplan: &str, context: &str) {
        let left = self.channel.variable("max_forwards");
        let left = left
            .and_then(|text| text.parse().ok())
            .unwrap_or(MAX_FORWARDS)
            - 1;
        if left <= 0 {
            return self.hangup(HangupCause::ExchangeRoutingError);
        }
        let now = self.switch.now();
        self.channel.update(|data| {
            data.set_variable("max_forwards", &left.to_string());
            data.times.transferred = now;
            data.times.profile_created = now;
            data.profile.index += 1;
            data.next = Some(Next::Route {
                extension: extension.to_owned(),
                dialplan: dialplan.to_owned(),
                context: context.to_owned(),
            });
        });
    }
}

/// `sleep ms`. Messages are carried out meanwhile and use up its time.
pub(super) async fn sleep(session: &Session, arg: &str) {
    let ms = arg.trim().parse().unwrap_or(0);
    let mut wait = Wait::new(Some(Duration::from_millis(ms)));
    while let Stop::Digit(_) | Stop::Broken = session.wait(&mut wait).await {}
}

/// `sched_hangup [+]seconds [cause]`; only relative times, on a task of its own.
pub(super) fn sched_hangup(session: &Session, arg: &str) {
    let mut words = arg.split_whitespace();
    let time = words.next().unwrap_or_default().trim_start_matches('+');
    let Ok(seconds) = time.parse::<u64>() else {
        return;
    };
    let cause = words.next().map(HangupCause::from_argument);
    let cause = cause.unwrap_or(HangupCause::AllottedTimeout);
    if seconds == 0 {
        return session.hangup(cause);
    }
    let session = session.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(seconds)) => session.hangup(cause),
            () = session.channel.gone() => {}
        }
    });
}
