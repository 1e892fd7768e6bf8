//! The engine: trains and runs a net on integer images, and is the only crate that names libtorch.
//!
//! It knows nothing of tasks, files or other machines: values come in as slices, weights and checkpoints leave as bytes.
//! Nothing that comes from outside makes it panic: every refusal is an [`EngineError`] that says what is wrong.

mod augment;
mod checkpoint;
mod container;
mod data;
mod device;
mod error;
mod evaluate;
mod measure;
mod net;
mod optimizer;
mod random;
mod schedule;
mod train;
mod weights;

pub use augment::{augment_times, augmented};
pub use data::{Blocks, Samples, TrainData};
pub use device::{device_name, fingerprint, load_cuda, set_threads};
pub use error::EngineError;
pub use evaluate::predict;
pub use measure::{execute_times, transfer_times};
pub use net::parameters;
pub use train::{EpochPoint, Init, Observer, Place, Progress, Trained, Wish, train};
