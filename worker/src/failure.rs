//! Why an attempt ends without an outcome.

use imgcalc_shared::task::FailureClass;

/// A failure of a stage: its class decides which budget it counts against.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Failure {
    /// The class.
    pub class: FailureClass,
    /// What happened, naming the object or field, in the present tense.
    pub message: String,
}

impl Failure {
    /// A failure of this class.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Failure {
            class,
            message: message.into(),
        }
    }

    /// An input object is damaged or missing.
    pub fn bad_data(message: impl Into<String>) -> Self {
        Failure::new(FailureClass::BadData, message)
    }

    /// The base cannot be read or written.
    pub fn storage(message: impl Into<String>) -> Self {
        Failure::new(FailureClass::Storage, message)
    }

    /// The stage's own code says no.
    pub fn application(message: impl Into<String>) -> Self {
        Failure::new(FailureClass::Application, message)
    }
}
