//! The `genesis` command as a person or a script runs it.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers are tests too: one that cannot go on fails"
)]

mod applications;
mod apps;
mod arguments;
mod channels;
mod decode;
mod demo;
mod ends;
mod events;
mod failures;
mod hangup;
mod lua;
mod lua_calls;
mod lua_dev;
mod new;
#[cfg(all(feature = "telemetry", unix))]
mod observability;
#[cfg(feature = "telemetry")]
mod observability_collector;
#[cfg(feature = "telemetry")]
mod observability_dashboards;
#[cfg(feature = "telemetry")]
mod observability_otlp;
#[cfg(feature = "tls")]
mod observability_tls;
mod originate;
mod projects;
#[path = "../../../genesis-ringgroup/tests/redis_server/mod.rs"]
mod redis_server;
mod ring;
mod sim;
mod support;
mod switch;
