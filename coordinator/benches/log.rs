//! Appends a second of the durable log, beside a bare file: preallocated, one write and one sync of the same bytes.
//!
//!     cargo bench -p imgcalc-coordinator --bench log [-- FOLDER]
//!
//! The two take turns, so that what else the machine does meets both. The folder says which disk is measured.

use imgcalc_coordinator::replica::log::{Entry, EntryKind, FolderDisk, Log};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const ENTRY_BYTES: usize = 200;
const ROUNDS: u32 = 8;
const APPENDS_A_ROUND: u32 = 250;

fn main() {
    let arguments = std::env::args().skip(1);
    let folder = arguments
        .filter(|argument| !argument.starts_with("--"))
        .map(PathBuf::from)
        .next();
    let folder = match folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.expect("a temporary folder can be made");
    println!(
        "entries of {ENTRY_BYTES} bytes; medians of {ROUNDS} rounds of {APPENDS_A_ROUND} appends, taking turns"
    );
    println!(
        "{:>5} {:>14} {:>14} {:>14} {:>6}",
        "batch", "appends/s", "entries/s", "bare writes/s", "ratio"
    );
    for batch in [1, 16, 64] {
        let (mut log, _) = Log::open(FolderDisk::at(folder.path().join(format!("ledger-{batch}"))))
            .expect("a new log can be made");
        let mut bare = Bare::new(&folder.path().join(format!("bare-{batch}")), batch * ENTRY_BYTES);
        let mut index = 0;
        let (mut of_log, mut of_bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            of_log.push(timed(|| {
                let entries: Vec<Entry> = (1..=batch as u64).map(|at| entry(index + at)).collect();
                log.append(&entries, None).expect("the log takes it");
                index += batch as u64;
            }));
            of_bare.push(timed(|| bare.write()));
        }
        let (log, bare) = (a_second(of_log), a_second(of_bare));
        println!(
            "{batch:>5} {log:>14.0} {:>14.0} {bare:>14.0} {:>6.2}",
            log * batch as f64,
            log / bare
        );
    }
}

fn entry(index: u64) -> Entry {
    Entry {
        index,
        term: 1,
        kind: EntryKind::Commands,
        data: (0..ENTRY_BYTES as u64)
            .map(|at| b' ' + ((at * index) % 90) as u8)
            .collect(),
    }
}

/// A file as long as all that will be written, of zeros.
struct Bare {
    file: File,
    at: u64,
    bytes: Vec<u8>,
}

impl Bare {
    fn new(path: &std::path::Path, bytes: usize) -> Bare {
        let mut file = File::create(path).expect("a file can be made");
        for _ in 0..ROUNDS * APPENDS_A_ROUND {
            file.write_all(&vec![0; bytes]).expect("the file takes it");
        }
        file.sync_all().expect("the disk takes it");
        Bare {
            file,
            at: 0,
            bytes: vec![b'x'; bytes],
        }
    }

    fn write(&mut self) {
        self.file
            .write_all_at(&self.bytes, self.at)
            .expect("the file takes it");
        self.file.sync_data().expect("the disk takes it");
        self.at += self.bytes.len() as u64;
    }
}

fn timed(mut append: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..APPENDS_A_ROUND).for_each(|_| append());
    start.elapsed()
}

/// Appends a second in the median round.
fn a_second(mut rounds: Vec<Duration>) -> f64 {
    rounds.sort();
    f64::from(APPENDS_A_ROUND) / rounds[rounds.len() / 2].as_secs_f64()
}
