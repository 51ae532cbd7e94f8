//! Who calls whom, and when what happened.

/// A caller profile (switch_caller.h): who calls whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    pub(crate) username: String,
    pub(crate) dialplan: String,
    pub(crate) caller_id_name: String,
    pub(crate) caller_id_number: String,
    pub(crate) orig_caller_id_name: String,
    pub(crate) orig_caller_id_number: String,
    pub(crate) callee_id_name: String,
    pub(crate) callee_id_number: String,
    pub(crate) network_addr: String,
    pub(crate) ani: String,
    pub(crate) destination_number: String,
    pub(crate) source: String,
    pub(crate) context: String,
    pub(crate) rdnis: String,
    pub(crate) index: u32,
    pub(crate) logical_inbound: bool,
}

/// Microseconds since 1970; 0 is "not yet".
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) profile_created: u64,
    pub(crate) created: u64,
    pub(crate) answered: u64,
    pub(crate) progress: u64,
    pub(crate) progress_media: u64,
    pub(crate) hangup: u64,
    pub(crate) transferred: u64,
    pub(crate) bridged: u64,
    pub(crate) last_hold: u64,
    pub(crate) hold_accum: u64,
}

impl Profile {
    /// Fields that read as channel variables (switch_caller.c,
    /// `switch_caller_get_field_by_name`).
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let value = match name {
            "dialplan" => &self.dialplan,
            "caller_id_name" => &self.caller_id_name,
            "caller_id_number" => &self.caller_id_number,
            "orig_caller_id_name" => &self.orig_caller_id_name,
            "orig_caller_id_number" => &self.orig_caller_id_number,
            "callee_id_name" => &self.callee_id_name,
            "callee_id_number" => &self.callee_id_number,
            "network_addr" => &self.network_addr,
            "ani" => &self.ani,
            "destination_number" => &self.destination_number,
            "rdnis" => &self.rdnis,
            "username" => &self.username,
            "context" => &self.context,
            "source" => &self.source,
            _ => return None,
        };
        (!value.is_empty()).then_some(value)
    }
}
