//! What raft's core says, to where everything else is logged.

use slog::{Drain, Level, Logger, Never, OwnedKVList, Record};

struct ToTracing;

impl Drain for ToTracing {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, _: &OwnedKVList) -> Result<(), Never> {
        let text = record.msg();
        match record.level() {
            Level::Critical | Level::Error => tracing::error!(target: "imgcalc::raft", "{text}"),
            // An election or a lost message is every day's business for it.
            Level::Warning | Level::Info => tracing::debug!(target: "imgcalc::raft", "{text}"),
            Level::Debug | Level::Trace => tracing::trace!(target: "imgcalc::raft", "{text}"),
        }
        Ok(())
    }
}

pub(super) fn bridge() -> Logger {
    Logger::root(ToTracing, slog::o!())
}
