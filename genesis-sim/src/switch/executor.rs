//! The task of a channel: its state machine, the messages it is sent, and waiting.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use genesis_proto::name::{CallState, ChannelState, EventName, HangupCause, LogLevel};
use tokio::time::Instant;

use super::apps;
use super::channel::{Action, Next, Queued};
use super::session::Session;
use super::wait::{Stop, Wait};

impl Session {
    /// Carries out a message (switch_ivr.c, `switch_ivr_parse_event`).
    pub(crate) async fn carry_out(&self, queued: Queued) {
        let message = &queued.message;
        // switch_ivr.c, `switch_ivr_park`: without media it carries the message out and drops it
        let echoed = self.channel.update_quietly(|data| {
            data.depth += 1;
            data.codec || !data.parked
        });
        match message
            .header("call-command")
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("execute") => {
                let app = message
                    .header("execute-app-name")
                    .unwrap_or_default()
                    .to_owned();
                let locked = message
                    .header("event-lock")
                    .is_some_and(super::channel::is_true)
                    || message
                        .header("event-lock-pri")
                        .is_some_and(super::channel::is_true);
                let loops = message
                    .header("loops")
                    .and_then(|text| text.trim().parse().ok());
                if locked {
                    self.channel.update(|data| data.locks += 1);
                }
                let ids = Ids {
                    uuid: message.header("Event-UUID").map(str::to_owned),
                    name: message.header("Event-UUID-Name").map(str::to_owned),
                };
                self.repeat(&app, &message.argument(), loops.unwrap_or(1), ids)
                    .await;
                if locked {
                    self.channel
                        .update(|data| data.locks = data.locks.saturating_sub(1));
                }
            }
            Some("hangup") => {
                let cause = message
                    .header("hangup-cause")
                    .map(HangupCause::from_argument);
                self.hangup(cause.unwrap_or(HangupCause::NormalClearing));
            }
            _ => {}
        }
        self.channel.update_quietly(|data| data.depth -= 1);
        if echoed {
            self.echo_message(message);
        }
        if let Some(done) = queued.done {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }

    /// `loops` turns, -1 for ever; it ends when a turn took less than half a second.
    async fn repeat(&self, app: &str, arg: &str, loops: i64, ids: Ids) {
        let mut turn = 0;
        loop {
            let began = Instant::now();
            turn += 1;
            self.channel.set_variable("current_loop", &turn.to_string());
            self.channel.set_variable("total_loops", &loops.to_string());
            self.execute(app, arg, ids.clone()).await;
            let fast = began.elapsed() < Duration::from_millis(500);
            if (loops >= 0 && turn >= loops) || fast || self.interrupted() {
                break;
            }
        }
        self.channel.set_variable("current_loop", "");
        self.channel.set_variable("total_loops", "");
    }

    /// Runs an application with its CHANNEL_EXECUTE and CHANNEL_EXECUTE_COMPLETE
    /// (switch_core_session.c, `switch_core_session_exec`). An application that does not exist
    /// hangs up the call.
    pub(crate) fn execute<'a>(
        &'a self,
        app: &'a str,
        arg: &'a str,
        ids: Ids,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let channel = &self.channel;
            if channel.is_down() {
                return;
            }
            let Some(app) = apps::find(app) else {
                let text = format!("Invalid Application {app}");
                self.switch.log(LogLevel::Err, Some(&channel.uuid), &text);
                self.hangup(HangupCause::DestinationOutOfOrder);
                return;
            };
            if app.needs_media && !channel.is_outbound() {
                self.pre_answer();
            }
            let arg = self.expand(arg);
            let id = ids.uuid.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            channel.update(|data| {
                data.set_variable("current_application_response", "");
                data.set_variable("current_application_data", &arg);
                data.set_variable("current_application", app.name);
            });
            let mut about = vec![("Application", app.name)];
            if !arg.is_empty() {
                about.push(("Application-Data", &arg));
            }
            let named = ids
                .name
                .as_deref()
                .map(|name| ("Application-UUID-Name", name));
            let mut last: Vec<(&str, &str)> = vec![("Application-UUID", &id)];
            last.extend(named);
            self.event_with(
                EventName::ChannelExecute,
                &[],
                &[&about[..], &last[..]].concat(),
            );
            let after = apps::run(self, app.name, &arg).await;
            let response = channel
                .data()
                .variable("current_application_response")
                .map(str::to_owned);
            about.push((
                "Application-Response",
                response.as_deref().unwrap_or("_none_"),
            ));
            let about = [&about[..], &last[..]].concat();
            self.event_with(EventName::ChannelExecuteComplete, &[], &about);
            if let apps::After::Hangup(cause) = after {
                self.hangup(cause);
            }
        })
    }

    /// What an application answers: `Application-Response` of its completion.
    pub(crate) fn respond(&self, text: &str) {
        self.channel
            .set_variable("current_application_response", text);
    }

    /// Puts variables in place of `${name}`.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let Some(length) = rest[at..].find('}') else {
                break;
            };
            out.push_str(&rest[..at]);
            let name = &rest[at + 2..at + length];
            out.push_str(&self.channel.variable(name).unwrap_or_default());
            rest = &rest[at + length + 1..];
        }
        out.push_str(rest);
        out
    }

    /// The state machine (switch_core_state_machine.c, `switch_core_session_run`), until the
    /// channel is destroyed.
    pub(crate) async fn run(self) {
        let mut changes = self.channel.changes();
        loop {
            // Before looking, so that nothing that happens from here on is missed.
            changes.mark_unchanged();
            if self.channel.is_down() {
                break;
            }
            let next = self.channel.update_quietly(|data| data.next.take());
            match next {
                None => {
                    // The sender lives in the channel, so this cannot fail.
                    let _ = changes.changed().await;
                }
                Some(Next::Actions(actions)) => self.run_actions(actions).await,
                Some(Next::Route {
                    extension,
                    dialplan,
                    context,
                }) => {
                    self.route(extension, dialplan, context).await;
                }
                Some(Next::Exchange { with }) => self.exchange(&with).await,
            }
            // A dialplan of transfers alone must not keep others from running.
            tokio::task::yield_now().await;
        }
        self.finish().await;
    }

    async fn run_actions(&self, actions: Vec<Action>) {
        self.channel.update(|data| data.hit_dialplan = true);
        self.enter(ChannelState::Execute);
        for action in actions {
            if self.interrupted() {
                return;
            }
            self.execute(&action.app, &action.arg, Ids::default()).await;
        }
        if !self.interrupted() {
            self.hangup(HangupCause::NormalClearing);
        }
    }

    async fn route(&self, extension: String, dialplan: String, context: String) {
        self.channel.update(|data| {
            data.hit_dialplan = true;
            data.running = ChannelState::Routing;
            data.state = ChannelState::Routing;
            data.profile.destination_number = extension.clone();
            data.profile.dialplan = dialplan.clone();
            data.profile.context = context;
        });
        // a call that is up stays ACTIVE when it is transferred into the dialplan
        if !self.channel.update_quietly(|data| data.answered) {
            self.set_call_state(CallState::Ringing);
        }
        self.enter(ChannelState::Routing);
        let actions = if dialplan.eq_ignore_ascii_case("inline") {
            Some(crate::script::inline_actions(&extension))
        } else {
            self.switch.options().script.actions(&extension)
        };
        match actions {
            Some(actions) => self.run_actions(actions).await,
            None => self.hangup(HangupCause::NoRouteDestination),
        }
    }

    /// The second leg of a bridge: it does what messages say until the bridge ends.
    async fn exchange(&self, with: &str) {
        self.enter(ChannelState::ExchangeMedia);
        if let Some(peer) = self.switch.find(with) {
            while !matches!(
                self.wait(&mut Wait::new(None).beside(&peer.channel)).await,
                Stop::Interrupted | Stop::Watched
            ) {}
        }
        self.channel.update(|data| {
            if data.partner.as_deref() == Some(with) {
                data.partner = None;
            }
        });
        if !self.interrupted() && !self.go_elsewhere_after_bridge() {
            let answered = self.channel.data().answered;
            self.hangup(if answered {
                HangupCause::NormalClearing
            } else {
                HangupCause::OriginatorCancel
            });
        }
    }

    /// Does what `park_after_bridge` and `transfer_after_bridge` say, if they say something.
    pub(crate) fn go_elsewhere_after_bridge(&self) -> bool {
        if self.channel.flag("park_after_bridge") {
            let park = Action {
                app: "park".to_owned(),
                arg: String::new(),
            };
            self.redirect(Next::Actions(vec![park]));
            return true;
        }
        let Some(target) = self.channel.variable("transfer_after_bridge") else {
            return false;
        };
        let mut words = target.split(':');
        let extension = words.next().unwrap_or_default();
        let dialplan = words.next().unwrap_or("XML");
        self.transfer(extension, dialplan, words.next().unwrap_or("default"));
        true
    }
}

/// The id that an application is to be known by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ids {
    pub(crate) uuid: Option<String>,
    pub(crate) name: Option<String>,
}
