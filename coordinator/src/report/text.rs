//! Numbers with units and text from outside, safe to put into the page. What is no number is a dash.

const NONE: &str = "–";

/// Text for an element or a quoted attribute. Control characters, which XML forbids, become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// A time given in µs.
pub(super) fn micros(us: f64) -> String {
    let units = [(1e6, "s"), (1e3, "ms"), (1.0, "µs"), (1e-3, "ns")];
    with_unit(us, &units)
}

/// A number of bytes, decimal units.
pub(super) fn bytes(bytes: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];
    with_unit(bytes, &units)
}

/// A share as per cent with one decimal.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.1} %", share * 100.0)
    } else {
        NONE.to_string()
    }
}

/// An interval of shares as per cent.
pub(super) fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) if low.is_finite() && high.is_finite() => {
            format!("{:.1}–{:.1} %", low * 100.0, high * 100.0)
        }
        _ => NONE.to_string(),
    }
}

/// How many times.
pub(super) fn ratio(times: f64) -> String {
    if times.is_finite() {
        format!("{}×", significant(times))
    } else {
        NONE.to_string()
    }
}

/// A whole number with commas.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number without a unit, of three significant digits or whole with commas.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        NONE.to_string()
    } else if value >= 100.0 {
        count(value.round() as u64)
    } else {
        trimmed(&significant(value))
    }
}

/// A number with its unit, without the zeros a table keeps: `20.0 µs` is `20 µs`.
pub(super) fn trimmed(text: &str) -> String {
    let (digits, unit) = text.split_once(' ').unwrap_or((text, ""));
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    };
    if unit.is_empty() {
        digits.to_string()
    } else {
        format!("{digits} {unit}")
    }
}

fn with_unit(value: f64, units: &[(f64, &str)]) -> String {
    if !value.is_finite() {
        return NONE.to_string();
    }
    let smallest = units[units.len() - 1];
    // 999.6 of a unit rounds to 1000 of it, which is 1 of the next.
    let fits = |&&(size, _): &&(f64, &str)| value.abs() >= 0.9995 * size;
    let &(size, unit) = units.iter().find(fits).unwrap_or(&smallest);
    format!("{} {unit}", significant(value / size))
}

/// Three significant digits, never an exponent.
fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.01 || v == 0.0 => 2,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_three_digits_and_the_unit_that_suits_them() {
        assert_eq!(micros(12.345), "12.3 µs");
        assert_eq!(micros(999.7), "1.00 ms");
        assert_eq!(micros(0.25), "250 ns");
        assert_eq!(bytes(1_234_567.0), "1.23 MB");
        assert_eq!(bytes(0.0), "0.00 B");
        assert_eq!(trimmed(&micros(20.0)), "20 µs");
        assert_eq!(trimmed("100 µs"), "100 µs");
        assert_eq!(percent(0.9126), "91.3 %");
        assert_eq!(count(3_744), "3,744");
        assert_eq!(number(1e4), "10,000");
        assert_eq!(ratio(12.34), "12.3×");
    }

    #[test]
    fn what_is_no_number_is_a_dash() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let texts = [micros(bad), bytes(bad), percent(bad), ratio(bad), number(bad)];
            assert_eq!(texts, [NONE; 5]);
        }
        assert_eq!(interval(Some(0.5), Some(f64::NAN)), NONE);
    }

    #[test]
    fn outside_text_cannot_leave_its_place() {
        assert_eq!(
            escape("<a b='c'>\"&\u{1}"),
            "&lt;a b=&#39;c&#39;&gt;&quot;&amp;\u{FFFD}"
        );
    }
}
