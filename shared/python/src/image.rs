//! Single images: `.ic` files.

use crate::data_error;
use crate::format::PyFormat;
use imgcalc_shared::codec::{CodecError, Layout, Picture, place};
use imgcalc_shared::encoded::{self, EncodedError};
use imgcalc_shared::format::Size;
use numpy::{PyArray1, PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray3};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Planes, format, and rows and columns of the image.
type Decoded<'py> = (Bound<'py, PyArray3<i16>>, PyFormat, (u32, u32));

/// The planes of an `.ic` file (channels × rows × columns), its format, and the size of its image.
#[pyfunction]
pub fn decode<'py>(py: Python<'py>, bytes: PyReadonlyArray1<'_, u8>) -> PyResult<Decoded<'py>> {
    let bytes = bytes.as_slice()?;
    let (planes, shape, image) = py.detach(|| planes(bytes)).map_err(data_error)?;
    let planes = PyArray1::from_vec(py, planes).reshape(shape)?;
    Ok((
        planes,
        PyFormat(image.format),
        (image.size.height, image.size.width),
    ))
}

/// The pixels of an `.ic` file, rows × columns × channels, for people to look at.
#[pyfunction]
pub fn decode_image<'py>(
    py: Python<'py>,
    bytes: PyReadonlyArray1<'_, u8>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let bytes = bytes.as_slice()?;
    let picture = py.detach(|| encoded::decode_picture(bytes)).map_err(data_error)?;
    let Picture {
        size,
        channels,
        samples,
    } = picture;
    let shape = [size.height as usize, size.width as usize, channels.into()];
    PyArray1::from_vec(py, samples).reshape(shape)
}

/// The `.ic` file of pixels, rows × columns × channels.
#[pyfunction]
pub fn encode<'py>(
    py: Python<'py>,
    image: PyReadonlyArray3<'_, u8>,
    format: &PyFormat,
) -> PyResult<Bound<'py, PyBytes>> {
    let array = image.as_array();
    let (height, width, channels) = array.dim();
    // What does not fit is refused like what is too large.
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let (size, channels) = (
        Size {
            height: side(height),
            width: side(width),
        },
        u16::try_from(channels).unwrap_or(u16::MAX),
    );
    let samples = image.as_slice()?;
    let encoded = py.detach(|| {
        let picture = Picture::new(size, channels, samples.to_vec())?;
        encoded::encode(&picture, format.0)
    });
    Ok(PyBytes::new(py, &encoded.map_err(data_error)?))
}

fn planes(bytes: &[u8]) -> Result<(Vec<i16>, [usize; 3], encoded::Encoded), EncodedError> {
    let image = encoded::decode_values(bytes)?;
    let (family, keep) = (image.format.family(), image.format.keep());
    let layout: Result<Layout, CodecError> = Layout::new(family, image.stored_size, image.channels);
    let layout = layout?;
    let mut planes = vec![0; layout.plane_values(keep)];
    place(
        &image.values,
        family,
        image.stored_size,
        image.channels,
        keep,
        &mut planes,
    )?;
    let plane = layout.plane(keep);
    let shape = [image.channels.into(), plane.height as usize, plane.width as usize];
    Ok((planes, shape, image))
}
