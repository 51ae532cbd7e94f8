//! Variables that the SDK reads by itself, checked before it does: it takes a 0 that makes it work
//! without a pause, and what is no number it passes over.

use std::ops::RangeInclusive;

use super::Error;
use super::environment::Variables;

/// The longest time of a variable, in milliseconds: a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What the SDK reads, and which numbers can be used.
const OF_THE_SDK: [(&str, RangeInclusive<u64>); 8] = [
    ("OTEL_BSP_SCHEDULE_DELAY", 1..=DAY),
    ("OTEL_BSP_EXPORT_TIMEOUT", 1..=DAY),
    ("OTEL_BSP_MAX_QUEUE_SIZE", 1..=1_000_000),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1..=1_000_000),
    ("OTEL_BSP_MAX_CONCURRENT_EXPORTS", 1..=1_000),
    ("OTEL_METRIC_EXPORT_INTERVAL", 1..=DAY),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", 0..=1_000_000),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", 0..=1_000_000),
];

/// Whether the SDK can use what it will read.
pub(super) fn check(variables: &Variables<'_>) -> Result<(), Error> {
    for (name, range) in OF_THE_SDK {
        if variables.get(name).is_some() {
            // as it is: the SDK takes no blanks around it
            let text = (variables.0)(name).unwrap_or_default();
            number(name, &text, range)?;
        }
    }
    Ok(())
}

/// A time in milliseconds.
pub(super) fn milliseconds(name: &str, text: &str) -> Result<u64, Error> {
    number(name, text, 1..=DAY).map_err(|_| {
        Error::environment(
            name,
            format!("{text:?} is no time; write milliseconds from 1 to {DAY}, as in 10000"),
        )
    })
}

fn number(name: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, Error> {
    let number = text.parse::<u64>().ok();
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let problem = format!("{text:?} cannot be used; write a number from {least} to {most}");
            Error::environment(name, problem)
        })
}
