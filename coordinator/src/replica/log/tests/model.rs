//! Random use against a plain list: what was acknowledged is there, and never more than was attempted.

use super::*;

/// What a log should hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model(Recovered);

/// One use of the log.
#[derive(Debug, Clone)]
enum Use {
    Append(Vec<Entry>, Option<HardState>),
    Keep(Snapshot),
    Install(Snapshot, HardState),
}

impl Model {
    fn first(&self) -> u64 {
        self.0.snapshot.as_ref().map_or(0, |snapshot| snapshot.index) + 1
    }

    fn last(&self) -> u64 {
        self.first() + self.0.entries.len() as u64 - 1
    }

    fn thrown_use(&self, dice: &mut Dice) -> Use {
        let term = dice.below(1 << 40);
        let state = HardState {
            term,
            vote: dice.below(5),
            commit: dice.below(1 << 30),
        };
        let covered = self.first() - 1;
        match dice.below(20) {
            0 => {
                let index = covered + dice.below(self.last() - covered + 1);
                Use::Keep(snapshot(index, term, dice.data()))
            }
            1 => Use::Install(snapshot(self.last() + dice.below(20), term, dice.data()), state),
            what => {
                let newest = self.last() + 1;
                let at = match what {
                    2..5 => newest - dice.below(newest - self.first() + 1),
                    _ => newest,
                };
                let count = dice.below(6);
                let entries = (at..at + count)
                    .map(|index| entry(index, term, dice.data()))
                    .collect();
                Use::Append(entries, (dice.below(2) == 0).then_some(state))
            }
        }
    }

    fn after(&self, what: &Use) -> Model {
        let Model(mut held) = self.clone();
        match what {
            Use::Append(entries, state) => {
                for entry in entries {
                    held.entries.retain(|kept| kept.index < entry.index);
                    held.entries.push(entry.clone());
                }
                held.hard_state = state.unwrap_or(held.hard_state);
            }
            Use::Keep(snapshot) => {
                held.entries.retain(|entry| entry.index > snapshot.index);
                held.snapshot = Some(snapshot.clone());
            }
            Use::Install(snapshot, state) => {
                held = Recovered {
                    hard_state: *state,
                    snapshot: Some(snapshot.clone()),
                    entries: Vec::new(),
                };
            }
        }
        Model(held)
    }
}

fn apply<D: Disk>(log: &mut Log<D>, what: &Use) -> Result<(), LogError> {
    match what {
        Use::Append(entries, state) => log.append(entries, state.as_ref()),
        Use::Keep(snapshot) => log.keep_snapshot(snapshot),
        Use::Install(snapshot, state) => log.install_snapshot(snapshot, state),
    }
}

/// Uses the log from what it holds on, which must be one of those, until something fails. Gives what may be there
/// then.
fn use_until_it_fails(disk: &SimulatedDisk, dice: &mut Dice, possible: [Model; 2], uses: u64) -> [Model; 2] {
    // Until it is opened, what is seen may be undone by a crash: it was never promised.
    let seen = Log::read(disk);
    let (mut log, recovered) = match Log::open(disk.clone()) {
        Ok(opened) => opened,
        Err(LogError::Disk { .. } | LogError::Full { .. }) => return possible,
        Err(error) => panic!("seed {}: {error}", dice.0 >> 32),
    };
    assert_eq!(seen.unwrap(), recovered);
    let held = possible.into_iter().find(|model| model.0 == recovered);
    let mut held = held.unwrap_or_else(|| {
        panic!(
            "seed {}: there is neither what was nor what was to be",
            dice.0 >> 32
        );
    });
    for _ in 0..uses {
        let next = held.thrown_use(dice);
        let after = held.after(&next);
        if let Err(error) = apply(&mut log, &next) {
            assert!(
                matches!(error, LogError::Disk { .. } | LogError::Full { .. }),
                "{error}"
            );
            let again = log.append(&[], Some(&HardState::default()));
            assert!(
                matches!(again, Err(LogError::Failed { .. })),
                "a log that failed goes on"
            );
            return [held, after];
        }
        held = after;
    }
    [held.clone(), held]
}

#[test]
fn what_was_acknowledged_is_there_after_every_kind_of_failure_of_random_use() {
    for seed in 0..1500 {
        let mut dice = Dice(seed << 32);
        let mut disk = SimulatedDisk::new(seed).with_segment_bytes(SMALL_SEGMENT_BYTES);
        let mut possible = [Model::default(), Model::default()];
        for _ in 0..8 {
            let fault = [DiskFault::Io, DiskFault::Full, DiskFault::Off][dice.below(3) as usize];
            if dice.below(4) > 0 {
                disk.fail_after(dice.below(60), fault);
            }
            possible = use_until_it_fails(&disk, &mut dice, possible, 20);
            // Without a crash the next process sees what was never synced.
            if dice.below(2) == 0 || fault == DiskFault::Off {
                disk.crash();
            } else {
                disk.kill();
                disk.heal();
            }
        }
        disk.heal();
        use_until_it_fails(&disk, &mut dice, possible, 20);
    }
}

#[test]
fn power_may_go_at_every_change_of_the_disk_and_again_at_every_change_of_the_next_start() {
    let seed = 7 << 32;
    let run = |off_after: u64, off_again_after: u64| {
        let mut disk = SimulatedDisk::new(seed ^ off_again_after).with_segment_bytes(SMALL_SEGMENT_BYTES);
        let mut dice = Dice(seed);
        disk.fail_after(off_after, DiskFault::Off);
        let fresh = [Model::default(), Model::default()];
        let possible = use_until_it_fails(&disk, &mut dice, fresh, 25);
        let changes = disk.changes();
        disk.crash();
        disk.fail_after(off_again_after, DiskFault::Off);
        let possible = use_until_it_fails(&disk, &mut dice, possible, 1);
        disk.crash();
        use_until_it_fails(&disk, &mut dice, possible, 5);
        changes
    };
    let changes = run(u64::MAX >> 1, u64::MAX >> 1);
    assert!(
        changes > 80,
        "the run is too short to say much: {changes} changes"
    );
    for off_after in 0..changes {
        for off_again_after in 0..14 {
            run(off_after, off_again_after);
        }
    }
}

#[test]
fn the_bytes_since_the_snapshot_are_the_same_after_a_restart() {
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed).with_segment_bytes(SMALL_SEGMENT_BYTES);
        let mut dice = Dice(seed << 32);
        let (mut log, _) = Log::open(disk.clone()).unwrap();
        let mut held = Model::default();
        for _ in 0..30 {
            let next = held.thrown_use(&mut dice);
            apply(&mut log, &next).unwrap();
            held = held.after(&next);
            if !matches!(next, Use::Append(..)) {
                assert_eq!(log.bytes_since_snapshot(), 0);
            }
        }
        let bytes = log.bytes_since_snapshot();
        drop(log);
        assert_eq!(Log::open(disk).unwrap().0.bytes_since_snapshot(), bytes);
    }
}

#[test]
fn segments_a_snapshot_covers_go() {
    let disk = SimulatedDisk::new(1).with_segment_bytes(SMALL_SEGMENT_BYTES);
    let (mut log, _) = Log::open(disk.clone()).unwrap();
    for index in 1..=100 {
        log.append(&[entry(index, 1, vec![b'x'; 200])], None).unwrap();
    }
    assert!(disk.list().unwrap().len() > 10);
    log.keep_snapshot(&snapshot(98, 1, "all")).unwrap();
    let mut names = disk.list().unwrap();
    names.retain(|name| name.starts_with("segment"));
    assert!(names.len() <= 3, "{names:?}");
    drop(log);
    let recovered = Log::open(disk).unwrap().1;
    assert_eq!(recovered.entries.len(), 2);
}

#[test]
fn an_append_longer_than_a_batch_is_there_whole() {
    let disk = SimulatedDisk::new(1);
    let entries = [1, 2, 3].map(|index| entry(index, 1, vec![b'x'; ENTRY_BYTES_MAX / 2]));
    let (mut log, _) = Log::open(disk.clone()).unwrap();
    let state = HardState {
        term: 1,
        vote: 1,
        commit: 3,
    };
    log.append(&entries, Some(&state)).unwrap();
    drop(log);
    let recovered = Log::read(&disk).unwrap();
    assert!(recovered.entries == entries);
    assert_eq!(recovered.hard_state, state);
}
