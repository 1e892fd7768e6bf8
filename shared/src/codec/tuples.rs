//! Values of several runs, written side by side.

/// Values that are written together at most: a register's.
pub(super) const TUPLE: usize = 8;
/// Tuples that are put together at a time.
const AT_ONCE: usize = 32;

/// Writes tuples of `width` values: the nth value of each of the first so many sources, to the nth place, counted from
/// `start` on. Of a larger width, only the first [`TUPLE`] sources are taken. Sources are as long as there are places.
#[inline(always)]
pub(super) fn side_by_side<'s>(
    width: usize,
    source: impl Fn(usize) -> &'s [i16],
    places: &[u32],
    start: usize,
    plane: &mut [i16],
) {
    match width {
        0 => {}
        1 => tuples::<1>(std::array::from_fn(source), places, start, plane),
        2 => tuples::<2>(std::array::from_fn(source), places, start, plane),
        3 => tuples::<3>(std::array::from_fn(source), places, start, plane),
        4 => tuples::<4>(std::array::from_fn(source), places, start, plane),
        5 => tuples::<5>(std::array::from_fn(source), places, start, plane),
        6 => tuples::<6>(std::array::from_fn(source), places, start, plane),
        7 => tuples::<7>(std::array::from_fn(source), places, start, plane),
        _ => tuples::<TUPLE>(std::array::from_fn(source), places, start, plane),
    }
}

/// Writes each value to its place, counted from `start` on.
#[inline(always)]
pub(super) fn one_by_one(values: &[i16], places: &[u32], start: usize, plane: &mut [i16]) {
    for (&value, &place) in values.iter().zip(places) {
        plane[place as usize + start] = value;
    }
}

#[inline(always)]
fn tuples<const WIDTH: usize>(sources: [&[i16]; WIDTH], places: &[u32], start: usize, plane: &mut [i16]) {
    let sources = sources.map(|source| &source[..places.len()]);
    let Some(last) = places.len().checked_sub(AT_ONCE) else {
        for (nth, &place) in places.iter().enumerate() {
            let tuple = sources.map(|source| source[nth]);
            plane[place as usize + start..][..WIDTH].copy_from_slice(&tuple);
        }
        return;
    };
    for first in (0..places.len()).step_by(AT_ONCE) {
        // The last ones may have been among those before them.
        let first = first.min(last);
        let of_source: [&[i16; AT_ONCE]; WIDTH] = sources.map(|source| at_once(source, first));
        let value = |of: usize, at: usize| {
            if of < WIDTH {
                u64::from(of_source[of][at] as u16)
            } else {
                0
            }
        };
        // Numbers made of four values: loops that compilers turn into vector instructions, and few wide stores.
        let four = |of: usize| {
            let mut numbers = [0; AT_ONCE];
            for (at, number) in numbers.iter_mut().enumerate() {
                *number = value(of, at)
                    | value(of + 1, at) << 16
                    | value(of + 2, at) << 32
                    | value(of + 3, at) << 48;
            }
            numbers
        };
        let (low, high) = (four(0), four(4));
        for ((&place, low), high) in at_once(places, first).iter().zip(&low).zip(&high) {
            let tuple: [i16; WIDTH] =
                std::array::from_fn(|of| (if of < 4 { low } else { high } >> (16 * (of % 4))) as i16);
            plane[place as usize + start..][..WIDTH].copy_from_slice(&tuple);
        }
    }
}

#[inline(always)]
fn at_once<T>(all: &[T], first: usize) -> &[T; AT_ONCE] {
    let chunk = all[first..].first_chunk();
    chunk.expect("it begins as many before the end at least")
}
