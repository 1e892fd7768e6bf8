//! The sections of a benchmark, and where it puts what it makes.

use anyhow::Context;
use std::path::PathBuf;

/// The sections a run does.
#[derive(Clone, Debug)]
pub struct Sections(Vec<String>);

impl Sections {
    /// Those that the program's arguments name; without arguments all that there are.
    pub fn of_arguments(known: &[&str]) -> anyhow::Result<Sections> {
        Sections::chosen(known, std::env::args().skip(1).collect())
    }

    fn chosen(known: &[&str], words: Vec<String>) -> anyhow::Result<Sections> {
        if let Some(unknown) = words.iter().find(|word| !known.contains(&word.as_str())) {
            anyhow::bail!("there is no section {unknown}; choose among {}", known.join(", "));
        }
        Ok(Sections(if words.is_empty() {
            known.iter().map(ToString::to_string).collect()
        } else {
            words
        }))
    }

    /// Whether this one is done.
    pub fn include(&self, section: &str) -> bool {
        self.0.iter().any(|chosen| chosen == section)
    }
}

/// The folder of a benchmark below `target/bench`, made if it is not there.
pub fn folder(benchmark: &str) -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from("target/bench").join(benchmark);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(std::fs::canonicalize(folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_all_sections_are_done_and_an_unknown_name_is_refused() {
        let chosen = |words: &[&str]| {
            let words = words.iter().map(ToString::to_string).collect();
            Sections::chosen(&["bytes", "reads"], words)
        };
        let all = chosen(&[]).unwrap();
        assert!(all.include("bytes") && all.include("reads"));
        let one = chosen(&["reads"]).unwrap();
        assert!(!one.include("bytes") && one.include("reads"));
        let refused = chosen(&["reads", "writes"]).unwrap_err().to_string();
        assert!(
            refused.contains("no section writes") && refused.contains("bytes, reads"),
            "{refused}"
        );
    }
}
