//! Images in a format as the net sees them, made from pixels by the codec all formats are made by.

use crate::EngineError;
use crate::data::{Blocks, upload};
use imgcalc_shared::codec::{CodecError, Picture, Transform, place};
use imgcalc_shared::format::{Format, Size};
use imgcalc_shared::training::InputShape;
use tch::{Device, Kind, Tensor};

/// Images × channels × rows × columns, each frequency standardised over these very images.
pub(super) fn view(pictures: &[&Picture], format: Format, device: Device) -> Result<Tensor, EngineError> {
    let Some(first) = pictures.first() else {
        return Err(EngineError::BadData("there are no images".into()));
    };
    let shape = shape(format, first.size, first.channels)?;
    let values = values(pictures, format, shape)
        .map_err(|error| EngineError::BadData(format!("images cannot be seen in {format}: {error}")))?;
    standardised(&upload(&values, shape, device)?, Blocks::from(format).period())
}

/// Shape of an image in a format.
pub(super) fn shape(format: Format, size: Size, channels: u16) -> Result<InputShape, EngineError> {
    let plane = format.plane(size);
    let side = |pixels: u32| {
        u16::try_from(pixels)
            .ok()
            .filter(|side| *side > 0)
            .ok_or_else(|| {
                EngineError::BadData(format!(
                    "{format} does not fit images of {}x{}",
                    size.height, size.width
                ))
            })
    };
    Ok(InputShape {
        channels,
        height: side(plane.height)?,
        width: side(plane.width)?,
    })
}

/// On as many threads as libtorch has: each image is made by itself, so their number changes nothing.
fn values(pictures: &[&Picture], format: Format, shape: InputShape) -> Result<Vec<i16>, CodecError> {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1).max(1);
    let each = pictures.len().div_ceil(threads);
    let mut values = vec![0; pictures.len() * shape.values()];
    std::thread::scope(|scope| {
        let parts = pictures
            .chunks(each)
            .zip(values.chunks_mut(each * shape.values()));
        let threads: Vec<_> = parts
            .map(|(pictures, values)| scope.spawn(move || fill(pictures, format, shape, values)))
            .collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(values)
}

fn fill(pictures: &[&Picture], format: Format, shape: InputShape, out: &mut [i16]) -> Result<(), CodecError> {
    let Some(first) = pictures.first() else {
        return Ok(());
    };
    let mut transform = Transform::new(format.family(), first.size, first.channels)?;
    for (picture, out) in pictures.iter().zip(out.chunks_exact_mut(shape.values())) {
        let values = transform.values(picture, format)?;
        place(
            &values,
            format.family(),
            picture.size,
            picture.channels,
            format.keep(),
            out,
        )?;
    }
    Ok(())
}

/// Every frequency with mean 0 and deviation 1 over the images; what never varies becomes 0.
fn standardised(values: &Tensor, period: u16) -> Result<Tensor, EngineError> {
    let [n, channels, rows, columns] = values.size()[..] else {
        return Err(EngineError::BadData(format!("images of {:?}", values.size())));
    };
    let period = i64::from(period);
    let cells = [n, channels, rows / period, period, columns / period, period];
    let values = values.f_to_kind(Kind::Float)?.f_view(cells)?;
    let over = [0_i64, 2, 4];
    let centred = values.f_sub(&values.f_mean_dim(over.as_slice(), true, Kind::Float)?)?;
    let variance = centred
        .f_square()?
        .f_mean_dim(over.as_slice(), true, Kind::Float)?;
    // Integers that vary at all have a variance far above this.
    let constant = variance.f_lt(1e-9)?;
    let scale = variance.f_masked_fill(&constant, f64::INFINITY)?.f_rsqrt()?;
    Ok(centred.f_mul(&scale)?.f_reshape([n, channels, rows, columns])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures() -> Vec<Picture> {
        let size = Size {
            height: 16,
            width: 32,
        };
        let picture = |image: usize| {
            let samples = (0..16 * 32 * 3)
                .map(|at| (at * at * (image + 3) % 251) as u8)
                .collect();
            Picture::new(size, 3, samples).unwrap()
        };
        (0..5).map(picture).collect()
    }

    #[test]
    fn each_frequency_is_standardised_over_the_images() {
        let pictures = pictures();
        let some: Vec<&Picture> = pictures.iter().collect();
        let format: Format = "2x2-c-b8-k3-q20".parse().unwrap();
        let view = view(&some, format, Device::Cpu).unwrap();
        assert_eq!(view.size(), [5, 3, 6, 6]);
        let cells = view.view([5, 3, 2, 3, 2, 3]);
        let over = [0_i64, 2, 4];
        let means =
            Vec::<f32>::try_from(cells.mean_dim(over.as_slice(), false, Kind::Float).reshape([-1])).unwrap();
        let squares = cells.square().mean_dim(over.as_slice(), false, Kind::Float);
        let squares = Vec::<f32>::try_from(squares.reshape([-1])).unwrap();
        for (at, (mean, square)) in means.into_iter().zip(squares).enumerate() {
            let kept = at % 9 / 3 + at % 3 < 3;
            assert!(mean.abs() < 1e-5, "{at}: {mean}");
            assert!(
                (square - if kept { 1.0 } else { 0.0 }).abs() < 1e-4,
                "{at}: {square}"
            );
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let pictures = pictures();
        let some: Vec<&Picture> = pictures.iter().collect();
        let format: Format = "1x1-b16-k5-q50".parse().unwrap();
        let shape = shape(format, pictures[0].size, 3).unwrap();
        let all = values(&some, format, shape).unwrap();
        let mut one = vec![0; all.len()];
        fill(&some, format, shape, &mut one).unwrap();
        assert_eq!(all, one);
        assert!(one.iter().any(|&value| value != 0));
    }

    #[test]
    fn a_block_that_does_not_fit_is_refused() {
        let pictures = pictures();
        let some: Vec<&Picture> = pictures.iter().collect();
        let error = view(&some, "1x1-b32-k5-q50".parse().unwrap(), Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("1x1-b32-k5-q50"), "{error}");
    }
}
