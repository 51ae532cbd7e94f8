//! The switch side.
/// The switch side.
#[derive(Debug)]
pub struct SwitchSession;
