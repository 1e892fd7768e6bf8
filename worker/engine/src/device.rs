//! Where the engine computes, and what a claim of bit-identity must name.

use std::ffi::{CStr, c_char, c_int};
use tch::{Cuda, Device};

#[allow(unsafe_code)] // C functions of device.cpp: numbers in, numbers or text that lives as long as the program out
mod native {
    use super::{CStr, DeviceMemory, c_char, c_int};

    unsafe extern "C" {
        fn imgcalc_torch_version() -> *const c_char;
        fn imgcalc_cpu_capability() -> *const c_char;
        fn imgcalc_load_cuda() -> c_int;
        fn imgcalc_autocast_enter(cuda: c_int);
        fn imgcalc_autocast_leave(cuda: c_int);
        fn imgcalc_set_deterministic(on: c_int);
        fn imgcalc_device_memory(free_bytes: *mut usize, all_bytes: *mut usize) -> c_int;
        fn imgcalc_free_unused() -> c_int;
    }

    pub(super) fn autocast_enter(cuda: bool) {
        // SAFETY: sets variables of this thread.
        unsafe { imgcalc_autocast_enter(cuda.into()) }
    }

    pub(super) fn autocast_leave(cuda: bool) {
        // SAFETY: sets variables of this thread, and frees copies that only autocast knows.
        unsafe { imgcalc_autocast_leave(cuda.into()) }
    }

    pub(super) fn set_deterministic(on: bool) {
        // SAFETY: sets variables of libtorch.
        unsafe { imgcalc_set_deterministic(on.into()) }
    }

    pub(super) fn device_memory() -> Option<DeviceMemory> {
        let (mut free_bytes, mut all_bytes) = (0_usize, 0_usize);
        // SAFETY: fills two numbers that live here.
        let known = unsafe { imgcalc_device_memory(&raw mut free_bytes, &raw mut all_bytes) } != 0;
        known.then_some(DeviceMemory {
            free_bytes: free_bytes as u64,
            all_bytes: all_bytes as u64,
        })
    }

    pub(super) fn free_unused() {
        // SAFETY: frees what no tensor uses, under libtorch's own locks.
        unsafe { imgcalc_free_unused() };
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

/// Memory of the GPU the engine computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceMemory {
    /// What nobody uses.
    pub free_bytes: u64,
    /// What there is.
    pub all_bytes: u64,
}

/// Memory of the GPU, if the engine computes on one.
pub fn device_memory() -> Option<DeviceMemory> {
    device().is_cuda().then(native::device_memory).flatten()
}

/// Whether a GPU may use algorithms only that give the same bits every time; a CPU always does.
pub(crate) fn set_deterministic(on: bool) {
    native::set_deterministic(on);
}

/// Gives memory back when it goes: libtorch would keep what a training took of a GPU, and others of this host or the next net could not have
/// it. Declared before whatever takes the memory, it goes after that.
pub(crate) struct FreesMemory;

impl Drop for FreesMemory {
    fn drop(&mut self) {
        if device().is_cuda() {
            native::free_unused();
        }
    }
}

/// While it lives, this thread's convolutions and linear layers compute in bfloat16, where PyTorch's autocast does.
pub(crate) struct Bfloat16 {
    cuda: bool,
}

impl Bfloat16 {
    pub(crate) fn enter() -> Self {
        let cuda = device().is_cuda();
        native::autocast_enter(cuda);
        Bfloat16 { cuda }
    }
}

impl Drop for Bfloat16 {
    fn drop(&mut self) {
        native::autocast_leave(self.cuda);
    }
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
