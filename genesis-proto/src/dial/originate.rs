//! The arguments of the api command `originate`.

use std::time::Duration;

use super::words::{escape_argument, split};
use super::{Application, DialString, Target};
use crate::Error;

/// The arguments of `originate` (mod_commands.c, `originate_function`):
/// `<dial string> <extension>|&<application>(<argument>) [dialplan] [context] [caller id name]
/// [caller id number] [timeout]`.
///
/// Without a target the call is parked. What is not set is left to the switch: dialplan `XML`,
/// context `default`, 60 seconds.
///
/// ```
/// use std::time::Duration;
/// use genesis_proto::dial::{DialString, Leg, Originate};
///
/// let originate = Originate::new(DialString::leg(Leg::new("user/1000")?))
///     .extension("9664")
///     .caller_id("Jane Doe", "1001")
///     .timeout(Duration::from_secs(20));
/// let line = originate.to_args()?;
/// assert_eq!(line, "user/1000 9664 undef undef 'Jane Doe' 1001 20");
/// assert_eq!(Originate::parse(&line)?, originate);
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Originate {
    dial: DialString,
    target: Target,
    dialplan: Option<String>,
    context: Option<String>,
    caller_id_name: Option<String>,
    caller_id_number: Option<String>,
    timeout: Option<Duration>,
}

impl Originate {
    /// Calls this dial string and parks the call, unless another target is set.
    #[must_use]
    pub fn new(dial: impl Into<DialString>) -> Self {
        Self {
            dial: dial.into(),
            target: Target::Application(Application::bare("park")),
            dialplan: None,
            context: None,
            caller_id_name: None,
            caller_id_number: None,
            timeout: None,
        }
    }

    /// Runs one application on the answered call (`&name(argument)`). With an empty argument,
    /// none is written.
    #[must_use]
    pub fn application(self, name: impl Into<String>, argument: impl Into<String>) -> Self {
        let argument = argument.into();
        let application = match argument.is_empty() {
            true => Application::bare(name),
            false => Application::new(name, argument),
        };
        self.target(Target::Application(application))
    }

    /// Runs several applications in turn, through the dialplan `inline`. Unlike
    /// [`application`](Originate::application) this takes arguments with `)`.
    ///
    /// ```
    /// use genesis_proto::dial::{Application, DialString, Originate};
    ///
    /// let line = Originate::new(DialString::parse("user/1000")?)
    ///     .inline([Application::bare("answer"), Application::new("playback", "a,b.wav")])
    ///     .to_args()?;
    /// assert_eq!(line, r"user/1000 answer,playback:a\,b.wav inline");
    /// # Ok::<(), genesis_proto::Error>(())
    /// ```
    #[must_use]
    pub fn inline(self, applications: impl IntoIterator<Item = Application>) -> Self {
        self.target(Target::Inline(applications.into_iter().collect()))
    }

    /// Sends the answered call to an extension of the dialplan.
    #[must_use]
    pub fn extension(self, extension: impl Into<String>) -> Self {
        self.target(Target::Extension(extension.into()))
    }

    /// Sets what the answered call does.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The dialplan in which the extension is looked up.
    #[must_use]
    pub fn dialplan(mut self, dialplan: impl Into<String>) -> Self {
        self.dialplan = Some(dialplan.into());
        self
    }

    /// The context in which the extension is looked up.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// The caller id that the called party sees. `origination_caller_id_name` and
    /// `origination_caller_id_number` in the dial string win over it.
    #[must_use]
    pub fn caller_id(mut self, name: impl Into<String>, number: impl Into<String>) -> Self {
        self.caller_id_name = Some(name.into());
        self.caller_id_number = Some(number.into());
        self
    }

    /// How long each attempt may ring, rounded up to whole seconds. `originate_timeout` in the
    /// dial string wins over it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Chooses the UUID of the call (`origination_uuid` for all legs). Every leg that comes into
    /// being takes it, and a second channel with it fails: for several legs use
    /// [`DialString::set_leg_variable`] with a UUID for each instead.
    ///
    /// # Errors
    /// If the text cannot be a variable's value.
    pub fn uuid(self, uuid: &str) -> Result<Self, Error> {
        self.variable("origination_uuid", uuid)
    }

    /// Sets a variable on all legs: in `{}`, or in `<>` if there are several enterprise parts.
    ///
    /// # Errors
    /// As for [`DialString::variable`].
    pub fn variable(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.dial.set_for_all(name, value)?;
        Ok(self)
    }

    /// The text of the arguments, each quoted as it needs to be.
    ///
    /// # Errors
    /// If a text holds a control character, is empty or `undef` (which the switch takes for "not
    /// given"); if an application's argument holds `)`; if inline applications are combined with
    /// another dialplan; if the timeout is zero or does not fit.
    pub fn to_args(&self) -> Result<String, Error> {
        self.dial.check_size()?;
        let dial = self.dial.to_string();
        check("dial string", &dial)?;
        let target = self.target.write()?;
        check("target", &target)?;
        let mut words = vec![Some(dial), Some(target)];
        words.push(self.dialplan_to_write()?);
        words.push(self.context.clone());
        for (what, word) in [("dialplan", &words[2]), ("context", &words[3])] {
            word.as_deref().map_or(Ok(()), |word| check(what, word))?;
        }
        for (what, word) in [
            ("caller id name", &self.caller_id_name),
            ("caller id number", &self.caller_id_number),
        ] {
            // an empty one hides the switch's default, which may be wanted
            word.as_deref()
                .filter(|w| !w.is_empty())
                .map_or(Ok(()), |word| check(what, word))?;
            words.push(word.clone());
        }
        words.push(self.timeout.map(whole_seconds).transpose()?);
        let given = words
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        let words = words[..given].iter();
        let written = words.map(|word| word.as_deref().map_or("undef".into(), escape_argument));
        Ok(written.collect::<Vec<_>>().join(" "))
    }

    fn dialplan_to_write(&self) -> Result<Option<String>, Error> {
        let is_inline = self.dialplan.as_deref().is_some_and(is_inline);
        match (&self.target, &self.dialplan) {
            (Target::Inline(_), Some(other)) if !is_inline => Err(Error::invalid(format!(
                "inline applications need the dialplan \"inline\", but it was set to {other:?}"
            ))),
            (Target::Extension(_), Some(_)) if is_inline => Err(Error::invalid(
                "an extension cannot have the dialplan \"inline\": set inline applications",
            )),
            (Target::Inline(_), None) => Ok(Some("inline".to_owned())),
            (_, dialplan) => Ok(dialplan.clone()),
        }
    }

    /// The words of the arguments as the switch cuts them: `None` for `undef`. At most ten are
    /// read; `originate` takes two to seven.
    ///
    /// ```
    /// use genesis_proto::dial::Originate;
    ///
    /// let words = Originate::words("'' &park undef");
    /// assert_eq!(words, [Some(String::new()), Some("&park".to_owned()), None]);
    /// ```
    #[must_use]
    pub fn words(line: &str) -> Vec<Option<String>> {
        // switch_api_execute strips the ends before the command sees them
        split(
            line.trim_matches([' ', '\t', '\r', '\n', '\u{b}', '\u{c}']),
            ' ',
            10,
        )
        .into_iter()
        .map(|word| (!word.eq_ignore_ascii_case("undef")).then(|| word.into_owned()))
        .collect()
    }

    /// Reads the arguments as the switch does.
    ///
    /// # Errors
    /// If there are fewer than two or more than seven, the target is `undef`, or the dial string
    /// cannot be read.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let words = Self::words(line);
        let (dial, target, rest) = match words.as_slice() {
            [dial, target, rest @ ..] if rest.len() <= 5 => (dial, target, rest),
            _ => {
                return Err(Error::parse(
                    format!("originate takes 2 to 7 arguments, not {}", words.len()),
                    0,
                ));
            }
        };
        let Some(target) = target else {
            return Err(Error::parse("the target of originate is \"undef\"", 0));
        };
        let word = |at: usize| rest.get(at).cloned().flatten();
        let dialplan = word(0);
        let is_inline = dialplan.as_deref().is_some_and(is_inline);
        Ok(Self {
            dial: DialString::parse(dial.as_deref().unwrap_or_default())?,
            target: Target::read(target, is_inline),
            // it is implied by the target
            dialplan: dialplan.filter(|_| !is_inline),
            context: word(1),
            caller_id_name: word(2),
            caller_id_number: word(3),
            timeout: word(4).and_then(|seconds| read_seconds(&seconds)),
        })
    }

    /// The dial string.
    #[must_use]
    pub fn dial_string(&self) -> &DialString {
        &self.dial
    }

    /// The dial string, to change it.
    #[must_use]
    pub fn dial_string_mut(&mut self) -> &mut DialString {
        &mut self.dial
    }

    /// What the answered call does.
    #[must_use]
    pub fn get_target(&self) -> &Target {
        &self.target
    }

    /// The dialplan, if it was given; `inline` is implied by [`Target::Inline`].
    #[must_use]
    pub fn get_dialplan(&self) -> Option<&str> {
        self.dialplan.as_deref()
    }

    /// The context, if it was given.
    #[must_use]
    pub fn get_context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// The caller id's name, if it was given.
    #[must_use]
    pub fn caller_id_name(&self) -> Option<&str> {
        self.caller_id_name.as_deref()
    }

    /// The caller id's number, if it was given.
    #[must_use]
    pub fn caller_id_number(&self) -> Option<&str> {
        self.caller_id_number.as_deref()
    }

    /// The timeout, if one was given.
    #[must_use]
    pub fn get_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

fn is_inline(dialplan: &str) -> bool {
    dialplan.eq_ignore_ascii_case("inline")
}

/// Refuses what cannot be an argument.
pub(super) fn check(what: &str, text: &str) -> Result<(), Error> {
    if super::variables::has_control(text) {
        return Err(Error::invalid(format!(
            "the {what} holds a line break or another control character"
        )));
    }
    if text.is_empty() {
        return Err(Error::invalid(format!(
            "the {what} is empty: leave it unset instead"
        )));
    }
    if text.eq_ignore_ascii_case("undef") {
        return Err(Error::invalid(format!(
            "the {what} is \"undef\", which the switch takes for not given"
        )));
    }
    Ok(())
}

fn whole_seconds(timeout: Duration) -> Result<String, Error> {
    let seconds = timeout
        .as_secs()
        .saturating_add(u64::from(timeout.subsec_nanos() > 0));
    match i32::try_from(seconds) {
        Ok(1..) => Ok(seconds.to_string()),
        _ => Err(Error::invalid(format!(
            "the timeout must be more than nothing and at most {} seconds, not {timeout:?}",
            i32::MAX
        ))),
    }
}

/// As C's `atoi`; zero means the switch's default.
fn read_seconds(text: &str) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .map_or(text, |end| &text[..end]);
    let seconds: u32 = digits.parse().ok()?;
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}
