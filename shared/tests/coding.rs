//! The lossless coding of runs, from outside.

use imgcalc_shared::coding::{Shape, decode, encode};
use proptest::prelude::*;

const SHAPE: Shape = Shape { row: 7, plane: 21 };

proptest! {
    #[test]
    fn any_run_returns(values in prop::collection::vec(any::<i16>(), 0..2000)) {
        prop_assert_eq!(decode(&encode(&values, SHAPE), SHAPE, values.len()).unwrap(), values);
    }

    #[test]
    fn a_run_of_another_length_is_refused(
        values in prop::collection::vec(any::<i16>(), 0..200),
        asked in 0usize..400,
    ) {
        prop_assume!(asked != values.len());
        prop_assert!(decode(&encode(&values, SHAPE), SHAPE, asked).is_err());
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), asked in any::<usize>()) {
        let _ = decode(&bytes, SHAPE, asked);
        let _ = decode(&bytes, SHAPE, asked % 1000);
    }

    /// Without a checksum around it damage may go unnoticed here, but it must not do more than that.
    #[test]
    fn damage_never_panics_nor_changes_the_length(
        values in prop::collection::vec(-3i16..3, 0..500),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(&values, SHAPE);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = decode(&bytes, SHAPE, values.len()) {
            prop_assert_eq!(decoded.len(), values.len());
        }
    }
}

#[test]
fn classes_of_no_values_are_nothing() {
    // Units of 16, two classes; their map is a stream of one lane whose alphabet is 0 and whose state is the last.
    let bytes = [4, 0, 16, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    assert_eq!(decode(&bytes, Shape::FLAT, 0), Ok(vec![]));
}
