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
///
/// ```
/// use genesis_channel::{OriginateOptions, Pace};
///
/// // a trunk that takes five calls a second
/// let campaign = OriginateOptions::new().pace(Pace::PerSecond(5));
/// # let _ = campaign;
/// ```
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
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// assert!(!OriginateOptions::new().has_variables());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a variable on all legs.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// let paging = OriginateOptions::new().variable("sip_auto_answer", "true");
    /// # let _ = paging;
    /// ```
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Whether variables were set.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// let options = OriginateOptions::new().variable("accountcode", "4711");
    /// assert!(options.has_variables());
    /// ```
    pub fn has_variables(&self) -> bool {
        !self.variables.is_empty()
    }

    /// Sets variables on all legs.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// let billing = [("accountcode", "4711"), ("campaign", "autumn")];
    /// let options = OriginateOptions::new().variables(billing);
    /// # let _ = options;
    /// ```
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
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// let options = OriginateOptions::new().caller_id("Example Ltd", "+442079460000");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn caller_id(mut self, name: impl Into<String>, number: impl Into<String>) -> Self {
        self.caller_id = Some((name.into(), number.into()));
        self
    }

    /// How long each attempt of the dial string may ring; default 60 s. The switch is told
    /// (`originate_timeout`, in whole seconds, rounded up), so that it ends even if this process
    /// dies.
    ///
    /// ```
    /// use std::time::Duration;
    /// use genesis_channel::OriginateOptions;
    ///
    /// let four_rings = OriginateOptions::new().timeout(Duration::from_secs(24));
    /// # let _ = four_rings;
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Early media counts as success, as it does for the switch by itself; default is that only an
    /// answer does (`ignore_early_media=true`).
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// // hear what the network says of the number: "not in service" comes before any answer
    /// let options = OriginateOptions::new().early_media(true);
    /// let channel = Channel::originate(&client, "sofia/gateway/main/4930123456", options).await?;
    /// println!("answered or not: {}", channel.answer_state());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn early_media(mut self, counts: bool) -> Self {
        self.early_media = counts;
        self
    }

    /// What the answered call does: one application. Default `park`.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// let meeting = OriginateOptions::new().application("conference", "3000@default");
    /// let echo = OriginateOptions::new().application("echo", "");
    /// # let _ = (meeting, echo);
    /// ```
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
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// // click to dial: once the agent answers, the dialplan calls the customer
    /// let click_to_dial = OriginateOptions::new().extension("4930123456");
    /// # let _ = click_to_dial;
    /// ```
    #[must_use]
    pub fn extension(self, extension: impl Into<String>) -> Self {
        self.target(Target::Extension(extension.into()))
    }

    /// What the answered call does.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    /// use genesis_proto::dial::{Application, Target};
    ///
    /// let reminder = OriginateOptions::new().target(Target::Inline(vec![
    ///     Application::new("playback", "ivr/appointment.wav"),
    ///     Application::bare("hangup"),
    /// ]));
    /// # let _ = reminder;
    /// ```
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The dialplan and the context in which the extension is looked up.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    ///
    /// let options = OriginateOptions::new().extension("2000").dialplan("XML", "tenant-b");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn dialplan(mut self, dialplan: impl Into<String>, context: impl Into<String>) -> Self {
        self.dialplan = Some(dialplan.into());
        self.context = Some(context.into());
        self
    }

    /// The Unique-ID of the call, instead of one that is chosen here. For dial strings of one leg.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// // an id that a database knows before anybody's telephone rings
    /// let uuid = "6cf9a1a2-5a1f-4a5b-9a43-0c3a4d7f8e11";
    /// let options = OriginateOptions::new().uuid(uuid);
    /// let channel = Channel::originate(&client, "user/1000", options).await?;
    /// assert_eq!(channel.uuid(), uuid);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn uuid(mut self, uuid: impl Into<String>) -> Self {
        self.uuid = Some(uuid.into());
        self
    }

    /// How fast originates go out; default [`Pace::OfTheSwitch`].
    ///
    /// ```
    /// use genesis_channel::{OriginateOptions, Pace};
    ///
    /// let alarm = OriginateOptions::new().pace(Pace::Unlimited); // no call waits for its turn
    /// # let _ = alarm;
    /// ```
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// The cause that the legs are hung up with when the originate is cancelled; default
    /// ORIGINATOR_CANCEL.
    ///
    /// ```
    /// use genesis_channel::OriginateOptions;
    /// use genesis_proto::HangupCause;
    ///
    /// // the telephones that stop ringing do not list a missed call
    /// let hunt = OriginateOptions::new().cancel_cause(HangupCause::LoseRace);
    /// # let _ = hunt;
    /// ```
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
