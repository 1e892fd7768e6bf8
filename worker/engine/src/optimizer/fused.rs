//! Calls of `fused.cpp`.

#![allow(unsafe_code)] // C functions that take tensors by address: those of slices that live throughout the call

use crate::EngineError;
use std::ffi::{CStr, c_char, c_void};
use tch::{TchError, Tensor};

/// What a step of any optimiser follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f64,
    /// SGD's momentum; AdamW's decay of the first moment.
    pub(super) momentum: f64,
}

unsafe extern "C" {
    fn imgcalc_forget_gradients(leaves: *const *const c_void, count: usize) -> *const c_char;
    fn imgcalc_sgd(
        leaves: *const *const c_void,
        momenta: *const *const c_void,
        count: usize,
        weight_decay: f64,
        momentum: f64,
        learning_rate: f64,
    ) -> *const c_char;
    fn imgcalc_adamw(
        leaves: *const *const c_void,
        first: *const *const c_void,
        second: *const *const c_void,
        count: usize,
        number: f64,
        weight_decay: f64,
        first_decay: f64,
        second_decay: f64,
        epsilon: f64,
        learning_rate: f64,
    ) -> *const c_char;
}

/// Leaves without gradients, as before the first backward pass.
pub(super) fn forget_gradients(leaves: &[Tensor]) -> Result<(), EngineError> {
    let leaves = addresses(leaves);
    // SAFETY: as many addresses of tensors as are said, none of them kept.
    said(unsafe { imgcalc_forget_gradients(leaves.as_ptr(), leaves.len()) })
}

/// A step of SGD over all leaves that have a gradient; each has a momentum in the same place.
pub(super) fn sgd(leaves: &[Tensor], momenta: &[Tensor], factors: Factors) -> Result<(), EngineError> {
    assert_eq!(leaves.len(), momenta.len());
    let (leaves, momenta) = (addresses(leaves), addresses(momenta));
    // SAFETY: as many addresses of tensors as are said in both lists, none of them kept.
    said(unsafe {
        imgcalc_sgd(
            leaves.as_ptr(),
            momenta.as_ptr(),
            leaves.len(),
            factors.weight_decay,
            factors.momentum,
            factors.learning_rate,
        )
    })
}

/// The step of this number, from 1, of AdamW.
pub(super) fn adamw(
    leaves: &[Tensor],
    [first, second]: [&[Tensor]; 2],
    factors: Factors,
    (second_decay, epsilon): (f64, f64),
    number: u64,
) -> Result<(), EngineError> {
    assert!(leaves.len() == first.len() && leaves.len() == second.len());
    let (leaves, first, second) = (addresses(leaves), addresses(first), addresses(second));
    // SAFETY: as many addresses of tensors as are said in all three lists, none of them kept.
    said(unsafe {
        imgcalc_adamw(
            leaves.as_ptr(),
            first.as_ptr(),
            second.as_ptr(),
            leaves.len(),
            number as f64,
            factors.weight_decay,
            factors.momentum,
            second_decay,
            epsilon,
            factors.learning_rate,
        )
    })
}

fn addresses(tensors: &[Tensor]) -> Vec<*const c_void> {
    tensors.iter().map(|tensor| tensor.as_ptr().cast()).collect()
}

fn said(reason: *const c_char) -> Result<(), EngineError> {
    if reason.is_null() {
        return Ok(());
    }
    // SAFETY: text that lives until the next call of this thread.
    let reason = unsafe { CStr::from_ptr(reason) };
    Err(TchError::Torch(reason.to_string_lossy().into_owned()).into())
}
