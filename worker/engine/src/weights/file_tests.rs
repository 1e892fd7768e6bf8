use super::*;
use safetensors::serialize;
use std::collections::HashMap;

fn net() -> Net {
    Net::SmallResnet {
        width: 2,
        blocks: vec![1],
    }
}

/// A file as others write them: arrays of one type by name, and a count of batches.
fn foreign(values: &Values, dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>) -> Vec<u8> {
    let packed: Vec<(String, Vec<usize>, Vec<u8>)> = values
        .iter()
        .map(|(name, (shape, numbers))| {
            let shape = shape.iter().map(|&side| side as usize).collect();
            (
                name.clone(),
                shape,
                numbers.iter().flat_map(|&number| bytes(number)).collect(),
            )
        })
        .collect();
    let count = 7_i64.to_le_bytes();
    let mut views: Vec<(String, TensorView)> = packed
        .iter()
        .map(|(name, shape, bytes)| {
            let view = TensorView::new(dtype, shape.clone(), bytes).unwrap();
            (name.clone(), view)
        })
        .collect();
    let count = TensorView::new(Dtype::I64, vec![], &count).unwrap();
    views.push(("bn1.num_batches_tracked".into(), count));
    serialize(views, Some(HashMap::from([("format".into(), "pt".into())]))).unwrap()
}

fn plain(values: &Values) -> Vec<u8> {
    foreign(values, Dtype::F32, |number| number.to_le_bytes().to_vec())
}

/// Numbers that 16 bits hold too.
fn values(channels: u16, classes: u16) -> Values {
    let variables = net::variables(&net(), channels, classes).unwrap();
    let named = variables.iter().enumerate().map(|(index, variable)| {
        let numbers = (0..variable.len()).map(|i| (i as f32 - 3.0) / 4.0 + index as f32);
        (variable.name.clone(), (variable.shape.clone(), numbers.collect()))
    });
    named.collect()
}

fn read_for(bytes: &[u8], channels: u16, classes: u16) -> Result<File, String> {
    let variables = net::variables(&net(), channels, classes).unwrap();
    read(bytes, &net(), &variables, 5).map_err(|error| error.to_string())
}

fn refused(bytes: &[u8], channels: u16, classes: u16) -> String {
    read_for(bytes, channels, classes).err().unwrap()
}

#[test]
fn floats_of_32_and_16_bits_are_read() {
    let values = values(3, 4);
    let (upper, short) = (
        |x: f32| x.to_le_bytes()[2..].to_vec(),
        |x: f32| {
            tch::Tensor::from_slice(&[x])
                .to_kind(tch::Kind::Half)
                .view_dtype(tch::Kind::Int16)
                .int64_value(&[0])
        },
    );
    for file in [
        plain(&values),
        foreign(&values, Dtype::BF16, upper),
        foreign(&values, Dtype::F16, |x| (short(x) as i16).to_le_bytes().to_vec()),
    ] {
        let read = read_for(&file, 3, 4).unwrap();
        assert!(read.values == values && read.note().is_none());
        assert_eq!(weights_file_of(&net(), None, &file).unwrap(), (3, 4));
    }
}

#[test]
fn all_16_bit_floats_are_widened_as_libtorch_does() {
    let bits: Vec<i16> = (0..=u16::MAX).map(|bits| bits as i16).collect();
    let halves = tch::Tensor::from_slice(&bits).view_dtype(tch::Kind::Half);
    let expected = Vec::<f32>::try_from(halves.to_kind(tch::Kind::Float)).unwrap();
    for (bits, expected) in bits.iter().zip(expected) {
        let found = half(*bits as u16);
        assert!(
            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
            "{bits:#x}"
        );
    }
}

#[test]
fn another_number_of_classes_starts_the_output_layer_from_the_seed() {
    let file = read_for(&plain(&values(3, 1000)), 3, 4).unwrap();
    assert!(file.note().unwrap().contains("1000 classes"));
    let (same, fresh) = (values(3, 4), net::variables(&net(), 3, 4).unwrap());
    let mut heads = 0;
    for variable in &fresh {
        let (shape, numbers) = &file.values[&variable.name];
        assert_eq!(*shape, variable.shape);
        match variable.name.starts_with("head.") {
            true => assert_eq!(*numbers, seeded(variable, 5)),
            false => assert_eq!(*numbers, same[&variable.name].1, "{}", variable.name),
        }
        heads += usize::from(variable.name.starts_with("head."));
    }
    assert_eq!(heads, 2);
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    let good = values(3, 4);
    let error = refused(&plain(&good), 1, 4);
    assert!(
        error.contains("3 channels, but these have 1: import the dataset with --colour"),
        "{error}"
    );

    let mut other = good.clone();
    let moved = other.remove("head.weight").unwrap();
    other.insert("classifier.weight".into(), moved);
    let error = refused(&plain(&other), 3, 4);
    assert!(
        error.ends_with("1 variables of the net are missing: `head.weight`; 1 arrays are none of the net's: `classifier.weight`"),
        "{error}"
    );
    let none = refused(&plain(&Values::new()), 3, 4);
    assert!(
        none.contains(", …") && none.contains(&format!("{} variables", good.len())),
        "{none}"
    );

    let mut other = good.clone();
    let (_, (shape, _)) = other.iter_mut().find(|(_, (shape, _))| shape.len() == 1).unwrap();
    shape.push(1);
    assert!(refused(&plain(&other), 3, 4).contains("another net"));

    let mut other = good.clone();
    other.get_mut("head.bias").unwrap().1[1] = f32::NAN;
    assert!(refused(&plain(&other), 3, 4).contains("`head.bias` holds a number that is not finite"));

    let doubles = foreign(&good, Dtype::F64, |x| f64::from(x).to_le_bytes().to_vec());
    assert!(refused(&doubles, 3, 4).contains("convert it to F32"));
    assert!(refused(b"PK\x03\x04 a zip", 3, 4).contains("save_file"));
}

#[test]
fn first_convolution_and_output_layer_of_every_net_are_found() {
    for net in Net::PUBLISHED {
        let ends = Ends::of(&net).unwrap();
        let variables = net::variables(&net, 5, 77).unwrap();
        let named = |name: String| {
            &variables
                .iter()
                .find(|variable| variable.name == name)
                .unwrap()
                .shape
        };
        assert_eq!(named(ends.first.clone())[1], 5, "{net:?}");
        assert_eq!(
            (named(ends.head(0))[0], named(ends.head(1)).as_slice()),
            (77, &[77][..]),
            "{net:?}"
        );
    }
}
