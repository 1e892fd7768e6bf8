//! `make bench-search`: the searches beside what else could be done with the same budget.
//!
//! Without arguments all sections run. `QUICK=1` does with one seed of what is trained. Everything goes through `imgcalc build`,
//! so an interrupted run goes on where it was.

mod formats;
mod hyper;
mod idle;
mod nets;
mod table;

use imgcalc_tests::sections::{self, Sections};

/// The sections, in the order in which they run.
const SECTIONS: [&str; 4] = ["formats", "nets", "hyper", "idle"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sections = Sections::of_arguments(&SECTIONS)?;
    let root = sections::folder("search")?;
    let quick = std::env::var("QUICK").is_ok_and(|value| value == "1");
    for section in SECTIONS {
        if !sections.include(section) {
            continue;
        }
        let tables = match section {
            "formats" => formats::tables(quick)?,
            "nets" => nets::tables(&root.join(section), quick)?,
            "hyper" => hyper::run(&root)?,
            _ => vec![idle::run(&root)?],
        };
        for table in &tables {
            println!("{table}");
        }
    }
    Ok(())
}
