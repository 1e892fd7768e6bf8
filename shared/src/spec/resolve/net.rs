//! Whether the net takes what the formats of the space are to it.

use super::super::check::{ensure, training::refused};
use crate::format::{Format, Size};
use crate::net::{ScriptFacts, side_min};
use crate::space::{Keeps, Space};
use crate::spec::SpecError;
use crate::training::{Augment, InputShape, Net};
use std::collections::BTreeMap;

/// What a net of the build would see.
pub(super) struct Shapes<'a> {
    pub(super) space: &'a Space,
    pub(super) feasible: &'a [Format],
    pub(super) size: Size,
    pub(super) channels: u16,
}

impl Shapes<'_> {
    /// Refuses a net of a spec that does not take the planes of every feasible format. Pixels are larger than any plane;
    /// of a script that takes planes and no pixels the baseline fails, and the build says so.
    pub(super) fn check(&self, net: &Net, script: Option<&ScriptFacts>) -> Result<(), SpecError> {
        if let (Net::Torchscript { script: name }, Some(script)) = (net, script) {
            let takes = |shape: InputShape| script.takes(shape).is_ok();
            let sides = format!("the script takes images of sides {}", script.sides_text());
            return self.refuse("net.script", name, &sides, takes);
        }
        let side = side_min(net).map_err(|error| SpecError::Field {
            field: "net".into(),
            value: net.name().into(),
            allowed: error.to_string(),
        })?;
        let takes = |shape: InputShape| shape.height >= side && shape.width >= side;
        let sides = format!(
            "{} takes no image below {}x{side}x{side}",
            net.name(),
            self.channels
        );
        self.refuse("net.name", net.name(), &sides, takes)
    }

    fn refuse(
        &self,
        field: &str,
        value: &str,
        sides: &str,
        takes: impl Fn(InputShape) -> bool,
    ) -> Result<(), SpecError> {
        let refused = |format: &&Format| !takes(self.shape(**format));
        // The sparsest: of a whole space it is the one people know to be small.
        let Some(format) = self.feasible.iter().rev().find(refused) else {
            return Ok(());
        };
        let shape = self.shape(*format);
        let keeps = self.smallest_keeps(takes);
        let works: Vec<String> = keeps
            .iter()
            .filter_map(|(block, keep)| Some(format!("{} with blocks of {block}", (*keep)?)))
            .collect();
        let never: Vec<String> = keeps
            .iter()
            .filter(|(_, keep)| keep.is_none())
            .map(|(block, _)| block.to_string())
            .collect();
        let why = format!("the plane of {format} is {shape} and {sides}");
        if works.is_empty() {
            let allowed = format!("{why}: no keep of the space makes one that it takes; take another net");
            return ensure(false, field, format!("{value:?}"), &allowed);
        }
        let leave = match never.is_empty() {
            true => String::new(),
            false => format!("; leave blocks of {} out of `space.blocks`", never.join(", ")),
        };
        let allowed = format!(
            "{why}; the smallest keeps that work are {}{leave}; name keeps from there, for example \
             `keeps = {{ list = [{}] }}`, or take another net",
            works.join(", "),
            keeps.values().flatten().max().unwrap_or(&1)
        );
        ensure(false, "space.keeps", format.keep(), &allowed)
    }

    /// For each block side of the space, the smallest keep from which on the net takes the planes of all samplings.
    fn smallest_keeps(&self, takes: impl Fn(InputShape) -> bool) -> BTreeMap<u16, Option<u16>> {
        let mut blocks: BTreeMap<u16, Option<u16>> = BTreeMap::new();
        for format in self.feasible {
            blocks.entry(format.block()).or_default();
        }
        for (&block, smallest) in &mut blocks {
            let of_block = || self.feasible.iter().filter(|format| format.block() == block);
            let most = match &self.space.keeps {
                Keeps::List(_) | Keeps::Triangle => block,
                Keeps::Whole => 2 * block - 1,
            };
            let works = |keep: &u16| {
                of_block().all(|format| {
                    let other = Format::new(format.sampling(), block, *keep, format.quant());
                    other.is_ok_and(|other| takes(self.shape(other)))
                })
            };
            *smallest = (1..=most).find(works);
        }
        blocks
    }

    /// Refuses an augmentation that a format, or the pixels of the baseline, cannot have.
    pub(super) fn check_augment(&self, augment: &Augment) -> Result<(), SpecError> {
        let formats = self.feasible.iter();
        let mut checks = formats.map(|&format| augment.check(format, self.size, self.channels));
        checks
            .try_for_each(|check| check)
            .and_then(|()| augment.check_pixels(self.size, self.channels))
            .map_err(|error| refused(augment, &error))
    }

    fn shape(&self, format: Format) -> InputShape {
        let plane = format.plane(self.size);
        InputShape {
            channels: self.channels,
            height: plane.height as u16,
            width: plane.width as u16,
        }
    }
}
