//! genesis-ringgroup
