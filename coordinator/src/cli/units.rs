//! Times and sizes as people write and read them.

/// Reads a time into µs: `200us`, `0.5ms`, `1s`; a bare number is µs.
pub(super) fn parse_us(text: &str) -> Result<f64, String> {
    let units = [
        ("us", 1.0),
        ("µs", 1.0),
        ("ns", 1e-3),
        ("ms", 1e3),
        ("s", 1e6),
        ("", 1.0),
    ];
    parse(text, &units).ok_or_else(|| format!("{text:?} is no time; write for example 200us, 0.5ms or 1s"))
}

/// Reads a size into bytes: `2KiB`, `1.5kB`, `300B`; a bare number is bytes.
pub(super) fn parse_bytes(text: &str) -> Result<f64, String> {
    let units = [
        ("KiB", 1024.0),
        ("MiB", 1024.0 * 1024.0),
        ("GiB", 1024.0 * 1024.0 * 1024.0),
        ("kB", 1e3),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("B", 1.0),
        ("", 1.0),
    ];
    parse(text, &units).ok_or_else(|| format!("{text:?} is no size; write for example 300B, 2KiB or 1.5MB"))
}

/// Reads a share: `0.85` or `85%`.
pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    let share = parse(text, &[("%", 0.01), ("", 1.0)]).filter(|share| *share <= 1.0);
    share.ok_or_else(|| format!("{text:?} is no accuracy; write for example 0.85 or 85%"))
}

/// A number followed by one of the units, finite and not negative.
fn parse(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = units
        .iter()
        .find(|(name, _)| *name == unit.trim_start())
        .map(|(_, factor)| *factor)?;
    let value = number.parse::<f64>().ok()? * factor;
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// µs for people.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us < 10.0 => format!("{us:.2} µs"),
        us if us < 1e3 => format!("{us:.1} µs"),
        us if us < 1e6 => format!("{:.2} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

/// Bytes for people.
pub(super) fn bytes(bytes: f64) -> String {
    match bytes {
        bytes if bytes < 1024.0 => format!("{bytes:.0} B"),
        bytes if bytes < 1024.0 * 1024.0 => format!("{:.1} KiB", bytes / 1024.0),
        bytes if bytes < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", bytes / (1024.0 * 1024.0)),
        bytes => format!("{:.2} GiB", bytes / (1024.0 * 1024.0 * 1024.0)),
    }
}

/// A whole number for people: `1.23 M`.
pub(super) fn count(value: u64) -> String {
    match value as f64 {
        value if value < 1e4 => format!("{value:.0}"),
        value if value < 1e6 => format!("{:.1} k", value / 1e3),
        value if value < 1e9 => format!("{:.2} M", value / 1e6),
        value => format!("{:.2} G", value / 1e9),
    }
}

/// Seconds for people.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 5400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(parse_us("200us"), Ok(200.0));
        assert_eq!(parse_us("0.5ms"), Ok(500.0));
        assert_eq!(parse_us("7"), Ok(7.0));
        assert_eq!(parse_bytes("2KiB"), Ok(2048.0));
        assert_eq!(parse_bytes("1.5 kB"), Ok(1500.0));
        assert_eq!(parse_share("85%"), Ok(0.85));
        assert_eq!(
            [0, 9_999, 12_345, 3_456_789].map(count),
            ["0", "9999", "12.3 k", "3.46 M"]
        );
        for bad in ["", "us", "-1us", "1 parsec", "1e5us", "..us"] {
            assert!(parse_us(bad).is_err(), "{bad}");
        }
        assert!(parse_share("1.2").is_err() && parse_bytes("2 KIB").is_err());
    }
}
