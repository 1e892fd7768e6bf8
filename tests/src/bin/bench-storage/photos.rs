//! The crops: cut once, kept between runs.

use crate::formats::{CHANNELS, SIDE, SIZE};
use crate::peers::Peers;
use anyhow::Context;
use imgcalc_shared::codec::Picture;
use serde_json::{Value, json};
use std::path::Path;

/// How many.
pub const CROPS: usize = 1024;
/// Which of all that there are.
const SEED: u64 = 1;
const CROP_BYTES: usize = (SIDE * SIDE) as usize * CHANNELS as usize;

/// The crops, and a sentence on where they come from.
pub struct Photos {
    pub crops: Vec<Picture>,
    pub told: String,
}

/// Cuts crops out of `PHOTOS`, or out of what tests/setup/photos.sh fetched, unless they are there already.
pub fn prepare(peers: &mut Peers, root: &Path) -> anyhow::Result<Photos> {
    let own = std::env::var("PHOTOS").ok().filter(|folder| !folder.is_empty());
    // Of the wallpapers the PNG files are drawings; one's own may be anything.
    let (folder, suffixes) = match &own {
        Some(folder) => (folder.as_str(), &[".jpg", ".jpeg", ".png"][..]),
        None => (".deps/photos", &[".jpg", ".jpeg"][..]),
    };
    let ask = json!({
        "do": "photos", "folder": folder, "suffixes": suffixes, "out": root, "count": CROPS, "seed": SEED,
    });
    let key = ask.to_string();
    let stamp = root.join("crops.json");
    let said = std::fs::read_to_string(&stamp).unwrap_or_default();
    let told: Value = match said.split_once('\n') {
        Some((asked, told)) if asked == key => serde_json::from_str(told)?,
        _ => {
            let told = peers.ask(&ask)?;
            std::fs::write(&stamp, format!("{key}\n{told}"))?;
            told
        }
    };
    let path = root.join("crops.u8");
    let samples = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(
        samples.len() == CROPS * CROP_BYTES,
        "{} is not whole; remove it",
        stamp.display()
    );
    let crops = samples
        .chunks_exact(CROP_BYTES)
        .map(|crop| Picture::new(SIZE, CHANNELS, crop.to_vec()));
    let unused = match &told["unused"] {
        Value::Number(files) if files.as_u64() != Some(0) => {
            format!(" ({files} more files are too small, unreadable or the same picture again)")
        }
        _ => String::new(),
    };
    Ok(Photos {
        crops: crops.collect::<Result<_, _>>()?,
        told: format!(
            "{CROPS} distinct crops of {SIDE}×{SIDE} out of {} that {} photographs of {folder} give{unused}",
            told["candidates"], told["photographs"]
        ),
    })
}
