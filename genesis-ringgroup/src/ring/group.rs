//! [`RingGroup`]: who is called, and how.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genesis_channel::{Channel, OriginateOptions, Pace};
use genesis_client::Client;
use genesis_client::proto::HangupCause;
use genesis_client::proto::dial::{DialString, Target};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::Destination;
use super::call::{Plan, Shared};
use super::drive::{Driver, Told};
use super::mode::{Order, RingMode, drawn, rotated};
use super::observed::Observed;
use super::outcome::GIVEN_UP;
use super::ringing::{Ring, Ringing};
use crate::balance::{LoadBalancer, MAX_DESTINATIONS, MemoryBalancer};
use crate::{Error, ErrorKind, Result};

/// The longest ring, and the longest time of a destination.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const UUID: &str = "origination_uuid";

/// Destinations that are called together: the channel of the one that answers is what comes of it.
///
/// Defaults: [`RingMode::Parallel`], 60 seconds, the answered call is parked, losers are hung up with
/// LOSE_RACE, and as many originates a second as the switch allows. At most 10,000 destinations.
///
/// A destination that rejects, is busy, is not registered or fails in any other way has not
/// answered, and early media is no answer either. When all have failed, the ring is over at once.
/// Whoever did not win is hung up in every case: when somebody answers (LOSE_RACE, or what
/// [`loser_cause`](Self::loser_cause) says), when the time is up (NO_ANSWER), when the ring fails or is
/// given up (ORIGINATOR_CANCEL), and after the connection was lost and made again. If this process
/// dies, the switch ends the calls two to three seconds after the ring would have.
///
/// Clones share the place of [`RingMode::RoundRobin`], the random numbers, and the counts of the
/// balancer.
///
/// ```no_run
/// use std::time::Duration;
/// use genesis_ringgroup::{Destination, RingGroup, RingMode};
///
/// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
/// let group = RingGroup::new(["user/1000", "user/1001"])
///     .destination(Destination::new("user/1002").delay(Duration::from_secs(10)))
///     .mode(RingMode::Parallel)
///     .timeout(Duration::from_secs(30))
///     .caller_id("Sales", "3200");
///
/// let ring = group.ring(&client).await?;
/// match ring.channel() {
///     Some(channel) => println!("{} is up: {ring}", channel.uuid()),
///     None => println!("{ring}"), // nobody answered: user/1000 busy (USER_BUSY), …
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RingGroup {
    destinations: Vec<Destination>,
    mode: RingMode,
    timeout: Duration,
    originate: OriginateOptions,
    /// A Unique-ID that was set for all; it can only be right for a group of one.
    uuid: Option<String>,
    loser_cause: HangupCause,
    pace: Pace,
    balancer: Arc<dyn LoadBalancer>,
    turn: Arc<AtomicUsize>,
    random: Arc<Mutex<fastrand::Rng>>,
}

impl RingGroup {
    /// A group of these destinations.
    ///
    /// ```
    /// use genesis_ringgroup::{Destination, RingGroup};
    ///
    /// let desks = RingGroup::new(["user/1000", "user/1001"]);
    /// let on_call = RingGroup::new(vec![Destination::new("sofia/gateway/carrier/+3215550100").weight(3)]);
    /// # let _ = (desks, on_call);
    /// ```
    pub fn new<D: Into<Destination>>(destinations: impl IntoIterator<Item = D>) -> Self {
        Self {
            destinations: destinations.into_iter().map(Into::into).collect(),
            mode: RingMode::default(),
            timeout: Duration::from_secs(60),
            originate: OriginateOptions::new(),
            uuid: None,
            loser_cause: HangupCause::LoseRace,
            pace: Pace::default(),
            balancer: Arc::new(MemoryBalancer::new()),
            turn: Arc::default(),
            random: Arc::new(Mutex::new(fastrand::Rng::new())),
        }
    }

    /// Adds a destination at the end of the list.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// let mut sales = RingGroup::new(["user/1000"]);
    /// for mobile in ["+3215550101", "+3215550102"] {
    ///     sales = sales.destination(format!("sofia/gateway/carrier/{mobile}"));
    /// }
    /// assert_eq!(sales.destinations().len(), 3);
    /// ```
    #[must_use]
    pub fn destination(mut self, destination: impl Into<Destination>) -> Self {
        self.destinations.push(destination.into());
        self
    }

    /// Who rings when; default [`RingMode::Parallel`].
    ///
    /// ```
    /// use genesis_ringgroup::{RingGroup, RingMode};
    ///
    /// // the receptionist first, the back office only when the reception does not answer
    /// let front = RingGroup::new(["user/reception", "user/back-office"]).mode(RingMode::Sequential);
    /// # let _ = front;
    /// ```
    #[must_use]
    pub fn mode(mut self, mode: RingMode) -> Self {
        self.mode = mode;
        self
    }

    /// How long the whole ring may last, up to a day; default 60 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::{Destination, RingGroup, RingMode};
    /// let hunt = RingGroup::new(["user/1000", "user/1001", "user/1002"].map(|desk| {
    ///     Destination::new(desk).timeout(Duration::from_secs(15)) // each desk
    /// }))
    /// .mode(RingMode::Sequential)
    /// .timeout(Duration::from_secs(40)); // all of them together
    /// # let _ = hunt;
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets a variable on all legs of all destinations.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// let group = RingGroup::new(["user/1000", "user/1001"])
    ///     .variable("absolute_codec_string", "PCMA")
    ///     .variable("sip_h_X-Ticket", "4711");
    /// # let _ = group;
    /// ```
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        if name == UUID {
            self.uuid = Some(value.clone());
        }
        self.originate = self.originate.variable(name, value);
        self
    }

    /// The caller id that the called parties see: name and number.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// // the desks see that it is a call for the support line
    /// let support = RingGroup::new(["user/1010", "user/1011"]).caller_id("Support line", "3300");
    /// # let _ = support;
    /// ```
    #[must_use]
    pub fn caller_id(mut self, name: impl Into<String>, number: impl Into<String>) -> Self {
        self.originate = self.originate.caller_id(name, number);
        self
    }

    /// What the answered call does: one application. Default `park`.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// let pager = RingGroup::new(["user/1000", "user/1001"])
    ///     .application("playback", "ivr/ivr-please_hold.wav");
    /// # let _ = pager;
    /// ```
    #[must_use]
    pub fn application(mut self, name: impl Into<String>, argument: impl Into<String>) -> Self {
        self.originate = self.originate.application(name, argument);
        self
    }

    /// What the answered call does: an extension of the dialplan.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// // whoever answers is put into the conference that the dialplan has at 3000
    /// let meeting = RingGroup::new(["user/1000", "sofia/gateway/carrier/+3215550100"]).extension("3000");
    /// # let _ = meeting;
    /// ```
    #[must_use]
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.originate = self.originate.extension(extension);
        self
    }

    /// What the answered call does.
    ///
    /// ```
    /// use genesis_ringgroup::RingGroup;
    /// use genesis_ringgroup::channel::client::proto::dial::{Application, Target};
    ///
    /// let announce = Target::Inline(vec![
    ///     Application::new("playback", "ivr/ivr-welcome.wav"),
    ///     Application::new("conference", "standup@default"),
    /// ]);
    /// let team = RingGroup::new(["user/1000", "user/1001"]).target(announce);
    /// # let _ = team;
    /// ```
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.originate = self.originate.target(target);
        self
    }

    /// The dialplan and the context in which the extension is looked up.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// let voicemail = RingGroup::new(["user/1000"]).extension("4000").dialplan("XML", "internal");
    /// # let _ = voicemail;
    /// ```
    #[must_use]
    pub fn dialplan(mut self, dialplan: impl Into<String>, context: impl Into<String>) -> Self {
        self.originate = self.originate.dialplan(dialplan, context);
        self
    }

    /// The cause that losers are hung up with: those that are being called when another one answers,
    /// or answer in the same moment. Default LOSE_RACE.
    ///
    /// It is for losers alone. Whoever is called in vain until its own time or that of the ring is
    /// up is hung up with NO_ANSWER. When the ring is given up (its future dropped,
    /// [`Ringing::cancel`], the caller of [`ring_for`](Self::ring_for) gone) or ends with an error,
    /// everybody is hung up with ORIGINATOR_CANCEL, also who has answered and was not taken.
    ///
    /// ```
    /// use genesis_ringgroup::RingGroup;
    /// use genesis_ringgroup::channel::client::proto::HangupCause;
    ///
    /// // the call records of the losers then have PICKED_OFF
    /// let group = RingGroup::new(["user/1000", "user/1001"]).loser_cause(HangupCause::PickedOff);
    /// # let _ = group;
    /// ```
    #[must_use]
    pub fn loser_cause(mut self, cause: HangupCause) -> Self {
        self.loser_cause = cause;
        self
    }

    /// How many legs a second are called over one connection, by all rings over it together; default
    /// what the switch allows ([`Pace::OfTheSwitch`]).
    ///
    /// ```
    /// use genesis_ringgroup::RingGroup;
    /// use genesis_ringgroup::channel::Pace;
    ///
    /// // a trunk that takes ten new calls a second
    /// let alarm = RingGroup::new((100..400).map(|n| format!("sofia/gateway/carrier/+32155501{n}")))
    ///     .pace(Pace::PerSecond(10));
    /// # let _ = alarm;
    /// ```
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// What counts the calls in [`RingMode::Balancing`]; default counts of this group and its clones,
    /// in memory. The other modes count nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use genesis_ringgroup::{MemoryBalancer, RingGroup, RingMode};
    ///
    /// let calls = Arc::new(MemoryBalancer::new()); // an agent who is in both groups has one count
    /// let sales = RingGroup::new(["user/1000", "user/1001"]).balancer(calls.clone());
    /// let support = RingGroup::new(["user/1001", "user/1002"]).balancer(calls);
    /// let groups = [sales, support].map(|group| group.mode(RingMode::Balancing));
    /// # let _ = groups;
    /// ```
    #[must_use]
    pub fn balancer(mut self, balancer: Arc<dyn LoadBalancer>) -> Self {
        self.balancer = balancer;
        self
    }

    /// Makes the orders that [`RingMode::WeightedRandom`] draws the same in every run; for tests.
    ///
    /// ```
    /// use genesis_ringgroup::{Destination, RingGroup, RingMode};
    ///
    /// let carriers = [
    ///     Destination::new("sofia/gateway/cheap/3200").weight(9),
    ///     Destination::new("sofia/gateway/good/3200").weight(1),
    /// ];
    /// let group = RingGroup::new(carriers).mode(RingMode::WeightedRandom).seed(7);
    /// # let _ = group;
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
        self
    }

    /// The destinations, in the order of the list.
    ///
    /// ```
    /// # use genesis_ringgroup::RingGroup;
    /// let group = RingGroup::new(["user/1000", "[leg_timeout=10]user/1001"]);
    /// let dial_strings: Vec<_> = group.destinations().iter().map(|one| one.dial_string()).collect();
    /// assert_eq!(dial_strings, ["user/1000", "[leg_timeout=10]user/1001"]);
    /// ```
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }

    /// Rings until somebody answers, all have failed, or the time is up.
    ///
    /// Works over an inbound connection and over a `full` outbound socket; there
    /// [`ring_for`](Self::ring_for) is better. The result comes at once; those who
    /// lost are hung up in the background, and [`Ring::losers_gone`] waits for that. Until then the
    /// connection is kept open. In [`RingMode::Balancing`] it is kept open until the answered call has
    /// ended, because the call counts until then; if the connection is lost for good before, what
    /// becomes of the count is said at [`Load::detach`](crate::balance::Load::detach).
    ///
    /// That nobody answered is no error: the [`Ring`] says what became of each.
    ///
    /// ```no_run
    /// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::RingGroup;
    /// let group = RingGroup::new(["user/1000", "user/1001"]).timeout(Duration::from_secs(20));
    /// if let Some(agent) = group.ring(&client).await?.into_channel() {
    ///     agent.playback("ivr/ivr-welcome.wav").await?.complete().await?;
    ///     agent.hangup(None).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// * [`ErrorKind::InvalidArgument`], before anything is sent: a destination, a variable or an
    ///   option cannot be used; the text names the destination.
    /// * [`ErrorKind::Channel`], before anything is sent: the outbound socket is not `full`.
    /// * [`ErrorKind::Disconnected`]: the connection was lost for good. The legs that nobody could hang
    ///   up are in [`Error::may_still_ring`].
    /// * What [`LoadBalancer::choose`] gives, in [`RingMode::Balancing`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any moment hangs everybody up.
    pub async fn ring(&self, client: &Client) -> Result<Ring> {
        self.begin(client, None, false)?.result().await
    }

    /// Rings for a caller, over the caller's connection: as [`ring`](Self::ring), and when the caller
    /// hangs up, everybody is hung up at once ([`Ring::caller_hung_up`]).
    ///
    /// The caller hears nothing of it: answer or [`pre_answer`](Channel::pre_answer) the call first, and
    /// play ringing if it should be heard. Without one of the two it has no media, and cannot be
    /// [bridged](Channel::bridge) to whoever answers.
    ///
    /// Over an outbound socket this is the way to ring: with the caller the socket goes, and when it
    /// is gone, nobody can be hung up over it any more.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use genesis_ringgroup::RingGroup;
    /// use genesis_ringgroup::channel::{Channel, client::Session};
    ///
    /// # async fn example(session: Session) -> genesis_ringgroup::Result<()> {
    /// let caller = Channel::from_session(&session).await?;
    /// caller.pre_answer().await?.complete().await?;
    /// let _ringback = caller.playback("tone_stream://%(2000,4000,440,480);loops=-1").await?;
    /// let ring = RingGroup::new(["user/1000", "user/1001"]).ring_for(&caller).await?;
    /// if let Some(agent) = ring.channel() {
    ///     caller.answer().await?;
    ///     let bridge = caller.bridge(agent).await?; // ends the ringback
    ///     bridge.connected(Duration::from_secs(5)).await?.ended().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ring`](Self::ring).
    ///
    /// # Cancel safety
    ///
    /// As [`ring`](Self::ring).
    pub async fn ring_for(&self, caller: &Channel) -> Result<Ring> {
        let caller_too = Some(caller.clone());
        self.begin(caller.client(), caller_too, false)?
            .result()
            .await
    }

    /// Starts to ring, in a task of its own. Must be called inside a tokio runtime.
    ///
    /// ```no_run
    /// # async fn example(client: genesis_ringgroup::channel::client::Client) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RingGroup;
    /// let ringing = RingGroup::new(["user/1000", "user/1001"]).start(&client)?; // rings from here on
    /// let record = load_customer_record().await; // meanwhile
    /// let ring = ringing.await?;
    /// println!("{record}: {ring}");
    /// # Ok(()) }
    /// # async fn load_customer_record() -> &'static str { "customer 4711" }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ring`](Self::ring) that come before anything is sent.
    pub fn start(&self, client: &Client) -> Result<Ringing> {
        self.begin(client, None, true)
    }

    /// Starts to ring for a caller, as [`ring_for`](Self::ring_for), in a task of its own. Must be
    /// called inside a tokio runtime.
    ///
    /// ```no_run
    /// # async fn example(caller: genesis_ringgroup::channel::Channel) -> genesis_ringgroup::Result<()> {
    /// # use genesis_ringgroup::RingGroup;
    /// let mut ringing = RingGroup::new(["user/1000", "user/1001"]).start_for(&caller)?;
    /// while let Some(event) = ringing.next_event().await {
    ///     caller.set_variable("ring_progress", &event.what.to_string()).await?;
    /// }
    /// println!("{}", ringing.await?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ring`](Self::ring) that come before anything is sent.
    pub fn start_for(&self, caller: &Channel) -> Result<Ringing> {
        self.begin(caller.client(), Some(caller.clone()), true)
    }

    fn begin(&self, client: &Client, caller: Option<Channel>, watched: bool) -> Result<Ringing> {
        let runtime = Handle::try_current().map_err(|error| {
            invalid("a ring group was started outside a tokio runtime; start it inside one")
                .with_source(error)
        })?;
        if let Some(mode) = client.socket_mode()
            && !mode.is_full()
        {
            return Err(Error::new(
                ErrorKind::Channel,
                "a ring group needs a `full` outbound socket; write `socket HOST:PORT async full` \
                 in the dialplan",
            ));
        }
        let plans = self.plans()?;
        let order = self.order(&plans);
        let has_variables = plans.iter().any(|plan| {
            let mut legs = plan.dial.legs();
            plan.options.has_variables() || legs.any(|leg| !leg.variables().is_empty())
        });
        let observed = Observed::new(client, self.mode, plans.len(), self.timeout, has_variables);
        let (events, stream) = match watched {
            true => {
                let (events, stream) = mpsc::unbounded_channel();
                (Some(events), Some(stream))
            }
            false => (None, None),
        };
        let (stop, stopped) = watch::channel(None);
        let (decided, result) = oneshot::channel();
        let (give_up, given_up) = oneshot::channel();
        let (gone, all_gone) = watch::channel(None);
        let began = Instant::now();
        let driver = Driver {
            shared: Shared {
                client: client.clone(),
                began,
                deadline: began + self.timeout,
                pace: self.pace,
                loser_cause: self.loser_cause.clone(),
                stop: stopped,
                events,
            },
            plans,
            order,
            caller,
            stop,
            observed,
        };
        runtime.spawn(driver.run(Told {
            given_up,
            decided,
            gone,
        }));
        Ok(Ringing {
            events: stream,
            decided: result,
            given_up: Some(give_up),
            gone: all_gone,
        })
    }

    /// Checks everything, so that a mistake in the last destination is told before the first one
    /// rings.
    fn plans(&self) -> Result<Vec<Arc<Plan>>> {
        let count = self.destinations.len();
        if count == 0 {
            return Err(invalid("there is no destination to ring; add one"));
        }
        if count > MAX_DESTINATIONS {
            return Err(invalid(format!(
                "{count} destinations are too many to ring; at most {MAX_DESTINATIONS} are allowed"
            )));
        }
        check_time("the ring", self.timeout)?;
        let base = self.originate.clone().pace(Pace::Unlimited);
        let base = base.cancel_cause(GIVEN_UP);
        let mut uuids = HashMap::new();
        let mut plans = Vec::with_capacity(count);
        for (index, destination) in self.destinations.iter().enumerate() {
            let plan = plan(destination, base.clone()).map_err(|error| {
                // a dial string with a mistake is not shown: a password may stand anywhere in it
                let dial = DialString::parse(&destination.dial);
                let name = dial.map_or_else(|_| String::new(), |dial| name(&dial));
                invalid(format!("destination {index}{name}: {error}")).with_source(error)
            })?;
            for leg in plan.dial.legs() {
                let chosen = leg.leg().variables().get(UUID);
                let chosen = chosen.or(destination.uuid()).or(self.uuid.as_deref());
                if let Some(uuid) = chosen.or_else(|| leg.variable(UUID))
                    && let Some(other) = uuids.insert(uuid.to_owned(), index)
                {
                    let name = name(&plan.dial);
                    return Err(invalid(format!(
                        "destination {index}{name} has the same Unique-ID {uuid} as destination \
                         {other}; give each its own, or none"
                    )));
                }
            }
            plans.push(Arc::new(plan));
        }
        Ok(plans)
    }

    fn order(&self, plans: &[Arc<Plan>]) -> Order {
        let count = plans.len();
        match self.mode {
            RingMode::Parallel => Order::AtOnce((0..count).collect()),
            RingMode::Sequential => Order::InTurn((0..count).collect()),
            RingMode::RoundRobin => {
                let first = self.turn.fetch_add(1, Ordering::Relaxed);
                Order::InTurn(rotated(count, first))
            }
            RingMode::WeightedRandom => {
                let weights: Vec<u32> = self.destinations.iter().map(|one| one.weight).collect();
                let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
                Order::InTurn(drawn(&weights, &mut random))
            }
            RingMode::Balancing => Order::Balanced {
                balancer: self.balancer.clone(),
                left: (0..count).collect(),
                names: plans.iter().map(|plan| plan.name.clone()).collect(),
            },
        }
    }
}

fn plan(destination: &Destination, options: OriginateOptions) -> Result<Plan> {
    if let Some(timeout) = destination.timeout {
        check_time("it", timeout)?;
    }
    let dial = DialString::parse(&destination.dial).map_err(|error| {
        let text = error.to_string();
        invalid(text).with_source(error)
    })?;
    let options = options.variables(destination.variables.iter().cloned());
    options.check(&dial)?;
    let legs = dial.leg_count();
    Ok(Plan {
        name: dial.endpoints(),
        dial,
        options,
        delay: destination.delay,
        timeout: destination.timeout,
        legs,
    })
}

fn name(dial: &DialString) -> String {
    format!(" ({})", dial.endpoints())
}

fn check_time(who: &str, time: Duration) -> Result<()> {
    if time.is_zero() || time > MAX_TIMEOUT {
        return Err(invalid(format!(
            "{who} cannot ring for {time:?}; more than nothing and at most a day is allowed"
        )));
    }
    Ok(())
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, text)
}

impl fmt::Debug for RingGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingGroup")
            .field("destinations", &self.destinations)
            .field("mode", &self.mode)
            .field("timeout", &self.timeout)
            .field("loser_cause", &self.loser_cause)
            .field("pace", &self.pace)
            .field("balancer", &self.balancer)
            .finish_non_exhaustive()
    }
}
