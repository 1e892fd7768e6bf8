//! The data path: object store → verified ranges → decoded integers. Never names a training.
//!
//! Everything read is distrusted: a damaged or missing object gives a [`crate::failure::Failure`] that names it.

mod base;
pub mod columns;
pub mod dataset;
pub mod files;
pub(crate) mod image_file;
pub mod pixels;

pub use base::{Base, Limits};
