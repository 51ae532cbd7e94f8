//! What can be wrong with the configuration of exporters.

/// Why exporters could not be set up, or not be flushed.
///
/// No text of it holds a header's value or the credentials in a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An environment variable has a value that cannot be used.
    #[error("{variable}: {problem}")]
    Environment {
        /// The variable.
        variable: String,
        /// What is wrong with it and what is accepted.
        problem: String,
    },
    /// An exporter could not be made of a configuration that was understood.
    #[error("cannot export telemetry: {0}")]
    Exporter(String),
    /// A recorder of metrics is installed already; there can be one in a process.
    #[error("a metrics recorder is installed already; install one of the two")]
    RecorderInstalled,
    /// What was recorded last could not be handed over in time.
    #[error("telemetry was not flushed within {} s; what was recorded last is lost", .0.as_secs_f64())]
    FlushTimeout(std::time::Duration),
}

impl Error {
    pub(super) fn environment(variable: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Environment {
            variable: variable.into(),
            problem: problem.into(),
        }
    }
}
