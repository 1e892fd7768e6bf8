//! A profile: what a format, a net or the JPEG baseline costs on one hardware class, as measured.

use crate::format::Format;
use crate::training::InputShape;
use serde::{Deserialize, Serialize};

/// A measured time per image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Median, µs per image.
    pub median_us: f64,
    /// 95th percentile, µs per image.
    pub p95_us: f64,
    /// Measurements behind it, after warm-up.
    pub repeats: u32,
}

/// What it costs to get images of one format from the base to the net's input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Stored bytes to memory.
    pub read: Timing,
    /// Memory to the integer planes (for JPEG: to pixels of the dataset's size).
    pub decode: Timing,
    /// Planes to the device, standardised: ready for the net.
    pub transfer: Timing,
    /// Bytes stored and read for an image.
    pub bytes: f64,
}

/// Access to a format by the batch, from columns, and one image at a time, from single-image files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessProfile {
    /// A whole batch from one column object (for JPEG: from that many files).
    pub batch: Access,
    /// One image from its own file.
    pub single: Access,
}

/// [`AccessProfile`] of one format.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatAccess {
    /// Which format.
    pub format: Format,
    /// What it costs.
    pub access: AccessProfile,
}

/// What it costs to run a net on inputs of one shape.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecuteProfile {
    /// Shape of one input.
    pub shape: InputShape,
    /// In batches, per image.
    pub batch: Timing,
    /// One image alone.
    pub single: Timing,
    /// Trainable numbers of the net.
    pub parameters: u64,
}

/// Where the inference time of one image goes, µs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceTime {
    /// Read.
    pub read_us: f64,
    /// Decode.
    pub decode_us: f64,
    /// Transfer.
    pub transfer_us: f64,
    /// Execute.
    pub execute_us: f64,
}

impl InferenceTime {
    /// The medians of access and execution.
    pub fn median(access: &Access, execute: &Timing) -> Self {
        InferenceTime {
            read_us: access.read.median_us,
            decode_us: access.decode.median_us,
            transfer_us: access.transfer.median_us,
            execute_us: execute.median_us,
        }
    }

    /// The 95th percentiles of access and execution. Their sum bounds the p95 of the sum when the parts peak
    /// together, so it errs to the safe side.
    pub fn p95(access: &Access, execute: &Timing) -> Self {
        InferenceTime {
            read_us: access.read.p95_us,
            decode_us: access.decode.p95_us,
            transfer_us: access.transfer.p95_us,
            execute_us: execute.p95_us,
        }
    }

    /// All four, µs.
    pub fn total_us(&self) -> f64 {
        self.read_us + self.decode_us + self.transfer_us + self.execute_us
    }
}

impl Timing {
    /// Median and 95th percentile (nearest rank) of durations in µs, each of `images` images.
    ///
    /// # Panics
    /// If there are none.
    pub fn of(mut durations_us: Vec<f64>, images: u32) -> Timing {
        assert!(!durations_us.is_empty(), "a timing needs a measurement");
        durations_us.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let index = (share * durations_us.len() as f64).ceil() as usize;
            durations_us[index.clamp(1, durations_us.len()) - 1] / f64::from(images)
        };
        Timing {
            median_us: rank(0.5),
            p95_us: rank(0.95),
            repeats: durations_us.len() as u32,
        }
    }

    /// Whether both times are finite and not negative, and the p95 is not below the median.
    pub fn is_sane(&self) -> bool {
        self.median_us.is_finite()
            && self.p95_us.is_finite()
            && 0.0 <= self.median_us
            && self.median_us <= self.p95_us
    }
}

/// The hardware class of a machine without a GPU: processor as `/proc/cpuinfo` describes it, and threads a net may use.
/// Times measured on one machine of a class hold for the others.
pub fn hardware_class(cpuinfo: &str, threads: u16) -> String {
    let named = |name: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let line = lines.find(|(key, _)| key.trim() == name);
        line.map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    };
    // ARM kernels give no model name.
    let model = named("model name")
        .or_else(|| named("CPU part"))
        .unwrap_or("unknown");
    format!("cpu-{}-t{threads}", class_words(model))
}

/// The hardware class of a machine whose nets run on a GPU of this model.
pub fn hardware_class_gpu(model: &str, threads: u16) -> String {
    format!("gpu-{}-t{threads}", class_words(model))
}

/// Lower-case letters and digits, everything else as single hyphens: safe in a key, a path and a label.
fn class_words(model: &str) -> String {
    let plain = model.to_lowercase().replace("(r)", " ").replace("(tm)", " ");
    let words = plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<&str> = words.take(12).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_p95_are_per_image_by_nearest_rank() {
        let timing = Timing::of((1..=100).rev().map(f64::from).collect(), 2);
        assert_eq!(
            (timing.median_us, timing.p95_us, timing.repeats),
            (25.0, 47.5, 100)
        );
        let one = Timing::of(vec![3.0], 1);
        assert_eq!((one.median_us, one.p95_us), (3.0, 3.0));
    }

    #[test]
    fn a_hardware_class_names_processor_and_threads() {
        let cpuinfo =
            "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz\nflags\t\t: fpu\n";
        assert_eq!(
            hardware_class(cpuinfo, 4),
            "cpu-intel-xeon-gold-6148-cpu-2-40ghz-t4"
        );
        assert_eq!(hardware_class("CPU part\t: 0xd0c\n", 1), "cpu-0xd0c-t1");
        assert_eq!(hardware_class("", 1), "cpu-unknown-t1");
        assert_eq!(hardware_class_gpu("NVIDIA H200", 8), "gpu-nvidia-h200-t8");
    }
}
