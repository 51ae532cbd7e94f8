//! A span of the application's own around a future.

use std::borrow::Cow;
use std::future::Future;

use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, Key, KeyValue, Value};

use crate::Telemetry;

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
        let context = {
            let tracer = match &self.telemetry {
                Some(telemetry) => telemetry.tracer(),
                None => opentelemetry::global::tracer("genesis"),
            };
            let builder = tracer
                .span_builder(self.name)
                .with_attributes(self.attributes);
            Context::current_with_span(tracer.build(builder))
        };
        // ends with the last clone of the context, which the future's is
        future.with_context(context).await
    }
}
