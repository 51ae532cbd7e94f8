//! The commands about calls.

use std::time::Duration;

use clap::Args;
use genesis_client::proto::HangupCause;

use super::Connect;
use super::values::{cause, seconds, unique_id};

/// Shows the live channels
///
/// A table with a row for each channel (one leg of a call): its Unique-ID, direction, call state,
/// how long it has been there, the caller, the destination number, the application that it runs or
/// ran last, and the Unique-ID of the leg that it is bridged to. Durations are by this machine's
/// clock.
///
/// With --watch the table is kept up to date until Ctrl-C; where stdout is no terminal, or with
/// --json, there is a line for each change instead. Events that were missed, because the link was
/// away or stdout was read too slowly, are made good by asking FreeSWITCH again, with a notice.
///
/// With --json prints one array of channels. With --json --watch prints an object for each change:
/// {"change", "event_date_timestamp", "channel"}, where "change" is "present" (at the start), "new",
/// "changed", "renamed" (then with "old_uuid") or "ended"; holes are {"lagged": N} and
/// {"gap": {"seconds", "reason", "attempts"}}.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis channels\n  genesis channels --watch\n  genesis channels --json | jq -r '.[] | select(.callstate == \"ACTIVE\") | .uuid'"
)]
pub(crate) struct Channels {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// Follow the changes until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// With --watch: keep connecting, the first time too and whenever the link is lost
    #[arg(long, requires = "watch")]
    pub(crate) reconnect: bool,
}

/// Hangs channels up
///
/// Says for each channel what happened: hung up means that FreeSWITCH has said so
/// (CHANNEL_HANGUP_COMPLETE), with the cause that the call ended with. With --all, channels that
/// come up meanwhile stay; on a terminal it asks first, unless --yes is given.
///
/// With --json prints {"uuid", "outcome", "cause"} for each, where "outcome" is "hung_up",
/// "already_hung_up", "no_such_channel", "refused" or "not_confirmed"; with --all then
/// {"summary": {"channels", "hung_up"}}.
///
/// The exit code is 1 when a channel that was named does not exist or FreeSWITCH refused, 3 when
/// it did not say in time that a channel hung up.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis hangup 6423c44e-0c5d-4692-a5dd-498c22000000\n  genesis hangup --all --cause MANAGER_REQUEST\n  genesis channels --json | jq -r '.[] | select(.duration > 7200) | .uuid' | xargs genesis hangup"
)]
pub(crate) struct Hangup {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// All channels there are
    #[arg(long, conflicts_with = "uuids")]
    pub(crate) all: bool,
    /// Do not ask before hanging all channels up
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// The hangup cause: a name as FreeSWITCH spells it, or its number
    #[arg(long, value_name = "CAUSE", default_value = "NORMAL_CLEARING", value_parser = cause)]
    pub(crate) cause: HangupCause,
    /// Give up waiting for the channels to be gone after this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// The channels' Unique-IDs; `genesis channels` shows them
    #[arg(required_unless_present = "all", value_name = "UUID", value_parser = unique_id)]
    pub(crate) uuids: Vec<String>,
}
