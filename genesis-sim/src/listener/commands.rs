//! Commands that change the connection itself (mod_event_socket.c, `parse_command`).

use genesis_proto::session::switch::{Linger, Request, Verb, divert_events};

use super::connection::{Answer, Connection, Handled};
use crate::faults::FaultPlan;

const NOT_FOUND: &str = "-ERR command not found";

/// Subclasses that modules of the switch reserve: `event ALL` followed by a `nixevent` leaves
/// exactly these of the CUSTOM events.
const RESERVED_SUBCLASSES: &[&str] = &[
    "callcenter::info",
    "conference::cdr",
    "conference::maintenance",
    "fifo::info",
    "limit::usage",
    "loopback::bowout",
    "loopback::direct",
    "sofia::bye_response",
    "sofia::error",
    "sofia::expire",
    "sofia::gateway_add",
    "sofia::gateway_delete",
    "sofia::gateway_state",
    "sofia::intercepted",
    "sofia::notify_refer",
    "sofia::pre_register",
    "sofia::profile_start",
    "sofia::register",
    "sofia::register_attempt",
    "sofia::register_failure",
    "sofia::reinvite",
    "sofia::replaced",
    "sofia::sip_user_state",
    "sofia::transferee",
    "sofia::transferor",
    "sofia::unregister",
    "sofia::wrong_call_state",
    "valet_parking::info",
    "vm::maintenance",
];

impl Connection {
    /// Runs one command.
    pub(crate) fn handle(&mut self, request: &Request, plan: &FaultPlan) -> Handled {
        // the first command of an outbound connection gets no reply, unless it writes its own
        let silent = !std::mem::replace(&mut self.begun, true) && self.outbound.is_some();
        let handled = self.dispatch(request, plan);
        self.listen();
        match handled {
            Handled::Now(Answer::Reply(_) | Answer::Job(_)) if silent => Answer::Nothing.into(),
            Handled::Later(later) if silent => Handled::Later(Box::pin(async move {
                match later.await {
                    Answer::Reply(_) | Answer::Job(_) => Answer::Nothing,
                    answer => answer,
                }
            })),
            handled => handled,
        }
    }

    fn dispatch(&mut self, request: &Request, plan: &FaultPlan) -> Handled {
        if request.is_unreadable() {
            self.stop();
            return Answer::reply("-ERR command parse error.").into();
        }
        let verb = request.verb();
        if verb == Verb::Exit {
            self.stop();
            return Answer::reply("+OK bye").into();
        }
        let argument = request.argument();
        if !self.authed {
            return match verb {
                Verb::Auth => self.auth(&argument, plan.wrong_password).into(),
                Verb::Userauth => self.userauth(&argument, plan.wrong_password).into(),
                _ => Answer::reply(NOT_FOUND).into(),
            };
        }
        match verb {
            Verb::Filter => Answer::Reply(self.filter(&argument)).into(),
            Verb::Resume | Verb::Connect | Verb::Getvar => self.session_command(verb, &argument),
            Verb::Myevents => {
                let answer = self.myevents(request);
                self.narrow();
                answer.into()
            }
            Verb::DivertEvents => {
                Answer::reply(divert_events(&argument, self.controlled.is_some()).0).into()
            }
            Verb::Sendmsg => self.sendmsg(request),
            _ if self
                .outbound
                .as_ref()
                .is_some_and(|outbound| !outbound.is_full) =>
            {
                Answer::reply(NOT_FOUND).into()
            }
            Verb::Sendevent => self.sendevent(request).into(),
            Verb::Api => self.api(&argument),
            Verb::Bgapi => self.bgapi(request),
            _ => self.subscribe(verb, &argument).into(),
        }
    }

    fn subscribe(&mut self, verb: Verb, argument: &str) -> Answer {
        let controls = self.controlled.is_some();
        let text = match verb {
            Verb::Event => {
                self.subscription
                    .event(argument, &self.permissions, RESERVED_SUBCLASSES)
            }
            Verb::Nixevent => self.subscription.nixevent(argument),
            Verb::Noevents => {
                self.events.clear();
                self.subscription.noevents()
            }
            Verb::Log => self.logging.log(argument, &self.permissions),
            Verb::Nolog => {
                self.log_lines.clear();
                self.logging.nolog()
            }
            Verb::Linger => {
                let (reply, linger) = Linger::command(argument, controls);
                if let Some(linger) = linger {
                    self.set_linger(linger);
                }
                reply
            }
            Verb::Nolinger => {
                self.linger = None;
                Linger::nolinger(controls).to_owned()
            }
            _ => NOT_FOUND.to_owned(),
        };
        Answer::Reply(text)
    }

    fn session_command(&mut self, verb: Verb, argument: &str) -> Handled {
        let Some(uuid) = &self.controlled else {
            return Answer::reply(NOT_FOUND).into();
        };
        match verb {
            Verb::Resume => {
                self.resume = true;
                Answer::reply("+OK").into()
            }
            Verb::Connect => self.connect().into(),
            _ => {
                let name = argument.split_once(' ').map(|(_, name)| name);
                let value = name.and_then(|name| self.switch().get_variable(uuid, name));
                // an empty reply becomes "command not found" when it is written
                Answer::reply(value.unwrap_or_default()).into()
            }
        }
    }

    fn myevents(&mut self, request: &Request) -> Answer {
        let argument = request.argument();
        let argument = argument.strip_prefix(' ');
        if self.controlled.is_some() {
            return Answer::Reply(self.subscription.myevents(&request.text()));
        }
        let Some(argument) = argument else {
            return Answer::reply(NOT_FOUND);
        };
        if self.subscription.is_my_events() {
            return Answer::Reply(self.subscription.myevents(""));
        }
        let (uuid, format) = match argument.split_once(' ') {
            Some((uuid, format)) => (uuid, Some(format)),
            None => (argument, None),
        };
        if self.switch().has_channel(uuid) {
            self.control(uuid);
        } else if format.is_some() {
            return Answer::reply("-ERR invalid uuid");
        }
        // the switch has cut the format off before it looks for it
        Answer::Reply(self.subscription.myevents(&format!("myevents {uuid}")))
    }
}
