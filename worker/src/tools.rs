//! What a person runs by hand: datasets, nets, weights, encode, decode, inspect.
//!
//! Results go to stdout, progress and warnings to stderr. Nothing here is called by an agent.

pub mod cat;
pub mod decode;
pub mod encode;
pub mod import;
pub mod inspect;
pub mod nets;
pub mod stats;
pub mod verify;
pub mod weights;

mod check;
mod files;
mod in_order;
mod interrupt;
mod output;
mod progress;
mod sizes;

use clap::Subcommand;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Make and look at datasets
    #[command(subcommand)]
    Data(Data),
    /// List the nets there are, or put one into a base
    Nets(nets::NetsArgs),
    /// List the weights of a base that trainings may start from, or put some there
    Weights(weights::WeightsArgs),
    /// Encode images to a storage format: one .ic file each
    Encode(encode::EncodeArgs),
    /// Decode .ic files to PNG, to look at them
    Decode(decode::DecodeArgs),
    /// Say what a stored object or file holds and whether it is intact
    Inspect(inspect::InspectArgs),
}

/// Subcommands about datasets.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// Turn images into a dataset in a base
    Import(import::ImportArgs),
    /// Check every object of a dataset and of its columns in a base
    Verify(verify::VerifyArgs),
    /// Say how large a dataset's columns are
    Stats(stats::StatsArgs),
    /// Print the values of a column object
    Cat(cat::CatArgs),
}

/// Runs one of them. An error is for `main` to show; the exit status is then 1.
pub fn run(tool: Tool) -> anyhow::Result<()> {
    match tool {
        Tool::Data(Data::Import(args)) => import::run(&args),
        Tool::Data(Data::Verify(args)) => verify::run(&args),
        Tool::Data(Data::Stats(args)) => stats::run(&args),
        Tool::Data(Data::Cat(args)) => cat::run(&args),
        Tool::Nets(args) => nets::run(&args),
        Tool::Weights(args) => weights::run(&args),
        Tool::Encode(args) => encode::run(&args),
        Tool::Decode(args) => decode::run(&args),
        Tool::Inspect(args) => inspect::run(&args),
    }
}
