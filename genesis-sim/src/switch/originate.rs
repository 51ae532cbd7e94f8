//! Making calls: `originate` and the legs of `bridge`.

use std::sync::Arc;
use std::time::Duration;

use genesis_proto::dial::{Application, DialString, Originate, Target};
use genesis_proto::name::{HangupCause, LogLevel};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Switch;
use super::channel::{Action, Next};
use super::legs::{LegSpec, Shared};
use super::session::Session;

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

async fn went_down(watch: &mut Option<tokio::sync::watch::Receiver<bool>>) {
    match watch {
        // The receiver's channel is held by the originator's session.
        Some(watch) => drop(watch.wait_for(|down| *down).await),
        None => std::future::pending().await,
    }
}
