//! A stream: values of like size, coded by one dictionary of words.
//!
//! A value is split into a symbol, `value >> shift`, and its low bits. Symbols make words; low bits, which are as good as
//! random, lie packed beside them. A symbol outside the alphabet is written down as it is.
//!
//! ```text
//! u8      lanes (1 << bits 0-1), shift (bits 2-5), whether there are other symbols (bit 6)
//! u16     threshold of the dictionary
//! u8      likelihood code of OTHER         } if there are other symbols
//! number  bytes of their values            }
//!         the values: zigzag, as numbers   }
//! i8, u8  first symbol of the alphabet, and how many follow it
//! u8 …    likelihood code of each, 255 if it is not in the alphabet
//!         low bits, `shift` of each value, packed (module bits), if shift > 0
//! number  how many 16-bit numbers the states take in
//! u32 …   the states, one a lane
//! u16 …   what they take in
//! ```

use super::CodingError;
use super::bits::{self, BLOCK};
use super::plan::{Plan, Tree};
use super::rans::{self, Decoder, LANES_MAX};
use super::reader::{Reader, put_number, unzigzag, zigzag};
use super::words::{Alphabet, CODE_MAX, Dictionary, OTHER};
use multiversion::multiversion;

/// A likelihood code that says: this symbol is not in the alphabet.
const ABSENT: u8 = 255;
/// Most low bits.
const SHIFT_MAX: u32 = 12;
/// Symbols that are looked through at a time for others.
const OTHERS_AT_ONCE: usize = 32;

/// Appends the stream of these values.
pub(super) fn encode(values: &[i16], out: &mut Vec<u8>) {
    let shift = shift_for(values);
    let mut counts = [0u32; 256];
    for &value in values {
        counts[usize::from(symbol_of(value, shift) as u8)] += 1;
    }
    let plan = Plan::best(&counts);
    let mut known = [false; 256];
    for &(symbol, _) in &plan.alphabet.symbols {
        known[usize::from(symbol as u8)] = symbol != OTHER;
    }
    let tree = Tree::of(&plan);
    let mut words = Vec::with_capacity(values.len() / 2);
    let mut others = Vec::new();
    let mut node = 0;
    for &value in values {
        let mut symbol = symbol_of(value, shift);
        if !known[usize::from(symbol as u8)] {
            symbol = OTHER;
            put_number(zigzag(value >> shift).into(), &mut others);
        }
        node = tree.step(node, symbol, &mut words);
    }
    // What completes the last word and the last turn is not looked at.
    while node != 0 {
        node = tree.step(node, OTHER, &mut words);
    }
    let lane_bits = match words.len() {
        0..128 => 0,
        128..512 => 1,
        512..2048 => 2,
        _ => 3,
    };
    let lanes = 1 << lane_bits;
    words.resize(words.len().next_multiple_of(lanes), plan.likeliest());
    let (states, taken) = rans::encode(&words, &plan.dictionary, lanes);

    let symbols = &plan.alphabet.symbols;
    let has_others = symbols[0].0 == OTHER;
    out.push(lane_bits | (shift as u8) << 2 | u8::from(has_others) << 6);
    out.extend_from_slice(&plan.threshold.to_le_bytes());
    if has_others {
        out.push(symbols[0].1);
        put_number(others.len() as u32, out);
        out.extend_from_slice(&others);
    }
    let listed = &symbols[usize::from(has_others)..];
    let (first, last) = (listed[0].0, listed[listed.len() - 1].0);
    out.push(first as u8);
    out.push((i16::from(last) - i16::from(first)) as u8);
    for symbol in first..=last {
        let found = listed.iter().find(|&&(known, _)| known == symbol);
        out.push(found.map_or(ABSENT, |&(_, code)| code));
    }
    if shift > 0 {
        let mask = (1u16 << shift) - 1;
        bits::pack(values.iter().map(|&value| value as u16 & mask), shift, out);
    }
    put_number(taken.len() as u32, out);
    out.extend(states.iter().flat_map(|state| state.to_le_bytes()));
    out.extend(taken.iter().flat_map(|number| number.to_le_bytes()));
}

/// As many low bits as leave symbols of a mean size of 2 to 4.
fn shift_for(values: &[i16]) -> u32 {
    let sum: u64 = values.iter().map(|value| u64::from(value.unsigned_abs())).sum();
    let mean = sum / values.len().max(1) as u64;
    mean.checked_ilog2()
        .map_or(0, |log| log.saturating_sub(1))
        .min(SHIFT_MAX)
}

fn symbol_of(value: i16, shift: u32) -> i8 {
    i8::try_from(value >> shift).unwrap_or(OTHER)
}

/// Room for the decoding of one stream, to be used again for the next.
#[derive(Debug, Default)]
pub(super) struct Room {
    dictionary: Dictionary,
    symbols: Vec<i8>,
    low: Vec<u16>,
}

/// A stream that is being decoded.
#[derive(Debug)]
pub(super) struct Stream<'a, 'r> {
    room: &'r mut Room,
    decoder: Decoder<'a>,
    has_others: bool,
    others: Reader<'a>,
    shift: u32,
    packed: &'a [u8],
    /// Symbols and low bits decoded and not yet handed out.
    symbols_ready: usize,
    low_ready: usize,
}

impl<'a, 'r> Stream<'a, 'r> {
    /// Reads everything before the words of a stream of so many values, and steps behind the stream.
    pub(super) fn open(
        bytes: &mut Reader<'a>,
        values: usize,
        room: &'r mut Room,
    ) -> Result<Self, CodingError> {
        let head = bytes.byte()?;
        let (lanes, shift, has_others) = (
            1usize << (head & 3),
            u32::from(head >> 2 & 15),
            head >> 6 & 1 == 1,
        );
        if head >> 7 != 0 || shift > SHIFT_MAX {
            return Err(CodingError::Damaged);
        }
        let threshold = bytes.short()?;
        let mut alphabet = Alphabet::default();
        let mut others = Reader(&[]);
        if has_others {
            alphabet.symbols.push((OTHER, known_code(bytes.byte()?)?));
            let length = bytes.number()?;
            others = Reader(bytes.bytes(length)?);
        }
        let (first, more) = (bytes.byte()? as i8, bytes.byte()?);
        if first == OTHER || i16::from(first) + i16::from(more) > 127 {
            return Err(CodingError::Damaged);
        }
        for (place, &code) in bytes.bytes(usize::from(more) + 1)?.iter().enumerate() {
            if code != ABSENT {
                alphabet
                    .symbols
                    .push(((i16::from(first) + place as i16) as i8, known_code(code)?));
            }
        }
        room.dictionary.grow(&alphabet, threshold)?;
        let packed = bytes.bytes(match shift {
            0 => 0,
            _ => bits::packed_bytes(values, shift),
        })?;
        let taken = bytes.number()?;
        let mut states = [0; LANES_MAX];
        for state in &mut states[..lanes] {
            *state = u32::from(bytes.short()?) | u32::from(bytes.short()?) << 16;
        }
        let input = bytes
            .bytes(taken.checked_mul(2).ok_or(CodingError::Damaged)?)?
            .as_chunks()
            .0;
        Ok(Stream {
            room,
            decoder: Decoder::new(&states[..lanes], input)?,
            has_others,
            others,
            shift,
            packed,
            symbols_ready: 0,
            low_ready: 0,
        })
    }

    /// Decodes the next values of so many units and puts them into their places on a page, which is that many units.
    pub(super) fn read(&mut self, unit: usize, units: &[u16], page: &mut [i16]) -> Result<(), CodingError> {
        let values = unit * units.len();
        if values == 0 {
            return Ok(());
        }
        self.fill(values);
        let (symbols, low) = (&self.room.symbols[..values], &self.room.low);
        if self.shift == 0 {
            place(unit, units, page, symbols);
        } else {
            place_with_low_bits(unit, units, page, symbols, &low[..values], self.shift);
        }
        if self.has_others {
            for (part, symbols) in symbols.chunks(OTHERS_AT_ONCE).enumerate() {
                if !symbols
                    .iter()
                    .fold(false, |found, &symbol| found | (symbol == OTHER))
                {
                    continue;
                }
                for (at, _) in symbols.iter().enumerate().filter(|(_, symbol)| **symbol == OTHER) {
                    let at = part * OTHERS_AT_ONCE + at;
                    let low = if self.shift == 0 { 0 } else { low[at] as i16 };
                    let there = usize::from(units[at / unit]) * unit + at % unit;
                    page[there] = other(&mut self.others)? << self.shift | low;
                }
            }
        }
        // What was decoded too far is the beginning of the next.
        let room = &mut *self.room;
        room.symbols.copy_within(values..self.symbols_ready, 0);
        self.symbols_ready -= values;
        if self.shift > 0 {
            room.low.copy_within(values..self.low_ready, 0);
            self.low_ready -= values;
        }
        Ok(())
    }

    /// Fails if the stream does not end here.
    pub(super) fn finish(self) -> Result<(), CodingError> {
        if self.decoder.is_at_end() && self.others.0.is_empty() {
            Ok(())
        } else {
            Err(CodingError::Damaged)
        }
    }

    fn fill(&mut self, values: usize) {
        let room = &mut *self.room;
        let reach = values.max(self.symbols_ready) + self.decoder.slack();
        if room.symbols.len() < reach {
            room.symbols.resize(reach, 0);
        }
        self.symbols_ready =
            self.decoder
                .fill(&room.dictionary, &mut room.symbols, self.symbols_ready, values);
        if self.shift == 0 {
            return;
        }
        if room.low.len() < values + BLOCK {
            room.low.resize(values + BLOCK, 0);
        }
        while self.low_ready < values {
            let (block, rest) = self
                .packed
                .split_at(bits::block_bytes(self.shift).min(self.packed.len()));
            self.packed = rest;
            room.low[self.low_ready..self.low_ready + BLOCK]
                .copy_from_slice(&bits::unpack(block, self.shift));
            self.low_ready += BLOCK;
        }
    }
}

/// Symbols become values where their units are. Compiled for AVX2 too, which widens sixteen at a time.
#[multiversion(targets("x86_64+avx2+bmi2"))]
fn place(unit: usize, units: &[u16], page: &mut [i16], symbols: &[i8]) {
    for (&nth, symbols) in units.iter().zip(symbols.chunks_exact(unit)) {
        let values = &mut page[usize::from(nth) * unit..][..unit];
        for (value, &symbol) in values.iter_mut().zip(symbols) {
            *value = i16::from(symbol);
        }
    }
}

/// The same with the low bits of each.
#[multiversion(targets("x86_64+avx2+bmi2"))]
fn place_with_low_bits(
    unit: usize,
    units: &[u16],
    page: &mut [i16],
    symbols: &[i8],
    low: &[u16],
    shift: u32,
) {
    for ((&nth, symbols), low) in units
        .iter()
        .zip(symbols.chunks_exact(unit))
        .zip(low.chunks_exact(unit))
    {
        let values = &mut page[usize::from(nth) * unit..][..unit];
        for ((value, &symbol), &low) in values.iter_mut().zip(symbols).zip(low) {
            *value = i16::from(symbol) << shift | low as i16;
        }
    }
}

fn known_code(code: u8) -> Result<u8, CodingError> {
    if code <= CODE_MAX {
        Ok(code)
    } else {
        Err(CodingError::Damaged)
    }
}

fn other(others: &mut Reader) -> Result<i16, CodingError> {
    u16::try_from(others.number()?)
        .map(unzigzag)
        .map_err(|_| CodingError::Damaged)
}
