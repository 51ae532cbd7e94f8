//! The commands about calls.

use std::time::Duration;

use clap::{Args, ValueEnum};
use genesis_channel::Pace;
use genesis_client::proto::dial::Application;
use genesis_client::proto::{HangupCause, Secret};

use super::Connect;
use super::values::{
    CallerId, application, caller_id, cause, pace, ring_seconds, seconds, unique_id,
};
use crate::observability::Serve;

/// Makes a call and says what becomes of it
///
/// Calls DIAL_STRING as FreeSWITCH's `originate` does, waits until somebody answers (early media
/// is no answer), and has the answered call run an application or an extension; without either it
/// is parked. It prints live how the call goes. Then it is done and the call goes on; with
/// --wait hangup it stays until the call has ended.
///
/// Ctrl-C while it rings hangs the call up, and so do SIGTERM, a terminal that is closed and a stdout
/// that cannot be written; nothing is left ringing, also when the link is lost and comes back within
/// seconds. Ctrl-C after the answer leaves the call up.
///
/// With --json prints one object: {"result", "uuid", "dial_path", "duration", "cause"}, where
/// "result" is "answered", "no_answer", "cancelled" or "error", and "duration" the seconds until
/// then; with --wait hangup "talked" too, the seconds from the answer to the end. "error" says what
/// went wrong, be it after the result. If the link is lost for good, "may_still_ring" lists the Unique-IDs of legs that could not be hung
/// up, and "still_up" is that of an answered call of which the end was waited for.
///
/// The exit code is 0 when the call was answered, 1 when it was not, 3 when the link was lost.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis originate user/1000 --app 'playback ivr/ivr-welcome.wav'\n  genesis originate sofia/gateway/carrier/4930123 --caller-id 'Reception <1000>' --exten 9664\n  genesis originate 'user/1000,user/1001' --timeout 20 --wait hangup --json"
)]
pub(crate) struct Originate {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// Set a channel variable on every leg; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<Secret>,
    /// The caller id that the called party sees: `NUMBER`, or `NAME <NUMBER>`
    #[arg(long, value_name = "CALLER_ID", value_parser = caller_id)]
    pub(crate) caller_id: Option<CallerId>,
    /// Let it ring for this many seconds, at most a day; FreeSWITCH counts whole ones
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = ring_seconds)]
    pub(crate) timeout: Duration,
    /// What the answered call runs: an application and its argument [default: park]
    #[arg(long, value_name = "APPLICATION", value_parser = application, conflicts_with = "exten")]
    pub(crate) app: Option<Application>,
    /// The extension of the dialplan that the answered call goes to
    #[arg(long, value_name = "EXTENSION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) exten: Option<String>,
    /// What to wait for
    #[arg(long, value_enum, default_value_t, ignore_case = true)]
    pub(crate) wait: WaitFor,
    /// Whom to call: legs with `,` ring together, with `|` one after another
    #[arg(value_name = "DIAL_STRING")]
    pub(crate) dial_string: Secret,
}

/// When `originate` is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitFor {
    /// The answer
    #[default]
    Answer,
    /// The end of the call
    Hangup,
}

/// Rings destinations until somebody answers
///
/// Prints live what each destination does. Whoever rejects, is busy, is not registered or fails has
/// not answered; when all have failed it is over at once. The others are hung up as soon as somebody
/// answers (LOSE_RACE), when the time is up (NO_ANSWER), and on Ctrl-C, SIGTERM, a terminal that is
/// closed or a stdout that cannot be written (ORIGINATOR_CANCEL); nothing is left ringing. The
/// answered call is parked and goes on; with --hangup-after it ends, and Ctrl-C ends it sooner.
///
/// With --json prints one object: {"result", "uuid", "dial_path", "duration", "destinations"}, where
/// "result" is "answered", "no_answer", "cancelled" or "error", "duration" the seconds that it rang, and "destinations" an array of {"dial_path", "outcome", "cause"}, in which
/// "outcome" is "answered", "lost", "failed", "hung_up", "timeout", "not_tried", "cancelled" or
/// "error"; with --hangup-after "talked" too, the seconds from the answer to the end. "error" says what
/// went wrong, be it after the result. If the link is lost for good, "may_still_ring" lists the Unique-IDs of legs that could not be hung up, and
/// "still_up" is that of an answered call that could not.
///
/// The exit code is 0 when somebody answered, 1 when nobody did, 3 when the link was lost.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  genesis ring user/1000 user/1001 user/1002\n  genesis ring --mode sequential --ring-time 15 user/1000 sofia/gateway/carrier/4930123\n  genesis ring --delay user/1001=10 user/1000 user/1001\n  genesis ring --mode balancing --redis redis://127.0.0.1 --hangup-after 60 user/1000 user/1001"
)]
pub(crate) struct Ring {
    #[command(flatten)]
    pub(crate) connect: Connect,
    /// Whom to ring when
    #[arg(long, value_enum, default_value_t, ignore_case = true)]
    pub(crate) mode: Mode,
    /// Give up after this many seconds, all destinations together; at most a day
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = ring_seconds)]
    pub(crate) timeout: Duration,
    /// Let each destination ring for this many seconds at most
    #[arg(long, value_name = "SECONDS", value_parser = ring_seconds)]
    pub(crate) ring_time: Option<Duration>,
    /// How many legs to call a second: a number, or `off` for as fast as the connection takes them
    /// [default: four fifths of the sessions per second that FreeSWITCH allows]
    #[arg(long, value_name = "N|off", value_parser = pace)]
    pub(crate) pace: Option<Pace>,
    /// Ring this destination so many seconds later, which must be before --timeout; may be repeated
    #[arg(long = "delay", value_name = "DESTINATION=SECONDS")]
    pub(crate) delays: Vec<Secret>,
    /// In mode weighted-random: how likely this destination is the next, 1 unless given; may be
    /// repeated
    #[arg(long = "weight", value_name = "DESTINATION=WEIGHT")]
    pub(crate) weights: Vec<Secret>,
    /// Set a channel variable on every leg; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub(crate) variables: Vec<Secret>,
    /// The caller id that the called parties see: `NUMBER`, or `NAME <NUMBER>`
    #[arg(long, value_name = "CALLER_ID", value_parser = caller_id)]
    pub(crate) caller_id: Option<CallerId>,
    /// In mode balancing: count the calls in this Redis, for all processes that use it
    ///
    /// `redis://[user]:[password]@host[:port][/database]`. What is over is given back before the command
    /// ends. A call that goes on is counted for 10 s more, or until its end if a program watches the
    /// switch (RedisBalancer::watch); with --hangup-after this command counts it. Without --redis
    /// the calls are counted in this process alone, of which each destination has one at most: then
    /// balancing rings in the order of the list, as sequential does.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<Secret>,
    /// Hang the answered call up after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) hangup_after: Option<Duration>,
    /// Whom to ring: dial strings
    #[arg(required = true, value_name = "DESTINATION")]
    pub(crate) destinations: Vec<Secret>,
}

/// Whom to ring when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// All at once, at the pace that FreeSWITCH's sessions per second allow (see --pace); the first
    /// to answer wins
    #[default]
    Parallel,
    /// One after the other, in their order; a single ring rotates nothing, so there is no round-robin
    Sequential,
    /// One after the other, the one with the fewest calls first (see --redis)
    Balancing,
    /// One after the other, in random order by weight
    WeightedRandom,
}

/// Shows the live channels
///
/// A table with a row for each channel (one leg of a call): its Unique-ID, direction, call state,
/// how long it has been there, the caller, the destination number, the application that it runs or
/// ran last, and the Unique-ID of the leg that it is bridged to. Durations are by this machine's
/// clock.
///
/// CALLER is FreeSWITCH's caller id of the leg, `NAME <NUMBER>`. Of an inbound leg that is who calls. Of
/// a leg that `originate` calls it is what the called party sees, 0000000000 unless a caller id was
/// given; once it has answered FreeSWITCH turns the two round, and it is the called party: Outbound
/// Call, 1000, unless the dialplan gave it a name.
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
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// Follow the changes until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,
    /// With --watch: keep connecting, the first time too and whenever the link is lost
    #[arg(long, requires = "watch")]
    pub(crate) reconnect: bool,
}

/// Hangs channels up: those that are named, or with --all all there are
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
    #[arg(value_name = "UUID", value_parser = unique_id)]
    pub(crate) uuids: Vec<String>,
}
