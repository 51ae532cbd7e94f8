//! genesis-proto
