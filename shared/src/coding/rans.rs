//! The entropy coder under the words: range asymmetric numeral systems (Duda, arXiv:1311.2540) with 32-bit states that take
//! in 16 bits at a time, several states in turn so that a processor works on all of them at once.

use super::CodingError;
use super::words::{Dictionary, SLOT_BITS, SLOTS, WORD_SYMBOLS};

/// Most states in turn.
pub(super) const LANES_MAX: usize = 8;
/// The least a state may be between two words.
const STATE_MIN: u32 = 1 << 16;

/// Words in the order they are to be decoded become states and the 16-bit numbers they take in.
pub(super) fn encode(words: &[u8], dictionary: &Dictionary, lanes: usize) -> (Vec<u32>, Vec<u16>) {
    let mut states = vec![STATE_MIN; lanes];
    let mut taken = Vec::with_capacity(words.len() / 2);
    for (at, &word) in words.iter().enumerate().rev() {
        let word = dictionary.words[usize::from(word)];
        let slots = u32::from(word.slots);
        let state = &mut states[at % lanes];
        if u64::from(*state) >= u64::from(slots) << (32 - SLOT_BITS) {
            taken.push(*state as u16);
            *state >>= 16;
        }
        *state = ((*state / slots) << SLOT_BITS) + *state % slots + u32::from(word.first);
    }
    taken.reverse();
    (states, taken)
}

/// Decodes words in turn; see [`Decoder::fill`].
#[derive(Clone, Debug)]
pub(super) struct Decoder<'a> {
    states: [u32; LANES_MAX],
    lanes: usize,
    /// What the states take in, and how much of it they have.
    input: &'a [[u8; 2]],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// `states` are as many as there are lanes: 1, 2, 4 or 8.
    pub(super) fn new(states: &[u32], input: &'a [[u8; 2]]) -> Result<Self, CodingError> {
        let mut all = [STATE_MIN; LANES_MAX];
        let lanes = states.len();
        if !matches!(lanes, 1 | 2 | 4 | 8) || states.iter().any(|&state| state < STATE_MIN) {
            return Err(CodingError::Damaged);
        }
        all[..lanes].copy_from_slice(states);
        Ok(Decoder {
            states: all,
            lanes,
            input,
            at: 0,
        })
    }

    /// Symbols that one turn of all lanes may add, and write behind what it adds.
    pub(super) fn slack(&self) -> usize {
        (self.lanes + 1) * WORD_SYMBOLS
    }

    /// Writes whole turns from `from` on until `target` is reached; returns where they end, less than [`Decoder::slack`]
    /// behind it. `out` reaches at least that far.
    pub(super) fn fill(
        &mut self,
        dictionary: &Dictionary,
        out: &mut [i8],
        from: usize,
        target: usize,
    ) -> usize {
        match self.lanes {
            8 => self.turns::<8>(dictionary, out, from, target),
            4 => self.turns::<4>(dictionary, out, from, target),
            2 => self.turns::<2>(dictionary, out, from, target),
            _ => self.turns::<1>(dictionary, out, from, target),
        }
    }

    /// Whether everything was taken in and the states are where the encoder began.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.input.len() && self.states[..self.lanes].iter().all(|&state| state == STATE_MIN)
    }

    fn turns<const LANES: usize>(
        &mut self,
        dictionary: &Dictionary,
        out: &mut [i8],
        from: usize,
        target: usize,
    ) -> usize {
        let Some(&(mut states)) = self.states.first_chunk::<LANES>() else {
            return from;
        };
        let (words, slots) = (&*dictionary.words, &*dictionary.slots);
        let mut position = from;
        let mut at = self.at;
        while position < target {
            // Behind the end there are zeros: a damaged stream gives wrong symbols, not a wrong access.
            let mut last = [[0; 2]; LANES];
            let window = match self.input.get(at..).and_then(|rest| rest.first_chunk::<LANES>()) {
                Some(window) => window,
                None => {
                    let rest = self.input.get(at..).unwrap_or_default();
                    last[..rest.len()].copy_from_slice(rest);
                    &last
                }
            };
            let mut taken = 0;
            for state in &mut states {
                let slot = *state as usize % SLOTS;
                let word = &words[usize::from(slots[slot])];
                out[position..position + WORD_SYMBOLS].copy_from_slice(&word.symbols);
                position += usize::from(word.length);
                let next =
                    u32::from(word.slots) * (*state >> SLOT_BITS) + (slot as u32 - u32::from(word.first));
                let refilled = next << 16 | u32::from(u16::from_le_bytes(window[taken % LANES]));
                let short = next < STATE_MIN;
                *state = if short { refilled } else { next };
                taken += usize::from(short);
            }
            at += taken;
        }
        self.at = at;
        self.states[..LANES].copy_from_slice(&states);
        position
    }
}
