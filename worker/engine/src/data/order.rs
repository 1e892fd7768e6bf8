//! In which order an epoch sees the training images.
//!
//! ```text
//! all fit a window      every image of the split in one random order
//!
//! they do not           row groups in random order ─▶ cut into windows ─▶ the images of each window in random order
//! ```
//!
//! It follows from the seed, the epoch and the images alone, never from what a worker has room for: the same training gives
//! the same weights wherever it runs.

use crate::random::Random;
use std::ops::Range;

/// The order of one epoch.
#[derive(Debug, PartialEq)]
pub(super) struct Order {
    pub(super) windows: Vec<Window>,
}

/// A run of an epoch whose images are at hand together.
#[derive(Debug, PartialEq)]
pub(super) struct Window {
    /// Its row groups, ascending.
    pub(super) groups: Vec<u32>,
    /// The first image's place in the epoch.
    pub(super) start: u64,
    /// In order, images by their place among those of the row groups.
    pub(super) local: Vec<i64>,
    /// The same by their place in the split.
    pub(super) global: Vec<i64>,
}

impl Window {
    /// Places in the epoch.
    pub(super) fn places(&self) -> Range<u64> {
        self.start..self.start + self.local.len() as u64
    }
}

impl Order {
    /// The order of an epoch, from 1. `groups` are the images of each row group, of which a window holds at most
    /// `window_images`, but one row group at least.
    pub(super) fn of_epoch(seed: u64, epoch: u32, groups: &[u32], window_images: u64) -> Self {
        let total: u64 = groups.iter().map(|&images| u64::from(images)).sum();
        if total <= window_images {
            let order = Random::new(seed, &format!("order of epoch {epoch}")).permutation(total as usize);
            let window = Window {
                groups: (0..groups.len() as u32).collect(),
                start: 0,
                local: order.clone(),
                global: order,
            };
            return Order {
                windows: vec![window],
            };
        }
        let shuffled = Random::new(seed, &format!("row groups of epoch {epoch}")).permutation(groups.len());
        let mut order = Order::cut(shuffled.iter().map(|&group| group as u32), groups, window_images);
        for (number, window) in order.windows.iter_mut().enumerate() {
            let purpose = format!("order of epoch {epoch}, window {}", number + 1);
            let picks = Random::new(seed, &purpose).permutation(window.local.len());
            window.global = picks.iter().map(|&pick| window.global[pick as usize]).collect();
            window.local = picks;
        }
        order
    }

    /// All images in the order of the split, in windows of the same size.
    pub(super) fn straight(groups: &[u32], window_images: u64) -> Self {
        Order::cut(0..groups.len() as u32, groups, window_images)
    }

    fn cut(order: impl Iterator<Item = u32>, groups: &[u32], window_images: u64) -> Self {
        let starts: Vec<u64> = groups
            .iter()
            .scan(0, |next, &images| {
                *next += u64::from(images);
                Some(*next - u64::from(images))
            })
            .collect();
        let mut runs: Vec<(Vec<u32>, u64)> = Vec::new();
        for group in order {
            let images = u64::from(groups[group as usize]);
            match runs.last_mut() {
                Some((run, held)) if *held + images <= window_images => {
                    run.push(group);
                    *held += images;
                }
                _ => runs.push((vec![group], images)),
            }
        }
        let mut start = 0;
        let window = |(mut run, images): (Vec<u32>, u64)| {
            run.sort_unstable();
            let of_group = |&group: &u32| {
                let first = starts[group as usize] as i64;
                first..first + i64::from(groups[group as usize])
            };
            let window = Window {
                start,
                local: (0..images as i64).collect(),
                global: run.iter().flat_map(of_group).collect(),
                groups: run,
            };
            start += images;
            window
        };
        Order {
            windows: runs.into_iter().map(window).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: [u32; 7] = [10, 10, 10, 10, 10, 10, 3];

    fn all(order: &Order) -> Vec<i64> {
        order
            .windows
            .iter()
            .flat_map(|window| window.global.iter().copied())
            .collect()
    }

    #[test]
    fn every_image_is_seen_once_an_epoch_in_windows_that_hold_what_fits() {
        for window_images in [1, 10, 25, 62, 63, 1000] {
            let order = Order::of_epoch(7, 2, &GROUPS, window_images);
            let mut seen = all(&order);
            assert_ne!(seen, (0..63).collect::<Vec<_>>());
            seen.sort_unstable();
            assert_eq!(seen, (0..63).collect::<Vec<_>>());
            let mut next = 0;
            for window in &order.windows {
                assert_eq!(window.start, next);
                next = window.places().end;
                assert!(window.local.len() as u64 <= window_images.max(10));
                assert!(window.groups.is_sorted());
                // A local place is that of the same image among those of the window's row groups.
                let images: Vec<i64> = window
                    .groups
                    .iter()
                    .flat_map(|&group| (i64::from(group) * 10..).take(GROUPS[group as usize] as usize))
                    .collect();
                let global: Vec<i64> = window.local.iter().map(|&at| images[at as usize]).collect();
                assert_eq!(global, window.global);
            }
        }
    }

    #[test]
    fn an_order_follows_from_seed_and_epoch() {
        let order = |seed, epoch, images| Order::of_epoch(seed, epoch, &GROUPS, images);
        for images in [20, 1000] {
            assert_eq!(order(1, 1, images), order(1, 1, images));
            assert_ne!(order(1, 1, images), order(1, 2, images));
            assert_ne!(order(1, 1, images), order(2, 1, images));
        }
        assert_eq!(all(&Order::straight(&GROUPS, 20)), (0..63).collect::<Vec<_>>());
    }
}
