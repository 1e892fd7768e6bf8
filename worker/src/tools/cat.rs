//! `data cat`: the values of a column object as text or as a NumPy file.

mod npy;
mod text;

use super::files;
use crate::data::{Base, columns};
use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Args;
use imgcalc_shared::codec::Layout;
use imgcalc_shared::column::Footer;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Arguments of `data cat`.
#[derive(Debug, Args)]
pub struct CatArgs {
    /// A file; with --base, a key in that base
    pub what: String,
    /// The base the key is in: file:///folder or s3://place/prefix
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,
    /// Anti-diagonals to print. Default: all that are stored
    #[arg(long)]
    pub keep: Option<u16>,
    /// Quantisation factor to divide by. Default: as stored
    #[arg(long)]
    pub quant: Option<u16>,
    /// Only these images of the dataset, FIRST..END
    #[arg(long, value_name = "A..B")]
    pub images: Option<Images>,
    /// Planes as a net sees them instead of coefficients in storage order
    #[arg(long)]
    pub planes: bool,
    /// Write a NumPy array of 16-bit integers to this file: images × values, or images × channels × rows × columns
    #[arg(long, value_name = "FILE")]
    pub npy: Option<PathBuf>,
}

/// A range of image numbers, written `A..B`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images(Range<u32>);

impl FromStr for Images {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (first, end) = text.split_once("..")?;
            let range = first.parse::<u32>().ok()?..end.parse::<u32>().ok()?;
            (!range.is_empty()).then_some(Images(range))
        };
        parse().ok_or_else(|| format!("{text:?} is no range of images; write for example 0..16"))
    }
}

/// Values of some images, one after the other.
struct Values {
    layout: Layout,
    keep: u16,
    planes: bool,
    /// Number of the first image.
    first: u32,
    values: Vec<i16>,
}

/// Prints the values, or writes them to a file.
pub fn run(args: &CatArgs) -> anyhow::Result<()> {
    let values = match &args.base {
        None => of_file(args)?,
        Some(url) => of_key(&Base::open(url)?, args)?,
    };
    match &args.npy {
        Some(path) => files::write(path, &npy::bytes(&values.shape(), &values.values)),
        None => {
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            text::print(&values, &mut out)?;
            Ok(out.flush()?)
        }
    }
}

fn of_file(args: &CatArgs) -> anyhow::Result<Values> {
    let object =
        std::fs::read(Path::new(&args.what)).with_context(|| format!("{} cannot be read", args.what))?;
    let footer = columns::footer(object.len() as u64, &object)
        .with_context(|| format!("{} is damaged or no column object", args.what))?;
    decode(&args.what, &footer, &object, args)
}

/// Reads no more than the prefix of the keep.
fn of_key(base: &Base, args: &CatArgs) -> anyhow::Result<Values> {
    let (footer, tail, tail_start) = columns::read_footer(base, &args.what, base.size(&args.what)?)?;
    let name = format!("{} in {}", args.what, base.url());
    let prefix: Bytes = match tail_start {
        0 => tail,
        _ => {
            let keep = args.keep.unwrap_or(footer.header().keep);
            base.get_range(&args.what, footer.prefix(keep).with_context(|| name.clone())?)?
        }
    };
    decode(&name, &footer, &prefix, args)
}

fn decode(name: &str, footer: &Footer, prefix: &[u8], args: &CatArgs) -> anyhow::Result<Values> {
    let header = footer.header();
    let (keep, quant) = (
        args.keep.unwrap_or(header.keep),
        args.quant.unwrap_or(header.quant),
    );
    let there = header.first_image..header.first_image + header.images;
    let wanted = args
        .images
        .as_ref()
        .map_or(there.clone(), |images| images.0.clone());
    ensure!(
        there.start <= wanted.start && wanted.end <= there.end,
        "{name} holds the images {}..{}; choose among them with --images",
        there.start,
        there.end
    );
    let layout = footer.layout();
    let values = match args.planes {
        true => footer.planes(prefix, keep, quant),
        false => footer.decode(prefix, keep, quant),
    };
    let mut values = values.with_context(|| format!("{name} cannot be read"))?;
    let image_values = match args.planes {
        true => layout.plane_values(keep),
        false => layout.values(keep),
    };
    values.truncate((wanted.end - there.start) as usize * image_values);
    values.drain(..(wanted.start - there.start) as usize * image_values);
    Ok(Values {
        layout,
        keep,
        planes: args.planes,
        first: wanted.start,
        values,
    })
}

impl Values {
    /// Images first.
    fn shape(&self) -> Vec<usize> {
        let plane = self.layout.plane(self.keep);
        let image = match self.planes {
            true => vec![
                self.layout.channels().into(),
                plane.height as usize,
                plane.width as usize,
            ],
            false => vec![self.layout.values(self.keep)],
        };
        let images = self.values.len() / image.iter().product::<usize>();
        [vec![images], image].concat()
    }
}
