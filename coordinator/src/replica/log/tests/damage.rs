//! Every flipped bit, every truncation and every missing file is refused by name or makes no difference.

use super::*;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The newest segment of that log.
const LAST: &str = "segment-00000000000000000003";

/// A log with a snapshot, an ended segment, an override, a masked batch and one of several sectors at its end; as a
/// killed process leaves it, or closed.
fn made(folder: &Path, closed: bool) -> Recovered {
    let mut disk = SimulatedDisk::new(5).with_segment_bytes(SMALL_SEGMENT_BYTES);
    let (mut log, _) = Log::open(disk.clone()).unwrap();
    let state = |commit| HardState {
        term: 3,
        vote: 2,
        commit,
    };
    log.append(&[entry(1, 1, "one")], Some(&state(1))).unwrap();
    log.keep_snapshot(&snapshot(1, 1, "everything up to the first"))
        .unwrap();
    log.append(
        &[
            entry(2, 1, "two"),
            entry(3, 1, "three"),
            entry(4, 1, vec![0; 700]),
        ],
        None,
    )
    .unwrap();
    log.append(&[entry(3, 3, "three again")], Some(&state(2)))
        .unwrap();
    log.append(&[entry(4, 3, vec![b'4'; 800])], None).unwrap();
    log.append(&[entry(5, 3, vec![b'5'; 1200])], Some(&state(4)))
        .unwrap();
    if !closed {
        disk.kill();
    }
    drop(log);
    for name in disk.list().unwrap() {
        let file = disk.open(&name, false).unwrap();
        let mut bytes = vec![0; file.bytes().unwrap() as usize];
        file.read_at(0, &mut bytes).unwrap();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    std::fs::write(folder.join("lock"), []).unwrap();
    let recovered = Log::read(&FolderDisk::at(folder)).unwrap();
    assert_eq!(recovered.entries.len(), 4);
    assert!(folder.join(LAST).exists());
    recovered
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Says whether it is refused; panics if it is neither that, by name, nor as it was.
fn refused(folder: &Path, file: &Path, expected: &Recovered, how: &str) -> bool {
    match Log::read(&FolderDisk::at(folder)) {
        Ok(read) => {
            assert!(
                read == *expected,
                "{} with {how} is read as something else",
                file.display()
            );
            false
        }
        Err(LogError::Damaged { path, .. }) => {
            assert_eq!(path, file, "with {how} another file is named");
            true
        }
        Err(error) => panic!("{how}: {error}"),
    }
}

#[test]
fn every_flipped_bit_is_refused_by_name_or_makes_no_difference() {
    for closed in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let expected = made(folder.path(), closed);
        let mut refusals = 0;
        for path in files(folder.path()) {
            let bytes = std::fs::read(&path).unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            for (at, byte) in bytes.iter().enumerate() {
                for bit in 0..8 {
                    file.write_all_at(&[byte ^ (1 << bit)], at as u64).unwrap();
                    let how = format!("bit {bit} of byte {at} flipped");
                    refusals += u32::from(refused(folder.path(), &path, &expected, &how));
                }
                file.write_all_at(&[*byte], at as u64).unwrap();
            }
        }
        assert!(refusals > 30_000, "only {refusals} flipped bits were noticed");
    }
}

#[test]
fn opening_after_a_flipped_bit_refuses_and_changes_nothing_or_goes_on() {
    let mut dice = Dice(11);
    for _ in 0..100 {
        let folder = tempfile::tempdir().unwrap();
        let expected = made(folder.path(), dice.below(2) == 0);
        let paths = files(folder.path());
        let path = &paths[dice.below(paths.len() as u64) as usize];
        let mut bytes = std::fs::read(path).unwrap();
        if bytes.is_empty() {
            continue;
        }
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << dice.below(8);
        std::fs::write(path, &bytes).unwrap();
        let disk = FolderDisk::at(folder.path()).with_segment_bytes(SMALL_SEGMENT_BYTES);
        match Log::open(disk.clone()) {
            Ok((mut log, recovered)) => {
                assert_eq!(recovered, expected);
                log.append(&[entry(6, 3, vec![b'6'; 600])], None).unwrap();
                drop(log);
                let read = Log::read(&disk).unwrap();
                assert_eq!(read.entries.len(), expected.entries.len() + 1);
            }
            Err(LogError::Damaged { path: named, .. }) => {
                assert_eq!(&named, path);
                assert_eq!(std::fs::read(path).unwrap(), bytes);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn every_truncation_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let expected = made(folder.path(), true);
    for path in files(folder.path()) {
        let bytes = std::fs::read(&path).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        for length in (0..bytes.len()).rev() {
            file.set_len(length as u64).unwrap();
            let how = format!("{length} bytes");
            assert!(refused(folder.path(), &path, &expected, &how), "{how} are taken");
        }
        std::fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
        let counts = !bytes.is_empty();
        assert_eq!(refused(folder.path(), &path, &expected, "a byte more"), counts);
        std::fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn every_missing_file_that_counts_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let expected = made(folder.path(), true);
    for path in files(folder.path()) {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let counts = !bytes.is_empty();
        assert_eq!(
            refused(folder.path(), &path, &expected, "the file missing"),
            counts
        );
        std::fs::write(&path, &bytes).unwrap();
    }
    for path in files(folder.path()) {
        if !path.ends_with("made") {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert!(refused(
        folder.path(),
        folder.path(),
        &expected,
        "all segments missing"
    ));
}

#[test]
fn acknowledged_batches_that_turn_to_zeros_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let expected = made(folder.path(), true);
    let path = folder.path().join(LAST);
    let bytes = std::fs::read(&path).unwrap();
    for from in (segment::BATCHES_AT as usize..bytes.len()).step_by(512) {
        for to in (from + 512..=bytes.len()).step_by(512) {
            let mut altered = bytes.clone();
            altered[from..to].fill(0);
            std::fs::write(&path, &altered).unwrap();
            let how = format!("zeros from {from} to {to}");
            assert_eq!(
                refused(folder.path(), &path, &expected, &how),
                altered != bytes,
                "{how}"
            );
        }
    }
}

#[test]
fn one_damaged_mark_makes_no_difference_and_two_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let expected = made(folder.path(), true);
    let path = folder.path().join(LAST);
    let bytes = std::fs::read(&path).unwrap();
    for slots in [&[1][..], &[2], &[1, 2]] {
        let mut altered = bytes.clone();
        slots
            .iter()
            .for_each(|slot| altered[512 * slot..512 * slot + 40].fill(0));
        std::fs::write(&path, &altered).unwrap();
        assert_eq!(
            refused(folder.path(), &path, &expected, "marks gone"),
            slots.len() == 2
        );
    }
}
