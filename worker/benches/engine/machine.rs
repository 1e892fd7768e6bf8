//! What the figures were measured on.

use std::fs::read_to_string;

/// The processor, the threads it gives this program, and the memory.
pub fn described() -> String {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".into());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or(String::new(), |kib| format!(", {:.0} GiB", kib / 1048576.0));
    format!("{processor}, {threads} threads{memory}")
}

fn field(file: &str, wanted: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == wanted).then(|| value.trim().to_string())
    })
}
