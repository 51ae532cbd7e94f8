//! genesis-client
