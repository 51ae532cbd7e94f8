//! What the caller hears, and what is recorded.

use std::time::Duration;

use genesis_proto::command::argument;

use super::Execution;
use super::observed::executed;
use crate::channel::Channel;
use crate::error::{Error, Result};

/// How something is said.
///
/// ```
/// use genesis_channel::{Say, SayMethod};
///
/// let floor = Say::new("en", "NUMBER", "3").method(SayMethod::Counted); // third
/// let account = Say::new("en", "NUMBER", "4711").method(SayMethod::Iterated); // 4 7 1 1
/// # let _ = (floor, account);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SayMethod {
    /// Not given.
    NotApplicable,
    /// As a word: "one hundred and twenty".
    #[default]
    Pronounced,
    /// Digit by digit, letter by letter.
    Iterated,
    /// As an ordinal: "third".
    Counted,
}

impl SayMethod {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotApplicable => "n/a",
            Self::Pronounced => "pronounced",
            Self::Iterated => "iterated",
            Self::Counted => "counted",
        }
    }
}

/// The gender of what is counted, for languages that inflect.
///
/// ```
/// use genesis_channel::{Say, SayGender};
///
/// let calls = Say::new("es", "ITEMS", "1").gender(SayGender::Feminine); // una
/// # let _ = calls;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SayGender {
    /// Feminine.
    Feminine,
    /// Masculine.
    Masculine,
    /// Neuter.
    Neuter,
}

impl SayGender {
    fn as_str(self) -> &'static str {
        match self {
            Self::Feminine => "feminine",
            Self::Masculine => "masculine",
            Self::Neuter => "neuter",
        }
    }
}

/// What the application `say` speaks, put together from recorded words.
///
/// ```
/// use genesis_channel::{Say, SayMethod};
///
/// let say = Say::new("en", "NUMBER", "1234").method(SayMethod::Iterated);
/// # let _ = say;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    module: String,
    language: Option<String>,
    kind: String,
    method: SayMethod,
    gender: Option<SayGender>,
    text: String,
}

impl Say {
    /// `module` is the say module (`en`); `kind` what the text is (`NUMBER`, `ITEMS`, `PERSONS`,
    /// `CURRENCY`, `CURRENT_DATE_TIME`, `TELEPHONE_NUMBER`, `NAME_SPELLED`, …: switch_types.h,
    /// `switch_say_type_t`).
    ///
    /// ```
    /// use genesis_channel::Say;
    ///
    /// let balance = Say::new("en", "CURRENCY", "12.50");
    /// let date = Say::new("en", "CURRENT_DATE_TIME", "1735689600"); // seconds since 1970
    /// # let _ = (balance, date);
    /// ```
    pub fn new(
        module: impl Into<String>,
        kind: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            module: module.into(),
            language: None,
            kind: kind.into(),
            method: SayMethod::default(),
            gender: None,
            text: text.into(),
        }
    }

    /// The language of the recorded words, if not the module's own.
    ///
    /// ```
    /// use genesis_channel::Say;
    ///
    /// let telephone = Say::new("en", "TELEPHONE_NUMBER", "2025550143").language("en-gb");
    /// # let _ = telephone;
    /// ```
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// How it is said; default pronounced.
    ///
    /// ```
    /// use genesis_channel::{Say, SayMethod};
    ///
    /// let position = Say::new("en", "NUMBER", "2").method(SayMethod::Counted); // second
    /// # let _ = position;
    /// ```
    #[must_use]
    pub fn method(mut self, method: SayMethod) -> Self {
        self.method = method;
        self
    }

    /// The gender of what is counted.
    ///
    /// ```
    /// use genesis_channel::{Say, SayGender};
    ///
    /// let messages = Say::new("ru", "MESSAGES", "2").gender(SayGender::Neuter);
    /// # let _ = messages;
    /// ```
    #[must_use]
    pub fn gender(mut self, gender: SayGender) -> Self {
        self.gender = Some(gender);
        self
    }

    /// `MODULE[:LANGUAGE] KIND METHOD [GENDER] TEXT` (mod_dptools.c, `SAY_SYNTAX`).
    fn argument(&self) -> Result<String> {
        for (what, word) in [("module", &self.module), ("kind", &self.kind)] {
            if word.is_empty() || word.contains(char::is_whitespace) {
                return Err(Error::invalid(format!(
                    "{word:?} is no {what} of say: one word"
                )));
            }
        }
        if self.text.is_empty() {
            return Err(Error::invalid("say has no text"));
        }
        let language = self.language.as_ref();
        let language = language.map(|language| format!(":{language}"));
        let gender = self.gender.map(|gender| format!(" {}", gender.as_str()));
        Ok(format!(
            "{}{} {} {}{} {}",
            self.module,
            language.unwrap_or_default(),
            self.kind,
            self.method.as_str(),
            gender.unwrap_or_default(),
            argument(&self.text),
        ))
    }
}

/// How a recording ends by itself.
///
/// ```
/// use std::time::Duration;
/// use genesis_channel::RecordOptions;
///
/// let options = RecordOptions::new().limit(Duration::from_secs(120)).silence(200, 3);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordOptions {
    limit: Option<Duration>,
    silence: Option<(u32, u32)>,
}

impl RecordOptions {
    /// It ends with the call, or by [`Channel::break_media`].
    ///
    /// ```
    /// use genesis_channel::RecordOptions;
    ///
    /// assert_eq!(RecordOptions::new(), RecordOptions::default());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest time, in whole seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use genesis_channel::RecordOptions;
    ///
    /// let voicemail = RecordOptions::new().limit(Duration::from_secs(3 * 60));
    /// # let _ = voicemail;
    /// ```
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// It ends after so many seconds below this energy level.
    ///
    /// ```
    /// use genesis_channel::RecordOptions;
    ///
    /// let name = RecordOptions::new().silence(200, 2); // ends after two silent seconds
    /// # let _ = name;
    /// ```
    #[must_use]
    pub fn silence(mut self, threshold: u32, seconds: u32) -> Self {
        self.silence = Some((threshold, seconds));
        self
    }

    fn words(self) -> String {
        let limit = self.limit.map_or(0, |limit| limit.as_secs().max(1));
        match (self.limit, self.silence) {
            (None, None) => String::new(),
            (Some(_), None) => format!(" {limit}"),
            (_, Some((threshold, seconds))) => format!(" {limit} {threshold} {seconds}"),
        }
    }
}

/// Who hears a broadcast.
///
/// ```no_run
/// # use genesis_channel::BroadcastLeg;
/// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
/// channel.broadcast("tone_stream://%(200,0,1400)", BroadcastLeg::Both).await?; // it is recorded
/// channel.broadcast("ivr/ivr-one_minute_left.wav", BroadcastLeg::This).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BroadcastLeg {
    /// This leg.
    #[default]
    This,
    /// The leg that it is bridged to.
    Other,
    /// Both.
    Both,
}

impl Channel {
    /// Plays a file, tone or stream.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let played = channel.playback("ivr/ivr-welcome.wav").await?.complete().await?;
    /// println!("{:?}", played.response()); // FILE PLAYED
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn playback(&self, file: &str) -> Result<Execution> {
        let observed = self.observe("channel.playback", None);
        observed.text("playback.path", file);
        executed(observed, Some("playback.block"), self.run("playback", file)).await
    }

    /// Says a number, a date, a name.
    ///
    /// ```no_run
    /// # use genesis_channel::{Say, SayMethod};
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.playback("ivr/ivr-extension_number.wav").await?;
    /// let extension = Say::new("en", "NUMBER", "1004").method(SayMethod::Iterated);
    /// channel.say(&extension).await?.complete().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); a module or kind that is no word.
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn say(&self, say: &Say) -> Result<Execution> {
        let argument = say.argument()?;
        let observed = self.observe("channel.say", None);
        observed.text("say.module", &say.module);
        observed.text("say.kind", &say.kind);
        observed.text("say.method", say.method.as_str());
        executed(observed, None, self.run("say", &argument)).await
    }

    /// Records the caller into a file, until one of the options' ends comes. Nothing else happens on
    /// the channel meanwhile; to record a conversation, see
    /// [`start_recording`](Self::start_recording).
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_channel::RecordOptions;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let ends = RecordOptions::new().limit(Duration::from_secs(60)).silence(200, 4);
    /// let done = channel.record("/var/spool/greetings/1000.wav", ends).await?.complete().await?;
    /// println!("recorded for {:?} ms", done.variable("record_ms"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// As [`execute`](Self::execute).
    pub async fn record(&self, file: &str, options: RecordOptions) -> Result<Execution> {
        let text = format!("{}{}", argument(file), options.words());
        self.counted_to_its_end("channel.record", self.run("record", &text))
            .await
    }

    /// Records both sides into a file while the call goes on, until
    /// [`stop_recording`](Self::stop_recording) or `limit`.
    ///
    /// With `uuid_record`; over a socket without `full` with the application `record_session`.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use genesis_proto::EventName;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let file = format!("/var/spool/calls/{}.wav", channel.uuid());
    /// let recording = channel.expect(EventName::RecordStart);
    /// channel.start_recording(&file, Some(Duration::from_secs(2 * 60 * 60))).await?;
    /// recording.within(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn start_recording(&self, file: &str, limit: Option<Duration>) -> Result<()> {
        self.counted("channel.start_recording", async {
            let limit = limit.map(|limit| limit.as_secs().max(1));
            if self.has_api() {
                let limit = limit.map(|limit| format!(" {limit}"));
                let rest = format!("start {}{}", argument(file), limit.unwrap_or_default());
                return self.uuid_api("uuid_record", &rest).await.map(drop);
            }
            let limit = limit.map(|limit| format!(" +{limit}"));
            let text = format!("{}{}", argument(file), limit.unwrap_or_default());
            self.run("record_session", &text).await.map(drop)
        })
        .await
    }

    /// Ends a recording that [`start_recording`](Self::start_recording) began; of all files with
    /// `"all"`.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let file = "/var/spool/calls/4711.wav";
    /// channel.start_recording(file, None).await?;
    /// // the caller is about to say the number of a credit card
    /// channel.stop_recording(file).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`start_recording`](Self::start_recording); a file that is not being recorded is refused.
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn stop_recording(&self, file: &str) -> Result<()> {
        self.counted("channel.stop_recording", async {
            if self.has_api() {
                let rest = format!("stop {}", argument(file));
                return self.uuid_api("uuid_record", &rest).await.map(drop);
            }
            self.run("stop_record_session", file).await.map(drop)
        })
        .await
    }

    /// Plays a file to a call that is busy with something else, or runs an application
    /// (`APP::ARGUMENT`) on it. Needs an inbound connection or `full`.
    ///
    /// ```no_run
    /// # use genesis_channel::BroadcastLeg;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// // a whisper: who the call is bridged to hears it, the caller does not
    /// channel.broadcast("ivr/ivr-recording_started.wav", BroadcastLeg::Other).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hold`](Self::hold).
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn broadcast(&self, file: &str, leg: BroadcastLeg) -> Result<()> {
        self.counted("channel.broadcast", async {
            let leg = match leg {
                BroadcastLeg::This => "aleg",
                BroadcastLeg::Other => "bleg",
                BroadcastLeg::Both => "both",
            };
            let rest = format!("{} {leg}", argument(file));
            self.uuid_api("uuid_broadcast", &rest).await.map(drop)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn say_writes_its_arguments_in_the_order_of_the_switch() {
        let say = Say::new("de", "ITEMS", "3 or 4")
            .language("at")
            .method(SayMethod::Counted)
            .gender(SayGender::Feminine);
        assert_eq!(
            say.argument().unwrap(),
            "de:at ITEMS counted feminine '3 or 4'"
        );
        assert!(Say::new("en us", "NUMBER", "1").argument().is_err());
        assert!(Say::new("en", "NUMBER", "").argument().is_err());
    }

    #[test]
    fn a_recording_that_ends_by_silence_alone_has_no_limit() {
        assert_eq!(RecordOptions::new().silence(200, 3).words(), " 0 200 3");
        let limit = RecordOptions::new().limit(Duration::from_millis(100));
        assert_eq!(limit.words(), " 1");
    }
}
