use super::*;
use imgcalc_shared::task::FailureClass;

fn bases() -> (tempfile::TempDir, [Base; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/a new folder", folder.path().display());
    let bases = [Base::open(&url).unwrap(), Base::open("memory://").unwrap()];
    (folder, bases)
}

#[test]
fn objects_return_as_they_were_put_and_are_accounted_for() {
    let (_folder, bases) = bases();
    for base in bases {
        let object = base.put("a/b", vec![1, 2, 3, 4]).unwrap();
        assert_eq!(base.get_verified(&object).unwrap()[..], [1, 2, 3, 4]);
        assert_eq!(base.get_range("a/b", 1..3).unwrap()[..], [2, 3]);
        assert_eq!(
            (base.requests(), base.bytes_read(), base.bytes_written()),
            (2, 6, 4)
        );
        assert_eq!(base.list("a").unwrap(), [("a/b".to_string(), 4)]);
        assert_eq!(base.list("nothing").unwrap(), []);
        assert_eq!(base.head("a/b").unwrap(), Some(4));
        base.delete("a/b").unwrap();
        base.delete("a/b").unwrap();
        assert!(!base.exists("a/b").unwrap());
    }
}

#[test]
fn what_is_missing_truncated_or_altered_is_bad_data_and_named() {
    let (_folder, bases) = bases();
    for base in bases {
        let object = base.put("x/data", vec![7; 100]).unwrap();
        let expect = |result: Result<Bytes, Failure>, part: &str| {
            let failure = result.unwrap_err();
            assert_eq!(failure.class, FailureClass::BadData);
            assert!(
                failure.message.contains("x/") && failure.message.contains(part),
                "{failure}"
            );
        };
        expect(base.get("x/none"), "there is no");
        expect(base.get_range("x/none", 0..1), "there is no");
        expect(base.get_range("x/data", 90..101), "truncated");
        expect(base.get_range("x/data", 200..201), "truncated");
        let mut damaged = vec![7; 100];
        damaged[50] ^= 1;
        base.put("x/data", damaged).unwrap();
        expect(base.get_verified(&object), "digest");
        base.put("x/data", vec![7; 99]).unwrap();
        expect(base.get_verified(&object), "99 bytes");
    }
}

#[test]
fn content_is_written_once_and_a_damaged_copy_is_healed() {
    let (_folder, bases) = bases();
    for base in bases {
        let object = base.put_content("pixels", vec![5; 10]).unwrap();
        assert_eq!(base.put_content("pixels", vec![5; 10]).unwrap(), object);
        assert_eq!(base.bytes_written(), 10);
        base.put(&object.key, vec![6; 10]).unwrap();
        base.put_content("pixels", vec![5; 10]).unwrap();
        base.get_verified(&object).unwrap();
    }
}

#[test]
fn keys_and_urls_that_cannot_be_are_refused() {
    let base = Base::open("memory://").unwrap();
    assert!(base.get("../secret").is_err() && base.put("a/../../b", vec![]).is_err());
    for url in ["", "/data", "file://host/data", "http://x/y", "file:relative"] {
        assert!(
            Base::open(url).is_err_and(|failure| failure.class == FailureClass::Storage),
            "{url}"
        );
    }
}

#[test]
fn a_full_disk_is_reported_as_such() {
    let base = Base::open("memory://").unwrap();
    let source = std::io::Error::from_raw_os_error(28);
    let error = object_store::Error::Generic {
        store: "disk",
        source: Box::new(source),
    };
    let failure = base.failed("write", "columns/x", error);
    assert_eq!(failure.class, FailureClass::Storage);
    assert!(
        failure
            .message
            .starts_with("the base memory:// is full: columns/x"),
        "{failure}"
    );
}

#[test]
fn an_s3_base_opens_without_a_connection_and_shows_no_query() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let base = Base::open("s3://bucket/some/prefix/").unwrap();
        assert_eq!(base.url(), "s3://bucket/some/prefix");
    });
}
