//! The order-0 entropy bound: what no coder of single values with one fixed table a run gets below.

/// Bytes of all runs, each coded by the frequencies of its own values; the tables cost nothing.
pub fn order_0(values: &[i16], runs: &[usize]) -> f64 {
    let mut counts = vec![0u32; 1 << 16];
    let (mut bits, mut rest) = (0.0, values);
    for &length in runs {
        let (run, left) = rest.split_at(length);
        rest = left;
        for &value in run {
            counts[usize::from(value as u16)] += 1;
        }
        let total = run.len() as f64;
        for &value in run {
            let count = std::mem::take(&mut counts[usize::from(value as u16)]);
            if count > 0 {
                bits += f64::from(count) * (total / f64::from(count)).log2();
            }
        }
    }
    bits / 8.0
}
