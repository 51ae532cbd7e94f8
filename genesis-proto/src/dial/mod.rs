//! Dial strings.
