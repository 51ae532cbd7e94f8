//! A span of the application's own around a future.

use std::borrow::Cow;
use std::fmt::Display;
use std::future::Future;

use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, Key, KeyValue, Value};

use crate::Telemetry;
use crate::hooks::{Failure, tell_error};

/// A span called `name`, a child of the one that is current, for [`run`](SpanAround::run). What
/// Genesis does inside nests below it.
///
/// ```
/// # async fn greet() -> &'static str { "hello" }
/// # async fn call() {
/// let answer = genesis_otel::span("greeting").attr("language", "en").run(greet()).await;
/// # }
/// ```
pub fn span(name: impl Into<Cow<'static, str>>) -> SpanAround {
    SpanAround {
        name: name.into(),
        attributes: Vec::new(),
        telemetry: None,
    }
}

/// A span that is to be put around a future; made by [`span`].
#[derive(Debug)]
#[must_use = "nothing happens until a future is run in it"]
pub struct SpanAround {
    name: Cow<'static, str>,
    attributes: Vec<KeyValue>,
    telemetry: Option<Telemetry>,
}

impl SpanAround {
    /// Adds an attribute.
    pub fn attr(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// Makes the span with the tracer provider of `telemetry` instead of the global one.
    pub fn with(mut self, telemetry: &Telemetry) -> Self {
        self.telemetry = Some(telemetry.clone());
        self
    }

    /// Runs `future` in the span, which ends when the future does.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future`; a span whose future is dropped ends then.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let (_, context) = self.begin();
        // ends with the last clone of the context, which the future's is
        future.with_context(context).await
    }

    /// As [`run`](Self::run); an error that the future gives is the span's, too: its status, an event
    /// `exception`, and `error.type`, which is `error`. Secrets in its text are masked.
    ///
    /// ```
    /// # async fn greet() -> Result<&'static str, std::fmt::Error> { Ok("hello") }
    /// # async fn call() -> Result<(), std::fmt::Error> {
    /// let answer = genesis_otel::span("greeting").attr("language", "en").try_run(greet()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That of `future`.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn try_run<T, E, F>(self, future: F) -> Result<T, E>
    where
        E: Display,
        F: Future<Output = Result<T, E>>,
    {
        let (telemetry, context) = self.begin();
        let result = future.with_context(context.clone()).await;
        let span = context.span();
        if let Err(error) = &result
            && span.is_recording()
        {
            let failure = Failure {
                kind: "error",
                error,
                stack: "",
            };
            tell_error(&telemetry, &span, failure);
        }
        span.end();
        result
    }

    fn begin(self) -> (Telemetry, Context) {
        let telemetry = self.telemetry.unwrap_or_default();
        let tracer = telemetry.tracer();
        let builder = tracer
            .span_builder(self.name)
            .with_attributes(self.attributes);
        let context = Context::current_with_span(tracer.build(builder));
        (telemetry, context)
    }
}
