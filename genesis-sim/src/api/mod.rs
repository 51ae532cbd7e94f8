//! Api commands that are not about calls (mod_commands.c). Outputs are those of FreeSWITCH 1.11.2.

mod globals;

use std::time::Duration;

use genesis_proto::EventName;

pub(crate) use self::globals::Globals;
use crate::listener::Job;
use crate::switch::Switch;

const REVISION: &str = "git 3f13ad1 2026-08-09 16:23:10Z 64bit";
const VERSION: &str = "1.11.2-release+git~20260809T162310Z~3f13ad1b1d~64bit";

/// Commands of this module, with their arguments and what they do: `help` shows them.
const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "bgapi",
        "<command>[ <arg>]",
        "Execute an api command in a thread",
    ),
    ("create_uuid", "<uuid>", "Create a uuid"),
    ("echo", "<data>", "Echo"),
    ("eval", "[uuid:<uuid> ]<expression>", "eval (noop)"),
    (
        "expand",
        "[uuid:<uuid> ]<cmd> <args>",
        "Execute an api with variable expansion",
    ),
    ("global_getvar", "<var>", "Get global var"),
    (
        "global_setvar",
        "<var>=<value> [=<value2>]",
        "Set global var",
    ),
    ("help", "", "Show help for all the api commands"),
    ("hostname", "", "Return the system hostname"),
    ("module_exists", "<module>", "Check if module exists"),
    ("msleep", "<milliseconds>", "Sleep N milliseconds"),
    ("reloadxml", "", "Reload XML"),
    ("show", "<what> [as json]", "Show various reports"),
    ("status", "", "Show current status"),
    ("switchname", "", "Return the switch name"),
    (
        "uptime",
        "[us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]",
        "Show uptime",
    ),
    ("url_decode", "<string>", "Url decode a string"),
    ("version", "[short]", "Version"),
];

const MODULES: [&str; 6] = [
    "mod_commands",
    "mod_dptools",
    "mod_event_socket",
    "mod_loopback",
    "mod_sofia",
    "mod_dialplan_xml",
];

/// Runs a command; `None` when it is none of this module's.
pub(crate) async fn general(switch: &Switch, command: &str, args: &str) -> Option<String> {
    Some(match command.to_ascii_lowercase().as_str() {
        "bgapi" => bgapi(switch, args),
        "create_uuid" => uuid::Uuid::new_v4().to_string(),
        "echo" => args.to_owned(),
        "eval" => switch.globals().expand(args),
        "expand" => {
            let text = switch.globals().expand(args);
            let (command, args) = text.split_once(' ').unwrap_or((&text, ""));
            Box::pin(switch.api(command, args)).await
        }
        "global_getvar" => switch.globals().get(args),
        "global_setvar" => switch.globals().command(args),
        "help" => help(),
        "hostname" => switch.options().hostname.clone(),
        "module_exists" => MODULES.contains(&args).to_string(),
        "msleep" => {
            tokio::time::sleep(Duration::from_millis(number(args))).await;
            "+OK".to_owned()
        }
        "reloadxml" => {
            switch.emit(EventName::Reloadxml, |_| {});
            "+OK [Success]\n".to_owned()
        }
        "show" => return show(args),
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(number(args))).await;
            "+OK\n".to_owned()
        }
        "status" => status(switch),
        "switchname" => switch.options().switchname.clone(),
        "uptime" => uptime(switch, args),
        "url_decode" => decode(args),
        "version" if args.to_ascii_lowercase().starts_with("short") => "1.11.2\n".to_owned(),
        "version" => format!("FreeSWITCH Version {VERSION} ({REVISION})\n"),
        _ => return None,
    })
}

/// C's `atol`, as far as it is a time.
fn number(text: &str) -> u64 {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

fn bgapi(switch: &Switch, args: &str) -> String {
    if args.is_empty() {
        return "-ERR Invalid syntax\n".to_owned();
    }
    let (command, arguments) = match args.split_once(' ') {
        Some((command, arguments)) => (command, Some(arguments.to_owned())),
        None => (args, None),
    };
    let uuid = uuid::Uuid::new_v4().to_string();
    let job = Job {
        uuid: uuid.clone(),
        owner: None,
        command: command.to_owned(),
        arguments,
    };
    let run: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(job.run(switch.clone()));
    tokio::spawn(run);
    format!("+OK Job-UUID: {uuid}\n")
}

fn status(switch: &Switch) -> String {
    let uptime = switch.uptime_text();
    let counters = switch.session_counters();
    let options = switch.options();
    let (count, since) = (counters.count, counters.since_startup);
    let (peak, second, second_peak) = (
        counters.peak,
        counters.last_second,
        counters.per_second_peak,
    );
    let (rate, most) = (options.sessions_per_second, options.max_sessions);
    format!(
        "UP {uptime}\n\
         FreeSWITCH (Version 1.11.2-release {REVISION}) is ready\n\
         {since} session(s) since startup\n\
         {count} session(s) - peak {peak}, last 5min {peak} \n\
         {second} session(s) per Sec out of max {rate}, peak {second_peak}, last 5min {second_peak} \n\
         {most} session(s) max\n\
         min idle cpu 0.00/99.00\n\
         Current Stack Size/Max 240K/8192K\n"
    )
}

fn uptime(switch: &Switch, unit: &str) -> String {
    let micros = switch.uptime().as_micros();
    let scale = match unit.to_ascii_lowercase().as_str() {
        "microseconds" | "us" => 1,
        "milliseconds" | "ms" => 1_000,
        "" | "seconds" | "s" => 1_000_000,
        "minutes" | "m" => 60_000_000,
        "hours" | "h" => 3_600_000_000,
        "days" | "d" => 86_400_000_000,
        _ => {
            return "-USAGE: [us|ms|s|m|h|d|microseconds|milliseconds|seconds|minutes|hours|days]\n"
                .to_owned();
        }
    };
    format!("{}\n", micros / scale)
}

fn help() -> String {
    let mut text = "\nValid Commands:\n\n".to_owned();
    for (name, syntax, description) in COMMANDS {
        text.push_str(&format!("{name},{syntax},{description},mod_commands\n"));
    }
    text
}

/// The reports that are not about calls.
fn show(args: &str) -> Option<String> {
    let mut words = args.split(' ');
    let what = words.next().unwrap_or_default();
    let as_json = args.contains("as json");
    let (head, rows): (&[&str], Vec<Vec<&str>>) = match what {
        "modules" | "module" => (
            &["type", "name", "ikey", "filename"],
            COMMANDS
                .iter()
                .map(|(name, ..)| vec!["api", name, "mod_commands", ""])
                .collect(),
        ),
        "api" => (
            &["name", "description", "syntax", "ikey"],
            COMMANDS
                .iter()
                .map(|(name, syntax, text)| vec![*name, *text, *syntax, "mod_commands"])
                .collect(),
        ),
        _ => return None,
    };
    Some(if as_json {
        json_table(head, &rows)
    } else {
        text_table(head, &rows)
    })
}

fn text_table(head: &[&str], rows: &[Vec<&str>]) -> String {
    let mut text = String::new();
    if !rows.is_empty() {
        text.push_str(&head.join(","));
        text.push('\n');
    }
    for row in rows {
        text.push_str(&row.join(","));
        text.push('\n');
    }
    format!("{text}\n{} total.\n", rows.len())
}

fn json_table(head: &[&str], rows: &[Vec<&str>]) -> String {
    let rows: Vec<String> = rows
        .iter()
        .map(|row| {
            let fields: Vec<String> = head
                .iter()
                .zip(row)
                .map(|(name, value)| format!("{}:{}", quoted(name), quoted(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        })
        .collect();
    format!(
        "{{\"row_count\":{},\"rows\":[{}]}}",
        rows.len(),
        rows.join(",")
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn decode(text: &str) -> String {
    let headers = genesis_proto::Headers::from_encoded(format!("x: {text}\n"));
    headers
        .get("x")
        .map(|value| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let rows = [vec!["a", "b\"c"]];
        assert_eq!(text_table(&["x", "y"], &rows), "x,y\na,b\"c\n\n1 total.\n");
        assert_eq!(
            json_table(&["x", "y"], &rows),
            r#"{"row_count":1,"rows":[{"x":"a","y":"b\"c"}]}"#
        );
        assert_eq!(text_table(&["x"], &[]), "\n0 total.\n");
        assert_eq!(json_table(&["x"], &[]), r#"{"row_count":0,"rows":[]}"#);
    }

    #[test]
    fn numbers() {
        assert_eq!(number(" 12ms"), 12);
        assert_eq!(number("x"), 0);
        assert_eq!(decode("a%20b"), "a b");
    }
}
