//! How a call is originated.

use std::fmt;
use std::time::Duration;

use genesis_proto::HangupCause;
use genesis_proto::dial::{Application, DialString, Originate, Target};

use crate::error::Result;

/// How many originates a second go out over one connection.
///
/// A switch refuses new sessions over its own limit (`sessions-per-second` in switch.conf.xml, 30 as
/// it is installed), and one connection takes some 900 `bgapi` a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// Four fifths of what the switch says it allows (`status`, asked once per connection; 30 if it
    /// does not say). The rest is left to others, calls that come in among them. A `loopback/` counts
    /// as two sessions; the legs that `user/` and `group/` stand for are not known and count as one.
    #[default]
    OfTheSwitch,
    /// At most this many within any second; at least 1.
    PerSecond(u32),
    /// As fast as the connection takes them.
    Unlimited,
}

/// How a call is originated: variables, caller id, timeout, what the answered call does.
///
/// ```
/// use std::time::Duration;
/// use genesis_channel::OriginateOptions;
///
/// let options = OriginateOptions::new()
///     .caller_id("Reception", "1000")
///     .variable("absolute_codec_string", "PCMA")
///     .timeout(Duration::from_secs(20))
///     .application("playback", "ivr/welcome.wav");
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct OriginateOptions {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) caller_id: Option<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) early_media: bool,
    pub(crate) target: Target,
    pub(crate) dialplan: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) pace: Pace,
    pub(crate) cancel_cause: HangupCause,
}

impl Default for OriginateOptions {
    fn default() -> Self {
        Self {
            variables: Vec::new(),
            caller_id: None,
            timeout: Duration::from_secs(60),
            early_media: false,
            target: Target::Application(Application::bare("park")),
            dialplan: None,
            context: None,
            uuid: None,
            pace: Pace::default(),
            cancel_cause: HangupCause::OriginatorCancel,
        }
    }
}

impl OriginateOptions {
    /// Rings for 60 seconds, waits for the answer, and parks the answered call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable on all legs.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Whether variables were set.
    pub fn has_variables(&self) -> bool {
        !self.variables.is_empty()
    }

    /// Sets variables on all legs.
    #[must_use]
    pub fn variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        let variables = variables.into_iter();
        self.variables
            .extend(variables.map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The caller id that the called party sees: name and number.
    #[must_use]
    pub fn caller_id(mut self, name: impl Into<String>, number: impl Into<String>) -> Self {
        self.caller_id = Some((name.into(), number.into()));
        self
    }

    /// How long each attempt of the dial string may ring; default 60 s. The switch is told
    /// (`originate_timeout`, in whole seconds, rounded up), so that it ends even if this process
    /// dies.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Early media counts as success, as it does for the switch by itself; default is that only an
    /// answer does (`ignore_early_media=true`).
    #[must_use]
    pub fn early_media(mut self, counts: bool) -> Self {
        self.early_media = counts;
        self
    }

    /// What the answered call does: one application. Default `park`.
    #[must_use]
    pub fn application(self, name: impl Into<String>, argument: impl Into<String>) -> Self {
        let argument = argument.into();
        let application = match argument.is_empty() {
            true => Application::bare(name),
            false => Application::new(name, argument),
        };
        self.target(Target::Application(application))
    }

    /// What the answered call does: an extension of the dialplan.
    #[must_use]
    pub fn extension(self, extension: impl Into<String>) -> Self {
        self.target(Target::Extension(extension.into()))
    }

    /// What the answered call does.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The dialplan and the context in which the extension is looked up.
    #[must_use]
    pub fn dialplan(mut self, dialplan: impl Into<String>, context: impl Into<String>) -> Self {
        self.dialplan = Some(dialplan.into());
        self.context = Some(context.into());
        self
    }

    /// The Unique-ID of the call, instead of one that is chosen here. For dial strings of one leg.
    #[must_use]
    pub fn uuid(mut self, uuid: impl Into<String>) -> Self {
        self.uuid = Some(uuid.into());
        self
    }

    /// How fast originates go out; default [`Pace::OfTheSwitch`].
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// The cause that the legs are hung up with when the originate is cancelled; default
    /// ORIGINATOR_CANCEL.
    #[must_use]
    pub fn cancel_cause(mut self, cause: HangupCause) -> Self {
        self.cancel_cause = cause;
        self
    }

    /// The originate, with everything but the UUIDs.
    pub(crate) fn build(&self, dial: DialString) -> Result<Originate> {
        let mut originate = Originate::new(dial)
            .target(self.target.clone())
            .variable("originate_timeout", &seconds(self.timeout).to_string())?;
        if !self.early_media {
            originate = originate.variable("ignore_early_media", "true")?;
        }
        for (name, value) in &self.variables {
            originate = originate.variable(name, value)?;
        }
        if let Some((name, number)) = &self.caller_id {
            originate = originate
                .variable("origination_caller_id_name", name)?
                .variable("origination_caller_id_number", number)?;
        }
        if let Some(dialplan) = &self.dialplan {
            originate = originate.dialplan(dialplan);
        }
        if let Some(context) = &self.context {
            originate = originate.context(context);
        }
        Ok(originate)
    }
}

/// Of the variables the names only: `sip_auth_password` is one.
impl fmt::Debug for OriginateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        f.debug_struct("OriginateOptions")
            .field("variables", &names)
            .field("caller_id", &self.caller_id)
            .field("timeout", &self.timeout)
            .field("early_media", &self.early_media)
            .field("target", &self.target)
            .field("dialplan", &self.dialplan)
            .field("context", &self.context)
            .field("uuid", &self.uuid)
            .field("pace", &self.pace)
            .field("cancel_cause", &self.cancel_cause)
            .finish()
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_42_what_variables_hold_does_not_show() {
        let options = OriginateOptions::new().variable("sip_auth_password", "hunter2");
        let shown = format!("{options:?}");
        assert!(shown.contains("sip_auth_password"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
