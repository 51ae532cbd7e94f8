//! Which channels there are: asked for, kept up to date from events, and compared after a gap.

mod row;

use std::collections::{HashMap, VecDeque};
use std::fmt;

use bytes::Bytes;
use genesis_proto::name::{CallState, ChannelState};
use genesis_proto::{Event, EventName};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::subscription::Subscription;

pub use row::ChannelRow;
use row::Shown;

/// How many channels that are gone are remembered, so that a late event does not bring one back.
const REMEMBERED: usize = 10_000;
/// Output beyond this is read on a thread where it may take its time.
const READ_HERE: usize = 1 << 20;

/// The channels of a switch, by Unique-ID.
///
/// Read it once with [`Client::channels`], keep it up to date with [`apply`](Self::apply), and
/// after an [`Item::Gap`](crate::Item::Gap) let [`Client::resync`] say what happened meanwhile.
///
/// The state of a channel never goes backwards: a switch can send two events of one channel in
/// another order than it made them (a HANGUP before its CREATE has been recorded from FreeSWITCH
/// 1.11.2), and an event older than what is known changes no state.
///
/// ```no_run
/// use genesis_client::{ChannelSnapshot, Client, Item};
///
/// # async fn example(client: Client) -> genesis_client::Result<()> {
/// // first subscribe, then ask: nothing falls in between
/// let mut events = client.subscribe(ChannelSnapshot::subscription()).await?;
/// let mut channels = client.channels().await?;
/// while let Some(item) = events.next().await {
///     match item {
///         Item::Event(event) => {
///             channels.apply(&event);
///         }
///         // events are missing: ask again
///         _ => {
///             for row in client.resync(&mut channels).await?.vanished {
///                 println!("{} ended unseen", row.uuid());
///             }
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ChannelSnapshot {
    rows: HashMap<String, ChannelRow>,
    /// Channels that are gone, and when the event that said so was made.
    gone: HashMap<String, u64>,
    gone_order: VecDeque<String>,
}

/// What [`Client::resync`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Channels that are gone, as they were last known.
    pub vanished: Vec<ChannelRow>,
    /// Channels that are new.
    pub appeared: Vec<ChannelRow>,
    /// Channels of which a column has another value.
    pub changed: Vec<Change>,
}

impl Changes {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.vanished.is_empty() && self.appeared.is_empty() && self.changed.is_empty()
    }
}

/// A channel that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// As it was last known.
    pub before: ChannelRow,
    /// As it is.
    pub after: ChannelRow,
}

impl ChannelSnapshot {
    /// Without any channel.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events that [`apply`](Self::apply) understands, as a subscription.
    pub fn subscription() -> Subscription {
        Subscription::new().events([
            EventName::ChannelCreate,
            EventName::ChannelState,
            EventName::ChannelCallstate,
            EventName::ChannelExecute,
            EventName::ChannelUuid,
            EventName::ChannelHangupComplete,
            EventName::ChannelDestroy,
        ])
    }

    /// Reads the output of `show channels as json`.
    ///
    /// ```
    /// use genesis_client::ChannelSnapshot;
    ///
    /// let shown = br#"{"row_count":1,"rows":[{"uuid":"7f4d","state":"CS_EXECUTE","dest":"9196"}]}"#;
    /// let channels = ChannelSnapshot::from_json(shown)?;
    /// assert_eq!(channels.get("7f4d").unwrap().dest(), "9196");
    /// assert!(ChannelSnapshot::from_json(b"{\"row_count\": 0}\n")?.is_empty());
    /// # Ok::<(), genesis_client::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Protocol`] when it is no such output, or cut short. Invalid UTF-8 inside a
    /// value is replaced.
    pub fn from_json(output: &[u8]) -> Result<Self> {
        // the switch does not check that names are UTF-8
        let text = String::from_utf8_lossy(output);
        let shown: Shown = serde_json::from_str(&text).map_err(|error| {
            // says where, but not what: the values are callers' names and numbers
            let text = format!(
                "the output of `show channels as json` ({} bytes) cannot be read: {:?} error at \
                 line {}, column {}",
                output.len(),
                error.classify(),
                error.line(),
                error.column(),
            );
            Error::new(ErrorKind::Protocol, text)
        })?;
        let count = shown.rows.len();
        if shown.row_count != count as u64 {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!(
                    "`show channels as json` announced {} rows and gave {count}",
                    shown.row_count
                ),
            ));
        }
        let mut rows = HashMap::with_capacity(count);
        for row in shown.rows {
            if row.uuid().is_empty() {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    "`show channels as json` gave a row without a uuid",
                ));
            }
            rows.insert(row.uuid().to_owned(), row);
        }
        Ok(Self {
            rows,
            ..Self::default()
        })
    }

    /// The channel with this Unique-ID.
    pub fn get(&self, uuid: &str) -> Option<&ChannelRow> {
        self.rows.get(uuid)
    }

    /// All channels, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &ChannelRow> {
        self.rows.values()
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There is no channel.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Takes over what an event says. Gives whether anything changed.
    ///
    /// Understands CHANNEL_CREATE, CHANNEL_STATE, CHANNEL_CALLSTATE, CHANNEL_EXECUTE, CHANNEL_UUID
    /// (the channel has another Unique-ID), CHANNEL_HANGUP_COMPLETE and CHANNEL_DESTROY, and fills
    /// the columns that [`ChannelRow`] has a method for from the headers that the switch itself
    /// takes (switch_core_sqldb.c, `core_event_handler`). A channel that hung up stays, as in the
    /// switch's own table, until CHANNEL_DESTROY. Other events change nothing.
    ///
    /// The last 10,000 channels that were destroyed are remembered, so that an event that comes too
    /// late does not bring one back.
    ///
    /// ```
    /// use genesis_client::ChannelSnapshot;
    /// use genesis_client::proto::{Event, EventName};
    ///
    /// let event = |name| Event::builder(name).header("Unique-ID", "7f4d").map(|e| e.build());
    /// let mut channels = ChannelSnapshot::new();
    /// assert!(channels.apply(&event(EventName::ChannelCreate)?));
    /// assert_eq!(channels.len(), 1);
    /// assert!(channels.apply(&event(EventName::ChannelDestroy)?));
    /// assert!(!channels.apply(&event(EventName::ChannelCreate)?), "too late");
    /// assert!(channels.is_empty());
    /// # Ok::<(), genesis_client::proto::Error>(())
    /// ```
    pub fn apply(&mut self, event: &Event) -> bool {
        let name = event.name();
        let understood = matches!(
            name,
            EventName::ChannelCreate
                | EventName::ChannelState
                | EventName::ChannelCallstate
                | EventName::ChannelExecute
                | EventName::ChannelUuid
                | EventName::ChannelHangupComplete
                | EventName::ChannelDestroy
        );
        let uuid = event.unique_id().unwrap_or_default();
        if !understood || uuid.is_empty() {
            return false;
        }
        let stamp = event.timestamp_micros();
        if name == EventName::ChannelDestroy {
            let known = self.rows.remove(uuid.as_ref()).is_some();
            self.remember_gone(uuid.into_owned(), stamp);
            return known;
        }
        if self.is_gone(&uuid, stamp) {
            return false;
        }
        let renamed = name == EventName::ChannelUuid && self.rename(event, &uuid);
        if let Some(row) = self.rows.get_mut(uuid.as_ref()) {
            row.changed = false;
            update(row, event, &name, stamp);
            return row.changed || renamed;
        }
        let mut row = ChannelRow::default();
        update(&mut row, event, &name, stamp);
        self.rows.insert(uuid.into_owned(), row);
        true
    }

    /// The channel of `Old-Unique-ID` goes on under `uuid`.
    fn rename(&mut self, event: &Event, uuid: &str) -> bool {
        let Some(old) = event.get("Old-Unique-ID") else {
            return false;
        };
        let Some(mut row) = self.rows.remove(old.as_ref()) else {
            return false;
        };
        row.set("uuid", uuid);
        if row.call_uuid() == old {
            row.set("call_uuid", uuid);
        }
        self.rows.insert(uuid.to_owned(), row);
        true
    }

    /// An event made then is about a channel that is gone. A Unique-ID can be used again, so a
    /// newer event is about another channel.
    fn is_gone(&self, uuid: &str, stamp: Option<u64>) -> bool {
        let gone = self.gone.get(uuid);
        gone.is_some_and(|gone| stamp.is_none_or(|stamp| stamp <= *gone))
    }

    fn remember_gone(&mut self, uuid: String, stamp: Option<u64>) {
        let stamp = stamp.unwrap_or(u64::MAX);
        if self.gone.insert(uuid.clone(), stamp).is_some() {
            return;
        }
        self.gone_order.push_back(uuid);
        if self.gone_order.len() > REMEMBERED
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
    }

    /// Replaces the channels with those of `shown`, and says what that changes.
    fn compare(&mut self, shown: Self) -> Changes {
        let mut changes = Changes::default();
        let mut rows = HashMap::with_capacity(shown.rows.len());
        for (uuid, mut row) in shown.rows {
            // the switch deletes rows a moment after it says CHANNEL_DESTROY
            let created = row
                .created_epoch()
                .map(|epoch| epoch.saturating_mul(1_000_000));
            if self.is_gone(&uuid, created) {
                continue;
            }
            match self.rows.remove(&uuid) {
                None => changes.appeared.push(row.clone()),
                Some(before) => {
                    if before.is_over() {
                        // its table does not say that a channel hung up
                        for column in ["state", "callstate"] {
                            row.set(column, before.get(column).unwrap_or_default());
                        }
                        row.stamp = before.stamp;
                    }
                    row.complete(&before);
                    if before.differs(&row) {
                        let after = row.clone();
                        changes.changed.push(Change { before, after });
                    }
                }
            }
            rows.insert(uuid, row);
        }
        changes.vanished = self.rows.drain().map(|(_, row)| row).collect();
        self.rows = rows;
        changes
    }
}

/// Takes over the columns that this event is about.
fn update(row: &mut ChannelRow, event: &Event, name: &EventName, stamp: Option<u64>) {
    if row.uuid().is_empty() {
        // the first that is heard of it, which need not be its CHANNEL_CREATE
        introduce(row, event);
    }
    match name {
        EventName::ChannelCreate if row.get("created").is_none() => {
            row.set_from("created", event, "Event-Date-Local");
            if let Some(stamp) = stamp {
                row.set("created_epoch", &(stamp / 1_000_000).to_string());
            }
        }
        EventName::ChannelExecute => {
            row.set_from("application", event, "Application");
            row.set_from("application_data", event, "Application-Data");
        }
        EventName::ChannelState if event.channel_state() == Some(ChannelState::Routing) => {
            for (column, header) in ROUTED {
                row.set_from(column, event, header);
            }
        }
        _ => {}
    }
    row.set_from("call_uuid", event, "Channel-Call-UUID");
    let newer = match (stamp, row.stamp) {
        (Some(stamp), Some(known)) => stamp >= known,
        _ => true,
    };
    let state = event.channel_state();
    // a hangup is final whenever it was made, everything else only when it is newer
    let over = row.state().is_over();
    let hung_up = *name == EventName::ChannelHangupComplete;
    if let Some(state) = state {
        let ends = state.is_over() && (!over || state > row.state());
        if ends || (newer && !over) {
            row.set("state", state.as_str());
        }
    }
    if hung_up && !row.state().is_over() {
        row.set("state", ChannelState::Hangup.as_str());
    }
    let over = row.state().is_over();
    let hangup = row.callstate() == CallState::Hangup;
    match event.call_state() {
        Some(state) if state == CallState::Hangup => row.set("callstate", state.as_str()),
        Some(state) if newer && !hangup && !over => row.set("callstate", state.as_str()),
        _ => {}
    }
    if hung_up {
        row.set("callstate", CallState::Hangup.as_str());
    }
    if newer && stamp.is_some() {
        row.stamp = stamp;
    }
}

/// What CHANNEL_STATE says when the channel is routed.
const ROUTED: [(&str, &str); 8] = [
    ("cid_name", "Caller-Caller-ID-Name"),
    ("cid_num", "Caller-Caller-ID-Number"),
    ("callee_name", "Caller-Callee-ID-Name"),
    ("callee_num", "Caller-Callee-ID-Number"),
    ("ip_addr", "Caller-Network-Addr"),
    ("dest", "Caller-Destination-Number"),
    ("dialplan", "Caller-Dialplan"),
    ("context", "Caller-Context"),
];

/// What every event of a channel says about it.
fn introduce(row: &mut ChannelRow, event: &Event) {
    row.set_from("uuid", event, "Unique-ID");
    row.set_from("direction", event, "Call-Direction");
    row.set_from("name", event, "Channel-Name");
    row.set_from("hostname", event, "FreeSWITCH-Switchname");
    for (column, header) in ROUTED {
        row.set_from(column, event, header);
    }
}

impl fmt::Debug for ChannelSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSnapshot")
            .field("channels", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Asks which channels there are, with `show channels as json`.
    ///
    /// The output can be tens of megabytes, and while it comes the switch sends this connection no
    /// events; they come afterwards.
    ///
    /// # Errors
    ///
    /// As [`api`](Self::api) (refused: the switch keeps no table of channels), and
    /// [`ErrorKind::Protocol`] when the output cannot be read.
    ///
    /// # Cancel safety
    ///
    /// Safe, as [`send`](Self::send).
    pub async fn channels(&self) -> Result<ChannelSnapshot> {
        let reply = self.api("show channels as json").await?;
        let output = reply.body_bytes().unwrap_or_default();
        drop(reply);
        if output.len() <= READ_HERE {
            return ChannelSnapshot::from_json(&output);
        }
        read_apart(output).await
    }

    /// After a [`Gap`](crate::Gap): asks which channels there are, puts them into `snapshot`, and
    /// says what vanished, appeared or changed meanwhile.
    ///
    /// The switch writes its table a moment after it sends the events, so a channel that begins or
    /// ends right now may be reported a little late; the events that follow set it right.
    ///
    /// # Errors
    ///
    /// As [`channels`](Self::channels); the snapshot is as it was.
    ///
    /// # Cancel safety
    ///
    /// Safe: the snapshot is as it was.
    pub async fn resync(&self, snapshot: &mut ChannelSnapshot) -> Result<Changes> {
        let shown = self.channels().await?;
        Ok(snapshot.compare(shown))
    }
}

async fn read_apart(output: Bytes) -> Result<ChannelSnapshot> {
    let reading = tokio::task::spawn_blocking(move || ChannelSnapshot::from_json(&output));
    reading.await.unwrap_or_else(|error| {
        let text = "reading the output of `show channels as json` was given up";
        Err(Error::new(ErrorKind::Protocol, text).with_source(error))
    })
}
