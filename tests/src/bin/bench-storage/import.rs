//! Section `import`: from image files to a dataset, and from pixels to columns.

use crate::Bench;
use crate::clock::{median, timed};
use crate::formats::{self, Shape};
use crate::ours;
use crate::peers::number;
use crate::table::Table;
use anyhow::Context;
use imgcalc_tests::programs;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

/// Names of every JPEG file: enough work that starting a program does not count; 800 MB of pixels.
const LINKS: usize = 4;
const LINKS_QUICK: usize = 2;
/// Images that one core transforms for a figure.
const TRANSFORMED: usize = 128;
const QUANT: u16 = 50;

/// Measures and prints.
pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    import(bench)?;
    transform(bench)
}

fn import(bench: &mut Bench) -> anyhow::Result<()> {
    let links = if bench.quick { LINKS_QUICK } else { LINKS };
    let mut table = Table::new(
        "JPEG files to a dataset, all cores, wall time, images/s",
        [
            "files",
            "imgcalc data import",
            "libjpeg-turbo decodes them",
            "ratio",
        ],
    );
    for quality in [96, 75] {
        let folder = link(&bench.root, quality, links)?;
        let (mut ours, mut jpeg) = (Vec::new(), Vec::new());
        let mut files = 0.0;
        for _ in 0..bench.rounds.min(3) {
            let ask = json!({"do": "decode_all", "folder": folder});
            let answer = bench.peers.ask(&ask)?;
            files = number(&answer, "files")?;
            jpeg.push(files / number(&answer, "wall_s")?);
            ours.push(files / imported(&bench.root, &folder)?);
        }
        let (ours, jpeg) = (median(&ours), median(&jpeg));
        let cells = [
            format!("{files:.0}"),
            format!("{ours:.0}"),
            format!("{jpeg:.0}"),
            format!("{:.2}", ours / jpeg),
        ];
        table.words(format!("JPEG {quality}"), cells);
    }
    table.print();
    Ok(())
}

/// A folder with every JPEG file of a quality under several names.
pub fn link(root: &Path, quality: u16, links: usize) -> anyhow::Result<PathBuf> {
    let folder = root.join(format!("import{quality}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    for class in ["even", "odd"] {
        let to = folder.join(class);
        std::fs::create_dir_all(&to)?;
        for file in std::fs::read_dir(root.join(format!("jpeg{quality}")).join(class))? {
            let file = file?;
            for nth in 0..links {
                let name = format!("{nth}-{}", file.file_name().display());
                std::fs::hard_link(file.path(), to.join(name))?;
            }
        }
    }
    Ok(folder)
}

/// Seconds of wall time of one import into a fresh base.
fn imported(root: &Path, folder: &Path) -> anyhow::Result<f64> {
    let base = root.join("import-base");
    if base.exists() {
        std::fs::remove_dir_all(&base)?;
    }
    let began = Instant::now();
    let status = programs::imgcalc()
        .args(["data", "import"])
        .arg(folder)
        .arg(format!("--base=file://{}", base.display()))
        .args(["--name=crops", "--size=256"])
        .stdout(Stdio::null())
        .status()
        .context("cannot start imgcalc; `make build` makes it")?;
    anyhow::ensure!(status.success(), "imgcalc data import failed; see above");
    let spent = began.elapsed().as_secs_f64();
    std::fs::remove_dir_all(&base)?;
    Ok(spent)
}

fn transform(bench: &mut Bench) -> anyhow::Result<()> {
    let shapes = formats::shapes(bench.quick);
    let mut table = Table::new(
        format!("Made on one core (block/keep), objects of q = {QUANT}"),
        &shapes,
    );
    let (mut transformed, mut written, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for &Shape { block, keep } in &shapes {
        eprintln!("import: {block}/{keep}");
        let layout = formats::layout(block)?;
        let some = &bench.pictures[..TRANSFORMED.min(bench.pictures.len())];
        let coefficients = ours::coefficients(&bench.pictures, block, keep)?;
        let images = ours::values(layout, &coefficients, keep, QUANT);
        let (mut transforms, mut writes) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds.min(3) {
            let (given, spent) = timed(|| ours::coefficients_of(some, block, keep));
            given?;
            transforms.push(spent / some.len() as f64);
            let (given, spent) = timed(|| ours::object(layout, keep, QUANT, &images));
            given?;
            writes.push(spent / images.len() as f64);
        }
        transformed.push(1.0 / median(&transforms));
        written.push(1.0 / median(&writes));
        rates.push(2.0 * layout.values(keep) as f64 / median(&writes) / 1e6);
    }
    table.figures("pixels to coefficients, images/s", &transformed);
    table.figures("values to a column object, images/s", &written);
    table.figures("the same, MB/s of i16", &rates);
    table.print();
    Ok(())
}
