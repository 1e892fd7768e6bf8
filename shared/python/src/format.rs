//! `imgcalc.Format`.

use crate::data_error;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::format::{Format, Size};
use pyo3::prelude::*;

/// One storage format: sampling × block size × keep × quantisation factor, written `1x1-b32-k3-q50`.
#[pyclass(frozen, eq, hash, from_py_object, name = "Format", module = "imgcalc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PyFormat(pub Format);

#[pymethods]
impl PyFormat {
    #[new]
    fn new(text: &str) -> PyResult<PyFormat> {
        text.parse().map(PyFormat).map_err(data_error)
    }

    /// Which pixels are stored: `1x1`, `2x2-r`, `2x2-c` or `4x4`.
    #[getter]
    fn sampling(&self) -> String {
        self.0.sampling().to_string()
    }

    /// Side B of a block in pixels.
    #[getter]
    fn block(&self) -> u16 {
        self.0.block()
    }

    /// Coefficient (i, j) of a block is kept when i + j < keep.
    #[getter]
    fn keep(&self) -> u16 {
        self.0.keep()
    }

    /// What every rounded coefficient is divided by.
    #[getter]
    fn quant(&self) -> u16 {
        self.0.quant()
    }

    /// Side of the square a block fills in the planes: the smaller of keep and block.
    #[getter]
    fn side(&self) -> u16 {
        self.0.side()
    }

    /// Sampling and block size: formats of one family and factor share their columns.
    #[getter]
    fn family(&self) -> String {
        self.0.family().to_string()
    }

    /// Whether columns stored as this format hold all that another needs.
    fn serves(&self, wanted: &PyFormat) -> bool {
        self.0.serves(wanted.0)
    }

    /// Shape (channels, rows, columns) of the planes of an image of this size.
    #[pyo3(signature = (height, width, channels = 3))]
    fn shape(&self, height: u32, width: u32, channels: u16) -> PyResult<(usize, usize, usize)> {
        let layout = Layout::new(self.0.family(), Size { height, width }, channels).map_err(data_error)?;
        let plane = layout.plane(self.0.keep());
        Ok((channels.into(), plane.height as usize, plane.width as usize))
    }

    /// How many values of an image of this size are kept; the rest of its planes is zero.
    #[pyo3(signature = (height, width, channels = 3))]
    fn kept(&self, height: u32, width: u32, channels: u16) -> PyResult<usize> {
        let layout = Layout::new(self.0.family(), Size { height, width }, channels).map_err(data_error)?;
        Ok(layout.values(self.0.keep()))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Format(\"{}\")", self.0)
    }

    // For pickle.
    fn __getnewargs__(&self) -> (String,) {
        (self.0.to_string(),)
    }
}
