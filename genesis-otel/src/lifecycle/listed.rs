//! Channels as `show channels` lists them.

/// A channel that there is, after a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Its Unique-ID.
    pub uuid: String,
    /// `inbound` or `outbound`; empty if that is not known.
    pub direction: String,
    /// When it was made, in seconds since 1970, if that is known.
    pub created: Option<u64>,
}
