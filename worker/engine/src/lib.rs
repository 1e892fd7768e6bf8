//! The engine: trains and runs a net on integer images, and is the only crate that names libtorch.
//!
//! It knows nothing of tasks, files or other machines: values come in as slices, weights and checkpoints leave as bytes.
//! Nothing that comes from outside makes it panic: every refusal is an [`EngineError`] that says what is wrong.

mod augment;
mod checkpoint;
mod container;
mod data;
mod device;
mod embed;
mod error;
mod evaluate;
mod measure;
mod net;
mod optimizer;
mod proxies;
mod random;
mod schedule;
mod steps;
mod train;
mod weights;

pub use augment::{augment_times, augmented};
pub use data::{Blocks, Feed, Feeds, Planes, Samples, Stream, TrainData};
pub use device::{DeviceMemory, device_memory, device_name, fingerprint, load_cuda, set_threads};
pub use embed::{Agreement, Embedded, embed};
pub use error::EngineError;
pub use evaluate::predict;
pub use measure::{execute_times, transfer_times};
pub use net::{Definition, Trial, parameters};
pub use proxies::{Proxies, proxies};
pub use steps::step_times;
pub use train::{
    Course, EpochPoint, Init, Observer, Place, Progress, Supernet, Trained, Wish, supernet, train, train_on,
};
pub use weights::weights_file_of;
