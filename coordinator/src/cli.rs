//! The verbs of `imgcalc`. Stdout is data, progress and hints go to stderr.

mod amend;
mod answer;
mod at;
mod build;
mod certs;
mod data_dir;
mod direct;
mod explore;
mod extend;
mod group;
mod logs;
mod look;
mod net_search;
mod output;
mod peers;
mod plan;
mod profile;
mod progress;
mod refine;
mod serve;
mod source;
mod spec_file;
mod submit;
mod trials;
mod units;
mod waits;
mod walk;
mod workers;

use crate::ledger::Wanted;
use at::{At, AtArgs};
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use tracing_subscriber::EnvFilter;

/// Finds, for an image-AI task, the storage format that buys the most accuracy for its inference time and space.
#[derive(Debug, Parser)]
#[command(name = "imgcalc", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    at: AtArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a whole build on this machine, or go on with it.
    Build(build::Args),
    /// Run one coordinator of a group.
    Serve(serve::Args),
    /// Give a group of coordinators a build.
    Submit(submit::Args),
    /// Show what a build would do and cost, without doing it.
    Plan(plan::Args),
    /// Ask a build which formats keep a budget; without budgets its Pareto front.
    Explore(explore::Args),
    /// Train formats of a bucket of a build, so that its accuracy is measured where it was predicted.
    Refine(refine::Args),
    /// Let the search of a build go on with a larger budget.
    Extend(extend::Args),
    /// Write a build's report: one HTML file with plots.
    Report(answer::ReportArgs),
    /// List builds.
    Ls(look::LsArgs),
    /// Show where a build stands.
    Status(look::StatusArgs),
    /// Say why a trial was started, went on, was stopped or copied, a net trained or left out, a format recommended.
    Explain(trials::Args),
    /// Print a build's log.
    Logs(logs::Args),
    /// Stop a build's work until it is resumed; trainings then go on from their last checkpoints.
    Pause(direct::Args),
    /// Let a paused or cancelled build go on.
    Resume(direct::Args),
    /// Cancel a build; submitting it again goes on.
    Cancel(direct::Args),
    /// Give a build another priority.
    Priority(direct::PriorityArgs),
    /// Try tasks again that a build has given up. Links that started from others meanwhile are trained anew.
    Retry(direct::RetryArgs),
    /// Show and change the coordinators of a group.
    Peers(peers::Args),
    /// Show workers, or have one end in good order.
    Workers(workers::Args),
    /// Take a build's measured profile along to another data directory.
    Profile(profile::Args),
    /// Make a development CA and credentials for coordinators, workers and clients.
    Certs(certs::Args),
    /// Make, check and look into datasets: `imgcalc data --help`.
    #[command(disable_help_flag = true)]
    Data(Forwarded),
    /// Put nets into a base as TorchScript files, and list them: `imgcalc nets --help`.
    #[command(disable_help_flag = true)]
    Nets(Forwarded),
    /// Put weights into a base to start trainings from, and list them: `imgcalc weights --help`.
    #[command(disable_help_flag = true)]
    Weights(Forwarded),
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

/// Becomes the worker program, so that every signal and the exit code are its own: an import that is interrupted ends
/// in good order. Returns only if there is none.
fn forward(verb: &str, forwarded: Forwarded) -> anyhow::Error {
    let program = match imgcalc_cluster::find_program() {
        Ok(program) => program,
        Err(error) => return error.into(),
    };
    // Its help then names the program that people typed.
    let error = Command::new(&program)
        .arg0("imgcalc")
        .arg(verb)
        .args(forwarded.arguments)
        .exec();
    anyhow::Error::new(error).context(format!("{} cannot be started", program.display()))
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Data(forwarded) => return Err(forward("data", forwarded)),
        Verb::Nets(forwarded) => return Err(forward("nets", forwarded)),
        Verb::Weights(forwarded) => return Err(forward("weights", forwarded)),
        Verb::Encode(forwarded) => return Err(forward("encode", forwarded)),
        Verb::Decode(forwarded) => return Err(forward("decode", forwarded)),
        Verb::Inspect(forwarded) => return Err(forward("inspect", forwarded)),
        Verb::Certs(arguments) => return certs::run(arguments).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let at = At::of(cli.at)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        match cli.verb {
            Verb::Build(arguments) => return build::run(arguments, &at).await,
            Verb::Plan(arguments) => plan::run(arguments).await?,
            Verb::Explore(arguments) => explore::run(arguments, &at).await?,
            Verb::Refine(arguments) => return refine::run(arguments, &at).await,
            Verb::Extend(arguments) => return extend::run(arguments, &at).await,
            Verb::Report(arguments) => answer::report(arguments, &at).await?,
            Verb::Ls(arguments) => look::ls(arguments, &at).await?,
            Verb::Status(arguments) => look::status(arguments, &at).await?,
            Verb::Serve(arguments) => serve::run(arguments, &at).await?,
            Verb::Submit(arguments) => return submit::run(arguments, &at).await,
            Verb::Explain(arguments) => trials::explain(arguments, &at).await?,
            Verb::Logs(arguments) => logs::run(arguments, &at).await?,
            Verb::Pause(arguments) => direct::run(arguments, Wanted::Pause, &at).await?,
            Verb::Resume(arguments) => direct::run(arguments, Wanted::Run, &at).await?,
            Verb::Cancel(arguments) => direct::run(arguments, Wanted::Cancel, &at).await?,
            Verb::Priority(arguments) => direct::priority(arguments, &at).await?,
            Verb::Retry(arguments) => direct::retry(arguments, &at).await?,
            Verb::Peers(arguments) => peers::run(arguments, &at).await?,
            Verb::Workers(arguments) => workers::run(arguments, &at).await?,
            Verb::Profile(arguments) => profile::run(arguments, &at).await?,
            Verb::Certs(_)
            | Verb::Data(_)
            | Verb::Nets(_)
            | Verb::Weights(_)
            | Verb::Encode(_)
            | Verb::Decode(_)
            | Verb::Inspect(_) => unreachable!("done above"),
        }
        Ok(ExitCode::SUCCESS)
    });
    // Streams that are still open must not keep the program alive.
    runtime.shutdown_background();
    done
}
