//! The cache on a real folder. What a base makes of it stands in `tests/base_cache.rs`.

use super::*;
use std::thread;
use std::time::Duration;

const PAGE: usize = 1 << 20;

fn name(number: u32) -> Name {
    let identity = Identity {
        length: 1 << 40,
        tag: Some("tag".into()),
    };
    Name::of_object("s3://place", &format!("columns/{number}"), &identity).unwrap()
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * at / 7 + at) as u8).collect()
}

fn found(cache: &Cache, name: &Name, bytes: usize) -> Option<Vec<u8>> {
    Some(cache.find(name)?.prefix(bytes as u64)?.to_vec())
}

/// Bytes of finished files, and how many there are of any kind.
fn there(folder: &Path) -> (u64, usize) {
    let files = fs::read_dir(folder).unwrap().flatten();
    let files: Vec<_> = files.map(|file| (file.path(), file.metadata())).collect();
    let finished = files
        .iter()
        .filter(|(path, _)| path.extension().unwrap() == FINISHED);
    // One may be evicted while it is looked at.
    let bytes = finished.filter_map(|(_, meta)| Some(meta.as_ref().ok()?.len()));
    (bytes.sum(), files.len())
}

#[test]
fn a_longer_prefix_serves_a_shorter_one_and_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 30).unwrap();
    let whole = content(2 * PAGE + 77);
    assert!(cache.find(&name(1)).is_none());
    cache.put(&name(1), &whole[..PAGE + 5], b"tail");
    assert_eq!(found(&cache, &name(1), PAGE + 6), None, "not as much is there");
    cache.put(&name(1), &whole, b"tail");
    cache.put(&name(1), &whole[..10], b"tail");
    for bytes in [0, 1, PAGE - 1, PAGE, PAGE + 1, whole.len()] {
        assert_eq!(found(&cache, &name(1), bytes).unwrap(), whole[..bytes]);
    }
    assert_eq!(cache.find(&name(1)).unwrap().tail()[..], *b"tail");
    assert_eq!(there(folder.path()).1, 1);
    assert!(cache.find(&name(2)).is_none());
}

#[test]
fn any_other_content_has_any_other_name() {
    let identity = |length, tag: &str| Identity {
        length,
        tag: Some(tag.into()),
    };
    let names = [
        Name::of_object("s3://a", "x", &identity(5, "t")),
        Name::of_object("s3://b", "x", &identity(5, "t")),
        Name::of_object("s3://a", "y", &identity(5, "t")),
        Name::of_object("s3://a", "x", &identity(6, "t")),
        Name::of_object("s3://a", "x", &identity(5, "u")),
        Some(Name::of_content(&Digest::of(b"x"), 5)),
        Some(Name::of_content(&Digest::of(b"y"), 5)),
    ];
    for (at, name) in names.iter().enumerate() {
        assert!(name.is_some() && !names[..at].contains(name), "{at}");
    }
    let unmarked = Identity { length: 5, tag: None };
    assert_eq!(Name::of_object("s3://a", "x", &unmarked), None);
}

#[test]
fn every_damaged_file_is_dropped_and_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 30).unwrap();
    let whole = content(300);
    cache.put(&name(1), &whole, b"the tail");
    let path = cache.finished(&name(1));
    let good = fs::read(&path).unwrap();
    for position in 0..good.len() {
        let mut damaged = good.clone();
        damaged[position] ^= 1 << (position % 8);
        let cut = good[..position].to_vec();
        for bytes in [damaged, cut] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(found(&cache, &name(1), whole.len()), None, "{position}");
            assert!(!path.exists(), "{position}");
        }
    }
    // A good file under the name of another one.
    fs::write(cache.finished(&name(2)), &good).unwrap();
    assert_eq!(found(&cache, &name(2), 1), None);
    cache.put(&name(1), &whole, b"the tail");
    assert_eq!(found(&cache, &name(1), 300).unwrap(), whole);
}

#[test]
fn a_damaged_page_spoils_only_prefixes_that_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 30).unwrap();
    let whole = content(2 * PAGE);
    cache.put(&name(1), &whole, b"");
    let path = cache.finished(&name(1));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(found(&cache, &name(1), PAGE).unwrap(), whole[..PAGE]);
    assert_eq!(found(&cache, &name(1), PAGE + 1), None);
    assert!(!path.exists());
}

#[test]
fn what_was_used_longest_ago_is_evicted_first_and_the_bound_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (bound, bytes) = (100_000, 9_000);
    let cache = Cache::open(folder.path(), bound).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(1000);
    for number in 0..10 {
        cache.put(&name(number), &content(bytes), b"");
        let file = File::open(cache.finished(&name(number))).unwrap();
        let age = Duration::from_secs(number.into());
        file.set_modified(long_ago + age).unwrap();
    }
    // Used, so the oldest no longer.
    assert!(found(&cache, &name(0), 1).is_some());
    for number in 10..13 {
        cache.put(&name(number), &content(bytes), b"");
        assert!(there(folder.path()).0 <= bound, "{number}");
    }
    let stay: Vec<u32> = (0..13)
        .filter(|&number| found(&cache, &name(number), bytes).is_some())
        .collect();
    assert!(stay.contains(&0) && !stay.contains(&1), "{stay:?}");
    assert!(stay.ends_with(&[9, 10, 11, 12]), "{stay:?}");
    cache.put(&name(99), &content(bound as usize), b"");
    assert!(cache.find(&name(99)).is_none(), "larger than the whole cache");
    assert!(cache.find(&name(0)).is_some(), "nothing is evicted for it");
}

#[test]
fn many_who_share_a_folder_read_whole_copies_and_keep_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let (bound, files, sharers) = (1 << 20, 40, 4);
    let bytes = |number: u32| 10_000 + 1_000 * number as usize;
    let one = (bytes(files) + 1_000) as u64;
    thread::scope(|scope| {
        for sharer in 0..sharers {
            let path = folder.path();
            // Each with a cache of its own, as processes have.
            let cache = Cache::open(path, bound).unwrap();
            scope.spawn(move || {
                for turn in 0..200 {
                    let number = (turn * (2 * sharer + 1)) % files;
                    let whole = content(bytes(number));
                    if let Some(there) = found(&cache, &name(number), whole.len()) {
                        assert_eq!(there, whole);
                    }
                    cache.put(&name(number), &whole, b"");
                    let now = there(path).0;
                    assert!(now <= bound + u64::from(sharers) * one, "{now}");
                }
                assert!(!cache.given_up.load(Relaxed));
            });
        }
    });
    let (_, count) = there(folder.path());
    let finished = fs::read_dir(folder.path()).unwrap().flatten();
    let finished = finished.filter(|file| file.path().extension().unwrap() == FINISHED);
    assert_eq!(finished.count(), count, "nothing unfinished stays");
}

#[test]
fn a_file_that_vanishes_while_it_is_read_is_still_read_and_then_missed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 30).unwrap();
    cache.put(&name(1), &content(500), b"");
    let copy = cache.find(&name(1)).unwrap();
    fs::remove_file(cache.finished(&name(1))).unwrap();
    assert_eq!(copy.prefix(500).unwrap()[..], content(500));
    assert!(cache.find(&name(1)).is_none());
}

#[test]
fn a_folder_that_takes_no_more_is_given_up_without_an_error() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    let cache = Cache::open(&folder, 1 << 30).unwrap();
    fs::remove_dir(&folder).unwrap();
    // No folder any more, so nothing can be written below it, as on a full disk.
    fs::write(&folder, b"").unwrap();
    cache.put(&name(1), &content(500), b"");
    assert!(cache.given_up.load(Relaxed) && cache.find(&name(1)).is_none());
    cache.put(&name(1), &content(500), b"");
}

#[test]
fn what_a_process_that_is_gone_left_unfinished_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 30).unwrap();
    let (old, new) = (cache.unfinished("old"), cache.unfinished("new"));
    fs::write(&old, b"half").unwrap();
    fs::write(&new, b"half").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    File::options()
        .write(true)
        .open(&old)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    cache.put(&name(1), &content(500), b"");
    assert!(!old.exists() && new.exists());
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Cache::open(&file, 1 << 30).unwrap_err().to_string();
    assert!(
        error.contains(file.to_str().unwrap()) && error.contains("give one on a local disk"),
        "{error}"
    );
}
