//! [`Destination`]: whom a ring group calls.

use std::fmt;
use std::time::Duration;

use genesis_client::proto::dial::DialString;

/// One destination of a [`RingGroup`](super::RingGroup): a dial string, and what holds for it alone.
///
/// The dial string may itself fork (`a,b`) or fail over (`a|b`); it counts as one destination, and
/// answers when one of its legs does.
///
/// ```
/// use std::time::Duration;
/// use genesis_ringgroup::Destination;
///
/// let desk = Destination::new("user/1000");
/// let mobile = Destination::new("sofia/gateway/carrier/+3215550100")
///     .delay(Duration::from_secs(10))
///     .variable("origination_caller_id_number", "+3215550000");
/// assert_eq!(mobile.dial_string(), "sofia/gateway/carrier/+3215550100");
/// # let _ = desk;
/// ```
#[derive(Clone)]
pub struct Destination {
    pub(super) dial: String,
    pub(super) variables: Vec<(String, String)>,
    pub(super) delay: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) weight: u32,
}

impl Destination {
    /// A destination that rings as long as the group does. A mistake in the dial string is told
    /// when the group rings, before anything is sent.
    ///
    /// ```
    /// # use genesis_ringgroup::Destination;
    /// let desk = Destination::new("user/1000");
    /// // one destination with two legs
    /// let both = Destination::new("user/1001,sofia/gateway/carrier/+3215550101");
    /// # let _ = (desk, both);
    /// ```
    pub fn new(dial_string: impl Into<String>) -> Self {
        Self {
            dial: dial_string.into(),
            variables: Vec::new(),
            delay: Duration::ZERO,
            timeout: None,
            weight: 1,
        }
    }

    /// Sets a variable on the legs of this destination. It goes before one of the same name for the
    /// whole group; one in the dial string's own brackets `[…]` goes before both.
    ///
    /// ```
    /// # use genesis_ringgroup::Destination;
    /// let carrier = Destination::new("sofia/gateway/carrier/+3215550100")
    ///     .variable("origination_caller_id_number", "+3215550000") // the carrier wants our own number
    ///     .variable("sip_cid_type", "pid");
    /// # let _ = carrier;
    /// ```
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Calls it this much later; default at once. In parallel the time counts from the start of the
    /// ring, whatever becomes of the others meanwhile; in the modes that ring one after the other it
    /// is a pause before its turn.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::{Destination, RingGroup};
    /// // the desk rings alone for ten seconds, then the mobile rings as well
    /// let mobile = Destination::new("sofia/gateway/carrier/+3215550100").delay(Duration::from_secs(10));
    /// let group = RingGroup::new(["user/1000"]).destination(mobile);
    /// # let _ = group;
    /// ```
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How long it may ring, all legs of its dial string together, counted from when the switch took
    /// the call; default as long as the group does. The time of the group goes before.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use genesis_ringgroup::Destination;
    /// // shorter than the carrier's voicemail takes to answer
    /// let mobile = Destination::new("sofia/gateway/carrier/+3215550102").timeout(Duration::from_secs(18));
    /// # let _ = mobile;
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How often it is the first in [`RingMode::WeightedRandom`](super::RingMode::WeightedRandom),
    /// in proportion to the others; default 1. One with 0 comes after all that have more.
    ///
    /// ```
    /// # use genesis_ringgroup::{Destination, RingGroup, RingMode};
    /// let trunks = RingGroup::new([
    ///     Destination::new("sofia/gateway/first/3200").weight(3), // three calls of four
    ///     Destination::new("sofia/gateway/second/3200").weight(1),
    ///     Destination::new("sofia/gateway/spare/3200").weight(0), // only when both others fail
    /// ])
    /// .mode(RingMode::WeightedRandom);
    /// # let _ = trunks;
    /// ```
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The Unique-ID that was chosen for it by a variable.
    pub(super) fn uuid(&self) -> Option<&str> {
        let mut variables = self.variables.iter().rev();
        let chosen = variables.find(|(name, _)| name == "origination_uuid");
        chosen.map(|(_, value)| value.as_str())
    }

    /// The dial string as it was given.
    ///
    /// ```
    /// # use genesis_ringgroup::Destination;
    /// let desk = Destination::new("[sip_invite_domain=pbx.example.org]user/1000");
    /// assert_eq!(desk.dial_string(), "[sip_invite_domain=pbx.example.org]user/1000");
    /// ```
    pub fn dial_string(&self) -> &str {
        &self.dial
    }
}

/// Without what variables hold: `sip_auth_password` is one.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dial = DialString::parse(&self.dial).map(|dial| dial.endpoints());
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        f.debug_struct("Destination")
            .field("dial_path", &dial.as_deref().unwrap_or("not a dial string"))
            .field("variables", &names)
            .field("delay", &self.delay)
            .field("timeout", &self.timeout)
            .field("weight", &self.weight)
            .finish()
    }
}

impl From<&str> for Destination {
    fn from(dial_string: &str) -> Self {
        Self::new(dial_string)
    }
}

impl From<String> for Destination {
    fn from(dial_string: String) -> Self {
        Self::new(dial_string)
    }
}

impl From<&String> for Destination {
    fn from(dial_string: &String) -> Self {
        Self::new(dial_string)
    }
}

impl From<&Destination> for Destination {
    fn from(destination: &Destination) -> Self {
        destination.clone()
    }
}
