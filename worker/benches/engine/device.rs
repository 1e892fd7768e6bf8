//! How busy the GPU is and what reaches it from the host, as NVIDIA's tool tells it once a second.

use crate::figures::median;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// What the device did while something ran.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Percent of the time in which it computed.
    pub busy_percent: f64,
    /// Bytes a second from the host.
    pub bytes_received: f64,
}

/// The device's use over several runs.
#[derive(Debug, Default)]
pub struct Uses(Vec<Use>);

impl Uses {
    /// Runs `work` and notes what the device did meanwhile, if there is one.
    pub fn of<T>(&mut self, gpu: bool, work: impl FnOnce() -> T) -> T {
        let watch = if gpu { Watch::start() } else { None };
        let result = work();
        self.0.extend(watch.and_then(Watch::end));
        result
    }

    /// Percent busy, in the middle of all runs.
    pub fn busy_percent(&self) -> f64 {
        median(&self.0.iter().map(|used| used.busy_percent).collect::<Vec<_>>())
    }

    /// Bytes a second from the host, in the middle of all runs.
    pub fn bytes_received(&self) -> f64 {
        median(&self.0.iter().map(|used| used.bytes_received).collect::<Vec<_>>())
    }
}

/// The tool, while it runs.
struct Watch {
    tool: Child,
    samples: JoinHandle<Vec<Use>>,
}

impl Watch {
    fn start() -> Option<Watch> {
        let mut tool = Command::new("nvidia-smi")
            .args(["dmon", "-i", "0", "-s", "ut", "-d", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let output = BufReader::new(tool.stdout.take()?);
        let samples = std::thread::spawn(move || samples(output));
        Some(Watch { tool, samples })
    }

    /// The mean of its samples.
    fn end(mut self) -> Option<Use> {
        let _ = self.tool.kill();
        let _ = self.tool.wait();
        let samples = self.samples.join().ok()?;
        // The first tells of the time before.
        let samples = samples.get(1..).filter(|rest| !rest.is_empty())?;
        let mean = |value: fn(&Use) -> f64| samples.iter().map(value).sum::<f64>() / samples.len() as f64;
        Some(Use {
            busy_percent: mean(|used| used.busy_percent),
            bytes_received: mean(|used| used.bytes_received),
        })
    }
}

/// Reads its lines: a head that names the columns, then a line a second.
fn samples(output: impl BufRead) -> Vec<Use> {
    let (mut head, mut samples) = (Vec::new(), Vec::new());
    for line in output.lines().map_while(Result::ok) {
        if let Some(names) = line.strip_prefix('#') {
            let names: Vec<String> = names.split_whitespace().map(ToString::to_string).collect();
            if names.iter().any(|name| name == "sm") {
                head = names;
            }
            continue;
        }
        let values: Vec<&str> = line.split_whitespace().collect();
        let value = |name: &str| -> Option<f64> {
            let at = head.iter().position(|known| known == name)?;
            values.get(at)?.parse().ok()
        };
        if let (Some(busy_percent), Some(megabytes)) = (value("sm"), value("rxpci")) {
            samples.push(Use {
                busy_percent,
                bytes_received: megabytes * 1e6,
            });
        }
    }
    samples
}

/// Bytes of device memory in use now, by whomever.
pub fn memory_used() -> Option<f64> {
    let query = [
        "-i",
        "0",
        "--query-gpu=memory.used",
        "--format=csv,noheader,nounits",
    ];
    let output = Command::new("nvidia-smi").args(query).output().ok()?;
    let mebibytes: f64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(mebibytes * f64::from(1 << 20))
}
