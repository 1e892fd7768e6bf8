//! An input as a recipe: fields one after the other, zeros when there is nothing left.

/// What is left of an input.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    /// The next two bytes as a number, little-endian.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// So many bytes, or as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        first
    }

    /// A piece behind its length: a byte, or a number of two bytes behind a byte of 255.
    pub fn piece(&mut self) -> &'a [u8] {
        let length = match self.byte() {
            255 => usize::from(self.short()),
            short => usize::from(short),
        };
        self.bytes(length)
    }
}

/// Appends what [`Input::piece`] reads.
pub fn put_piece(piece: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(piece.len()) {
        Ok(length) if length < 255 => out.push(length),
        _ => {
            out.push(255);
            out.extend_from_slice(&(piece.len() as u16).to_le_bytes());
        }
    }
    out.extend_from_slice(piece);
}

/// A coded run as the format has it, of a run without its number of values: that is not left to luck.
pub fn numbered(run: &[u8], values: usize) -> Vec<u8> {
    let (head, body) = run.split_at(run.len().min(1));
    let mut numbered = head.to_vec();
    let mut number = values;
    while number >= 128 {
        numbered.push(number as u8 | 128);
        number >>= 7;
    }
    numbered.push(number as u8);
    numbered.extend_from_slice(body);
    numbered
}

/// The opposite of [`numbered`].
pub fn unnumbered(run: &[u8]) -> Vec<u8> {
    let number = run[1..].iter().take_while(|&&byte| byte >= 128).count() + 1;
    [&run[..1], &run[1 + number..]].concat()
}
