//! The channel variable by which a call stays in one trace.
//!
//! A leg that is originated with the variable [`VARIABLE`] set belongs to the trace that the
//! variable names, whichever process sees its events.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

/// The channel variable.
pub const VARIABLE: &str = "traceparent";

/// The value of the variable for legs that belong to the span that is current, if there is one.
///
/// ```
/// assert_eq!(genesis_otel::traceparent::current(), None);
/// ```
#[must_use]
pub fn current() -> Option<String> {
    Context::map_current(|context| of(context.span().span_context()))
}

/// The value for legs that belong to `span`; nothing if it is no real one.
#[must_use]
pub fn of(span: &SpanContext) -> Option<String> {
    span.is_valid().then(|| {
        let flags = span.trace_flags().to_u8() & TraceFlags::SAMPLED.to_u8();
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    })
}

/// Reads a value as W3C's Trace Context writes it.
///
/// ```
/// use genesis_otel::traceparent;
///
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let span = traceparent::parse(text).ok_or("unreadable")?;
/// assert!(span.is_sampled() && span.is_remote());
/// assert_eq!(traceparent::of(&span).as_deref(), Some(text));
/// assert!(traceparent::parse("00-abc").is_none());
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32)?;
    let span = hex(parts.next()?, 16)?;
    let flags = hex(parts.next()?, 2)?;
    // a newer version may have more, this one has not
    if version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

fn hex(part: &str, length: usize) -> Option<&str> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (part.len() == length && part.bytes().all(is_hex)).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_traceparent_is_refused() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for text in [
            "".to_owned(),
            "00".to_owned(),
            format!("00-{trace}-b7ad6b7169203331"),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{trace}-b7ad6b7169203331-01-more"),
            format!("ff-{trace}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
            format!("00-{trace}-b7ad6b716920333ü-01"),
        ] {
            assert!(parse(&text).is_none(), "{text}");
        }
        assert!(parse(&format!("01-{trace}-b7ad6b7169203331-00-more")).is_some());
        let unsampled = parse(&format!("00-{trace}-b7ad6b7169203331-fe")).unwrap();
        assert!(!unsampled.is_sampled());
    }
}
