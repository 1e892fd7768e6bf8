//! Which alphabet and threshold code a stream in the fewest bits: the encoder's side of a dictionary.

use super::words::{Alphabet, CODE_MAX, Dictionary, OTHER, SLOT_BITS, WORDS_MAX, likelihood};

/// What a word costs beside its bits, in bits: short words are slow.
const WORD_COST: f64 = 0.05;
/// What a symbol outside the alphabet costs beside its word, bits.
const OTHER_COST: f64 = 8.0;
/// Symbols rarer than one in so many are left out of the alphabet, of which the best is taken.
const RARE: [u32; 2] = [64, 512];
/// A node is divided if it is as likely as one of these, of 65,536.
const THRESHOLDS: [u16; 5] = [16_384, 6_144, 3_072, 1_536, 512];

/// What [`Plan::best`] chose.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) alphabet: Alphabet,
    pub(super) threshold: u16,
    pub(super) dictionary: Dictionary,
}

impl Plan {
    /// The plan for symbols that occur so often, each at the place of its byte.
    pub(super) fn best(counts: &[u32; 256]) -> Plan {
        let mut best: Option<(f64, Plan)> = None;
        let mut dictionary = Dictionary::default();
        let mut before = None;
        for rare in RARE {
            let alphabet = alphabet(counts, rare);
            if before.as_ref() == Some(&alphabet) {
                continue;
            }
            for threshold in THRESHOLDS {
                // Smaller ones divide further still.
                let Ok(likely) = dictionary.grow(&alphabet, threshold) else {
                    break;
                };
                let cost = cost(&dictionary, &likely);
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    let (alphabet, dictionary) = (alphabet.clone(), dictionary.clone());
                    best = Some((
                        cost,
                        Plan {
                            alphabet,
                            threshold,
                            dictionary,
                        },
                    ));
                }
            }
            before = Some(alphabet);
        }
        best.map(|(_, plan)| plan)
            .expect("an undivided alphabet always has room")
    }

    /// A word that takes the fewest bits.
    pub(super) fn likeliest(&self) -> u8 {
        let words = &self.dictionary.words[..self.dictionary.count];
        (0..words.len()).max_by_key(|&at| words[at].slots).unwrap_or(0) as u8
    }
}

/// Every symbol that is not rare, and [`OTHER`] if there are more.
fn alphabet(counts: &[u32; 256], rare: u32) -> Alphabet {
    let total: u32 = counts.iter().sum();
    let most = counts[1..128]
        .iter()
        .chain(&counts[129..])
        .chain(&counts[..1])
        .max()
        .copied()
        .unwrap_or(0);
    let mut known = 0;
    let mut symbols = Vec::new();
    for symbol in -127..=127i8 {
        let count = counts[usize::from(symbol as u8)];
        if count > 0 && (u64::from(count) * u64::from(rare) >= u64::from(total) || count == most) {
            symbols.push((symbol, code(count, total)));
            known += count;
        }
    }
    if symbols.is_empty() {
        symbols.push((0, CODE_MAX));
    }
    if known < total {
        symbols.insert(0, (OTHER, code(total - known, total)));
    }
    Alphabet { symbols }
}

/// The code whose likelihood is nearest to a share, in the logarithm.
fn code(count: u32, total: u32) -> u8 {
    let share = ((u64::from(count) << 16) / u64::from(total.max(1))) as u32;
    let nearer = |code: &u8| {
        let likelihood = likelihood(*code);
        if likelihood > share {
            likelihood * 64 / share.max(1)
        } else {
            share * 64 / likelihood.max(1)
        }
    };
    (0..=CODE_MAX).min_by_key(nearer).unwrap_or(CODE_MAX)
}

/// Bits of a symbol, with what slows it down.
fn cost(dictionary: &Dictionary, likely: &[u32; WORDS_MAX]) -> f64 {
    let (mut bits, mut symbols) = (0.0, 0.0);
    for (word, &likely) in dictionary.words[..dictionary.count].iter().zip(likely) {
        let likely = f64::from(likely);
        let length = usize::from(word.length);
        bits += likely * (f64::from(SLOT_BITS) - f64::from(word.slots).log2() + WORD_COST);
        if word.symbols[length - 1] == OTHER {
            bits += likely * OTHER_COST;
        }
        symbols += likely * length as f64;
    }
    bits / symbols
}

/// The words of a dictionary as a tree to walk along symbols.
#[derive(Debug)]
pub(super) struct Tree {
    /// The place of each symbol in a node, at the place of its byte.
    places: [u8; 256],
    width: usize,
    /// For each node and symbol the next node, or a word: [`Tree::WORD`] and its number.
    next: Vec<u16>,
}

impl Tree {
    const WORD: u16 = 1 << 15;

    pub(super) fn of(plan: &Plan) -> Tree {
        let symbols = &plan.alphabet.symbols;
        // Unknown symbols take the place of OTHER, which is the first where there is one.
        let mut places = [0; 256];
        for (place, &(symbol, _)) in symbols.iter().enumerate() {
            places[usize::from(symbol as u8)] = place as u8;
        }
        let width = symbols.len();
        let mut next = vec![0; width];
        for (number, word) in plan.dictionary.words[..plan.dictionary.count].iter().enumerate() {
            let length = usize::from(word.length);
            let mut node = 0;
            for (depth, &symbol) in word.symbols[..length].iter().enumerate() {
                let at = node * width + usize::from(places[usize::from(symbol as u8)]);
                if depth + 1 == length {
                    next[at] = Tree::WORD | number as u16;
                } else {
                    if next[at] == 0 {
                        next[at] = (next.len() / width) as u16;
                        next.resize(next.len() + width, 0);
                    }
                    node = usize::from(next[at]);
                }
            }
        }
        Tree { places, width, next }
    }

    /// Goes on by a symbol; at the end of a word that is appended and the walk begins at the root, 0, again.
    pub(super) fn step(&self, node: u16, symbol: i8, words: &mut Vec<u8>) -> u16 {
        let next =
            self.next[usize::from(node) * self.width + usize::from(self.places[usize::from(symbol as u8)])];
        if next & Tree::WORD == 0 {
            return next;
        }
        words.push(next as u8);
        0
    }
}
