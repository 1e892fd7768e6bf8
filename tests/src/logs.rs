//! What programs say that nobody expected: every warning, error and panic in a log must be one that the test caused.

/// A line of a log that a test brings about.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Stands in the line.
    pub text: &'static str,
    /// Why it comes.
    pub why: &'static str,
}

/// The lines that warn of something or tell of an error, and that none of the list explains, each with whose it is.
pub fn unexpected(logs: &[(String, String)], expected: &[Expected]) -> Vec<String> {
    let mut found = Vec::new();
    for (party, log) in logs {
        for line in log.lines().filter(|line| is_alarm(line)) {
            if !expected.iter().any(|known| line.contains(known.text)) {
                found.push(format!("{party}: {line}"));
            }
        }
    }
    found
}

fn is_alarm(line: &str) -> bool {
    line.contains(" WARN ")
        || line.contains(" ERROR ")
        || line.starts_with("error:")
        || line.contains("panicked at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alarms_that_nobody_declared_are_told() {
        let log = "2026-01-01T00:00:00Z  INFO a: fine\n2026-01-01T00:00:00Z  WARN a: odd\n\
                   2026-01-01T00:00:00Z ERROR a: bad\nerror: it ends\nthread 'main' panicked at x.rs:1\n";
        let known = [Expected {
            text: "odd",
            why: "the test makes it odd",
        }];
        let logs = [("a".to_string(), log.to_string())];
        let found = unexpected(&logs, &known);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|line| line.starts_with("a: ")), "{found:?}");
    }
}
