//! What of the Python package `imgcalc` is Rust: formats, manifests, footers and the decoding of columns and single
//! images. It does no I/O; the Python half reads the bytes.
//!
//! Every error becomes `imgcalc.DataError` with the message of the error. While it decodes, other Python threads run.

mod columns;
mod format;
mod image;
mod manifest;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pyo3::create_exception!(
    imgcalc,
    DataError,
    PyValueError,
    "Something that was read, or asked for, is not what it should be; the message names it."
);

/// The exception of an error.
fn data_error(error: impl std::fmt::Display) -> PyErr {
    DataError::new_err(error.to_string())
}

/// The native module.
#[pymodule]
mod _imgcalc {
    #[pymodule_export]
    use super::DataError;
    #[pymodule_export]
    use super::columns::PyFooter;
    #[pymodule_export]
    use super::format::PyFormat;
    #[pymodule_export]
    use super::image::{decode, decode_image, encode};
    #[pymodule_export]
    use super::manifest::{PyManifest, manifest_key, name_key, named_digest};
}
