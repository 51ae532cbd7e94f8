//! Spans and metrics for Genesis.
//!
//! This crate is the other half of `genesis_client::observe`: with the feature `otel` of
//! genesis-client, genesis-channel or genesis-ringgroup its [`hooks`] take the place of the
//! zero-sized ones, and there is nothing else to call.
//!
//! | item | what it is for |
//! |---|---|
//! | [`Telemetry`] | what is observed, what is left out, where spans and metrics go |
//! | [`hooks`] | what the other crates call |
//! | [`Lifecycle`] | one connection's events as spans and metrics, without a connection |
//! | [`vocabulary`] | every span and metric by name; `SIGNALS.md` is made of it |
//! | [`span`] | a span of your own around a future |
//! | [`traceparent`] | the channel variable by which a call stays in one trace |
//!
//! Only the APIs of OpenTelemetry and of the `metrics` facade are used: nothing is exported until
//! the application installs a tracer provider or a recorder, and nothing global is installed here.
//!
//! # Example
//!
//! ```
//! use genesis_otel::{Lifecycle, Telemetry};
//! use genesis_proto::{Event, EventName};
//!
//! let telemetry = Telemetry::default(); // one for the process
//! let mut lifecycle = Lifecycle::new(&telemetry); // one per connection
//! let event = Event::builder(EventName::ChannelAnswer).header("Unique-ID", "7f4d")?.build();
//! lifecycle.on_event(&event); // a span `freeswitch.channel.answer`, if anybody records
//! # Ok::<(), genesis_proto::Error>(())
//! ```

mod attributes;
mod config;
mod glob;
pub mod hooks;
#[cfg(feature = "init")]
pub mod init;
mod lifecycle;
mod metering;
mod secrets;
mod span;
pub mod traceparent;
pub mod vocabulary;

pub use config::{SpanDetails, Subject, Telemetry, TelemetryBuilder};
pub use lifecycle::Lifecycle;
pub use secrets::{DENIED as SECRET_NAMES, command_label, command_name};
pub use span::{SpanAround, span};

/// The snippets of the README compile and run.
#[cfg(all(doctest, feature = "init"))]
#[doc = include_str!("../README.md")]
mod readme {}
