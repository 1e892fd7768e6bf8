//! Numbers of a fixed width, packed so that eight of them are packed or unpacked by each instruction.
//!
//! A block is 128 numbers of `width` bits in `16 · width` bytes. It has eight lanes; lane l has numbers l, l + 8, l + 16 …,
//! one behind the other from the lowest bit on, in 16-bit words; word w of lane l is word 8·w + l of the block. The
//! numbers of a last, incomplete block are followed by zeros.

/// Numbers in a block.
pub(super) const BLOCK: usize = 128;
const LANES: usize = 8;
const ROWS: usize = BLOCK / LANES;

/// Bytes of a block.
pub(super) fn block_bytes(width: u32) -> usize {
    2 * LANES * width as usize
}

/// Bytes of so many numbers.
pub(super) fn packed_bytes(numbers: usize, width: u32) -> usize {
    numbers.div_ceil(BLOCK) * block_bytes(width)
}

/// Packs numbers below 2^width, width at most 16.
pub(super) fn pack(numbers: impl ExactSizeIterator<Item = u16>, width: u32, out: &mut Vec<u8>) {
    let mut numbers = numbers.peekable();
    while numbers.peek().is_some() {
        let mut words = [0u16; BLOCK];
        for row in 0..ROWS {
            let (word, shift) = place(row, width);
            for lane in 0..LANES {
                let number = numbers.next().unwrap_or(0);
                let wide = u32::from(number) << shift;
                if width > 0 {
                    words[word * LANES + lane] |= wide as u16;
                }
                if shift + width > 16 {
                    words[(word + 1) * LANES + lane] |= (wide >> 16) as u16;
                }
            }
        }
        let used = &words[..LANES * width as usize];
        out.extend(used.iter().flat_map(|word| word.to_le_bytes()));
    }
}

/// Unpacks one block from its bytes.
pub(super) fn unpack(block: &[u8], width: u32) -> [u16; BLOCK] {
    let mut words = [0u16; BLOCK + LANES];
    for (word, &bytes) in words[..BLOCK].iter_mut().zip(block.as_chunks::<2>().0) {
        *word = u16::from_le_bytes(bytes);
    }
    let mask = ((1u32 << width) - 1) as u16;
    let mut numbers = [0; BLOCK];
    for (row, out) in numbers.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let (word, shift) = place(row, width);
        let Some(both) = words[word * LANES..].first_chunk::<{ 2 * LANES }>() else {
            break;
        };
        for lane in 0..LANES {
            let wide = u32::from(both[lane]) | u32::from(both[LANES + lane]) << 16;
            out[lane] = (wide >> shift) as u16 & mask;
        }
    }
    numbers
}

/// The word a row's number begins in, and at which bit.
fn place(row: usize, width: u32) -> (usize, u32) {
    let bit = row as u32 * width;
    ((bit / 16) as usize, bit % 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_return() {
        for width in 0..=16 {
            let numbers: Vec<u16> = (0..300u32)
                .map(|n| (n.wrapping_mul(40_503) >> 3) as u16 & ((1u32 << width) - 1) as u16)
                .collect();
            let mut bytes = Vec::new();
            pack(numbers.iter().copied(), width, &mut bytes);
            assert_eq!(bytes.len(), packed_bytes(numbers.len(), width));
            let back: Vec<u16> = match width {
                0 => vec![0; 384],
                _ => bytes
                    .chunks(block_bytes(width))
                    .flat_map(|block| unpack(block, width))
                    .collect(),
            };
            assert_eq!(back[..300], numbers, "width {width}");
            assert!(back[300..].iter().all(|&padding| padding == 0));
        }
    }
}
