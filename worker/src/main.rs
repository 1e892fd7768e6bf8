//! `imgcalc-worker`: the agent by default; the runner and what a person runs by hand as verbs.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use imgcalc_shared::profile::{hardware_class, hardware_class_gpu};
use imgcalc_worker::data::Cache;
use imgcalc_worker::stages::Cadence;
use imgcalc_worker::{agent, runner, tools};
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Most seconds any option takes.
const SECONDS_MAX: f64 = 86_400.0;
/// Smallest cache, bytes.
const CACHE_BYTES_MIN: u64 = 1 << 20;

/// Does what the coordinators of Image Calculator decide: columns, profiles, trainings.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(flatten)]
    agent: AgentArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Args)]
struct AgentArgs {
    /// Addresses of the coordinators, host:port with commas between them.
    #[arg(long, required = true, value_delimiter = ',', env = "IMGCALC_COORDINATORS")]
    coordinators: Vec<String>,
    /// Folder of a worker's credentials, made by `imgcalc certs`; without, coordinators must be on this machine.
    #[arg(long, value_name = "DIR", env = "IMGCALC_CREDENTIALS")]
    credentials: Option<PathBuf>,
    /// Name of this worker, unique among those that run [default: host and process id].
    #[arg(long)]
    name: Option<String>,
    /// Host this worker runs on: no two profiles run on one host at a time [default: name of this machine].
    #[arg(long)]
    host: Option<String>,
    /// URL of the only base this worker works on, checked at the start [default: whichever the task's data lies in].
    #[arg(long, value_name = "URL", env = "IMGCALC_BASE")]
    base: Option<String>,
    /// Threads a training or profile may use [default: all cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    cadence: CadenceArgs,
    /// Seconds to end in after SIGTERM, SIGINT or a drain: three quarters for the checkpoint, the rest for telling of it.
    #[arg(long, default_value_t = 20.0, value_parser = seconds)]
    grace_seconds: f64,
    /// Seconds to go on without any coordinator [default: what the coordinator lays down, 600 before the first answers].
    #[arg(long, value_parser = seconds)]
    orphan_seconds: Option<f64>,
    /// End when stdin ends: the worker of a program that must not leave one behind.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[derive(Clone, Debug, Args)]
struct CacheArgs {
    /// Folder on a local disk that keeps what is read of remote bases; the workers of a host may share it.
    #[arg(long, value_name = "DIR", env = "IMGCALC_CACHE")]
    cache: Option<PathBuf>,
    /// How much it may hold: what was used longest ago goes first. A number of bytes or for example 500MB, 50GiB, 1TiB.
    #[arg(long, value_name = "BYTES", default_value = "50GiB", value_parser = cache_bytes)]
    #[arg(env = "IMGCALC_CACHE_BYTES_MAX")]
    cache_bytes_max: u64,
}

impl CacheArgs {
    fn open(&self) -> anyhow::Result<Option<Arc<Cache>>> {
        // An empty variable is one that is not set.
        let folder = self
            .cache
            .as_ref()
            .filter(|folder| !folder.as_os_str().is_empty());
        let open = |folder: &PathBuf| Cache::open(folder, self.cache_bytes_max).map(Arc::new);
        Ok(folder.map(open).transpose()?)
    }
}

#[derive(Clone, Copy, Debug, Args)]
struct CadenceArgs {
    /// A training writes a checkpoint at the end of an epoch if the last is so many seconds old; 0 means after every epoch.
    #[arg(
        long,
        alias = "checkpoint-seconds",
        value_name = "SECONDS",
        default_value_t = 10.0
    )]
    #[arg(value_parser = seconds, env = "IMGCALC_CHECKPOINT_SECONDS")]
    checkpoint_seconds_min: f64,
    /// And in the middle of an epoch if the last is so many seconds old: about as much work is lost with a machine at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    #[arg(value_parser = seconds, env = "IMGCALC_CHECKPOINT_SECONDS_MAX")]
    checkpoint_seconds_max: f64,
}

impl From<CadenceArgs> for Cadence {
    fn from(args: CadenceArgs) -> Self {
        Cadence {
            min: Duration::from_secs_f64(args.checkpoint_seconds_min),
            max: Duration::from_secs_f64(args.checkpoint_seconds_max),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Do the jobs that come on stdin; started by the agent.
    #[command(hide = true)]
    Runner {
        /// URL of the base.
        #[arg(long)]
        base: String,
        /// Threads a profile computes with.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
        threads: u16,
        #[command(flatten)]
        cache: CacheArgs,
        #[command(flatten)]
        cadence: CadenceArgs,
    },
    #[command(flatten)]
    Tool(tools::Tool),
    /// Print the hardware class of this machine: profiles hold for one class.
    Hardware {
        /// Threads a profile computes with [default: all cores].
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
        threads: Option<u16>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Logs go to stderr; one that cannot be written is no reason to stop.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info")))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false)
        .init();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.verb {
        None => run_agent(cli.agent),
        Some(Verb::Runner {
            base,
            threads,
            cache,
            cadence,
        }) => {
            imgcalc_engine::load_cuda();
            imgcalc_engine::set_threads(threads.into());
            tracing::debug!(engine = imgcalc_engine::fingerprint(), "starts");
            let options = runner::Options {
                base,
                cache: cache.open()?,
                threads,
                cadence: cadence.into(),
            };
            runner::run(options).context("cannot write to the agent")
        }
        Some(Verb::Tool(tool)) => tools::run(tool),
        Some(Verb::Hardware { threads }) => {
            let class = hardware(threads.unwrap_or_else(cores));
            Ok(writeln!(std::io::stdout(), "{class}")?)
        }
    }
}

fn run_agent(args: AgentArgs) -> anyhow::Result<()> {
    let options = agent::Options {
        coordinators: args.coordinators,
        credentials: args.credentials,
        name: args.name,
        host: args.host,
        base: args.base,
        threads: args.threads.unwrap_or_else(cores),
        // Opened here only to tell at the start if it cannot be used.
        cache: args.cache.open()?.and(args.cache.cache),
        cache_bytes_max: args.cache.cache_bytes_max,
        program: std::env::current_exe().context("cannot find the program itself")?,
        cadence: args.cadence.into(),
        grace: Duration::from_secs_f64(args.grace_seconds),
        orphan_override: args.orphan_seconds.map(Duration::from_secs_f64),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let ended = runtime.block_on(async {
        tokio::select! {
            result = agent::run(options) => result.map_err(anyhow::Error::from),
            // Dropping the agent kills its runner.
            () = end_of_stdin(), if args.exit_with_stdin => Ok(()),
        }
    });
    runtime.shutdown_background();
    ended
}

async fn end_of_stdin() {
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Whatever comes is ignored, only the end counts.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
}

fn hardware(threads: u16) -> String {
    imgcalc_engine::load_cuda();
    if imgcalc_engine::device_name() == "cuda" {
        return hardware_class_gpu(&gpu_model().unwrap_or_else(|| "unknown".into()), threads);
    }
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    hardware_class(&cpuinfo, threads)
}

/// The model of the first GPU, as NVIDIA's driver tells it.
fn gpu_model() -> Option<String> {
    let folders = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?;
    let mut folders: Vec<PathBuf> = folders.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    let mut text = String::new();
    let file = std::fs::File::open(folders.first()?.join("information")).ok()?;
    file.take(64 << 10).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
    Some(line.trim().to_string())
}

fn cores() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(cores).unwrap_or(1024).min(1024)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
        _ => Err(format!("write seconds from 0 to {SECONDS_MAX}")),
    }
}

fn cache_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let units = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start());
    let bytes = number.parse::<u64>().ok().zip(factor);
    match bytes.and_then(|(number, (_, factor))| number.checked_mul(*factor)) {
        Some(bytes) if bytes >= CACHE_BYTES_MIN => Ok(bytes),
        Some(_) => Err("a cache holds at least 1MiB; for none leave --cache away".into()),
        None => Err("write a whole number of bytes, for example 500MB, 50GiB or 1TiB".into()),
    }
}

/// Whoever read the output has seen enough.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
