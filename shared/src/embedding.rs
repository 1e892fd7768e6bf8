//! The search by embedding: formats have vectors (see [`crate::task::Task::Embed`]), and the search is a walk over them from
//! the densest format to ever cheaper ones, without any label and without a training of the user's net.
//!
//! ```text
//! a format's vector      what one net, trained to read the same images alike in whatever format they come, makes of a few
//!                        fixed images in this format
//! cosine of two formats  how alike that net sees the same images in both
//! agreement of a format  its cosine to what all formats see in common: every family one voice, the mean of its formats
//! ```
//!
//! A format is good when what the net reads in it is what it reads everywhere else: then the information is there **and** is
//! laid out so that a convolutional net finds it. Likeness to the densest format alone would tell only the first: it holds most,
//! but is the hardest to read. So the walk takes from each bucket of inference time the format that agrees most with all
//! others; what it answers to a time budget is the step within it that agrees most.

mod map;
mod search;
mod vectors;
mod walk;

pub use map::coordinates;
pub use search::{EmbeddingFacts, EmbeddingSearch};
pub use walk::{FormatCost, Step, TraceError, best_within, trace};
