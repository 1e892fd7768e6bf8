//! What is known of a dataset before any of its columns is read, and under which keys its parts lie.

use crate::data_error;
use crate::format::PyFormat;
use imgcalc_shared::column;
use imgcalc_shared::dataset::{self, Manifest};
use imgcalc_shared::digest::Digest;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Images of one size, labels and splits under one content digest.
#[pyclass(frozen, name = "Manifest", module = "imgcalc._imgcalc")]
#[derive(Debug)]
pub struct PyManifest(pub Manifest);

/// Key of the manifest of a dataset.
#[pyfunction]
pub fn manifest_key(digest: &str) -> PyResult<String> {
    let digest: Digest = digest.parse().map_err(data_error)?;
    Ok(dataset::manifest_key(&digest))
}

/// Key of the object that tells which dataset a name means; of no name, the folder of them all.
#[pyfunction]
pub fn name_key(name: &str) -> PyResult<String> {
    if !name.is_empty() && !dataset::is_name(name) {
        return Err(data_error(format!(
            "{name:?} is no name of a dataset: use 1 to 64 letters, digits, `.`, `_` or `-`"
        )));
    }
    Ok(dataset::name_key(name))
}

/// The digest that the object of a name holds.
#[pyfunction]
pub fn named_digest(bytes: PyReadonlyArray1<'_, u8>) -> PyResult<String> {
    let digest = dataset::open_name(bytes.as_slice()?).map_err(data_error)?;
    Ok(digest.to_string())
}

#[pymethods]
impl PyManifest {
    #[new]
    fn new(bytes: &[u8]) -> PyResult<PyManifest> {
        Manifest::from_bytes(bytes).map(PyManifest).map_err(data_error)
    }

    /// The name people use.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Digest of what is trained on.
    #[getter]
    fn digest(&self) -> String {
        self.0.digest.to_string()
    }

    /// Class names; a label is an index into them.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.0.classes.clone()
    }

    /// Rows and columns of every image.
    #[getter]
    fn size(&self) -> (u32, u32) {
        (self.0.size.height, self.0.size.width)
    }

    /// 1 (grey) or 3 (colour).
    #[getter]
    fn channels(&self) -> u16 {
        self.0.channels
    }

    /// Images of train, validation and test, which follow each other in this order.
    #[getter]
    fn splits(&self) -> (u32, u32, u32) {
        let splits = self.0.splits;
        (splits.train, splits.validation, splits.test)
    }

    /// Images in a row group.
    #[getter]
    fn row_group(&self) -> u32 {
        self.0.row_group
    }

    /// Key of the object that holds the labels.
    #[getter]
    fn labels_key(&self) -> &str {
        &self.0.labels.key
    }

    /// Length of that object.
    #[getter]
    fn labels_bytes(&self) -> u64 {
        self.0.labels.bytes
    }

    /// The label of every image, of the object that holds them.
    fn labels<'py>(
        &self,
        py: Python<'py>,
        bytes: PyReadonlyArray1<'_, u8>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let bytes = bytes.as_slice()?;
        if bytes.len() as u64 != self.0.labels.bytes || Digest::of(bytes) != self.0.labels.digest {
            return Err(data_error("its content does not have the recorded digest"));
        }
        let labels: Vec<i64> = bytes
            .chunks_exact(2)
            .map(|pair| i64::from(u16::from_le_bytes([pair[0], pair[1]])))
            .collect();
        let classes = self.0.classes.len();
        if let Some(image) = labels.iter().position(|&label| label as usize >= classes) {
            let label = labels[image];
            return Err(data_error(format!(
                "image {image} has label {label}, but there are {classes} classes"
            )));
        }
        Ok(PyArray1::from_vec(py, labels))
    }

    /// What the keys of all columns start with.
    #[getter]
    fn columns_folder(&self) -> String {
        column::folder(&self.0.digest)
    }

    /// Key of the columns of one row group that are stored as this format.
    fn columns_key(&self, stored: &PyFormat, group: u32) -> String {
        column::key(&self.0.digest, stored.0, group)
    }

    /// As which format the columns of this key are stored, and of which row group they are; None if none have it.
    fn parse_columns_key(&self, key: &str) -> Option<(PyFormat, u32)> {
        let (stored, group) = column::parse_key(&self.0.digest, key)?;
        Some((PyFormat(stored), group))
    }

    // For pickle.
    fn __getnewargs__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>,) {
        (PyBytes::new(py, &self.0.to_bytes()),)
    }
}
