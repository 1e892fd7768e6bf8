//! What a training takes its batches from.

use super::order::Order;
use super::standard::Moments;
use super::{Blocks, Planes, Samples, TrainData, check_shape};
use crate::{EngineError, device};
use imgcalc_shared::training::InputShape;
use std::ops::Range;
use tch::Tensor;

/// Images that are not all at hand: read row group by row group, ahead of who takes them.
pub trait Stream: Send {
    /// From now on [`Stream::next`] gives these runs of row groups, one after the other; what was asked for before is
    /// forgotten.
    fn begin(&mut self, windows: Vec<Vec<u32>>);
    /// The images of the next run as they lie in it: images × channels × rows × columns. Waits until they are there; an error
    /// ends the training.
    fn next(&mut self) -> Result<Vec<i16>, String>;
}

/// One split of a dataset.
pub struct Feed {
    shape: InputShape,
    blocks: Blocks,
    labels: Vec<u16>,
    /// Images of each row group, in the order of the labels.
    groups: Vec<u32>,
    images: Images,
}

/// The splits of a training.
pub struct Feeds {
    /// Images the weights are fitted to.
    pub train: Feed,
    /// Images the curve's accuracy is measured on.
    pub validation: Feed,
    /// Images the final weights are tested on once, if any.
    pub test: Option<Feed>,
    /// Number of classes; labels are below it.
    pub classes: u16,
    /// Bytes of images among which order is random; where the training images take more, they are seen window by window.
    /// Part of what the training is: with another number the order differs.
    pub window_bytes: u64,
}

enum Images {
    Resident(Planes),
    Streamed(Box<dyn Stream>),
}

impl Feed {
    /// Images on the device.
    pub fn resident(planes: Planes, labels: Vec<u16>, groups: Vec<u32>) -> Self {
        Feed {
            shape: planes.shape(),
            blocks: planes.blocks(),
            labels,
            groups,
            images: Images::Resident(planes),
        }
    }

    /// Images that are read window by window.
    pub fn streamed(
        stream: Box<dyn Stream>,
        shape: InputShape,
        blocks: Blocks,
        labels: Vec<u16>,
        groups: Vec<u32>,
    ) -> Self {
        Feed {
            shape,
            blocks,
            labels,
            groups,
            images: Images::Streamed(stream),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Shape of one image.
    pub fn shape(&self) -> InputShape {
        self.shape
    }

    /// What the values are.
    pub fn blocks(&self) -> Blocks {
        self.blocks
    }

    pub(crate) fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Images that fit so many bytes.
    fn images_in(&self, bytes: u64) -> u64 {
        (bytes / (2 * self.shape.values() as u64)).max(1)
    }

    /// Everything the training standardises its input by.
    pub(crate) fn moments(&mut self, window_bytes: u64) -> Result<Moments, EngineError> {
        let mut moments = Moments::new(self.shape, self.blocks);
        self.each_window(window_bytes, |planes, _| moments.add(planes))?;
        Ok(moments)
    }

    /// Gives all images in the order of the split, with their places in it.
    pub(crate) fn each_window(
        &mut self,
        window_bytes: u64,
        mut take: impl FnMut(&Planes, Range<usize>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let window_images = self.images_in(window_bytes);
        let stream = match &mut self.images {
            Images::Resident(planes) => return take(planes, 0..planes.len()),
            Images::Streamed(stream) => stream,
        };
        let windows = Order::straight(&self.groups, window_images).windows;
        stream.begin(windows.iter().map(|window| window.groups.clone()).collect());
        for window in &windows {
            let planes = next(stream.as_mut(), self.shape, self.blocks, window.local.len())?;
            take(
                &planes,
                window.start as usize..window.start as usize + planes.len(),
            )?;
        }
        Ok(())
    }

    /// Starts an epoch, from 1, at one of its places.
    pub(crate) fn epoch(
        &mut self,
        seed: u64,
        epoch: u32,
        window_bytes: u64,
        place: u64,
    ) -> Result<Epoch<'_>, EngineError> {
        let order = Order::of_epoch(seed, epoch, &self.groups, self.images_in(window_bytes));
        if let Images::Streamed(stream) = &mut self.images {
            let left = order.windows.iter().filter(|window| window.places().end > place);
            stream.begin(left.map(|window| window.groups.clone()).collect());
        }
        let device = device::device();
        let labels: Vec<i64> = self.labels.iter().map(|&label| label.into()).collect();
        Ok(Epoch {
            labels: Tensor::f_from_slice(&labels)?.f_to_device(device)?,
            feed: self,
            order,
            at: None,
        })
    }

    fn check(&self, part: &str, classes: u16) -> Result<(), EngineError> {
        let bad = |reason: String| Err(EngineError::BadData(format!("{part}: {reason}")));
        check_shape(self.shape, self.blocks).or_else(&bad)?;
        if self.is_empty() {
            return bad("there is no image".into());
        }
        let grouped: u64 = self.groups.iter().map(|&images| u64::from(images)).sum();
        let there = match &self.images {
            Images::Resident(planes) => planes.len() as u64,
            Images::Streamed(_) => grouped,
        };
        let labelled = self.len() as u64;
        if (there, grouped) != (labelled, labelled) {
            return bad(format!(
                "{labelled} labels, {there} images and row groups of {grouped}"
            ));
        }
        let mut labels = self.labels.iter().enumerate();
        match labels.find(|(_, label)| **label >= classes) {
            Some((image, label)) => bad(format!(
                "image {image} has label {label}, but there are {classes} classes"
            )),
            None => Ok(()),
        }
    }
}

/// An epoch under way.
pub(crate) struct Epoch<'a> {
    feed: &'a mut Feed,
    order: Order,
    labels: Tensor,
    at: Option<At>,
}

/// The window at hand.
struct At {
    places: Range<u64>,
    planes: Planes,
    local: Tensor,
    global: Tensor,
}

impl Epoch<'_> {
    /// Integers and labels of the images at these places, which must not go back.
    pub(crate) fn batch(&mut self, places: Range<u64>) -> Result<(Tensor, Tensor), EngineError> {
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        let mut from = places.start;
        while from < places.end {
            let at = reach(&mut self.at, &self.order, self.feed, from)?;
            let until = places.end.min(at.places.end);
            let (start, len) = ((from - at.places.start) as i64, (until - from) as i64);
            values.push(at.planes.select(&at.local.f_narrow(0, start, len)?)?);
            labels.push(
                self.labels
                    .f_index_select(0, &at.global.f_narrow(0, start, len)?)?,
            );
            from = until;
        }
        match (values.len(), values.pop().zip(labels.pop())) {
            (1, Some(batch)) => Ok(batch),
            (_, Some((last_values, last_labels))) => {
                values.push(last_values);
                labels.push(last_labels);
                Ok((Tensor::f_cat(&values, 0)?, Tensor::f_cat(&labels, 0)?))
            }
            (_, None) => Err(EngineError::BadData("an empty batch".into())),
        }
    }
}

/// The window with this place; reads on if it is another than the last.
fn reach<'a>(
    at: &'a mut Option<At>,
    order: &Order,
    feed: &mut Feed,
    place: u64,
) -> Result<&'a At, EngineError> {
    if at.as_ref().is_some_and(|at| !at.places.contains(&place)) {
        // The memory of the last one goes before that of the next comes.
        *at = None;
    }
    match at {
        Some(at) => Ok(at),
        None => {
            let mut windows = order.windows.iter();
            let window = windows
                .find(|window| window.places().contains(&place))
                .ok_or_else(|| EngineError::BadData(format!("place {place} of an epoch")))?;
            let device = device::device();
            let picks = |numbers: &[i64]| Tensor::f_from_slice(numbers)?.f_to_device(device);
            let (shape, blocks) = (feed.shape, feed.blocks);
            let global = picks(&window.global)?;
            let (planes, local) = match &mut feed.images {
                Images::Resident(planes) => (planes.clone(), global.shallow_clone()),
                Images::Streamed(stream) => (
                    next(stream.as_mut(), shape, blocks, window.local.len())?,
                    picks(&window.local)?,
                ),
            };
            Ok(at.insert(At {
                places: window.places(),
                planes,
                local,
                global,
            }))
        }
    }
}

fn next(
    stream: &mut dyn Stream,
    shape: InputShape,
    blocks: Blocks,
    images: usize,
) -> Result<Planes, EngineError> {
    let values = stream.next().map_err(EngineError::Images)?;
    if values.len() != images * shape.values() {
        let values = values.len();
        return Err(EngineError::BadData(format!(
            "{values} values are not {images} images of {shape}"
        )));
    }
    Planes::new(&values, shape, blocks)
}

impl Feeds {
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let parts = [
            ("train", Some(&self.train)),
            ("validation", Some(&self.validation)),
            ("test", self.test.as_ref()),
        ];
        for (part, feed) in parts.into_iter().filter_map(|(part, feed)| Some((part, feed?))) {
            feed.check(part, self.classes)?;
            if (feed.shape, feed.blocks) != (self.train.shape, self.train.blocks) {
                return Err(EngineError::BadData(format!(
                    "{part}: images of {} and {:?}, but those of train are {} and {:?}",
                    feed.shape, feed.blocks, self.train.shape, self.train.blocks
                )));
            }
        }
        Ok(())
    }
}

impl TryFrom<&Samples> for Feed {
    type Error = EngineError;

    fn try_from(samples: &Samples) -> Result<Self, EngineError> {
        check_shape(samples.shape, samples.blocks).map_err(EngineError::BadData)?;
        if samples.is_empty() {
            return Err(EngineError::BadData("there is no image".into()));
        }
        if samples.values.len() as u128 != samples.len() as u128 * samples.shape.values() as u128 {
            let (values, images) = (samples.values.len(), samples.len());
            return Err(EngineError::BadData(format!(
                "{values} values are not {images} images of {}",
                samples.shape
            )));
        }
        let planes = Planes::new(&samples.values, samples.shape, samples.blocks)?;
        let groups = vec![samples.len() as u32];
        Ok(Feed::resident(planes, samples.labels.clone(), groups))
    }
}

impl TryFrom<&TrainData> for Feeds {
    type Error = EngineError;

    fn try_from(data: &TrainData) -> Result<Self, EngineError> {
        let feed = |part: &str, samples: &Samples| {
            Feed::try_from(samples).map_err(|error| match error {
                EngineError::BadData(reason) => EngineError::BadData(format!("{part}: {reason}")),
                error => error,
            })
        };
        let test = data.test.as_ref().map(|samples| feed("test", samples));
        Ok(Feeds {
            train: feed("train", &data.train)?,
            validation: feed("validation", &data.validation)?,
            test: test.transpose()?,
            classes: data.classes,
            window_bytes: u64::MAX,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_contradict_themselves_are_refused() {
        let refuse = |shape: (u16, u16, u16), period, values, labels: Vec<u16>, reason: &str| {
            let samples = Samples {
                shape: InputShape {
                    channels: shape.0,
                    height: shape.1,
                    width: shape.2,
                },
                blocks: Blocks {
                    side: period,
                    keep: period,
                    quant: 1,
                },
                values: vec![0; values],
                labels,
            };
            let feed = Feed::try_from(&samples).and_then(|feed| feed.check("train", 2));
            let error = feed.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        refuse((1, 2, 2), 1, 7, vec![0, 1], "7 values are not 2 images of 1x2x2");
        refuse((1, 2, 2), 1, 8, vec![0, 2], "image 1 has label 2");
        refuse((1, 2, 2), 0, 8, vec![0, 1], "side 0");
        refuse((1, 2, 3), 2, 6, vec![0], "side 2");
        refuse((0, 2, 2), 1, 0, vec![0], "no values");
        refuse((1, 2, 2), 1, 0, vec![], "no image");
    }
}
