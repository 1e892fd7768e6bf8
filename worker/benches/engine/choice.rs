//! What a run does: sections from the command line, the rest from the environment.

use anyhow::{Context, bail};
use imgcalc_shared::training::Net;

/// All sections, in the order in which they run.
pub const SECTIONS: [&str; 4] = ["epochs", "shared", "augment", "memory"];

/// Threads of both sides unless `THREADS` says otherwise.
const THREADS: u16 = 2;

/// See the module's description.
#[derive(Debug)]
pub struct Choice {
    sections: Vec<String>,
    /// Those of section `epochs`.
    pub nets: Vec<Net>,
    /// Threads of an operation.
    pub threads: u16,
    /// Whether about two minutes must do.
    pub quick: bool,
}

impl Choice {
    /// From the program's arguments and the environment.
    pub fn of(words: impl Iterator<Item = String>) -> anyhow::Result<Choice> {
        let mut sections: Vec<String> = words.collect();
        if let Some(unknown) = sections.iter().find(|word| !SECTIONS.contains(&word.as_str())) {
            bail!(
                "there is no section {unknown}; choose among {}",
                SECTIONS.join(", ")
            );
        }
        if sections.is_empty() {
            sections = SECTIONS.iter().map(ToString::to_string).collect();
        }
        let quick = set("QUICK").is_some_and(|value| value == "1");
        let threads = match set("THREADS") {
            Some(text) => text
                .parse()
                .ok()
                .filter(|threads| (1..=1024).contains(threads))
                .with_context(|| format!("THREADS={text} is no number of threads from 1 to 1024"))?,
            None => THREADS,
        };
        Ok(Choice {
            sections,
            nets: nets(set("NETS").as_deref(), quick)?,
            threads,
            quick,
        })
    }

    /// Whether this section is done.
    pub fn includes(&self, section: &str) -> bool {
        self.sections.iter().any(|chosen| chosen == section)
    }

    /// Rounds in each of which every side has its turn.
    pub fn rounds(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }
}

/// The small residual net of the main job.
pub fn small_resnet() -> Net {
    Net::SmallResnet {
        width: 16,
        blocks: vec![1, 1, 1],
    }
}

/// The value of a variable that is set to something.
pub fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn nets(chosen: Option<&str>, quick: bool) -> anyhow::Result<Vec<Net>> {
    let all = || std::iter::once(small_resnet()).chain(Net::PUBLISHED);
    // Those two take longer than all others together.
    let large = |net: &Net| matches!(net, Net::Resnet50 {} | Net::EfficientnetB3 {});
    let Some(chosen) = chosen else {
        let few = |net: &Net| !quick || matches!(net, Net::SmallResnet { .. } | Net::MobilenetV3Small {});
        return Ok(all().filter(|net| !large(net) && few(net)).collect());
    };
    if chosen == "all" {
        return Ok(all().collect());
    }
    let net = |name: &str| {
        let names: Vec<&str> = [small_resnet()]
            .iter()
            .chain(&Net::PUBLISHED)
            .map(Net::name)
            .collect();
        all().find(|net| net.name() == name).with_context(|| {
            format!(
                "there is no net {name}; NETS takes all, or some of {}",
                names.join(", ")
            )
        })
    };
    chosen.split_whitespace().map(net).collect()
}
