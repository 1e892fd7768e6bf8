//! Why the engine refused or gave up, by what the caller does about it.

use imgcalc_shared::net::NetError;
use tch::TchError;

/// Why a training or measurement did not finish.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The training goes nowhere: the hyper-parameters do not suit the net and the data.
    #[error("the training fails numerically at epoch {epoch}, step {step}: {evidence}")]
    Numeric {
        /// Epoch, counted from 1.
        epoch: u32,
        /// Step within the epoch, counted from 1.
        step: u64,
        /// What was seen, and what to do about it.
        evidence: String,
    },
    /// The bytes given as weights are damaged or belong to another net.
    #[error("bad weights: {0}")]
    BadWeights(String),
    /// The bytes given as a checkpoint are damaged or belong to another training.
    #[error("bad checkpoint: {0}")]
    BadCheckpoint(String),
    /// The samples, the net or the hyper-parameters contradict each other or cross a limit.
    #[error("bad data: {0}")]
    BadData(String),
    /// The observer asked to stop.
    #[error("stopped on request")]
    Stopped,
    /// Host or device memory does not suffice.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// Images that are read while the training runs could not be.
    #[error("images cannot be read: {0}")]
    Images(String),
    /// The observer could not store a checkpoint.
    #[error("a checkpoint could not be stored: {0}")]
    Checkpoint(String),
    /// libtorch reports something else.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl From<NetError> for EngineError {
    fn from(error: NetError) -> Self {
        EngineError::BadData(error.to_string())
    }
}

impl From<TchError> for EngineError {
    fn from(error: TchError) -> Self {
        let text = match error {
            TchError::Torch(text) => text,
            other => other.to_string(),
        };
        // The first line is the reason; below it libtorch prints its stack.
        let reason = text.lines().next().unwrap_or_default().to_string();
        if is_memory(&reason) {
            EngineError::OutOfMemory(reason)
        } else {
            EngineError::Torch(reason)
        }
    }
}

/// Whether libtorch says that memory does not suffice.
pub(crate) fn is_memory(text: &str) -> bool {
    let lower = text.to_lowercase();
    let phrases = [
        "out of memory",
        "not enough memory",
        "can't allocate memory",
        "cannot allocate memory",
    ];
    phrases.iter().any(|phrase| lower.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn a_failed_allocation_is_out_of_memory() {
        let error = Tensor::f_zeros([1_i64 << 50], (Kind::Float, Device::Cpu)).unwrap_err();
        assert!(matches!(EngineError::from(error), EngineError::OutOfMemory(_)));
    }

    #[test]
    fn another_failure_of_libtorch_keeps_its_reason() {
        let (a, b) = (
            Tensor::from_slice(&[1.0_f32; 2]),
            Tensor::from_slice(&[1.0_f32; 3]),
        );
        let error = EngineError::from(a.f_mul(&b).unwrap_err());
        assert!(
            matches!(&error, EngineError::Torch(reason) if reason.contains("size of tensor")),
            "{error}"
        );
    }
}
