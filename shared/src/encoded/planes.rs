//! Files as a net sees them, one after the other.

use super::{EncodedError, Head};
use crate::codec::{Layout, Places};
use crate::coding::{RunDecoder, Shape, Workspace};
use crate::format::{Format, Size};

/// Decodes files into planes. It keeps its room, and what follows from a format and a size, for the next file: of a small
/// format both take longer to make than to use.
#[derive(Debug, Default)]
pub struct PlanesDecoder {
    workspace: Workspace,
    values: Vec<i16>,
    planes: Vec<i16>,
    places: Option<(Layout, u16, Places)>,
}

/// One image as a net sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes<'d> {
    /// The format its values have.
    pub format: Format,
    /// Size of the image.
    pub size: Size,
    /// Size of the padded image the planes describe.
    pub stored_size: Size,
    /// 1 (grey) or 3 (YCbCr).
    pub channels: u16,
    /// Rows and columns of a plane.
    pub plane: Size,
    /// Channels × rows × columns, zero outside the triangle.
    pub values: &'d [i16],
}

impl PlanesDecoder {
    /// The planes of a file, until the next one is decoded.
    pub fn decode(&mut self, file: &[u8]) -> Result<Planes<'_>, EncodedError> {
        let Head {
            layout,
            format,
            size,
            coded,
        } = Head::of(file)?;
        let keep = format.keep();
        let image_values = layout.values(keep);
        let mut decoder = RunDecoder::open(coded, Shape::FLAT, image_values, &mut self.workspace)?;
        self.values.resize(image_values, 0);
        decoder.read(&mut self.values)?;
        decoder.finish()?;
        if !matches!(&self.places, Some((of, kept, _)) if (*of, *kept) == (layout, keep)) {
            self.places = Some((layout, keep, Places::new(layout, keep)));
        }
        self.planes.resize(layout.plane_values(keep), 0);
        if let Some((_, _, places)) = &self.places {
            places.fill(&layout.split(&self.values, keep), &mut self.planes);
        }
        Ok(Planes {
            format,
            size,
            stored_size: layout.size(),
            channels: layout.channels(),
            plane: layout.plane(keep),
            values: &self.planes,
        })
    }
}
