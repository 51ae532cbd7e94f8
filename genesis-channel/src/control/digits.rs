//! Asking for digits.

use std::time::Duration;

use genesis_proto::command::argument;

use super::Completed;
use super::observed::ended;
use crate::channel::Channel;
use crate::error::{Error, Result};

/// The variable that the digits are collected in, unless another is chosen.
const VARIABLE: &str = "genesis_digits";

/// What `play_and_get_digits` asks for.
///
/// ```
/// use std::time::Duration;
/// use genesis_channel::PlayAndGetDigits;
///
/// let menu = PlayAndGetDigits::new("ivr/menu.wav")
///     .digits(1, 1)
///     .tries(3)
///     .timeout(Duration::from_secs(5))
///     .regex("[1-3]")
///     .invalid_file("ivr/invalid.wav");
/// # let _ = menu;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayAndGetDigits {
    file: String,
    min: u32,
    max: u32,
    tries: u32,
    timeout: Duration,
    digit_timeout: Option<Duration>,
    terminators: String,
    invalid_file: Option<String>,
    variable: String,
    regex: Option<String>,
    transfer_on_failure: Option<String>,
}

impl PlayAndGetDigits {
    /// Plays this file and waits for one digit, for 5 seconds, once; `#` ends the input.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let yes_or_no = PlayAndGetDigits::new("ivr/ivr-accept_reject.wav");
    /// # let _ = yes_or_no;
    /// ```
    pub fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            min: 1,
            max: 1,
            tries: 1,
            timeout: Duration::from_secs(5),
            digit_timeout: None,
            terminators: "#".to_owned(),
            invalid_file: None,
            variable: VARIABLE.to_owned(),
            regex: None,
            transfer_on_failure: None,
        }
    }

    /// At least `min` and at most `max` digits, up to 128.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let extension = PlayAndGetDigits::new("ivr/ivr-enter_ext.wav").digits(3, 5);
    /// # let _ = extension;
    /// ```
    #[must_use]
    pub fn digits(mut self, min: u32, max: u32) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// How often it is asked; default once.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let pin = PlayAndGetDigits::new("ivr/ivr-please_enter_pin.wav").digits(4, 4).tries(3);
    /// # let _ = pin;
    /// ```
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.tries = tries;
        self
    }

    /// How long the first digit may take; default 5 s.
    ///
    /// ```
    /// use std::time::Duration;
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let slow = PlayAndGetDigits::new("ivr/card_number.wav").timeout(Duration::from_secs(20));
    /// # let _ = slow;
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long each further digit may take; default as the first.
    ///
    /// ```
    /// use std::time::Duration;
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let number = PlayAndGetDigits::new("ivr/ivr-enter_destination_telephone_number.wav")
    ///     .digits(1, 15)
    ///     .timeout(Duration::from_secs(10))
    ///     .digit_timeout(Duration::from_secs(3));
    /// # let _ = number;
    /// ```
    #[must_use]
    pub fn digit_timeout(mut self, timeout: Duration) -> Self {
        self.digit_timeout = Some(timeout);
        self
    }

    /// The digits that end the input; default `#`, and `""` for none.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let code = PlayAndGetDigits::new("ivr/feature_code.wav").digits(3, 3).terminators("");
    /// # let _ = code;
    /// ```
    #[must_use]
    pub fn terminators(mut self, terminators: impl Into<String>) -> Self {
        self.terminators = terminators.into();
        self
    }

    /// What is played after a wrong input; default nothing.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let menu = PlayAndGetDigits::new("ivr/languages.wav")
    ///     .tries(2)
    ///     .invalid_file("ivr/ivr-that_was_an_invalid_entry.wav");
    /// # let _ = menu;
    /// ```
    #[must_use]
    pub fn invalid_file(mut self, file: impl Into<String>) -> Self {
        self.invalid_file = Some(file.into());
        self
    }

    /// The channel variable that the digits are left in; default `genesis_digits`.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// // what the dialplan reads later as ${customer_number}
    /// let customer = PlayAndGetDigits::new("ivr/customer.wav")
    ///     .digits(6, 6)
    ///     .variable("customer_number");
    /// # let _ = customer;
    /// ```
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>) -> Self {
        self.variable = name.into();
        self
    }

    /// The whole input must match this regular expression (of the switch: PCRE). Anchors are added.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let internal = PlayAndGetDigits::new("ivr/ivr-enter_ext.wav")
    ///     .digits(4, 4)
    ///     .regex("10[01][0-9]");
    /// # let _ = internal;
    /// ```
    #[must_use]
    pub fn regex(mut self, regex: impl Into<String>) -> Self {
        self.regex = Some(regex.into());
        self
    }

    /// The extension that the call goes to when nothing fitting was pressed: `EXTENSION [DIALPLAN
    /// CONTEXT]`.
    ///
    /// ```
    /// use genesis_channel::PlayAndGetDigits;
    ///
    /// let menu = PlayAndGetDigits::new("ivr/main_menu.wav")
    ///     .tries(3)
    ///     .transfer_on_failure("operator XML default");
    /// # let _ = menu;
    /// ```
    #[must_use]
    pub fn transfer_on_failure(mut self, extension: impl Into<String>) -> Self {
        self.transfer_on_failure = Some(extension.into());
        self
    }

    /// mod_dptools.c, `play_and_get_digits_function`.
    fn argument(&self) -> Result<String> {
        if self.max == 0 || self.max > 128 || self.min > self.max || self.tries == 0 {
            return Err(Error::invalid(format!(
                "play_and_get_digits cannot ask for {} to {} digits, {} times: at most 128 digits, \
                 at least one, at least once",
                self.min, self.max, self.tries
            )));
        }
        if self.variable.is_empty() || self.variable.contains(char::is_whitespace) {
            return Err(Error::invalid(format!(
                "{:?} is no name of a channel variable",
                self.variable
            )));
        }
        let digit_timeout = self.digit_timeout.unwrap_or(self.timeout);
        let terminators = match self.terminators.is_empty() {
            true => "none",
            false => &self.terminators,
        };
        let regex = match &self.regex {
            Some(regex) => format!("^(?:{regex})$"),
            // every word up to the last that is used must be there
            None => "^[0-9*#A-D]*$".to_owned(),
        };
        let invalid = self
            .invalid_file
            .as_deref()
            .unwrap_or("silence_stream://10");
        let mut words = vec![
            self.min.to_string(),
            self.max.to_string(),
            self.tries.to_string(),
            self.timeout.as_millis().to_string(),
            argument(terminators),
            argument(&self.file),
            argument(invalid),
            self.variable.clone(),
            argument(&regex),
            digit_timeout.as_millis().to_string(),
        ];
        words.extend(self.transfer_on_failure.as_deref().map(argument));
        Ok(words.join(" "))
    }
}

/// What came of asking for digits.
///
/// ```
/// use genesis_channel::DigitsResult;
///
/// let result = DigitsResult::Digits { digits: "4711".to_owned(), terminator: Some('#') };
/// assert_eq!(result.digits(), Some("4711"));
/// assert_eq!(DigitsResult::Timeout.digits(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DigitsResult {
    /// These digits were pressed.
    Digits {
        /// The digits, without the terminator. Empty if none were needed.
        digits: String,
        /// The terminator that ended the input, if one did.
        terminator: Option<char>,
    },
    /// Something else was pressed, every time; the last of it.
    Invalid {
        /// What was pressed.
        digits: String,
    },
    /// Nothing, or too little, was pressed in time.
    Timeout,
}

impl DigitsResult {
    /// The digits, if fitting ones were pressed.
    ///
    /// ```no_run
    /// # use genesis_channel::PlayAndGetDigits;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let menu = PlayAndGetDigits::new("ivr/main_menu.wav").regex("[12]");
    /// match channel.play_and_get_digits(&menu).await?.digits() {
    ///     Some("1") => channel.transfer("sales").await?,
    ///     Some("2") => channel.transfer("support").await?,
    ///     _ => channel.transfer("operator").await?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn digits(&self) -> Option<&str> {
        match self {
            Self::Digits { digits, .. } => Some(digits),
            _ => None,
        }
    }

    fn read(completed: &Completed, asked: &PlayAndGetDigits) -> Self {
        let variable = |name: &str| {
            let value = completed.variable(name).filter(|value| !value.is_empty());
            value.map(std::borrow::Cow::into_owned)
        };
        let terminator = variable("read_terminator_used").and_then(|text| text.chars().next());
        let digits = variable(&asked.variable);
        let success = completed
            .variable("read_result")
            .is_none_or(|text| text == "success");
        if digits.is_some() || (asked.min == 0 && success && terminator.is_some()) {
            let digits = digits.unwrap_or_default();
            return Self::Digits { digits, terminator };
        }
        match variable(&format!("{}_invalid", asked.variable)) {
            Some(digits) => Self::Invalid { digits },
            None => Self::Timeout,
        }
    }
}

impl Channel {
    /// Plays a file and collects digits; says what was pressed, or why there are none.
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, DigitsResult, PlayAndGetDigits};
    /// # async fn example(channel: Channel) -> genesis_channel::Result<()> {
    /// match channel.play_and_get_digits(&PlayAndGetDigits::new("ivr/menu.wav")).await? {
    ///     DigitsResult::Digits { digits, .. } => println!("{digits} was pressed"),
    ///     DigitsResult::Invalid { digits } => println!("{digits} is not on the menu"),
    ///     _ => println!("nothing was pressed"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute) and [`Execution::complete`](crate::Execution::complete); counts
    /// that make no sense.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the digits up; the file plays on.
    pub async fn play_and_get_digits(&self, asked: &PlayAndGetDigits) -> Result<DigitsResult> {
        let text = asked.argument()?;
        let observed = self.observe("channel.play_and_get_digits", None);
        observed.text("play_and_get_digits.file", &asked.file);
        observed.number("play_and_get_digits.tries", asked.tries.into());
        let result = observed.run(self.ask(asked, &text)).await;
        ended(observed, &result);
        result
    }

    async fn ask(&self, asked: &PlayAndGetDigits, text: &str) -> Result<DigitsResult> {
        // the switch leaves it as an earlier question set it
        self.run("unset", "read_terminator_used").await?;
        let execution = self.run("play_and_get_digits", text).await?;
        let completed = execution.complete().await?;
        let result = DigitsResult::read(&completed, asked);
        if result.digits().is_none() {
            // it is done because the caller left
            self.check_alive()?;
        }
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_blanks_stay_one_word() {
        let asked = PlayAndGetDigits::new("say it.wav")
            .digits(2, 4)
            .terminators("")
            .transfer_on_failure("sales XML default");
        assert_eq!(
            asked.argument().unwrap(),
            "2 4 1 5000 none 'say it.wav' silence_stream://10 genesis_digits \
             ^[0-9*#A-D]*$ 5000 'sales XML default'"
        );
        assert!(PlayAndGetDigits::new("a").digits(3, 2).argument().is_err());
    }
}
