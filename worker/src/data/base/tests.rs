//! What needs no store; what every store must do stands in `tests/base_conformance.rs`.

use super::*;
use imgcalc_shared::task::FailureClass;

#[test]
fn urls_that_cannot_be_are_refused() {
    for url in ["", "/data", "file://host/data", "http://x/y", "file:relative"] {
        assert!(
            Base::open(url).is_err_and(|failure| failure.class == FailureClass::Storage),
            "{url}"
        );
    }
}

#[test]
fn a_url_with_credentials_is_refused_without_repeating_them() {
    for url in [
        "s3://key:hush@place/prefix",
        "s3://place/prefix?secret=hush",
        "s3://place/a#hush",
        "http://user:hush@host/x?y=hush",
        "s3://key:hush@",
    ] {
        let failure = Base::open(url).unwrap_err();
        assert_eq!(failure.class, FailureClass::Storage);
        assert!(!failure.message.contains("hush"), "{failure}");
    }
}

#[test]
fn a_full_disk_is_reported_as_such() {
    let base = Base::open("memory://").unwrap();
    let source = std::io::Error::from_raw_os_error(28);
    let error = StoreError::Generic {
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
fn an_s3_base_opens_without_a_connection_and_in_async_code() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let base = Base::open("s3://place/some/prefix/").unwrap();
        assert_eq!(base.url(), "s3://place/some/prefix");
    });
}
