//! Logs of every version stay readable: the folders under `tests/golden` are frozen.
//!
//! A change that needs other bytes gets a new version and a new folder beside the old ones. Only to add one, run with
//! `IMGCALC_REGENERATE=1`: it writes what is missing and never touches what is there.

use super::*;
use std::path::Path;

fn state(commit: u64) -> HardState {
    HardState {
        term: 2,
        vote: 3,
        commit,
    }
}

fn write(disk: SimulatedDisk) {
    let (mut log, _) = Log::open(disk).unwrap();
    log.append(&[entry(1, 1, "one"), entry(2, 1, "two")], Some(&state(1)))
        .unwrap();
    log.keep_snapshot(&snapshot(1, 1, "up to one")).unwrap();
    log.append(&[entry(3, 1, "three"), entry(4, 1, "four")], None)
        .unwrap();
    log.append(&[entry(4, 2, vec![0; 1200])], Some(&state(4)))
        .unwrap();
    let last = [
        entry(5, 2, vec![b'5'; 900]),
        entry(6, 2, ""),
        entry(7, 2, "members"),
    ];
    log.append(&last, None).unwrap();
}

fn read() -> Recovered {
    Recovered {
        hard_state: state(4),
        snapshot: Some(snapshot(1, 1, "up to one")),
        entries: vec![
            entry(2, 1, "two"),
            entry(3, 1, "three"),
            entry(4, 2, vec![0; 1200]),
            entry(5, 2, vec![b'5'; 900]),
            entry(6, 2, ""),
            entry(7, 2, "members"),
        ],
    }
}

#[test]
fn a_log_of_version_1_is_read_and_written_to_the_byte() {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ledger-1");
    let disk = SimulatedDisk::new(0).with_segment_bytes(SMALL_SEGMENT_BYTES);
    write(disk.clone());
    let mut names = disk.list().unwrap();
    names.retain(|name| name.starts_with("s"));
    for name in &names {
        let file = disk.open(name, false).unwrap();
        let mut bytes = vec![0; file.bytes().unwrap() as usize];
        file.read_at(0, &mut bytes).unwrap();
        let path = frozen.join(name);
        if !path.exists() && std::env::var_os("IMGCALC_REGENERATE").is_some() {
            std::fs::create_dir_all(&frozen).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let kept = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{} is frozen and must be there: {error}", path.display()));
        assert!(
            kept == bytes,
            "{name} is written in another way than version 1 was"
        );
    }
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(Log::read(&FolderDisk::at(frozen)).unwrap(), read());
}
