//! `make bench-search`: the searches beside what else could be done with the same budget.
//!
//! Without arguments all sections run.

mod hyper;
mod idle;
mod table;

use imgcalc_tests::sections::{self, Sections};
use table::Table;

/// The sections, in the order in which they run.
const SECTIONS: [&str; 4] = ["formats", "nets", "hyper", "idle"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sections = Sections::of_arguments(&SECTIONS)?;
    let root = sections::folder("search")?;
    let mut tables: Vec<Table> = Vec::new();
    for section in SECTIONS {
        if sections.include(section) {
            eprintln!("{section}: {}", root.display());
            match section {
                "hyper" => tables.extend(hyper::run(&root)?),
                "idle" => tables.push(idle::run(&root)?),
                _ => {}
            }
        }
    }
    for table in &tables {
        println!("{table}");
    }
    Ok(())
}
