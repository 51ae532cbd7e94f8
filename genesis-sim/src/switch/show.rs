//! `show channels` and `show calls` (mod_commands.c, `show_function`).

use serde_json::json;

use super::Switch;
use super::clock;
use super::session::Session;

const CHANNEL_COLUMNS: &str = "uuid,direction,created,created_epoch,name,state,cid_name,cid_num,\
    ip_addr,dest,application,application_data,dialplan,context,read_codec,read_rate,read_bit_rate,\
    write_codec,write_rate,write_bit_rate,secure,hostname,presence_id,presence_data,accountcode,\
    callstate,callee_name,callee_num,callee_direction,call_uuid,sent_callee_name,sent_callee_num,\
    initial_cid_name,initial_cid_num,initial_ip_addr,initial_dest,initial_dialplan,initial_context";

const CALL_COLUMNS: &str = "uuid,direction,created,created_epoch,name,state,cid_name,cid_num,\
    ip_addr,dest,presence_id,presence_data,accountcode,callstate,callee_name,callee_num,\
    callee_direction,call_uuid,hostname,sent_callee_name,sent_callee_num,b_uuid,b_direction,\
    b_created,b_created_epoch,b_name,b_state,b_cid_name,b_cid_num,b_ip_addr,b_dest,b_presence_id,\
    b_presence_data,b_accountcode,b_callstate,b_callee_name,b_callee_num,b_callee_direction,\
    b_sent_callee_name,b_sent_callee_num,call_created_epoch";

const DETAILED_COLUMNS: &str = "uuid,direction,created,created_epoch,name,state,cid_name,cid_num,\
    ip_addr,dest,application,application_data,dialplan,context,read_codec,read_rate,read_bit_rate,\
    write_codec,write_rate,write_bit_rate,secure,hostname,presence_id,presence_data,accountcode,\
    callstate,callee_name,callee_num,callee_direction,call_uuid,sent_callee_name,sent_callee_num,\
    b_uuid,b_direction,b_created,b_created_epoch,b_name,b_state,b_cid_name,b_cid_num,b_ip_addr,\
    b_dest,b_application,b_application_data,b_dialplan,b_context,b_read_codec,b_read_rate,\
    b_read_bit_rate,b_write_codec,b_write_rate,b_write_bit_rate,b_secure,b_hostname,b_presence_id,\
    b_presence_data,b_accountcode,b_callstate,b_callee_name,b_callee_num,b_callee_direction,\
    b_call_uuid,b_sent_callee_name,b_sent_callee_num,call_created_epoch";

/// One row: a leg and, in a bridge, the other leg.
struct Row {
    leg: Session,
    other: Option<Session>,
}

impl Switch {
    /// `None` for what is not about channels.
    pub(super) fn api_show(&self, args: &str) -> Option<String> {
        let words: Vec<&str> = args.split_whitespace().collect();
        let (what, mut options) = words.split_first()?;
        let (columns, mut rows) = match *what {
            "channels" => (CHANNEL_COLUMNS, self.channel_rows()),
            "calls" => (CALL_COLUMNS, self.call_rows(false)),
            "bridged_calls" => (CALL_COLUMNS, self.call_rows(true)),
            "detailed_calls" => (DETAILED_COLUMNS, self.call_rows(false)),
            "detailed_bridged_calls" => (DETAILED_COLUMNS, self.call_rows(true)),
            _ => return None,
        };
        let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
        let mut count_only = false;
        match options {
            ["count", rest @ ..] => {
                count_only = true;
                options = rest;
            }
            ["like", wanted, rest @ ..] => {
                let fits = |row: &Row| {
                    ["uuid", "name", "cid_name", "cid_num", "presence_data"]
                        .iter()
                        .any(|column| row.value(column).contains(wanted))
                };
                rows.retain(fits);
                options = rest;
            }
            _ => {}
        }
        Some(match options {
            ["as", "json", ..] if count_only => format!("{{\"row_count\":{}}}", rows.len()),
            ["as", "json", ..] => as_json(&columns, &rows),
            ["as", "xml", ..] => as_xml(&columns, &rows),
            _ if count_only => format!("\n{} total.\n", rows.len()),
            ["as", "delim", delimiter, ..] => as_table(&columns, &rows, delimiter),
            _ => as_table(&columns, &rows, ","),
        })
    }

    fn channel_rows(&self) -> Vec<Row> {
        let up = self
            .sessions()
            .into_iter()
            .filter(|leg| !leg.channel.is_down());
        up.map(|leg| Row { leg, other: None }).collect()
    }

    /// Each bridge once, by its first leg; then legs alone, unless only bridges are asked for.
    fn call_rows(&self, bridged_only: bool) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut seen = Vec::new();
        for Row { leg, .. } in self.channel_rows() {
            if seen.contains(&leg.channel.uuid) {
                continue;
            }
            let partner = leg.channel.data().partner.clone();
            let other = partner.and_then(|uuid| self.find_up(&uuid));
            if let Some(other) = &other {
                seen.push(other.channel.uuid.clone());
            } else if bridged_only {
                continue;
            }
            rows.push(Row { leg, other });
        }
        rows
    }
}

impl Row {
    fn value(&self, column: &str) -> String {
        if column == "call_created_epoch" {
            let bridged = self.leg.channel.data().times.bridged;
            return self
                .other
                .as_ref()
                .map_or_else(String::new, |_| (bridged / 1_000_000).to_string());
        }
        match column.strip_prefix("b_") {
            Some(column) => self
                .other
                .as_ref()
                .map_or_else(String::new, |leg| value(leg, column)),
            None => value(&self.leg, column),
        }
    }
}

fn value(leg: &Session, column: &str) -> String {
    let channel = &leg.channel;
    let data = channel.data();
    let profile = &data.profile;
    let variable = |name: &str| data.variable(name).unwrap_or_default().to_owned();
    let codec = |text: &str| {
        if data.codec {
            text.to_owned()
        } else {
            String::new()
        }
    };
    match column {
        "uuid" => channel.uuid.clone(),
        "direction" => channel.direction.as_str().to_owned(),
        "created" => clock::local(data.times.created),
        "created_epoch" => (data.times.created / 1_000_000).to_string(),
        "name" => data.name.clone(),
        "state" => data.running.as_str().to_owned(),
        "cid_name" => profile.caller_id_name.clone(),
        "cid_num" => profile.caller_id_number.clone(),
        "ip_addr" | "initial_ip_addr" => profile.network_addr.clone(),
        "dest" | "initial_dest" => profile.destination_number.clone(),
        "application" => variable("current_application"),
        "application_data" => variable("current_application_data"),
        "dialplan" | "initial_dialplan" => profile.dialplan.clone(),
        "context" | "initial_context" => profile.context.clone(),
        "read_codec" | "write_codec" => codec("PCMU"),
        "read_rate" | "write_rate" => codec("8000"),
        "read_bit_rate" | "write_bit_rate" => codec("64000"),
        "hostname" => leg.switch.options().switchname.clone(),
        "presence_id" => variable("presence_id"),
        "presence_data" => variable("presence_data"),
        "accountcode" => variable("accountcode"),
        "callstate" => data.call_state.as_str().to_owned(),
        "callee_name" => profile.callee_id_name.clone(),
        "callee_num" => profile.callee_id_number.clone(),
        "callee_direction" => match data.variable("channel_cid_flipped") {
            Some(_) => "RECV".to_owned(),
            None => String::new(),
        },
        "call_uuid" => data.call_uuid.clone(),
        "initial_cid_name" => profile.orig_caller_id_name.clone(),
        "initial_cid_num" => profile.orig_caller_id_number.clone(),
        _ => String::new(),
    }
}

fn as_json(columns: &[&str], rows: &[Row]) -> String {
    if rows.is_empty() {
        return "{\"row_count\": 0}\n".to_owned();
    }
    // Not one value: the order of the keys is that of the columns.
    let mut text = format!("{{\"row_count\":{},\"rows\":[", rows.len());
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        text.push('{');
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                text.push(',');
            }
            text.push_str(&format!("{}:{}", json!(column), json!(row.value(column))));
        }
        text.push('}');
    }
    text.push_str("]}");
    text
}

fn as_table(columns: &[&str], rows: &[Row], delimiter: &str) -> String {
    if rows.is_empty() {
        return "\n0 total.\n".to_owned();
    }
    let mut text = columns.join(delimiter);
    text.push('\n');
    for row in rows {
        let values: Vec<String> = columns.iter().map(|column| row.value(column)).collect();
        text.push_str(&values.join(delimiter));
        text.push('\n');
    }
    text.push_str(&format!("\n{} total.\n", rows.len()));
    text
}

fn as_xml(columns: &[&str], rows: &[Row]) -> String {
    if rows.is_empty() {
        return "<result row_count=\"0\"/>\n".to_owned();
    }
    let mut text = format!("<result row_count=\"{}\">\n", rows.len());
    for (i, row) in rows.iter().enumerate() {
        text.push_str(&format!("  <row row_id=\"{}\">\n", i + 1));
        for column in columns {
            let value = row.value(column);
            let value = value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            text.push_str(&format!("    <{column}>{value}</{column}>\n"));
        }
        text.push_str("  </row>\n");
    }
    text.push_str("</result>\n");
    text
}

/// Rows by column name, for tests.
#[cfg(test)]
pub(super) fn parse_json(text: &str) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let rows = value["rows"].as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|row| row.as_object().unwrap().clone())
        .collect()
}
