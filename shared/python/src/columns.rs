//! Column objects: their footers, and from a range of one to planes.

use crate::data_error;
use crate::format::PyFormat;
use crate::manifest::PyManifest;
use imgcalc_shared::column::{Footer, Header, Step};
use numpy::{PyArray1, PyArray4, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;

/// What a column object holds and where.
#[pyclass(frozen, name = "Footer", module = "imgcalc._imgcalc")]
#[derive(Debug)]
pub struct PyFooter(Footer);

/// What the end of an object tells.
#[derive(IntoPyObject)]
pub enum PyStep {
    /// Read the bytes from the first number to before the second, and ask again with them.
    NeedMore((u64, u64)),
    /// The footer.
    Done(PyFooter),
}

#[pymethods]
impl PyFooter {
    /// The footer of an object of this length, of its end; or the range to read and ask again with.
    #[staticmethod]
    fn read(object_length: u64, tail: PyReadonlyArray1<'_, u8>) -> PyResult<PyStep> {
        Ok(
            match Footer::read(object_length, tail.as_slice()?).map_err(data_error)? {
                Step::NeedMore(range) => PyStep::NeedMore((range.start, range.end)),
                Step::Done(footer) => PyStep::Done(PyFooter(footer)),
            },
        )
    }

    /// Raises an error unless these are the columns of this row group of the dataset.
    fn check(&self, manifest: &PyManifest, stored: &PyFormat, group: u32) -> PyResult<()> {
        let manifest = &manifest.0;
        let images = manifest.row_group_images(group);
        let expected = Header {
            family: stored.0.family(),
            quant: stored.0.quant(),
            size: manifest.size,
            channels: manifest.channels,
            keep: stored.0.keep(),
            first_image: images.start,
            images: images.len() as u32,
        };
        if *self.0.header() != expected {
            return Err(data_error(
                "they are not those of this dataset, format and row group",
            ));
        }
        Ok(())
    }

    /// How many bytes from the object's start hold everything up to this keep.
    fn prefix(&self, keep: u16) -> PyResult<u64> {
        Ok(self.0.prefix(keep).map_err(data_error)?.end)
    }

    /// All images as a net sees them, images × channels × rows × columns, of the object's first bytes.
    fn planes<'py>(
        &self,
        py: Python<'py>,
        prefix: PyReadonlyArray1<'_, u8>,
        format: &PyFormat,
    ) -> PyResult<Bound<'py, PyArray4<i16>>> {
        let (bytes, keep) = (prefix.as_slice()?, format.0.keep());
        let planes = py
            .detach(|| self.0.planes(bytes, keep, format.0.quant()))
            .map_err(data_error)?;
        let (images, plane) = (self.0.header().images as usize, self.0.layout().plane(keep));
        let channels = usize::from(self.0.header().channels);
        let shape = [images, channels, plane.height as usize, plane.width as usize];
        // The array takes the memory over.
        PyArray1::from_vec(py, planes).reshape(shape)
    }
}
