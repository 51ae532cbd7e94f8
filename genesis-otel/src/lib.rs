//! genesis-otel
