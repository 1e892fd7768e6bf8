//! The data path: object store → verified ranges → decoded integers. Never names a training.
//!
//! Everything read is distrusted: a damaged or missing object gives a [`crate::failure::Failure`] that names it.

mod account;
mod base;
mod cache;
pub mod columns;
pub mod dataset;
pub mod files;
pub(crate) mod image_file;
pub mod nets;
pub mod pixels;

pub use account::Account;
pub use base::{Base, Limits};
pub use cache::{Cache, CacheError};
