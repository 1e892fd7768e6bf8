//! Section `import`: from image files to a dataset, and from pixels to columns.

use crate::clock::{median, median_ratio, timed};
use crate::formats::{self, CHANNELS, QUANTS, SIZE, Shape};
use crate::peers::number;
use crate::table::Table;
use crate::{Bench, IMPORT_ROUNDS_MAX};
use crate::{jpeg, ours};
use anyhow::Context;
use imgcalc_shared::codec::Picture;
use imgcalc_tests::programs;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Names of every JPEG file: enough work that starting a program does not count; 800 MB of pixels.
const LINKS: usize = 4;
const LINKS_QUICK: usize = 2;
/// Images that one core transforms for a figure.
const TRANSFORMED: usize = 128;
const QUANT: u16 = 50;

/// Measures and prints.
pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    from_files(bench)?;
    all_families(bench)?;
    each_format(bench)
}

/// From files, over all cores.
fn from_files(bench: &mut Bench) -> anyhow::Result<()> {
    let links = if bench.quick { LINKS_QUICK } else { LINKS };
    let families = formats::families(&formats::shapes(bench.quick));
    let mut table = Table::new(
        format!(
            "From JPEG files, all cores, wall time, images/s; columns are those of {} families at three factors each, in memory",
            families.len()
        ),
        [
            "libjpeg-turbo decodes",
            "imgcalc data import",
            "÷ libjpeg-turbo",
            "files to columns",
            "÷ libjpeg-turbo",
        ],
    );
    for quality in [96, 75] {
        bench.progress(&format!("import: JPEG {quality}"));
        let folder = link(&bench.root, quality, links)?;
        let files = jpeg::read(&bench.root.join(format!("jpeg{quality}")), bench.pictures.len())?;
        let (mut jpeg, mut import, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.rounds.min(IMPORT_ROUNDS_MAX) {
            let ask = json!({"do": "decode_all", "folder": folder});
            let answer = bench.peers.ask(&ask)?;
            let linked = number(&answer, "files")?;
            jpeg.push(linked / number(&answer, "wall_s")?);
            import.push(linked / imported(&bench.root, &folder)?);
            let began = Instant::now();
            to_columns(&files, &families)?;
            columns.push(files.len() as f64 / began.elapsed().as_secs_f64());
        }
        let cells = [
            median(&jpeg),
            median(&import),
            median_ratio(&import, &jpeg),
            median(&columns),
            median_ratio(&columns, &jpeg),
        ];
        table.figures(format!("JPEG {quality}"), &cells);
    }
    table.print();
    Ok(())
}

/// Decodes every file once, transforms it for all families in one pass, and encodes the columns of all factors.
fn to_columns(files: &[Vec<u8>], families: &[(u16, u16)]) -> anyhow::Result<()> {
    let images = ours::on_all_cores(files, |part| {
        let mut transforms = ours::transforms(families)?;
        let images = part.iter().map(|file| {
            let mut pixels = Vec::new();
            jpeg::decode(file, &mut pixels)?;
            let picture = Picture::new(SIZE, CHANNELS, pixels)?;
            anyhow::Ok(transforms.coefficients(&picture)?)
        });
        images.collect()
    })?;
    let of_families = by_family(images, families.len());
    let objects: Vec<_> = QUANTS
        .iter()
        .flat_map(|&quant| families.iter().zip(&of_families).map(move |of| (quant, of)))
        .collect();
    ours::on_all_cores(&objects, |part| {
        let objects = part
            .iter()
            .map(|&(quant, (&family, coefficients))| object(family, quant, coefficients));
        objects.collect()
    })?;
    Ok(())
}

/// The column object of a family and factor out of its coefficients.
fn object((block, keep): (u16, u16), quant: u16, coefficients: &[Vec<i16>]) -> anyhow::Result<Vec<u8>> {
    let layout = formats::layout(block)?;
    ours::object(
        layout,
        keep,
        quant,
        &ours::values(layout, coefficients, keep, quant),
    )
}

/// For each family all images, out of for each image all families.
fn by_family(images: Vec<Vec<Vec<i16>>>, families: usize) -> Vec<Vec<Vec<i16>>> {
    let mut all: Vec<Vec<Vec<i16>>> = vec![Vec::with_capacity(images.len()); families];
    for image in images {
        for (family, values) in all.iter_mut().zip(image) {
            family.push(values);
        }
    }
    all
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

/// The program as anyone starts it, without what `make bench-storage` tells its own allocator.
pub fn imgcalc() -> Command {
    let mut command = programs::imgcalc();
    command
        .env_remove("MALLOC_MMAP_MAX_")
        .env_remove("MALLOC_TRIM_THRESHOLD_");
    command
}

/// Seconds of wall time of one import into a fresh base.
fn imported(root: &Path, folder: &Path) -> anyhow::Result<f64> {
    let base = root.join("import-base");
    if base.exists() {
        std::fs::remove_dir_all(&base)?;
    }
    let began = Instant::now();
    let status = imgcalc()
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

/// All families of the formats at once.
fn all_families(bench: &mut Bench) -> anyhow::Result<()> {
    bench.progress("import: all families");
    let families = formats::families(&formats::shapes(bench.quick));
    let some = &bench.pictures[..TRANSFORMED.min(bench.pictures.len())];
    let (mut one_by_one, mut one_pass, mut encoded) = (Vec::new(), Vec::new(), Vec::new());
    let mut values = 0;
    for _ in 0..bench.rounds.min(IMPORT_ROUNDS_MAX) {
        let (given, spent) = timed(|| -> anyhow::Result<()> {
            for &family in &families {
                std::hint::black_box(ours::coefficients_of_families(some, &[family])?);
            }
            Ok(())
        });
        given?;
        one_by_one.push(spent);
        let (given, spent) = timed(|| ours::coefficients_of_families(some, &families));
        one_pass.push(spent);
        let of_families = by_family(given?, families.len());
        values = of_families.iter().flatten().map(Vec::len).sum::<usize>() * QUANTS.len();
        let (done, spent) = timed(|| -> anyhow::Result<()> {
            for (&family, coefficients) in families.iter().zip(&of_families) {
                for quant in QUANTS {
                    std::hint::black_box(object(family, quant, coefficients)?);
                }
            }
            Ok(())
        });
        done?;
        encoded.push(spent);
    }
    let names: Vec<String> = families
        .iter()
        .map(|(block, keep)| format!("{block}/{keep}"))
        .collect();
    let mut table = Table::new(
        format!("Columns of the families {} on one core", names.join(", ")),
        ["images/s"],
    );
    let speed = |seconds: &[f64]| some.len() as f64 / median(seconds);
    table.figures(
        "pixels to coefficients, one family after the other",
        &[speed(&one_by_one)],
    );
    table.figures(
        "pixels to coefficients, all families in one pass",
        &[speed(&one_pass)],
    );
    table.figures(
        "times faster in one pass",
        &[median_ratio(&one_by_one, &one_pass)],
    );
    let rate = 2.0 * values as f64 / median(&encoded) / 1e6;
    table.figures(
        format!("coefficients to columns of three factors ({rate:.0} MB/s of i16)"),
        &[speed(&encoded)],
    );
    table.print();
    Ok(())
}

/// Transform and encoder of each format alone.
fn each_format(bench: &mut Bench) -> anyhow::Result<()> {
    let shapes = formats::shapes(bench.quick);
    let mut table = Table::new(
        format!("Made on one core (block/keep), objects of q = {QUANT}"),
        &shapes,
    );
    let (mut transformed, mut written, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for &Shape { block, keep } in &shapes {
        bench.progress(&format!("import: {block}/{keep}"));
        let layout = formats::layout(block)?;
        let some = &bench.pictures[..TRANSFORMED.min(bench.pictures.len())];
        let coefficients = ours::coefficients(&bench.pictures, block, keep)?;
        let images = ours::values(layout, &coefficients, keep, QUANT);
        let (mut transforms, mut writes) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds.min(IMPORT_ROUNDS_MAX) {
            let (given, spent) = timed(|| ours::coefficients_of_families(some, &[(block, keep)]));
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
