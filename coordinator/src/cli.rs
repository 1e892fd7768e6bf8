//! The verbs of `imgcalc`. Stdout is data, progress and hints go to stderr.

mod answer;
mod build;
mod certs;
mod data_dir;
mod explore;
mod look;
mod output;
mod plan;
mod profile;
mod progress;
mod source;
mod spec_file;
mod units;

use clap::{Parser, Subcommand};
use data_dir::DataDir;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Finds, for an image-AI task, the storage format that buys the most accuracy for its inference time and space.
#[derive(Debug, Parser)]
#[command(name = "imgcalc", version, arg_required_else_help = true)]
pub struct Cli {
    /// The coordinator's directory: ledger, logs and reports [default: ~/.local/share/imgcalc].
    #[arg(long, global = true, env = "IMGCALC_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a whole build on this machine, or go on with it.
    Build(build::Args),
    /// Show what a build would do and cost, without doing it.
    Plan(plan::Args),
    /// Ask a build which formats keep a budget; without budgets its Pareto front.
    Explore(explore::Args),
    /// Write a build's report: one HTML file with plots.
    Report(answer::ReportArgs),
    /// List builds.
    Ls(look::LsArgs),
    /// Show where a build stands.
    Status(look::StatusArgs),
    /// Print a build's log.
    Logs(look::LogsArgs),
    /// Cancel a build; submitting it again goes on.
    Cancel(look::CancelArgs),
    /// Take a build's measured profile along to another data directory.
    Profile(profile::Args),
    /// Make a development CA and credentials for coordinators, workers and clients.
    Certs(certs::Args),
    /// Make and manage datasets: `imgcalc data import --help`.
    #[command(disable_help_flag = true)]
    Data(Forwarded),
    /// Encode images to a format.
    #[command(disable_help_flag = true)]
    Encode(Forwarded),
    /// Decode encoded images to PNG.
    #[command(disable_help_flag = true)]
    Decode(Forwarded),
    /// Read a column object, an encoded image, weights or a dataset manifest.
    #[command(disable_help_flag = true)]
    Inspect(Forwarded),
}

/// Arguments of verbs that touch bytes: `imgcalc-worker` does them.
#[derive(Debug, clap::Args)]
struct Forwarded {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, num_args = 0..)]
    arguments: Vec<String>,
}

/// Runs the command line and gives back the exit code of the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let forward = |verb: &str, forwarded: Forwarded| {
        let mut arguments = vec![verb.to_string()];
        arguments.extend(forwarded.arguments);
        let status = imgcalc_cluster::run_tool(&arguments)?;
        // A tool ended by a signal has no code; 1 says that it did not succeed.
        Ok(ExitCode::from(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1),
        ))
    };
    match cli.verb {
        Verb::Data(forwarded) => return forward("data", forwarded),
        Verb::Encode(forwarded) => return forward("encode", forwarded),
        Verb::Decode(forwarded) => return forward("decode", forwarded),
        Verb::Inspect(forwarded) => return forward("inspect", forwarded),
        Verb::Certs(arguments) => return certs::run(arguments).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let data_dir = DataDir::of(cli.data_dir.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        match cli.verb {
            Verb::Build(arguments) => return build::run(arguments, &data_dir).await,
            Verb::Plan(arguments) => plan::run(arguments).await?,
            Verb::Explore(arguments) => explore::run(arguments, &data_dir).await?,
            Verb::Report(arguments) => answer::report(arguments, &data_dir).await?,
            Verb::Ls(arguments) => look::ls(arguments, &data_dir).await?,
            Verb::Status(arguments) => look::status(arguments, &data_dir).await?,
            Verb::Logs(arguments) => look::logs(arguments, &data_dir).await?,
            Verb::Cancel(arguments) => look::cancel(arguments, &data_dir).await?,
            Verb::Profile(arguments) => profile::run(arguments, &data_dir).await?,
            Verb::Certs(_) | Verb::Data(_) | Verb::Encode(_) | Verb::Decode(_) | Verb::Inspect(_) => {
                unreachable!("done above")
            }
        }
        Ok(ExitCode::SUCCESS)
    });
    // Streams that are still open must not keep the program alive.
    runtime.shutdown_background();
    done
}
