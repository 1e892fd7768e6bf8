//! Values in classes: units of consecutive values are told apart by how large their values are, and every class is a
//! stream of its own, so that a flat sky does not pay for a tree. Units of nothing but zeros are class 0 and take no
//! bytes.
//!
//! ```text
//! u16     values of a unit: 16, 32, 64, 128 or 256
//! u8      classes, with class 0
//!         the class of each unit, as a stream
//!         for each class but 0 that has units: its units one after the other, as a stream
//! ```
//!
//! A last unit that is not full is followed by zeros.

use super::reader::Reader;
use super::stream::{self, Room, Stream};
use super::{CodingError, PAGE_VALUES};

/// Most classes.
pub(super) const CLASSES_MAX: usize = 8;
/// Values a unit may have.
pub(super) const UNITS: [usize; 5] = [16, 32, 64, 128, UNIT_MAX];
/// The largest unit.
pub(super) const UNIT_MAX: usize = 256;

/// How values are divided.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    unit: usize,
    count: usize,
    of_unit: Vec<u8>,
}

impl Classes {
    /// Divides values into at most so many classes by the sum of a unit's magnitudes: class 0 has the zeros, the others
    /// about equally many units.
    pub(super) fn by_size(values: &[i16], unit: usize, count: usize) -> Classes {
        let sizes: Vec<u32> = values
            .chunks(unit)
            .map(|unit| unit.iter().map(|value| u32::from(value.unsigned_abs())).sum())
            .collect();
        let mut sorted: Vec<u32> = sizes.iter().copied().filter(|&size| size > 0).collect();
        sorted.sort_unstable();
        // The least size of class 2, 3 …
        let mut bounds: Vec<u32> = (1..count.saturating_sub(1))
            .filter_map(|class| sorted.get(sorted.len() * class / (count - 1)).copied())
            .collect();
        bounds.dedup();
        let class = |&size: &u32| match size {
            0 => 0,
            _ => 1 + bounds.partition_point(|&bound| bound <= size) as u8,
        };
        Classes {
            unit,
            count: bounds.len() + 2,
            of_unit: sizes.iter().map(class).collect(),
        }
    }

    /// Appends the values of all classes.
    pub(super) fn encode(&self, values: &[i16], out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.unit as u16).to_le_bytes());
        out.push(self.count as u8);
        let map: Vec<i16> = self.of_unit.iter().map(|&class| class.into()).collect();
        stream::encode(&map, out);
        let mut of_class = Vec::new();
        for class in 1..self.count {
            of_class.clear();
            for (values, _) in values
                .chunks(self.unit)
                .zip(&self.of_unit)
                .filter(|(_, of)| usize::from(**of) == class)
            {
                of_class.extend_from_slice(values);
                of_class.resize(of_class.len().next_multiple_of(self.unit), 0);
            }
            if !of_class.is_empty() {
                stream::encode(&of_class, out);
            }
        }
    }

    /// An estimate of what they cost, in bits, where time counts too. There are `share` times as many values as
    /// are looked at.
    pub(super) fn cost(&self, values: &[i16], share: f64) -> f64 {
        let mut tallies = vec![Tally::default(); self.count];
        for (values, &class) in values
            .chunks(self.unit)
            .zip(&self.of_unit)
            .filter(|(_, class)| **class > 0)
        {
            tallies[usize::from(class)].add(values);
        }
        let filled = self.of_unit.iter().filter(|&&class| class > 0).count();
        let map: Vec<i16> = self.of_unit.iter().map(|&class| class.into()).collect();
        tallies[0].add(&map);
        let streams: f64 = tallies.iter().map(|tally| tally.cost(share)).sum();
        streams + UNIT_COST * filled as f64 * share
    }
}

/// The same for one stream of all values.
pub(super) fn cost_of_one(values: &[i16], share: f64) -> f64 {
    let mut tally = Tally::default();
    tally.add(values);
    tally.cost(share)
}

/// What a unit that is not zero takes beside its values, bits.
const UNIT_COST: f64 = 0.4;
/// What a stream takes beside its symbols: its head and states, and the time to grow its dictionary, bits.
const STREAM_COST: f64 = 200.0;
/// What a symbol of an alphabet takes, bits.
const SYMBOL_COST: f64 = 8.0;

/// How often symbols occur in a stream.
#[derive(Clone, Debug)]
struct Tally {
    counts: [u32; 256],
    low_bits: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            counts: [0; 256],
            low_bits: 0,
        }
    }
}

impl Tally {
    fn add(&mut self, values: &[i16]) {
        for &value in values {
            // Of large values the leading bits, like the symbols of a stream.
            let low = (u16::BITS - value.unsigned_abs().leading_zeros()).saturating_sub(6);
            self.low_bits += u64::from(low);
            self.counts[usize::from((value >> low) as u8)] += 1;
        }
    }

    /// Bits of all symbols, each as likely as it is frequent, and of what comes with them.
    fn cost(&self, share: f64) -> f64 {
        let total = f64::from(self.counts.iter().sum::<u32>());
        if total == 0.0 {
            return 0.0;
        }
        let present: Vec<f64> = self
            .counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| f64::from(count))
            .collect();
        let bits: f64 = present.iter().map(|count| count * (total / count).log2()).sum();
        (bits + self.low_bits as f64) * share + STREAM_COST + SYMBOL_COST * present.len() as f64
    }
}

/// Room for decoding, to be used again.
#[derive(Debug, Default)]
pub(super) struct ClassRoom {
    map: Room,
    classes: [Room; CLASSES_MAX - 1],
    of_unit: Vec<i16>,
}

/// Decodes what [`Classes::encode`] wrote, piece by piece.
#[derive(Debug)]
pub(super) struct ClassDecoder<'a, 'r> {
    unit: usize,
    of_unit: &'r [i16],
    streams: [Option<Stream<'a, 'r>>; CLASSES_MAX],
}

impl<'a, 'r> ClassDecoder<'a, 'r> {
    /// Reads the map and the heads of all streams of so many values.
    pub(super) fn open(
        bytes: &mut Reader<'a>,
        values: usize,
        room: &'r mut ClassRoom,
    ) -> Result<Self, CodingError> {
        let (unit, count) = (usize::from(bytes.short()?), usize::from(bytes.byte()?));
        if !UNITS.contains(&unit) || !(2..=CLASSES_MAX).contains(&count) {
            return Err(CodingError::Damaged);
        }
        let ClassRoom {
            map,
            classes,
            of_unit,
        } = room;
        of_unit.clear();
        of_unit.resize(values.div_ceil(unit), 0);
        let mut map = Stream::open(bytes, of_unit.len(), map)?;
        map.read(of_unit.len(), &[0], of_unit)?;
        map.finish()?;
        let mut sizes = [0; CLASSES_MAX];
        for &class in of_unit.iter() {
            let class = usize::try_from(class).ok().filter(|&class| class < count);
            sizes[class.ok_or(CodingError::Damaged)?] += 1;
        }
        let mut streams = [const { None }; CLASSES_MAX];
        for ((stream, room), &size) in streams[1..].iter_mut().zip(classes).zip(&sizes[1..]) {
            if size > 0 {
                *stream = Some(Stream::open(bytes, size * unit, room)?);
            }
        }
        Ok(ClassDecoder {
            unit,
            of_unit,
            streams,
        })
    }

    /// Decodes the next values. All pieces but the last are whole units of any size.
    pub(super) fn read(&mut self, out: &mut [i16]) -> Result<(), CodingError> {
        let (full, rest) = out.split_at_mut(out.len() / self.unit * self.unit);
        for page in full.chunks_mut(PAGE_VALUES) {
            self.read_page(page)?;
        }
        if !rest.is_empty() {
            let mut last = [0; UNIT_MAX];
            self.read_page(&mut last[..self.unit])?;
            rest.copy_from_slice(&last[..rest.len()]);
        }
        Ok(())
    }

    /// Fails if the streams do not end here.
    pub(super) fn finish(self) -> Result<(), CodingError> {
        self.streams.into_iter().flatten().try_for_each(Stream::finish)
    }

    /// Decodes whole units, class after class.
    fn read_page(&mut self, page: &mut [i16]) -> Result<(), CodingError> {
        let of_unit = self.of_unit.split_off(..page.len() / self.unit);
        let of_unit = of_unit.ok_or(CodingError::Damaged)?;
        // The page's units, ordered by their class. That all classes are below the most was seen when opening.
        let mut ends = [0; CLASSES_MAX];
        for &class in of_unit {
            ends[class as usize % CLASSES_MAX] += 1;
        }
        let mut end = 0;
        for units in &mut ends {
            end += std::mem::replace(units, end);
        }
        let mut ordered = [0; PAGE_VALUES / UNITS[0]];
        for (unit, &class) in (0..).zip(of_unit) {
            let end = &mut ends[class as usize % CLASSES_MAX];
            ordered[*end] = unit;
            *end += 1;
        }
        let mut start = 0;
        for (stream, end) in self.streams.iter_mut().zip(ends) {
            let units: &[u16] = &ordered[start..end];
            start = end;
            match stream {
                _ if units.is_empty() => {}
                Some(stream) => stream.read(self.unit, units, page)?,
                None => {
                    for &unit in units {
                        page[usize::from(unit) * self.unit..][..self.unit].fill(0);
                    }
                }
            }
        }
        Ok(())
    }
}
