//! API commands about one channel, and `hupall` (mod_commands.c).

use genesis_proto::command::arguments;
use genesis_proto::event::Fidelity;
use genesis_proto::name::{EventFormat, HangupCause};

use super::channel::{Action, Next};
use super::session::Session;
use super::{ChannelMessage, Switch, apps};

const NO_CHANNEL: &str = "-ERR No such channel!\n";
const OK: &str = "+OK\n";

fn usage(syntax: &str) -> String {
    format!("-USAGE: {syntax}\n")
}

impl Switch {
    /// `None` when the command is not one of these.
    pub(super) fn api_uuid(&self, command: &str, args: &str) -> Option<String> {
        let args = args.trim();
        Some(match command {
            "uuid_answer" => match self.find_up(args) {
                Some(session) => {
                    session.answer();
                    OK.to_owned()
                }
                None => "-ERROR\n".to_owned(),
            },
            "uuid_pre_answer" => match self.find_up(args) {
                Some(session) => {
                    session.pre_answer();
                    OK.to_owned()
                }
                None => "-ERROR\n".to_owned(),
            },
            "uuid_exists" => self.has_channel(args).to_string(),
            "uuid_kill" => self.uuid_kill(args),
            "uuid_park" => self.uuid_park(args),
            "uuid_transfer" => self.uuid_transfer(args),
            "uuid_bridge" => self.uuid_bridge(args),
            "uuid_setvar" => self.uuid_setvar(args),
            "uuid_setvar_multi" => self.uuid_setvar_multi(args),
            "uuid_getvar" => self.uuid_getvar(args),
            "uuid_dump" => self.uuid_dump(args),
            "uuid_broadcast" => self.uuid_broadcast(args),
            "uuid_hold" => self.uuid_hold(args),
            "uuid_break" | "break" => self.uuid_break(args),
            "uuid_send_dtmf" => self.uuid_dtmf(args, true),
            "uuid_recv_dtmf" => self.uuid_dtmf(args, false),
            "uuid_flush_dtmf" => self.uuid_flush_dtmf(args),
            "uuid_record" => self.uuid_record(args),
            "uuid_buglist" => self.uuid_buglist(args),
            "hupall" => self.hupall(args),
            _ => return None,
        })
    }

    fn uuid_kill(&self, args: &str) -> String {
        let read = arguments(args, 2);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let Some(uuid) = words.first() else {
            return usage("<uuid> [cause]");
        };
        let Some(session) = self.find_up(uuid) else {
            return NO_CHANNEL.to_owned();
        };
        let cause = words.get(1).map(|cause| HangupCause::from_argument(cause));
        session.hangup(cause.unwrap_or(HangupCause::NormalClearing));
        OK.to_owned()
    }

    fn uuid_park(&self, args: &str) -> String {
        if args.is_empty() {
            return usage("<uuid>");
        }
        let Some(session) = self.find_up(args) else {
            return NO_CHANNEL.to_owned();
        };
        let park = Action {
            app: "park".to_owned(),
            arg: String::new(),
        };
        session.redirect(Next::Actions(vec![park]));
        OK.to_owned()
    }

    fn uuid_transfer(&self, args: &str) -> String {
        let read = arguments(args, 5);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let syntax = "<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]";
        let (uuid, option, rest) = match words.as_slice() {
            [uuid, option @ ("-bleg" | "-both"), rest @ ..] if !rest.is_empty() => {
                (uuid, *option, rest)
            }
            [uuid, rest @ ..] if !rest.is_empty() => (uuid, "", rest),
            _ => return usage(syntax),
        };
        let Some(session) = self.find_up(uuid) else {
            return NO_CHANNEL.to_owned();
        };
        let partner = session.channel.data().partner.clone();
        let partner = partner.and_then(|uuid| self.find_up(&uuid));
        let dialplan = rest.get(1).copied().unwrap_or("XML");
        let context = rest.get(2).copied().unwrap_or("default");
        let legs = match option {
            "-bleg" => vec![partner],
            "-both" => vec![partner, Some(session)],
            _ => vec![Some(session)],
        };
        let legs: Vec<Session> = legs.into_iter().flatten().collect();
        if legs.is_empty() {
            return "-ERR\n".to_owned();
        }
        if option == "-both" {
            for leg in &legs {
                leg.channel.update_quietly(|data| data.partner = None);
            }
        }
        for leg in legs {
            leg.transfer(rest[0], dialplan, context);
        }
        OK.to_owned()
    }

    /// mod_commands.c, `uuid_bridge_function`: a second other leg is tried when the first fails.
    fn uuid_bridge(&self, args: &str) -> String {
        let read = arguments(args, 3);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let [first, others @ ..] = words.as_slice() else {
            return usage("<uuid> <other_uuid>");
        };
        if others.is_empty() {
            return usage("<uuid> <other_uuid>");
        }
        match others.iter().find(|other| self.bridge_legs(first, other)) {
            Some(other) => format!("+OK {other}\n"),
            None => "-ERR Invalid uuid\n".to_owned(),
        }
    }

    /// Whether it is done; if not, nothing has happened (switch_ivr_bridge.c,
    /// `switch_ivr_uuid_bridge`).
    fn bridge_legs(&self, first: &str, other: &str) -> bool {
        let (Some(mut first), Some(mut other)) = (self.find_up(first), self.find_up(other)) else {
            return false;
        };
        if first.channel.uuid == other.channel.uuid {
            return false;
        }
        let has_media = |leg: &Session| {
            let data = leg.channel.data();
            data.answered || data.early
        };
        if !has_media(&first) {
            if !has_media(&other) {
                return false;
            }
            std::mem::swap(&mut first, &mut other);
        }
        if !has_media(&other) {
            // both are taken out of what they did, and media is waited for in vain, not even for a
            // moment unless there is a `ringback` (switch_ivr_originate.c, `switch_ivr_wait_for_answer`)
            other.hangup(HangupCause::DestinationOutOfOrder);
            first.hangup(HangupCause::OriginatorCancel);
            return true;
        }
        // A leg that is bridged already leaves its partner without taking it down.
        other.channel.update(|data| data.partner = None);
        let bridge = Action {
            app: "uuid_bridge".to_owned(),
            arg: other.channel.uuid.clone(),
        };
        first.redirect(Next::Actions(vec![bridge]));
        true
    }

    fn uuid_setvar(&self, args: &str) -> String {
        let read = arguments(args, 3);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let [uuid, name, rest @ ..] = words.as_slice() else {
            return usage("<uuid> <var> [value]");
        };
        let Some(session) = self.find_up(uuid) else {
            return NO_CHANNEL.to_owned();
        };
        session
            .channel
            .set_variable(name, rest.first().copied().unwrap_or_default());
        OK.to_owned()
    }

    fn uuid_setvar_multi(&self, args: &str) -> String {
        let syntax = "<uuid> <var>=<value>;<var>=<value>...";
        let Some((uuid, list)) = args.split_once(' ') else {
            return usage(syntax);
        };
        let Some(session) = self.find_up(uuid) else {
            return format!("{NO_CHANNEL}{}", usage(syntax));
        };
        for part in list.split(';') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if !name.is_empty() {
                session.channel.set_variable(name, value);
            }
        }
        OK.to_owned()
    }

    fn uuid_getvar(&self, args: &str) -> String {
        let read = arguments(args, 3);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let [uuid, name, ..] = words.as_slice() else {
            return usage("<uuid> <var>");
        };
        let Some(session) = self.find_up(uuid) else {
            return NO_CHANNEL.to_owned();
        };
        session
            .channel
            .variable(name)
            .unwrap_or_else(|| "_undef_".to_owned())
    }

    fn uuid_dump(&self, args: &str) -> String {
        let read = arguments(args, 2);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let Some(uuid) = words.first() else {
            return usage("<uuid> [format]");
        };
        let Some(session) = self.find_up(uuid) else {
            return NO_CHANNEL.to_owned();
        };
        let format = match words
            .get(1)
            .map(|word| word.to_ascii_lowercase())
            .as_deref()
        {
            Some("xml") => EventFormat::Xml,
            Some("json") => EventFormat::Json,
            _ => EventFormat::Plain,
        };
        let document = session.dump().to_document(format, Fidelity::AsTheSwitch);
        String::from_utf8_lossy(&document).into_owned()
    }

    /// `uuid_broadcast uuid path|app::arg [aleg|bleg|holdb|both]`.
    fn uuid_broadcast(&self, args: &str) -> String {
        let read = arguments(args, 3);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let [uuid, path, rest @ ..] = words.as_slice() else {
            return usage("<uuid> <path> [aleg|bleg|holdb|both]");
        };
        let Some(session) = self.find_up(uuid) else {
            return "-ERR invalid uuid\n".to_owned();
        };
        let (app, arg) = path.split_once("::").unwrap_or(("playback", path));
        let app = app.split('!').next().unwrap_or_default();
        let leg = rest.first().copied().unwrap_or("aleg");
        let mut targets = Vec::new();
        if leg != "bleg" {
            targets.push(session.channel.uuid.clone());
        }
        if leg == "bleg" || leg == "both" {
            targets.extend(session.channel.data().partner.clone());
        }
        for target in targets {
            // A channel that hung up in between needs no sound.
            let _ = self.send_message(&target, ChannelMessage::execute(app, arg));
        }
        "+OK Message sent\n".to_owned()
    }

    fn uuid_hold(&self, args: &str) -> String {
        let read = arguments(args, 3);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let (off, toggle, uuid) = match words.as_slice() {
            [] => {
                let usage = usage("[off|toggle] <uuid> [<display>]");
                return format!("{usage}-ERR Operation failed\n");
            }
            ["off", uuid, ..] => (true, false, *uuid),
            ["toggle", uuid, ..] => (false, true, *uuid),
            [uuid, ..] => (false, false, *uuid),
        };
        let Some(session) = self.find_up(uuid) else {
            return "-ERR Operation failed\n".to_owned();
        };
        let held = session.channel.data().held;
        if off || (toggle && held) {
            session.unhold();
        } else {
            session.hold();
        }
        "+OK Success\n".to_owned()
    }

    fn uuid_break(&self, args: &str) -> String {
        let read = arguments(args, 2);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let Some(uuid) = words.first() else {
            return usage("<uuid> [all]");
        };
        let Some(session) = self.find_up(uuid) else {
            return NO_CHANNEL.to_owned();
        };
        let all = words.get(1).is_some_and(|word| *word == "all");
        session.channel.update(|data| {
            data.broken = true;
            if all {
                data.queue.clear();
            }
        });
        OK.to_owned()
    }

    fn uuid_dtmf(&self, args: &str, send: bool) -> String {
        let read = arguments(args, 2);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let [uuid, digits] = words.as_slice() else {
            return usage("<uuid> <dtmf_data>");
        };
        let Some(session) = self.find_up(uuid) else {
            return "-ERR Cannot locate session!\n".to_owned();
        };
        let digits_only = digits.split('@').next().unwrap_or_default();
        if send {
            // The bridged leg, if any, hears them.
            let partner = session.channel.data().partner.clone();
            if let Some(partner) = partner.and_then(|uuid| self.find_up(&uuid)) {
                partner.channel.update(|data| data.press(dtmf(digits_only)));
            }
            return format!("+OK {uuid} sent DTMF {digits}.\n");
        }
        session.channel.update(|data| data.press(dtmf(digits_only)));
        format!("+OK {uuid} received DTMF {digits}.\n")
    }

    fn uuid_flush_dtmf(&self, args: &str) -> String {
        if args.is_empty() {
            return usage("<uuid>");
        }
        let Some(session) = self.find_up(args) else {
            return NO_CHANNEL.to_owned();
        };
        session.channel.update(|data| data.dtmf.clear());
        OK.to_owned()
    }

    fn uuid_record(&self, args: &str) -> String {
        let syntax = "<uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]";
        let read = arguments(args, 5);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let [uuid, what, path, ..] = words.as_slice() else {
            return usage(syntax);
        };
        let Some(session) = self.find_up(uuid) else {
            return "-ERR Cannot locate session!\n".to_owned();
        };
        match *what {
            "start" => {
                apps::start_recording(&session, path);
                "+OK Success\n".to_owned()
            }
            "stop" if apps::stop_recording(&session, path) => "+OK Success\n".to_owned(),
            "stop" => "-ERR Cannot stop record session!\n".to_owned(),
            "mask" | "unmask" => "+OK Success\n".to_owned(),
            _ => usage(syntax),
        }
    }

    fn uuid_buglist(&self, args: &str) -> String {
        match self.find_up(args) {
            Some(_) => "<media-bugs>\n</media-bugs>\n".to_owned(),
            None => NO_CHANNEL.to_owned(),
        }
    }

    /// `hupall [cause [variable value]…]`.
    fn hupall(&self, args: &str) -> String {
        let read = arguments(args, 11);
        let words: Vec<&str> = read.iter().map(String::as_str).collect();
        let cause = words.first().map(|cause| HangupCause::from_argument(cause));
        let cause = cause.unwrap_or(HangupCause::ManagerRequest);
        let wanted: Vec<(&str, &str)> = words
            .get(1..)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect();
        for session in self.sessions() {
            let fits = |(name, value): &(&str, &str)| {
                session.channel.variable(name).as_deref() == Some(*value)
            };
            if wanted.iter().all(fits) {
                session.hangup(cause.clone());
            }
        }
        let cause = cause.switch_name();
        match wanted.as_slice() {
            [] => format!("+OK hangup all channels with cause {cause}\n"),
            [(name, value)] => {
                format!("+OK hangup all channels matching [{name}]=[{value}] with cause: {cause}\n")
            }
            [(name, value), ..] => format!(
                "+OK hangup all channels matching [{name}]=[{value}]... with cause: {cause}\n"
            ),
        }
    }
}

fn dtmf(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|c| c.is_ascii_digit() || "*#ABCDabcd".contains(*c))
}
