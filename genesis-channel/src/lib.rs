//! genesis-channel
