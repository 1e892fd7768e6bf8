//! Under which keys the columns of a dataset lie in a base.

use crate::digest::Digest;
use crate::format::Format;

/// Key of the columns of one row group as they are stored: to this keep, divided by this factor.
pub fn key(dataset: &Digest, stored: Format, group: u32) -> String {
    format!("{}/{stored}/rg-{group:05}", folder(dataset))
}

/// What the keys of all columns of a dataset start with.
pub fn folder(dataset: &Digest) -> String {
    format!("columns/{dataset}")
}

/// Which columns of the dataset lie under this key, and of which row group. None if no columns have it.
pub fn parse_key(dataset: &Digest, text: &str) -> Option<(Format, u32)> {
    let mut parts = text.rsplit('/');
    let (group, stored) = (parts.next()?.strip_prefix("rg-")?, parts.next()?);
    let (group, stored) = (group.parse().ok()?, stored.parse().ok()?);
    // Numbers can be written in several ways, a key only in one.
    (key(dataset, stored, group) == text).then_some((stored, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_and_what_is_none_is_told() {
        let dataset = Digest::of(b"d");
        let stored = "2x2-r-b16-k7-q50".parse().unwrap();
        let there = key(&dataset, stored, 12);
        assert!(there.ends_with("/2x2-r-b16-k7-q50/rg-00012"), "{there}");
        assert_eq!(parse_key(&dataset, &there), Some((stored, 12)));
        assert_eq!(
            parse_key(&dataset, &key(&dataset, stored, 123_456)),
            Some((stored, 123_456))
        );
        assert_eq!(parse_key(&Digest::of(b"e"), &there), None);
        for bad in ["", "rg-00012", "/", "1x1-b8-k8/rg-00000"] {
            assert_eq!(
                parse_key(&dataset, &format!("{}/{bad}", folder(&dataset))),
                None,
                "{bad}"
            );
        }
        for (from, to) in [("rg-00012", "rg-12"), ("-k7", "-k07"), ("rg-00012", "rg-+0012")] {
            assert_eq!(parse_key(&dataset, &there.replace(from, to)), None, "{to}");
        }
    }
}
