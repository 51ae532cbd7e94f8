//! Tables of options as the builders of the crates below.

use genesis_channel::{
    OriginateOptions, Pace, PlayAndGetDigits, RecordOptions, Say, SayGender, SayMethod,
};
use genesis_proto::HangupCause;

use super::args::{Args, Options};
use super::failure::{Failure, Result};

/// One of `choices` by its name.
pub(super) fn choice<T: Copy>(of: &str, text: &str, choices: &[(&str, T)]) -> Result<T> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        Failure::invalid(format!("{of}: {text:?} is none of {}", names.join(", ")))
    })
}

/// A hangup cause that the switch knows.
pub(super) fn cause(text: &str) -> Result<HangupCause> {
    match HangupCause::from(text) {
        HangupCause::Other(_) => Err(Failure::invalid(format!(
            "{text:?} is no hangup cause; NORMAL_CLEARING and USER_BUSY are"
        ))),
        cause => Ok(cause),
    }
}

pub(super) const ORIGINATE: &[&str] = &[
    "timeout",
    "caller_id",
    "variables",
    "early_media",
    "application",
    "argument",
    "extension",
    "dialplan",
    "context",
    "uuid",
    "cancel_cause",
    "per_second",
    "wait",
];

pub(super) fn originate(options: &Options) -> Result<OriginateOptions> {
    let mut made = OriginateOptions::new().variables(options.pairs("variables")?);
    if let Some((name, number)) = options.caller_id()? {
        made = made.caller_id(name, number);
    }
    if let Some(timeout) = options.seconds("timeout")? {
        made = made.timeout(timeout);
    }
    if let Some(counts) = options.flag("early_media")? {
        made = made.early_media(counts);
    }
    let argument = options.text("argument")?.unwrap_or_default();
    match (options.text("application")?, options.text("extension")?) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid(
                "originate: application and extension exclude each other",
            ));
        }
        (Some(application), None) => made = made.application(application, argument),
        (None, Some(extension)) => made = made.extension(extension),
        (None, None) => {}
    }
    if let (dialplan, Some(context)) = (options.text("dialplan")?, options.text("context")?) {
        made = made.dialplan(dialplan.unwrap_or_else(|| "XML".to_owned()), context);
    }
    if let Some(uuid) = options.text("uuid")? {
        made = made.uuid(uuid);
    }
    if let Some(text) = options.text("cancel_cause")? {
        made = made.cancel_cause(cause(&text)?);
    }
    if let Some(pace) = options.number32("per_second")? {
        made = made.pace(Pace::PerSecond(pace));
    }
    Ok(made)
}

/// `play_and_get_digits(file, {min = 1, max = 1, …})`.
pub(super) fn digits(args: &mut Args) -> Result<PlayAndGetDigits> {
    let mut asked = PlayAndGetDigits::new(args.text("the file")?);
    let options = args.options(&[
        "min",
        "max",
        "tries",
        "timeout",
        "digit_timeout",
        "terminators",
        "invalid_file",
        "variable",
        "regex",
        "transfer_on_failure",
    ])?;
    let min = options.number32("min")?.unwrap_or(1);
    let max = options.number32("max")?.unwrap_or(min.max(1));
    asked = asked.digits(min, max);
    if let Some(tries) = options.number32("tries")? {
        asked = asked.tries(tries);
    }
    if let Some(time) = options.seconds("timeout")? {
        asked = asked.timeout(time);
    }
    if let Some(time) = options.seconds("digit_timeout")? {
        asked = asked.digit_timeout(time);
    }
    if let Some(text) = options.text("terminators")? {
        asked = asked.terminators(text);
    }
    if let Some(text) = options.text("invalid_file")? {
        asked = asked.invalid_file(text);
    }
    if let Some(text) = options.text("variable")? {
        asked = asked.variable(text);
    }
    if let Some(text) = options.text("regex")? {
        asked = asked.regex(text);
    }
    if let Some(text) = options.text("transfer_on_failure")? {
        asked = asked.transfer_on_failure(text);
    }
    Ok(asked)
}

/// `say(text, {kind = "NUMBER", …})`.
pub(super) fn say(args: &mut Args) -> Result<(Say, Options)> {
    let text = args.text("what is said")?;
    let options = args.options(&["module", "kind", "method", "gender", "language", "wait"])?;
    let module = options.text("module")?.unwrap_or_else(|| "en".to_owned());
    let kind = options.text("kind")?.unwrap_or_else(|| "NUMBER".to_owned());
    let mut say = Say::new(module, kind, text);
    if let Some(text) = options.text("method")? {
        let methods = [
            ("n/a", SayMethod::NotApplicable),
            ("pronounced", SayMethod::Pronounced),
            ("iterated", SayMethod::Iterated),
            ("counted", SayMethod::Counted),
        ];
        say = say.method(choice("say", &text, &methods)?);
    }
    if let Some(text) = options.text("gender")? {
        let genders = [
            ("feminine", SayGender::Feminine),
            ("masculine", SayGender::Masculine),
            ("neuter", SayGender::Neuter),
        ];
        say = say.gender(choice("say", &text, &genders)?);
    }
    if let Some(language) = options.text("language")? {
        say = say.language(language);
    }
    Ok((say, options))
}

pub(super) const RECORD: &[&str] = &["limit", "silence_threshold", "silence", "wait"];

pub(super) fn record(options: &Options) -> Result<RecordOptions> {
    let mut made = RecordOptions::new();
    if let Some(limit) = options.seconds("limit")? {
        made = made.limit(limit);
    }
    if let Some(silence) = options.seconds("silence")? {
        let seconds = u32::try_from(silence.as_secs().max(1)).unwrap_or(u32::MAX);
        let threshold = options.number32("silence_threshold")?.unwrap_or(200);
        made = made.silence(threshold, seconds);
    }
    Ok(made)
}
