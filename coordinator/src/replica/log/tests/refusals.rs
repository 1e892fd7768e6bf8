//! What is refused, by name, and that nothing is changed by it.

use super::*;

fn folder() -> (tempfile::TempDir, FolderDisk) {
    let folder = tempfile::tempdir().unwrap();
    let disk = FolderDisk::at(folder.path().join("ledger")).with_segment_bytes(SMALL_SEGMENT_BYTES);
    (folder, disk)
}

fn refusal<T>(result: Result<T, LogError>) -> LogError {
    match result {
        Ok(_) => panic!("it is taken"),
        Err(error) => error,
    }
}

#[test]
fn an_open_log_is_busy_and_a_closed_one_is_not() {
    let (_folder, disk) = folder();
    let (log, _) = Log::open(disk.clone()).unwrap();
    assert!(matches!(refusal(Log::open(disk.clone())), LogError::Busy { .. }));
    assert!(matches!(refusal(Log::read(&disk)), LogError::Busy { .. }));
    drop(log);
    assert_eq!(Log::read(&disk).unwrap(), Recovered::default());
    Log::open(disk).unwrap();

    let disk = SimulatedDisk::new(0);
    let (log, _) = Log::open(disk.clone()).unwrap();
    assert!(matches!(refusal(Log::open(disk.clone())), LogError::Busy { .. }));
    assert!(matches!(refusal(Log::read(&disk)), LogError::Busy { .. }));
    drop(log);
    Log::open(disk).unwrap();
}

#[test]
fn looking_changes_nothing() {
    let (_folder, disk) = folder();
    assert_eq!(Log::read(&disk).unwrap(), Recovered::default());
    assert!(!disk.path("").exists(), "looking makes a folder");
}

#[test]
fn what_a_newer_release_wrote_is_not_touched() {
    for name in ["segment-00000000000000000002", "snapshot-00000000000000000002"] {
        let (_folder, disk) = folder();
        let (mut log, _) = Log::open(disk.clone()).unwrap();
        log.append(&[entry(1, 1, "one")], None).unwrap();
        log.keep_snapshot(&snapshot(1, 1, "one")).unwrap();
        drop(log);
        let mut bytes = std::fs::read(disk.path(name)).unwrap();
        bytes[8] = 2;
        let sealed = if name.starts_with("seg") { 512 } else { 80 };
        segment::seal(&mut bytes[..sealed]);
        std::fs::write(disk.path(name), &bytes).unwrap();
        match refusal(Log::open(disk.clone())) {
            LogError::OtherRelease { path, what } => {
                assert_eq!(path, disk.path(name));
                assert!(what.contains("version 2"), "{what}");
            }
            other => panic!("{other}"),
        }
        assert_eq!(std::fs::read(disk.path(name)).unwrap(), bytes);
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let disk = SimulatedDisk::new(3).with_segment_bytes(SMALL_SEGMENT_BYTES);
    let (mut log, _) = Log::open(disk.clone()).unwrap();
    disk.fail_after(0, DiskFault::Full);
    let mut kept = 0;
    let error = loop {
        match log.append(&[entry(kept + 1, 1, vec![b'x'; 300])], None) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    let named = matches!(&error, LogError::Full { path } if path.ends_with("segment-00000000000000000002"));
    assert!(named, "{error}");
    assert!(kept > 0);
    assert!(matches!(
        refusal(log.append(&[entry(kept + 1, 1, "")], None)),
        LogError::Failed { .. }
    ));
    drop(log);
    disk.heal();
    let (mut log, recovered) = Log::open(disk).unwrap();
    assert_eq!(recovered.entries.len() as u64, kept);
    log.append(&[entry(kept + 1, 1, vec![b'x'; 300])], None).unwrap();
}

#[test]
fn an_entry_that_is_too_long_or_out_of_place_is_refused_and_the_log_goes_on() {
    let disk = SimulatedDisk::new(0);
    let (mut log, _) = Log::open(disk.clone()).unwrap();
    log.append(&[entry(1, 1, "one"), entry(2, 1, "two")], None)
        .unwrap();
    let long = entry(3, 1, vec![b'x'; ENTRY_BYTES_MAX + 1]);
    assert!(matches!(
        refusal(log.append(&[long], None)),
        LogError::TooLong { .. }
    ));
    let out_of_place = |error: LogError| assert!(matches!(error, LogError::OutOfPlace { .. }), "{error}");
    out_of_place(refusal(log.append(&[entry(4, 1, "four")], None)));
    out_of_place(refusal(log.append(&[entry(0, 1, "none")], None)));
    out_of_place(refusal(log.append(&[entry(3, 1, ""), entry(5, 1, "")], None)));
    out_of_place(refusal(log.keep_snapshot(&snapshot(3, 1, ""))));
    log.keep_snapshot(&snapshot(2, 1, "both")).unwrap();
    out_of_place(refusal(log.append(&[entry(2, 1, "two")], None)));
    out_of_place(refusal(log.keep_snapshot(&snapshot(1, 1, ""))));
    log.append(&[entry(3, 1, "three")], None).unwrap();
    drop(log);
    assert_eq!(Log::read(&disk).unwrap().entries, [entry(3, 1, "three")]);
}

#[test]
fn a_disk_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = refusal(Log::open(FolderDisk::at(file.path())));
    assert!(
        matches!(&error, LogError::Disk { path, .. } if path == file.path()),
        "{error}"
    );
}
