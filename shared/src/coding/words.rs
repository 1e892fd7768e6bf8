//! The words of a stream: short runs of symbols, each about equally likely, so that one look-up decodes many values.
//!
//! A dictionary is a complete tree over the symbols of an alphabet, after Tunstall (Synthesis of Noiseless Compression
//! Codes, 1967): every node as likely as a threshold has a child for each symbol, and the leaves are the words. Any run of
//! symbols is cut into words in one way only. What is stored is the likelihood of the symbols and the threshold; both
//! sides grow the same tree from them, in integers.

use super::CodingError;

/// Symbols of the longest word.
pub(super) const WORD_SYMBOLS: usize = 8;
/// Most words of a dictionary: a word's number is a byte.
pub(super) const WORDS_MAX: usize = 256;
/// Slots all words of a dictionary share by their likelihood, as a power of two.
pub(super) const SLOT_BITS: u32 = 12;
/// The same as a number.
pub(super) const SLOTS: usize = 1 << SLOT_BITS;
/// What stands for every symbol that is not in the alphabet; its value follows beside the words.
pub(super) const OTHER: i8 = i8::MIN;
/// A likelihood of 1.
const ONE: u32 = 1 << 24;

/// Symbols and how likely each is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Alphabet {
    /// Symbol and likelihood code, symbols rising; [`OTHER`] is the lowest.
    pub(super) symbols: Vec<(i8, u8)>,
}

/// One word as a decoder needs it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(16))]
pub(super) struct Word {
    /// Its symbols; those behind its length are of no matter.
    pub(super) symbols: [i8; WORD_SYMBOLS],
    /// Its share of the slots.
    pub(super) slots: u16,
    /// Its first slot.
    pub(super) first: u16,
    /// How many symbols it has.
    pub(super) length: u8,
}

/// All words of a stream.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    pub(super) words: Box<[Word; WORDS_MAX]>,
    /// How many there are.
    pub(super) count: usize,
    /// The word of each slot.
    pub(super) slots: Box<[u8; SLOTS]>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Dictionary {
            words: Box::new([Word::default(); WORDS_MAX]),
            count: 0,
            slots: Box::new([0; SLOTS]),
        }
    }
}

/// The likelihood of code c is 2^(−c/8) of 65,536, before all are scaled to that sum.
pub(super) fn likelihood(code: u8) -> u32 {
    // round(65536 · 2^(−f/8)) for f = 0…7
    const EIGHTHS: [u32; 8] = [65_536, 60_097, 55_109, 50_535, 46_341, 42_495, 38_968, 35_734];
    EIGHTHS[usize::from(code % 8)] >> (code / 8)
}

/// The largest code: a likelihood of about 1 in 32,768.
pub(super) const CODE_MAX: u8 = 127;

impl Dictionary {
    /// Grows the tree: nodes at least as likely as `threshold` / 65,536 are divided. Returns how likely each word is, of
    /// 2²⁴.
    pub(super) fn grow(
        &mut self,
        alphabet: &Alphabet,
        threshold: u16,
    ) -> Result<[u32; WORDS_MAX], CodingError> {
        let mut shares = [(0i8, 0u32); WORDS_MAX];
        let symbols = &alphabet.symbols;
        if symbols.is_empty() || symbols.len() > WORDS_MAX {
            return Err(CodingError::Damaged);
        }
        let total: u32 = symbols.iter().map(|&(_, code)| likelihood(code)).sum();
        if total == 0 {
            return Err(CodingError::Damaged);
        }
        for (share, &(symbol, code)) in shares.iter_mut().zip(symbols) {
            *share = (
                symbol,
                ((u64::from(likelihood(code)) << 16) / u64::from(total)) as u32,
            );
        }
        let shares = &shares[..symbols.len()];
        self.count = 0;
        let threshold = u32::from(threshold) << 8;
        let mut likely = [0u32; WORDS_MAX];
        self.divide([0; WORD_SYMBOLS], 0, ONE, shares, threshold, &mut likely)?;
        self.share_out(&likely)?;
        Ok(likely)
    }

    fn divide(
        &mut self,
        mut symbols: [i8; WORD_SYMBOLS],
        length: usize,
        likelihood: u32,
        shares: &[(i8, u32)],
        threshold: u32,
        likely: &mut [u32; WORDS_MAX],
    ) -> Result<(), CodingError> {
        for &(symbol, share) in shares {
            let child = ((u64::from(likelihood) * u64::from(share)) >> 16) as u32;
            symbols[length] = symbol;
            if symbol != OTHER && length + 1 < WORD_SYMBOLS && child >= threshold {
                self.divide(symbols, length + 1, child, shares, threshold, likely)?;
                continue;
            }
            if self.count == WORDS_MAX {
                return Err(CodingError::Damaged);
            }
            likely[self.count] = child;
            self.words[self.count] = Word {
                symbols,
                length: length as u8 + 1,
                ..Word::default()
            };
            self.count += 1;
        }
        Ok(())
    }

    /// Gives every word its share of the slots, at least one; what is left over or lacking is the largest word's.
    fn share_out(&mut self, likely: &[u32; WORDS_MAX]) -> Result<(), CodingError> {
        const SHIFT: u32 = 24 - SLOT_BITS;
        let mut sum = 0;
        let mut largest = 0;
        let mut counts = [0i32; WORDS_MAX];
        for (at, &likelihood) in likely[..self.count].iter().enumerate() {
            let slots = ((likelihood + (1 << (SHIFT - 1))) >> SHIFT).max(1) as i32;
            counts[at] = slots;
            sum += slots;
            if slots > counts[largest] {
                largest = at;
            }
        }
        counts[largest] += SLOTS as i32 - sum;
        if counts[largest] < 1 {
            return Err(CodingError::Damaged);
        }
        let mut first = 0;
        for (at, (word, &slots)) in self.words.iter_mut().zip(&counts[..self.count]).enumerate() {
            let slots = slots as usize;
            word.slots = slots as u16;
            word.first = first as u16;
            self.slots[first..first + slots].fill(at as u8);
            first += slots;
        }
        Ok(())
    }
}
