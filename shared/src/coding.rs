//! Lossless coding of a run of values: integers of one kind, of which most are small.
//!
//! ```text
//! u8      the coding (bits 0-3), whether values are differences of neighbours (bit 4)
//! number  how many values
//!         what the coding says:
//!   0     nothing: all values are 0
//!   1     module packed
//!   2     module frame
//!   3     one stream of all values (module stream)
//!   4     module classes
//! ```
//!
//! Numbers are little-endian; a "number" is one of the module `reader`. Nothing may follow. The repository's
//! `shared/FORMAT.md` says how to decode each without reading this code.

mod bits;
mod choose;
mod classes;
mod frame;
mod packed;
mod plan;
mod predict;
mod rans;
mod reader;
mod stream;
mod words;

use classes::{ClassDecoder, ClassRoom};
use frame::FrameDecoder;
use packed::PackedDecoder;
use reader::Reader;
use std::cell::RefCell;
use stream::{Room, Stream};

/// Most values in one run.
pub const RUN_VALUES_MAX: usize = 1 << 28;
/// Pieces a run is decoded in are a multiple of so many values, all but the last.
pub const PIECE_VALUES: usize = 256;

const CODING_BITS: u8 = 15;
const DIFFERENCES: u8 = 16;
/// Values of a stream decoded at a time: they and their symbols stay in a core's cache.
const PAGE_VALUES: usize = 16_384;

/// How a run's values are neighbours: planes of rows, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Values of a row, at least 1.
    pub row: usize,
    /// Values of a plane, at least 1.
    pub plane: usize,
}

/// How a run is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// All values are 0.
    Zeros,
    /// Values of one width.
    Packed,
    /// A Zstandard frame.
    Frame,
    /// Words over one alphabet.
    Words,
    /// Words over an alphabet for each class of units.
    Classes,
}

/// Why bytes are not a coded run of the expected length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// No bytes at all.
    #[error("it is empty")]
    Empty,
    /// A coding this program does not know.
    #[error("it has coding {found}, this program knows 0 to 4")]
    Coding {
        /// What the first byte says.
        found: u8,
    },
    /// More values than any run may have.
    #[error(
        "a run of {values} values is asked for, at most {RUN_VALUES_MAX} are read; use smaller row groups"
    )]
    TooLong {
        /// As many as asked for.
        values: usize,
    },
    /// Damaged inside, or followed by something.
    #[error("it is damaged")]
    Damaged,
    /// Another length.
    #[error("it does not hold the {expected} values it should")]
    Count {
        /// As many as it should hold.
        expected: usize,
    },
}

impl Coding {
    /// Its name, and whether its values are differences.
    pub fn of(bytes: &[u8]) -> Result<(Coding, bool), CodingError> {
        let &head = bytes.first().ok_or(CodingError::Empty)?;
        // Codes are persisted: never renumber them.
        let coding = match head & CODING_BITS {
            _ if head & !(CODING_BITS | DIFFERENCES) != 0 => None,
            0 => Some(Coding::Zeros),
            1 => Some(Coding::Packed),
            2 => Some(Coding::Frame),
            3 => Some(Coding::Words),
            4 => Some(Coding::Classes),
            _ => None,
        };
        let coding = coding.ok_or(CodingError::Coding { found: head })?;
        Ok((coding, head & DIFFERENCES != 0))
    }

    fn code(self) -> u8 {
        match self {
            Coding::Zeros => 0,
            Coding::Packed => 1,
            Coding::Frame => 2,
            Coding::Words => 3,
            Coding::Classes => 4,
        }
    }
}

impl std::fmt::Display for Coding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Coding::Zeros => "zeros",
            Coding::Packed => "packed",
            Coding::Frame => "zstd",
            Coding::Words => "words",
            Coding::Classes => "classes",
        })
    }
}

impl Shape {
    /// No neighbours.
    pub const FLAT: Shape = Shape { row: 1, plane: 1 };
}

/// Codes a run of values, in the coding that suits them.
pub fn encode(values: &[i16], shape: Shape) -> Vec<u8> {
    let mut bytes = vec![0];
    reader::put_number(values.len() as u32, &mut bytes);
    let differences = predict::pays(values, shape).then(|| predict::differences(values, shape));
    let coding = choose::encode(differences.as_deref().unwrap_or(values), &mut bytes);
    bytes[0] = coding.code() | if differences.is_some() { DIFFERENCES } else { 0 };
    bytes
}

/// Decodes a run that must hold exactly this many values; allocates for no more than those.
pub fn decode(bytes: &[u8], shape: Shape, expected_values: usize) -> Result<Vec<i16>, CodingError> {
    thread_local! {
        static WORKSPACE: RefCell<Workspace> = RefCell::default();
    }
    WORKSPACE.with_borrow_mut(|workspace| {
        let mut decoder = RunDecoder::open(bytes, shape, expected_values, workspace)?;
        let mut values = vec![0; expected_values];
        decoder.read(&mut values)?;
        decoder.finish()?;
        Ok(values)
    })
}

/// Room for decoding a run, to be used again for the next: making it takes longer than a small run.
#[derive(Debug, Default)]
pub struct Workspace {
    classes: ClassRoom,
    words: Room,
}

/// Decodes a run piece by piece.
#[derive(Debug)]
pub struct RunDecoder<'a, 'w> {
    body: Body<'a, 'w>,
    differences: Option<Shape>,
    left: usize,
}

#[derive(Debug)]
enum Body<'a, 'w> {
    Zeros,
    Packed(PackedDecoder<'a>),
    Frame(FrameDecoder),
    Words(Stream<'a, 'w>),
    Classes(Box<ClassDecoder<'a, 'w>>),
}

impl<'a, 'w> RunDecoder<'a, 'w> {
    /// Reads what stands before the values of a run of exactly so many.
    pub fn open(
        bytes: &'a [u8],
        shape: Shape,
        expected_values: usize,
        workspace: &'w mut Workspace,
    ) -> Result<Self, CodingError> {
        let (coding, differences) = Coding::of(bytes)?;
        if expected_values > RUN_VALUES_MAX {
            return Err(CodingError::TooLong {
                values: expected_values,
            });
        }
        let mut bytes = Reader(&bytes[1..]);
        if bytes.number()? != expected_values {
            return Err(CodingError::Count {
                expected: expected_values,
            });
        }
        let body = match coding {
            Coding::Zeros => Body::Zeros,
            Coding::Packed => Body::Packed(PackedDecoder::open(&mut bytes, expected_values)?),
            Coding::Frame => Body::Frame(FrameDecoder::open(&mut bytes, expected_values)?),
            Coding::Words => Body::Words(Stream::open(&mut bytes, expected_values, &mut workspace.words)?),
            Coding::Classes => {
                let decoder = ClassDecoder::open(&mut bytes, expected_values, &mut workspace.classes)?;
                Body::Classes(Box::new(decoder))
            }
        };
        if !bytes.0.is_empty() {
            return Err(CodingError::Damaged);
        }
        Ok(RunDecoder {
            body,
            differences: differences.then_some(shape),
            left: expected_values,
        })
    }

    /// Decodes the next values. All pieces but the last are a multiple of [`PIECE_VALUES`] and whole planes.
    pub fn read(&mut self, out: &mut [i16]) -> Result<(), CodingError> {
        self.left = self.left.checked_sub(out.len()).ok_or(CodingError::Damaged)?;
        match &mut self.body {
            Body::Zeros => out.fill(0),
            Body::Packed(decoder) => decoder.read(out)?,
            Body::Frame(decoder) => decoder.read(out)?,
            Body::Words(stream) => {
                for page in out.chunks_mut(PAGE_VALUES) {
                    stream.read(page.len(), &[0], page)?;
                }
            }
            Body::Classes(decoder) => decoder.read(out)?,
        }
        if let Some(shape) = self.differences {
            predict::sums(out, shape);
        }
        Ok(())
    }

    /// Fails if there is anything left.
    pub fn finish(self) -> Result<(), CodingError> {
        if self.left > 0 {
            return Err(CodingError::Damaged);
        }
        match self.body {
            Body::Zeros | Body::Packed(_) | Body::Frame(_) => Ok(()),
            Body::Words(stream) => stream.finish(),
            Body::Classes(decoder) => decoder.finish(),
        }
    }
}
