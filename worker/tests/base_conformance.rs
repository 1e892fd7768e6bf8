//! What every base promises, on memory, on disk and on a real S3 server.

mod base_support;

use base_support::{LARGE_BYTES, content, everywhere};
use bytes::Bytes;
use imgcalc_shared::task::FailureClass;
use imgcalc_worker::data::Base;
use imgcalc_worker::failure::Failure;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const WRITERS: u32 = 8;
const RACES: u32 = 10;

#[track_caller]
fn bad_data(result: Result<Bytes, Failure>, part: &str) {
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::BadData, "{failure}");
    assert!(
        failure.message.contains("x/") && failure.message.contains(part),
        "{failure}"
    );
}

#[test]
fn objects_return_as_they_were_put_and_are_accounted_for() {
    everywhere(|base| {
        let object = base.put("a/b", vec![1, 2, 3, 4]).unwrap();
        assert_eq!(base.get_verified(&object).unwrap()[..], [1, 2, 3, 4]);
        assert_eq!(base.get_range("a/b", 1..3).unwrap()[..], [2, 3]);
        assert_eq!(
            (base.requests(), base.bytes_read(), base.bytes_written()),
            (2, 6, 4)
        );
        assert_eq!(base.head("a/b").unwrap(), Some(4));
        base.put_temporary("a/b", vec![9]).unwrap();
        assert_eq!(base.get("a/b").unwrap()[..], [9], "a put replaces");
        base.put("a/b", vec![]).unwrap();
        assert_eq!(base.get("a/b").unwrap().len(), 0);
        assert_eq!(base.head("a/b").unwrap(), Some(0));
        base.delete("a/b").unwrap();
        assert!(!base.exists("a/b").unwrap());
        base.delete("a/b").unwrap();
        base.delete("never/there").unwrap();
    });
}

#[test]
fn ranges_are_exact_at_both_ends() {
    everywhere(|base| {
        let whole = content(1, 1000);
        base.put("x/data", whole.clone()).unwrap();
        for range in [0..1, 0..1000, 999..1000, 123..877] {
            let bytes = base.get_range("x/data", range.clone()).unwrap();
            assert_eq!(
                bytes,
                whole[range.start as usize..range.end as usize],
                "{range:?}"
            );
        }
        assert_eq!(base.get_range("x/data", 5..5).unwrap().len(), 0);
        bad_data(
            base.get_range("x/data", 990..1001),
            "truncated: it has 1000 bytes",
        );
        bad_data(
            base.get_range("x/data", 1000..1001),
            "truncated: it has 1000 bytes",
        );
        bad_data(
            base.get_range("x/data", 5000..5001),
            "truncated: it has 1000 bytes",
        );
        bad_data(
            base.get_range("x/data", 0..100 << 20),
            "truncated: it has 1000 bytes",
        );
    });
}

#[test]
fn what_is_missing_or_altered_is_bad_data_and_named() {
    everywhere(|base| {
        bad_data(base.get("x/none"), "there is no x/none");
        bad_data(base.get_range("x/none", 0..1), "there is no x/none");
        bad_data(base.get_range("x/none", 0..100 << 20), "there is no x/none");
        assert_eq!(base.head("x/none").unwrap(), None);
        let object = base.put("x/data", vec![7; 100]).unwrap();
        let mut damaged = vec![7; 100];
        damaged[50] ^= 1;
        base.put("x/data", damaged).unwrap();
        bad_data(base.get_verified(&object), "digest");
        base.put("x/data", vec![7; 99]).unwrap();
        bad_data(base.get_verified(&object), "99 bytes");
        base.delete("x/data").unwrap();
        bad_data(base.get_verified(&object), "there is no x/data");
    });
}

#[test]
fn listings_hold_every_key_below_a_folder_in_order_and_nothing_beside_it() {
    everywhere(|base| {
        // More than one page of a listing.
        let keys: Vec<String> = (0..1100).map(|number| format!("many/{number:05}/leaf")).collect();
        std::thread::scope(|scope| {
            for keys in keys.chunks(keys.len().div_ceil(WRITERS as usize)) {
                let put = |key: &String| base.put_temporary(key, b"12".to_vec()).unwrap();
                scope.spawn(move || keys.iter().for_each(put));
            }
        });
        for beside in ["manyfold/a", "man/a", "zoo"] {
            base.put_temporary(beside, vec![]).unwrap();
        }
        let expected: Vec<(String, u64)> = keys.into_iter().map(|key| (key, 2)).collect();
        assert_eq!(base.list("many").unwrap(), expected);
        assert_eq!(base.list("many/00007").unwrap(), expected[7..8]);
        assert_eq!(base.list("nothing").unwrap(), []);
    });
}

#[test]
fn odd_keys_are_kept_apart_and_keys_that_leave_the_base_are_refused() {
    let long = format!("odd/{}", "l".repeat(200));
    let odd = [
        "odd/a b",
        "odd/a+b",
        "odd/a%20b",
        "odd/a%2Bb",
        "odd/ä ü 日本",
        "odd/x=1&y=2",
        "odd/q?w",
        "odd/h#h",
        "odd/..a",
        "odd/~t",
        "odd/'q'",
        "odd/(p)",
        "odd/c:d,e;f@g!h$i",
        "odd/UPPER",
        "odd/upper",
        &long,
    ];
    everywhere(|base| {
        for key in odd {
            base.put(key, key.as_bytes().to_vec())
                .unwrap_or_else(|failure| panic!("{key}: {failure}"));
        }
        for key in odd {
            assert_eq!(base.get(key).unwrap(), key.as_bytes(), "{key}");
        }
        let mut expected: Vec<String> = odd.iter().map(|key| key.to_string()).collect();
        expected.sort();
        let listed: Vec<String> = base
            .list("odd")
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(listed, expected);
        for key in odd {
            base.delete(key).unwrap();
        }
        assert_eq!(base.list("odd").unwrap(), []);
        for key in ["../x/secret", "a/../../x", "a//b", "./a"] {
            assert!(base.get(key).is_err() && base.put(key, vec![]).is_err(), "{key}");
            assert!(
                base.put_if_absent(key, vec![]).is_err() && base.delete(key).is_err(),
                "{key}"
            );
        }
    });
}

#[test]
fn content_is_written_once_and_a_damaged_copy_is_healed() {
    everywhere(|base| {
        let object = base.put_content("pixels", vec![5; 10]).unwrap();
        assert_eq!(base.put_content("pixels", vec![5; 10]).unwrap(), object);
        assert_eq!(base.bytes_written(), 10);
        base.put(&object.key, vec![6; 10]).unwrap();
        base.put_content("pixels", vec![5; 10]).unwrap();
        base.get_verified(&object).unwrap();
    });
}

#[test]
fn large_objects_move_in_pieces_and_come_back_whole() {
    let bytes = content(3, LARGE_BYTES);
    everywhere(|base| {
        let object = base.put("large/one", bytes.clone()).unwrap();
        assert_eq!(base.head("large/one").unwrap(), Some(LARGE_BYTES as u64));
        assert!(base.get_verified(&object).unwrap() == bytes);
        for range in [1..LARGE_BYTES - 1, 0..7 << 20, (5 << 20) - 1..(5 << 20) + 1] {
            let read = base
                .get_range("large/one", range.start as u64..range.end as u64)
                .unwrap();
            assert!(read == bytes[range.clone()], "{range:?}");
        }
        let beyond = base
            .get_range("large/one", 1..LARGE_BYTES as u64 + 1)
            .unwrap_err();
        assert!(beyond.message.contains("truncated"), "{beyond}");
    });
}

#[test]
fn a_reader_sees_the_old_large_object_or_the_new_one() {
    let two = [content(1, LARGE_BYTES), content(2, LARGE_BYTES + 1)];
    everywhere(|base| {
        base.put("large/one", two[0].clone()).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for turn in 1..5 {
                    base.put("large/one", two[turn % 2].clone()).unwrap();
                }
                done.store(true, Relaxed);
            });
            while !done.load(Relaxed) && !writer.is_finished() {
                let read = base.get("large/one").unwrap();
                assert!(
                    two.iter().any(|whole| read == *whole),
                    "{} bytes of both",
                    read.len()
                );
            }
        });
    });
}

#[test]
fn of_writers_that_race_for_an_absent_key_exactly_one_wins() {
    everywhere(|base| {
        for race in 0..RACES {
            let key = format!("races/{race}");
            let own = |writer: u32| format!("writer {writer}").into_bytes();
            let won: Vec<bool> = std::thread::scope(|scope| {
                let put = |writer| base.put_if_absent(&key, own(writer)).unwrap();
                let writers: Vec<_> = (0..WRITERS)
                    .map(|writer| scope.spawn(move || put(writer)))
                    .collect();
                writers.into_iter().map(|writer| writer.join().unwrap()).collect()
            });
            let winners: Vec<u32> = (0..WRITERS).filter(|&writer| won[writer as usize]).collect();
            assert_eq!(winners.len(), 1, "race {race}: {won:?}");
            assert_eq!(base.get(&key).unwrap(), own(winners[0]));
        }
    });
}

#[test]
fn a_taken_key_stays_as_it_is_unless_it_holds_the_very_same() {
    everywhere(|base: &Base| {
        assert!(base.put_if_absent("n/a", b"first".to_vec()).unwrap());
        assert!(!base.put_if_absent("n/a", b"other".to_vec()).unwrap());
        assert!(!base.put_if_absent("n/a", b"another length".to_vec()).unwrap());
        assert!(base.put_if_absent("n/a", b"first".to_vec()).unwrap());
        assert_eq!(base.get("n/a").unwrap()[..], *b"first");
        base.delete("n/a").unwrap();
        assert!(base.put_if_absent("n/a", b"other".to_vec()).unwrap());
        let refused = base.put_if_absent("n/large", vec![0; LARGE_BYTES]).unwrap_err();
        assert!(refused.message.contains("more than"), "{refused}");
    });
}
