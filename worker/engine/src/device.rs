//! Where the engine computes, and what a claim of bit-identity must name.

use std::ffi::{CStr, c_char, c_int};
use tch::{Cuda, Device};

#[allow(unsafe_code)] // C functions of device.cpp: no arguments, and text that lives as long as the program
mod native {
    use super::{CStr, c_char, c_int};

    unsafe extern "C" {
        fn imgcalc_torch_version() -> *const c_char;
        fn imgcalc_cpu_capability() -> *const c_char;
        fn imgcalc_load_cuda() -> c_int;
    }

    pub(super) fn torch_version() -> &'static CStr {
        // SAFETY: a string literal.
        unsafe { CStr::from_ptr(imgcalc_torch_version()) }
    }

    pub(super) fn cpu_capability() -> &'static CStr {
        // SAFETY: a static string, made once under C++'s own lock.
        unsafe { CStr::from_ptr(imgcalc_cpu_capability()) }
    }

    pub(super) fn load_cuda() -> bool {
        // SAFETY: loads a library that registers itself with libtorch; called before any other use of libtorch.
        unsafe { imgcalc_load_cuda() != 0 }
    }
}

/// Opens libtorch's CUDA half if this machine has it; true if a GPU is usable then. Must be the first call into this crate: libtorch
/// remembers for the life of the process that there is no CUDA once it was asked.
pub fn load_cuda() -> bool {
    native::load_cuda() && Cuda::is_available()
}

/// Sets how many CPU threads libtorch computes with. Results are bit-identical only under equal numbers of threads.
pub fn set_threads(n: usize) {
    tch::set_num_threads(n.clamp(1, 1024) as i32);
}

/// Where the engine computes: `cuda` or `cpu`.
pub fn device_name() -> &'static str {
    if device().is_cuda() { "cuda" } else { "cpu" }
}

/// Library version, device, instruction set and threads: results are claimed to be bit-identical where this text is equal.
pub fn fingerprint() -> String {
    format!(
        "libtorch {} {} {} threads {}",
        native::torch_version().to_string_lossy(),
        device_name(),
        native::cpu_capability().to_string_lossy(),
        tch::get_num_threads()
    )
}

pub(crate) fn device() -> Device {
    Device::cuda_if_available()
}

/// Waits until the device has done all it was given; a CPU always has.
pub(crate) fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_names_version_instructions_and_threads() {
        let text = fingerprint();
        assert!(text.starts_with("libtorch 2."), "{text}");
        assert!(
            ["AVX512", "AVX2", "DEFAULT", "NO AVX"]
                .iter()
                .any(|set| text.contains(set)),
            "{text}"
        );
        assert!(
            text.ends_with(&format!("threads {}", tch::get_num_threads())),
            "{text}"
        );
    }
}
