//! Dial strings and the arguments of `originate`.
//!
//! A dial string says whom to call: legs that ring together (`,`), attempts one after another
//! (`|`), and parts that run beside each other, each on its own (`:_:`), with channel variables
//! for all (`<>`), for one part (`{}`) or for one leg (`[]`).
//!
//! ```
//! use genesis_proto::dial::{DialString, Leg, Originate};
//!
//! let dial = DialString::leg(Leg::new("user/1000")?.variable("leg_timeout", "15")?)
//!     .and(Leg::new("user/1001")?)
//!     .or(Leg::new("sofia/gateway/carrier/4930123")?)
//!     .variable("absolute_codec_string", "PCMU,PCMA")?;
//! assert_eq!(
//!     dial.to_string(),
//!     r"{absolute_codec_string=PCMU\,PCMA}[leg_timeout=15]user/1000,user/1001|sofia/gateway/carrier/4930123"
//! );
//! assert_eq!(DialString::parse(&dial.to_string())?, dial);
//!
//! let line = Originate::new(DialString::raw("user/1000")?)
//!     .application("playback", "/tmp/hello world.wav")
//!     .to_args()?;
//! assert_eq!(line, "user/1000 '&playback(/tmp/hello world.wav)'");
//! # Ok::<(), genesis_proto::Error>(())
//! ```
//!
//! Reading follows switch_ivr_originate.c (`switch_ivr_originate`,
//! `switch_ivr_enterprise_originate`), switch_event.c (`switch_event_create_brackets`) and
//! switch_utils.c (`switch_separate_string`), quirks included; writing escapes so that the switch
//! reads exactly what was set, or refuses.

mod encode;
mod leg;
mod originate;
mod parse;
mod target;
mod variables;
pub(crate) mod words;

#[cfg(test)]
mod originate_tests;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;

pub use leg::{Endpoint, Leg};
pub use originate::Originate;
pub use target::{Application, Target};
pub use variables::Variables;

use crate::Error;
use variables::Scope;

/// What separates enterprise parts (`SWITCH_ENT_ORIGINATE_DELIM`).
const ENTERPRISE: &str = ":_:";

/// The most legs in one attempt, attempts in one part, and parts that the switch reads
/// (switch_ivr_originate.c, `MAX_PEERS`).
pub const MAX_PEERS: usize = 128;

/// A dial string: at least one leg, and how the legs are tried.
///
/// `to_string()` writes it for the switch. [`legs`](DialString::legs) lists all legs with what
/// applies to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialString {
    global: Variables,
    /// Never empty.
    parts: Vec<Part>,
}

/// One enterprise part: most dial strings have exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    variables: Variables,
    /// Tried in turn; each is a set of legs that ring together. Neither level is ever empty.
    attempts: Vec<Vec<Leg>>,
}

impl DialString {
    /// A dial string of one leg.
    #[must_use]
    pub fn leg(leg: Leg) -> Self {
        let part = Part {
            variables: Variables::default(),
            attempts: vec![vec![leg]],
        };
        Self {
            global: Variables::default(),
            parts: vec![part],
        }
    }

    /// Reads a dial string as the switch would.
    ///
    /// # Errors
    /// Control characters, unmatched brackets, an empty leg, more than [`MAX_PEERS`] of a kind, or
    /// a variable that could not be written again; the offset is that of the leg or bracket.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::dial_string(text)
    }

    /// Takes a dial string that somebody wrote by hand: the same as [`parse`](DialString::parse).
    ///
    /// # Errors
    /// As for [`parse`](DialString::parse).
    pub fn raw(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }

    /// Adds a leg that rings together with those of the last attempt (`,`).
    #[must_use]
    pub fn and(mut self, leg: Leg) -> Self {
        if let Some(attempt) = self.last_part().attempts.last_mut() {
            attempt.push(leg);
        }
        self
    }

    /// Adds a leg that is tried when everything before it in this part has failed (`|`).
    #[must_use]
    pub fn or(mut self, leg: Leg) -> Self {
        self.last_part().attempts.push(vec![leg]);
        self
    }

    /// Adds parts that run at the same time as those before, each with its own attempts (`:_:`).
    /// Variables that `other` has for all its parts become variables of each of them.
    #[must_use]
    pub fn enterprise(mut self, other: Self) -> Self {
        for mut part in other.parts {
            let mut variables = other.global.clone();
            variables.merge(&part.variables);
            part.variables = variables;
            self.parts.push(part);
        }
        self
    }

    /// Sets a variable for the legs of the last part (`{}`); there is only one part unless
    /// [`enterprise`](DialString::enterprise) added more.
    ///
    /// On the channel such a variable wins over one of the same name in `[]`, unless
    /// `local_var_clobber=true` stands in `{}` too; for the options of the originate itself
    /// (`origination_...`) the one in `[]` wins. The switch does not set a variable whose value
    /// holds `${`, unless `origination_nested_vars=true` stands in the dial string.
    ///
    /// # Errors
    /// If the name or the value cannot be written: control characters, `:_:`, unmatched `{` and
    /// `}` in the value; spaces, quotes, brackets, `=`, `,`, `|` in the name.
    pub fn variable(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.last_part().variables.set(Scope::Group, name, value)?;
        Ok(self)
    }

    /// Sets a variable for every leg of every part (`<>`); one in `{}` wins over it.
    ///
    /// # Errors
    /// As for [`variable`](DialString::variable), with `<` and `>` as the brackets.
    pub fn global_variable(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.global.set(Scope::Global, name, value)?;
        Ok(self)
    }

    /// Sets a variable on the leg with this number, counted from 0 in the order of
    /// [`legs`](DialString::legs). So each leg can have an `origination_uuid` of its own.
    ///
    /// ```
    /// use genesis_proto::dial::DialString;
    ///
    /// let mut dial = DialString::parse("user/1000,user/1001")?;
    /// dial.set_leg_variable(1, "origination_uuid", "7f4de4bc")?;
    /// assert_eq!(dial.to_string(), "user/1000,[origination_uuid=7f4de4bc]user/1001");
    /// # Ok::<(), genesis_proto::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such leg, or as for [`Leg::variable`].
    pub fn set_leg_variable(&mut self, leg: usize, name: &str, value: &str) -> Result<(), Error> {
        let count = self.leg_count();
        let mut legs = self
            .parts
            .iter_mut()
            .flat_map(|part| part.attempts.iter_mut().flatten());
        match legs.nth(leg) {
            Some(leg) => leg.set_variable(name, value),
            None => Err(Error::invalid(format!(
                "there is no leg {leg}: the dial string has {count}, counted from 0"
            ))),
        }
    }

    /// The variables in `{}` of the first part: with one part, those of the dial string.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.parts[0].variables
    }

    /// The variables in `<>`.
    #[must_use]
    pub fn global_variables(&self) -> &Variables {
        &self.global
    }

    /// Every leg in the order in which it is written.
    ///
    /// ```
    /// use genesis_proto::dial::DialString;
    ///
    /// let dial = DialString::parse("{a=1}[b=2]user/1000,user/1001|error/USER_BUSY")?;
    /// let legs: Vec<_> = dial.legs().collect();
    /// assert_eq!(legs[0].variable("b"), Some("2"));
    /// assert_eq!(legs[1].variable("a"), Some("1"));
    /// assert_eq!((legs[1].attempt(), legs[2].attempt()), (0, 1));
    /// assert_eq!(legs[2].leg().endpoint().as_str(), "error/USER_BUSY");
    /// # Ok::<(), genesis_proto::Error>(())
    /// ```
    pub fn legs(&self) -> impl Iterator<Item = LegView<'_>> {
        self.parts
            .iter()
            .enumerate()
            .flat_map(move |(part_at, part)| {
                part.attempts
                    .iter()
                    .enumerate()
                    .flat_map(move |(attempt, legs)| {
                        let view = move |leg| LegView {
                            dial: self,
                            part,
                            part_at,
                            attempt,
                            leg,
                        };
                        legs.iter().map(view)
                    })
            })
    }

    /// How many legs there are.
    #[must_use]
    pub fn leg_count(&self) -> usize {
        self.parts
            .iter()
            .flat_map(|part| &part.attempts)
            .map(Vec::len)
            .sum()
    }

    /// How many enterprise parts there are.
    #[must_use]
    pub fn part_count(&self) -> usize {
        self.parts.len()
    }

    fn last_part(&mut self) -> &mut Part {
        let last = self.parts.len() - 1;
        &mut self.parts[last]
    }

    /// Sets a variable that reaches all legs: in `{}` where one part is all, else in `<>`.
    pub(crate) fn set_for_all(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match self.parts.as_mut_slice() {
            [part] => part.variables.set(Scope::Group, name, value),
            _ => self.global.set(Scope::Global, name, value),
        }
    }

    /// Refuses what the switch would cut off.
    pub(crate) fn check_size(&self) -> Result<(), Error> {
        let attempts = self.parts.iter().map(|part| part.attempts.len());
        let legs = self
            .parts
            .iter()
            .flat_map(|part| part.attempts.iter().map(Vec::len));
        match attempts.chain(legs).chain([self.parts.len()]).max() {
            Some(most) if most > MAX_PEERS => Err(Error::invalid(format!(
                "{most} legs, attempts or parts side by side: the switch reads {MAX_PEERS} at most"
            ))),
            _ => Ok(()),
        }
    }
}

impl From<Leg> for DialString {
    fn from(leg: Leg) -> Self {
        Self::leg(leg)
    }
}

impl std::str::FromStr for DialString {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for DialString {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<&String> for DialString {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<String> for DialString {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

/// A leg with its place in the dial string and the variables that reach it.
#[derive(Clone, Copy, Debug)]
pub struct LegView<'a> {
    dial: &'a DialString,
    part: &'a Part,
    part_at: usize,
    attempt: usize,
    leg: &'a Leg,
}

impl<'a> LegView<'a> {
    /// The leg itself.
    #[must_use]
    pub fn leg(&self) -> &'a Leg {
        self.leg
    }

    /// The number of its enterprise part, from 0.
    #[must_use]
    pub fn part(&self) -> usize {
        self.part_at
    }

    /// The number of its attempt within the part, from 0. Legs of one attempt ring together.
    #[must_use]
    pub fn attempt(&self) -> usize {
        self.attempt
    }

    /// The variable as it reaches the leg, from `[]`, `{}` or `<>`. Which scope wins depends on
    /// the name, see [`DialString::variable`].
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&'a str> {
        let shared = || {
            self.part
                .variables
                .get(name)
                .or_else(|| self.dial.global.get(name))
        };
        let own = || self.leg.variables().get(name);
        if self.own_wins(name) {
            own().or_else(shared)
        } else {
            shared().or_else(own)
        }
    }

    /// All variables that reach the leg.
    #[must_use]
    pub fn variables(&self) -> Variables {
        let mut all = self.dial.global.clone();
        all.merge(&self.part.variables);
        for (name, value) in self.leg.variables().iter() {
            if all.get(name).is_none() || self.own_wins(name) {
                all.put(name, value);
            }
        }
        all
    }

    fn own_wins(&self, name: &str) -> bool {
        let option = name
            .get(..12)
            .is_some_and(|start| start.eq_ignore_ascii_case("origination_"));
        let clobber = || {
            let shared = &self.part.variables;
            let value = shared.get("local_var_clobber");
            value
                .or_else(|| self.dial.global.get("local_var_clobber"))
                .is_some_and(is_true)
        };
        option || clobber()
    }
}

/// What the switch takes for true (switch_utils.c, `switch_true`).
fn is_true(text: &str) -> bool {
    const WORDS: [&str; 8] = ["yes", "on", "true", "t", "enabled", "active", "allow", "1"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
        || text.parse::<i64>().is_ok_and(|number| number != 0)
}
