//! Codes of images, and how well those of two formats find each other.

use crate::EngineError;
use tch::{Kind, Tensor};

/// Keeps the length of a code that is all 0 from being divided by.
const LENGTH_MIN: f64 = 1e-12;

/// Codes as they are compared: without what all images of the batch have in common, and of length 1. Images × numbers.
pub(super) fn compared(codes: &Tensor) -> Result<Tensor, EngineError> {
    let codes = codes.f_to_kind(Kind::Float)?;
    let centred = codes.f_sub(&codes.f_mean_dim([0].as_slice(), true, Kind::Float)?)?;
    let length = centred
        .f_square()?
        .f_sum_dim_intlist([1].as_slice(), true, Kind::Float)?
        .f_add_scalar(LENGTH_MIN)?
        .f_sqrt()?;
    Ok(centred.f_div(&length)?)
}

/// The loss of two batches of codes of the same images, and the share of images whose code in one format is more like their own
/// in the other than like that of any other image. Each image is looked for in both directions (Radford et al., "Learning
/// Transferable Visual Models From Natural Language Supervision", figure 3).
pub(super) fn compare(a: &Tensor, b: &Tensor, temperature: f64) -> Result<(Tensor, Tensor), EngineError> {
    let alike = a.f_matmul(&b.f_tr()?)?.f_div_scalar(temperature)?;
    let own = Tensor::f_arange(alike.size()[0], (Kind::Int64, alike.device()))?;
    let back = alike.f_tr()?;
    let loss = |alike: &Tensor| -> Result<Tensor, EngineError> {
        Ok(alike.f_cross_entropy_loss::<&Tensor>(&own, None, tch::Reduction::Mean, -100, 0.0)?)
    };
    let found = |alike: &Tensor| -> Result<Tensor, EngineError> {
        Ok(alike
            .f_argmax(1, false)?
            .f_eq_tensor(&own)?
            .f_to_kind(Kind::Float)?
            .f_mean(Kind::Float)?)
    };
    let loss = loss(&alike)?.f_add(&loss(&back)?)?.f_div_scalar(2.0)?;
    let found =
        tch::no_grad(|| Ok::<_, EngineError>(found(&alike)?.f_add(&found(&back)?)?.f_div_scalar(2.0)?))?;
    Ok((loss, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(numbers: &[f32], images: i64) -> Tensor {
        Tensor::from_slice(numbers).view([images, -1])
    }

    #[test]
    fn equal_codes_find_each_other_and_mixed_ones_do_not() {
        let a = compared(&codes(&[1.0, 5.0, -1.0, 5.0, 0.0, 7.0], 3)).unwrap();
        let lengths = a.square().sum_dim_intlist([1_i64].as_slice(), false, Kind::Float);
        assert!(
            Vec::<f32>::try_from(lengths)
                .unwrap()
                .iter()
                .all(|l| (l - 1.0).abs() < 1e-5)
        );
        let (loss, found) = compare(&a, &a, 0.1).unwrap();
        assert_eq!(found.double_value(&[]), 1.0);
        assert!(loss.double_value(&[]) < 0.01);
        let (loss, found) = compare(&a, &a.flip([0_i64]), 0.1).unwrap();
        assert!((found.double_value(&[]) - 1.0 / 3.0).abs() < 1e-6);
        assert!(loss.double_value(&[]) > 3.0);
    }

    #[test]
    fn codes_that_are_all_alike_give_a_guess_and_no_number_that_is_none() {
        let a = compared(&Tensor::ones([4, 3], (Kind::Float, tch::Device::Cpu))).unwrap();
        let (loss, _) = compare(&a, &a, 0.1).unwrap();
        assert!((loss.double_value(&[]) - 4_f64.ln()).abs() < 1e-6);
    }
}
