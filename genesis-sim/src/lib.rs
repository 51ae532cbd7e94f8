//! genesis-sim
