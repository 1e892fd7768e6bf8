//! Tasks and what they are about in words.

use super::{FailureClass, Input, Jpeg, Leg, Start, Task, TaskId};
use crate::format::Format;

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for Jpeg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Jpeg::Source => f.pad("jpeg-source"),
            Jpeg::Quality(quality) => f.pad(&format!("jpeg-{quality}")),
        }
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::Format(format) => format.fmt(f),
            Input::Pixels => f.pad("pixels"),
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Task::Columns { formats, .. } => write!(f, "columns {}", FamilyOf(formats)),
            Task::ProfileAccess { formats, .. } => write!(f, "profile access {}", FamilyOf(formats)),
            Task::ProfileExecute { shape, .. } => write!(f, "profile execute {shape}"),
            Task::ProfileJpeg { jpeg, .. } => write!(f, "profile {jpeg}"),
            Task::ProfileTraining { shape, .. } => write!(f, "profile training {shape}"),
            Task::Proxies { input, .. } => write!(f, "proxies {input}"),
            Task::Supernet { input, nets, .. } => write!(f, "supernet of {} nets {input}", nets.len()),
            Task::Train {
                input,
                leg: Some(Leg { after, until }),
                ..
            } if after + 1 == *until => write!(f, "train {input}, epoch {until}"),
            Task::Train {
                input,
                leg: Some(Leg { after, until }),
                ..
            } => write!(f, "train {input}, epochs {} to {until}", after + 1),
            Task::Train {
                input,
                start: Start::Scratch,
                ..
            } => write!(f, "train {input} from scratch"),
            Task::Train { input, .. } => write!(f, "train {input}"),
            Task::Embed { formats, .. } => write!(f, "embed {} formats", formats.len()),
        }
    }
}

/// What formats of one family are called together.
struct FamilyOf<'a>(&'a [Format]);

impl std::fmt::Display for FamilyOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.first() {
            Some(format) => format.family().fmt(f),
            None => f.pad("of nothing"),
        }
    }
}

impl std::fmt::Display for FailureClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            FailureClass::Preempted => "pre-empted",
            FailureClass::WorkerLost => "worker lost",
            FailureClass::OutOfMemory => "out of memory",
            FailureClass::Numeric => "numeric failure",
            FailureClass::BadData => "bad data",
            FailureClass::Storage => "storage",
            FailureClass::Application => "application",
        })
    }
}
