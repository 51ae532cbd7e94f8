//! stub
/// mode
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode {
    /// a
    pub is_async: bool,
    /// b
    pub full: bool,
}
