//! What comes before the command of an originate.

use std::fmt;
use std::time::Duration;

use genesis_client::Client;
use genesis_client::observe::Operation;
use genesis_proto::HangupCause;
use genesis_proto::dial::{DialString, LegView};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::attempt::{Attempt, Leg};
use super::legs::{Found, Legs, MARK, stands_for_others};
use super::{OriginateOptions, Origination};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::follow;

impl Channel {
    /// Does all of an originate that comes before the command: checks it, chooses the Unique-IDs,
    /// follows the legs, waits for the pace. [`PreparedOriginate::start`] sends it. For those who
    /// may change their mind meanwhile: nobody has been called when this is dropped.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// let prepared = Channel::originate_prepare(&client, "user/1000", OriginateOptions::new()).await?;
    /// println!("calling {:?}", prepared.uuids());
    /// let mut origination = prepared.start();
    /// let channel = origination.answered().await?;
    /// # let _ = channel;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A dial string or variable that cannot be sent; a mode of the socket that does not know
    /// originate; the connection was lost, or the switch does not send the events of the legs.
    ///
    /// # Cancel safety
    ///
    /// Safe: nobody has been called.
    pub async fn originate_prepare<D>(
        client: &Client,
        dial: D,
        options: OriginateOptions,
    ) -> Result<PreparedOriginate>
    where
        D: TryInto<DialString>,
        Error: From<D::Error>,
    {
        let dial = dial
            .try_into()
            .map_err(|error| Error::from(error).of_argument())?;
        if let Some(mode) = client.socket_mode()
            && !mode.is_full()
        {
            return Err(Error::mode("originate", "full", Some(mode)));
        }
        let observed = client.observe().operation("channel.create", None);
        let prepared = observed
            .run(prepare(client, dial, options, &observed))
            .await;
        match prepared {
            Ok(prepared) => {
                // of several it is the one that answers
                if let [leg] = &prepared.legs[..] {
                    observed.text("channel.uuid", &leg.tracked().uuid);
                }
                Ok(PreparedOriginate { prepared, observed })
            }
            Err(error) => {
                observed.text("channel.uuid", "");
                observed.failed(error.kind().as_str(), &error);
                Err(error)
            }
        }
    }
}

async fn prepare(
    client: &Client,
    dial: DialString,
    options: OriginateOptions,
    observed: &Operation,
) -> Result<Prepared> {
    if observed.is_recording() {
        observed.text("channel.dial_path", &dial.endpoints());
    }
    let has_variables = options.has_variables() || has_variables(&dial);
    observed.flag("channel.has_variables", has_variables);
    let Composed {
        destination,
        command,
        planned,
        attempts,
        sessions,
        mark,
    } = compose(dial, &options, observed.traceparent())?;
    let mut legs = Vec::with_capacity(planned.len());
    for (uuid, path) in planned {
        let following = follow::follow(client, &uuid).await?;
        legs.push(Leg::new(following, path));
    }
    let found = match mark {
        Some(mark) => Some(Found::by(client, &mark).await?),
        None => None,
    };
    options.pace.wait(client, sessions).await;
    Ok(Prepared {
        client: client.clone(),
        legs,
        found,
        destination,
        command,
        ring_time: options.timeout.saturating_mul(attempts as u32),
        cancel_cause: options.cancel_cause,
        runtime: Handle::current(),
    })
}

/// A call that is about to be made: its legs are followed, and nothing of it was sent. See
/// [`Channel::originate_prepare`].
///
/// ```no_run
/// # use genesis_channel::{Channel, OriginateOptions};
/// # async fn example(
/// #     client: genesis_client::Client,
/// #     caller: genesis_channel::Channel,
/// # ) -> genesis_channel::Result<()> {
/// let prepared = Channel::originate_prepare(&client, "user/1000", OriginateOptions::new()).await?;
/// if caller.is_over() {
///     return Ok(()); // nothing was sent
/// }
/// let agent = prepared.start().answered().await?;
/// # let _ = agent;
/// # Ok(())
/// # }
/// ```
#[must_use = "nobody is called before start"]
pub struct PreparedOriginate {
    prepared: Prepared,
    observed: Operation,
}

struct Prepared {
    client: Client,
    legs: Vec<Leg>,
    found: Option<Found>,
    destination: String,
    command: String,
    ring_time: Duration,
    cancel_cause: HangupCause,
    runtime: Handle,
}

impl PreparedOriginate {
    /// The Unique-IDs that were chosen; see [`Origination::uuids`].
    ///
    /// ```no_run
    /// # use std::collections::HashSet;
    /// # async fn example(
    /// #     prepared: genesis_channel::PreparedOriginate,
    /// # ) -> genesis_channel::Result<()> {
    /// // an event of the call, however early, finds it in the table
    /// let own: HashSet<String> = prepared.uuids().into_iter().collect();
    /// let calling = prepared.start();
    /// # let _ = (own, calling);
    /// # Ok(())
    /// # }
    /// ```
    pub fn uuids(&self) -> Vec<String> {
        let legs = self.prepared.legs.iter();
        legs.map(|leg| leg.tracked().uuid.clone()).collect()
    }

    /// Sends the command. From here on it takes a [cancel](Origination::cancel), or dropping, to end
    /// the call.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     prepared: genesis_channel::PreparedOriginate,
    /// # ) -> genesis_channel::Result<()> {
    /// let mut calling = prepared.start();
    /// match calling.accepted().await {
    ///     Err(error) if error.is_refused() => println!("{:?}", error.switch_text()),
    ///     accepted => accepted?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn start(self) -> Origination {
        let Self { prepared, observed } = self;
        let Prepared {
            client,
            legs,
            found,
            destination,
            command,
            ring_time,
            cancel_cause,
            runtime,
        } = prepared;
        let (cancel, cancelled) = watch::channel(None);
        let (outcome_sender, outcome) = oneshot::channel();
        let (left, over) = watch::channel(Vec::new());
        let (accepted_sender, accepted) = oneshot::channel();
        // one that is chosen here is on the span by now
        let is_named = legs.len() == 1;
        let known = Legs::new(legs.iter().map(|leg| leg.tracked().clone()).collect());
        let origination = Origination {
            legs: known.clone(),
            cancel,
            cancel_cause: cancel_cause.clone(),
            accepted: Some(accepted),
            outcome: Some(outcome),
            over,
            observed: None,
            is_named,
        };
        let attempt = Attempt {
            _open: client.keep_open(),
            client,
            legs,
            known,
            found,
            destination,
            ring_time,
            cancel: cancelled,
            cancel_cause,
            outcome: Some(outcome_sender),
            left,
        };
        runtime.spawn(observed.run(attempt.run(command, accepted_sender)));
        Origination {
            observed: Some(observed),
            ..origination
        }
    }
}

impl fmt::Debug for PreparedOriginate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedOriginate")
            .field("destination", &self.prepared.destination)
            .field("legs", &self.uuids())
            .finish_non_exhaustive()
    }
}

impl OriginateOptions {
    /// Checks that a call with these options can be made to this dial string, without making it.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    /// use genesis_proto::dial::DialString;
    ///
    /// let both = DialString::parse("user/1000,user/1001")?;
    /// assert!(OriginateOptions::new().check(&both).is_ok());
    /// // one Unique-ID cannot be that of two legs
    /// let one_id = OriginateOptions::new().uuid("6cf9a1a2-5a1f-4a5b-9a43-0c3a4d7f8e11");
    /// assert!(one_id.check(&both).is_err());
    /// # Ok::<(), genesis_proto::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error that [`Channel::originate`] would end with before anything is sent.
    pub fn check(&self, dial: &DialString) -> Result<()> {
        compose(dial.clone(), self, None).map(drop)
    }
}

/// A call that can be sent.
struct Composed {
    destination: String,
    command: String,
    /// The UUID and the name of each leg that is known beforehand.
    planned: Vec<(String, String)>,
    attempts: usize,
    /// What it takes of the switch's sessions.
    sessions: usize,
    /// What the other legs are found by, if there may be others.
    mark: Option<String>,
}

fn has_variables(dial: &DialString) -> bool {
    dial.legs().any(|leg| !leg.variables().is_empty())
}

/// `traceparent` is the variable by which the legs stay in the trace of who calls them.
fn compose(
    dial: DialString,
    options: &OriginateOptions,
    traceparent: Option<String>,
) -> Result<Composed> {
    // what variables hold stays out of errors and logs
    let destination = dial.endpoints();
    let mut originate = options.build(dial)?;
    if let Some(traceparent) = traceparent {
        let given = |leg: LegView<'_>| leg.variable("traceparent").is_some();
        if !originate.dial_string().legs().any(given) {
            originate = originate.variable("traceparent", &traceparent)?;
        }
    }
    let plan = plan(originate.dial_string(), options)?;
    let mark = Uuid::new_v4().to_string();
    let mut planned = Vec::with_capacity(plan.len());
    let mut others = false;
    for (at, leg) in plan.into_iter().enumerate() {
        let dial = originate.dial_string_mut();
        match leg.uuid {
            Some(uuid) => {
                dial.set_leg_variable(at, "origination_uuid", &uuid)?;
                planned.push((uuid, leg.path));
            }
            None => {
                dial.set_leg_variable(at, MARK, &mark)?;
                others = true;
            }
        }
    }
    let legs = || originate.dial_string().legs();
    let attempts = legs().map(|leg| leg.attempt()).max().unwrap_or(0) + 1;
    // a loopback has two ends
    let loopback = |kind: &str| kind.eq_ignore_ascii_case("loopback");
    let sessions = legs().map(|leg| 1 + usize::from(loopback(leg.leg().endpoint().kind())));
    Ok(Composed {
        destination,
        command: format!("originate {}", originate.to_args()?),
        planned,
        attempts,
        sessions: sessions.sum(),
        mark: others.then_some(mark),
    })
}

/// A leg as the dial string has it.
struct PlannedLeg {
    /// `None`: it may be several legs, which choose for themselves.
    uuid: Option<String>,
    path: String,
}

fn plan(dial: &DialString, options: &OriginateOptions) -> Result<Vec<PlannedLeg>> {
    let count = dial.leg_count();
    if options.uuid.is_some() && count > 1 {
        return Err(Error::invalid(
            "a Unique-ID was chosen for a dial string of several legs; write \
             [origination_uuid=…] before each leg instead",
        ));
    }
    let mut planned: Vec<PlannedLeg> = Vec::with_capacity(count);
    for view in dial.legs() {
        let endpoint = view.leg().endpoint();
        let given = view.variable("origination_uuid").map(str::to_owned);
        let chosen = || (!stands_for_others(endpoint)).then(|| Uuid::new_v4().to_string());
        let uuid = options.uuid.clone().or(given).or_else(chosen);
        if let Some(uuid) = &uuid
            && planned
                .iter()
                .any(|other| other.uuid.as_ref() == Some(uuid))
        {
            return Err(Error::invalid(format!(
                "two legs have the Unique-ID {uuid}; the second would fail: choose one for each"
            )));
        }
        let path = endpoint.as_str().to_owned();
        planned.push(PlannedLeg { uuid, path });
    }
    Ok(planned)
}
