//! One line of `show channels`.

use std::borrow::Cow;
use std::fmt;

use genesis_proto::Event;
use genesis_proto::name::{CallDirection, CallState, ChannelState};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// The columns of the switch's table (switch_core_sqldb.c, `create_channels_sql`), so that a
/// hundred thousand rows do not each carry their names.
const COLUMNS: &[&str] = &[
    "uuid",
    "direction",
    "created",
    "created_epoch",
    "name",
    "state",
    "cid_name",
    "cid_num",
    "ip_addr",
    "dest",
    "application",
    "application_data",
    "dialplan",
    "context",
    "read_codec",
    "read_rate",
    "read_bit_rate",
    "write_codec",
    "write_rate",
    "write_bit_rate",
    "secure",
    "hostname",
    "presence_id",
    "presence_data",
    "accountcode",
    "callstate",
    "callee_name",
    "callee_num",
    "callee_direction",
    "call_uuid",
    "sent_callee_name",
    "sent_callee_num",
    "initial_cid_name",
    "initial_cid_num",
    "initial_ip_addr",
    "initial_dest",
    "initial_dialplan",
    "initial_context",
];

/// A channel, as `show channels` tells of it.
///
/// Columns are text and named as the switch names them; those that it adds one day are kept too.
/// Two rows are equal when they have the same columns with the same values, in any order.
#[derive(Clone, Default)]
pub struct ChannelRow {
    columns: Vec<(Cow<'static, str>, Box<str>)>,
    /// When the switch made the event that the state is from, in microseconds since 1970.
    pub(super) stamp: Option<u64>,
    /// A column got another value since this was set to false.
    pub(super) changed: bool,
}

impl ChannelRow {
    /// The value of a column, if the row has it. Empty is how the switch says "nothing".
    pub fn get(&self, column: &str) -> Option<&str> {
        let found = self.columns.iter().find(|(name, _)| name == column);
        found.map(|(_, value)| &**value)
    }

    /// All columns.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns
            .iter()
            .map(|(name, value)| (name.as_ref(), &**value))
    }

    fn text(&self, column: &str) -> &str {
        self.get(column).unwrap_or_default()
    }

    /// The channel's Unique-ID.
    pub fn uuid(&self) -> &str {
        self.text("uuid")
    }

    /// `direction`: inbound or outbound, as the switch sees it.
    pub fn direction(&self) -> CallDirection {
        CallDirection::from(self.text("direction"))
    }

    /// `created`: in the switch's local time, `YYYY-MM-DD HH:MM:SS`.
    pub fn created(&self) -> &str {
        self.text("created")
    }

    /// `created_epoch`: in seconds since 1970.
    pub fn created_epoch(&self) -> Option<u64> {
        self.text("created_epoch").parse().ok()
    }

    /// `name`: for instance `sofia/internal/1000@example.com`.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// `state`.
    pub fn state(&self) -> ChannelState {
        ChannelState::from(self.text("state"))
    }

    /// `callstate`.
    pub fn callstate(&self) -> CallState {
        CallState::from(self.text("callstate"))
    }

    /// `cid_name`: the caller's name.
    pub fn cid_name(&self) -> &str {
        self.text("cid_name")
    }

    /// `cid_num`: the caller's number.
    pub fn cid_num(&self) -> &str {
        self.text("cid_num")
    }

    /// `dest`: the destination number.
    pub fn dest(&self) -> &str {
        self.text("dest")
    }

    /// `application`: what the channel runs or ran last.
    pub fn application(&self) -> &str {
        self.text("application")
    }

    /// `hostname`: the switch's name.
    pub fn hostname(&self) -> &str {
        self.text("hostname")
    }

    /// `call_uuid`: the same for both legs of a call; empty before there is one.
    pub fn call_uuid(&self) -> &str {
        self.text("call_uuid")
    }

    /// The channel has hung up.
    pub fn is_over(&self) -> bool {
        self.state().is_over() || self.callstate() == CallState::Hangup
    }

    pub(super) fn set(&mut self, column: &'static str, value: &str) {
        match self.columns.iter_mut().find(|(name, _)| name == column) {
            Some((_, old)) if **old == *value => return,
            Some((_, old)) => *old = value.into(),
            None => self.columns.push((column.into(), value.into())),
        }
        self.changed = true;
    }

    /// Takes over what the header says, if it is there.
    pub(super) fn set_from(&mut self, column: &'static str, event: &Event, header: &str) {
        if let Some(value) = event.get(header) {
            self.set(column, &value);
        }
    }

    /// Both say something else about a column that both have. A row made from events lacks columns
    /// that the switch shows, which is no change.
    pub(super) fn differs(&self, other: &Self) -> bool {
        self.columns()
            .any(|(name, value)| other.get(name).is_some_and(|other| other != value))
    }

    /// Keeps the columns of `older` that this row does not have.
    pub(super) fn complete(&mut self, older: &Self) {
        for (name, value) in &older.columns {
            if self.get(name).is_none() {
                self.columns.push((name.clone(), value.clone()));
            }
        }
    }
}

impl fmt::Debug for ChannelRow {
    /// Names no caller: what is shown identifies the channel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelRow")
            .field("uuid", &self.uuid())
            .field("state", &self.text("state"))
            .field("callstate", &self.text("callstate"))
            .field("columns", &self.columns.len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for ChannelRow {
    fn eq(&self, other: &Self) -> bool {
        self.columns.len() == other.columns.len()
            && self
                .columns()
                .all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for ChannelRow {}

/// The output of `show channels as json`.
#[derive(serde::Deserialize)]
pub(super) struct Shown {
    pub(super) row_count: u64,
    /// Not there when there are none.
    #[serde(default)]
    pub(super) rows: Vec<ChannelRow>,
}

impl<'de> Deserialize<'de> for ChannelRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = ChannelRow;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ChannelRow, A::Error> {
        let mut row = ChannelRow {
            columns: Vec::with_capacity(COLUMNS.len()),
            ..ChannelRow::default()
        };
        while let Some(name) = map.next_key::<String>()? {
            let known = COLUMNS.iter().find(|column| **column == name);
            let name = known.map_or(Cow::Owned(name), |column| Cow::Borrowed(*column));
            let Text(value) = map.next_value()?;
            match row.columns.iter_mut().find(|(other, _)| *other == name) {
                Some((_, old)) => *old = value,
                None => row.columns.push((name, value)),
            }
        }
        Ok(row)
    }
}

/// A value. The switch writes all of them as text; a number or nothing is read as text too.
struct Text(Box<str>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string().into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string().into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
        Ok(Text(value.to_string().into()))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text("".into()))
    }
}
