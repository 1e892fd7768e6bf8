//! Coded runs, decoded as a whole and piece by piece.
//!
//! ```text
//! u8    values of a row - 1 (bits 0-3), rows of a plane - 1 (bits 4-7)
//! u8    how long pieces are (bits 0-2); bit 6: encode again what decodes; bit 7: the run has its number of values
//! u16   values
//! u8    head of the run
//! …     what the coding says
//! ```

use super::input::{Input, numbered};
use super::memory::{is_readable, of_run, within};
use imgcalc_shared::coding::{CodingError, PIECE_VALUES, RunDecoder, Shape, Workspace, decode, encode};

/// Panics if decoding this run shows a fault.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let shape = shape(input.byte());
    let how = input.byte();
    let values = usize::from(input.short());
    let run = match how & 128 {
        0 => numbered(input.0, values),
        _ => input.0.to_vec(),
    };
    let whole = within(of_run(values), "a whole run", || decode(&run, shape, values));
    let pieces = 1 + usize::from(how & 7);
    let in_pieces = within(of_run(values), "a run in pieces", || {
        piecewise(&run, shape, values, pieces)
    });
    assert_eq!(whole, in_pieces, "in pieces it is the same");
    match whole {
        Ok(values) => {
            if how & 64 != 0 {
                returns(&values, shape);
            }
        }
        Err(error) => is_readable(&error),
    }
}

/// Neighbours as a byte says.
pub fn shape(byte: u8) -> Shape {
    let row = 1 + usize::from(byte & 15);
    Shape {
        row,
        plane: row * (1 + usize::from(byte >> 4)),
    }
}

/// Panics unless these values are the same after having been coded, in little more than their own length.
pub fn returns(values: &[i16], shape: Shape) {
    let run = encode(values, shape);
    let most = 256 * values.len().div_ceil(128) + 7;
    assert!(
        run.len() <= most,
        "{} values take {} bytes",
        values.len(),
        run.len()
    );
    assert_eq!(decode(&run, shape, values.len()).as_deref(), Ok(values));
}

/// Pieces of so many whole planes of whole units, with a workspace that nothing has used.
fn piecewise(run: &[u8], shape: Shape, values: usize, pieces: usize) -> Result<Vec<i16>, CodingError> {
    let mut workspace = Workspace::default();
    let mut decoder = RunDecoder::open(run, shape, values, &mut workspace)?;
    let piece = pieces
        * (1..)
            .map(|planes| planes * shape.plane)
            .find(|piece| piece.is_multiple_of(PIECE_VALUES))
            .expect("256 planes are one");
    let mut all = vec![0; values];
    for values in all.chunks_mut(piece) {
        decoder.read(values)?;
    }
    decoder.finish()?;
    Ok(all)
}
