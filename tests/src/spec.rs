//! Build specs that take seconds.

use std::path::Path;
use toml::{Table, Value};

/// Sixteen formats, a net of two channels, six trainings of a chain and one on pixels.
const TINY: &str = r#"
name = "tiny"
base = "base"
dataset = "fashion"

[space]
samplings = ["1x1", "4x4"]
blocks = [8]
quants = [50]

[net]
name = "small_resnet"
width = 2
blocks = [1]

[training]
preset = "small-images"
epochs = 2
epochs_transfer = 1
batch_size = 32
train_images = 256
validation_images = 64
test_images = 64

[buckets]
count = 4
sampled = 3
formats_per_bucket = 2

[profile]
batch = 16
jpeg_qualities = [75]

[workers]
count = 2
threads = 1
"#;

/// Epochs from scratch of the long spec.
pub const LONG_EPOCHS: u32 = 60;
/// Epochs of its links.
pub const LONG_EPOCHS_TRANSFER: u32 = 40;

/// A spec to be changed and written.
#[derive(Clone, Debug)]
pub struct Spec(Table);

impl Spec {
    /// About five seconds of work, most of it starting processes and measuring.
    ///
    /// # Panics
    /// Never: the text is a constant.
    pub fn tiny() -> Spec {
        Spec(TINY.parse().expect("the tiny spec is TOML"))
    }

    /// The tiny spec with trainings long enough to be killed in their middle: about fifteen seconds of them.
    pub fn long() -> Spec {
        Spec::tiny()
            .with("training.epochs", LONG_EPOCHS)
            .with("training.epochs_transfer", LONG_EPOCHS_TRANSFER)
            .with("training.train_images", 700)
            .with("training.validation_images", 200)
    }

    /// The least that trains a chain: planes of 8×8 and 4×4 for images of 32×32, both trained, 16 images, one epoch.
    ///
    /// # Panics
    /// Never: the text is a constant.
    pub fn least() -> Spec {
        Spec::tiny()
            .with("space.samplings", vec!["1x1"])
            .keeping(&[2, 1])
            .with("training.epochs", 1)
            .with("training.batch_size", 8)
            .with("training.train_images", 16)
            .with("training.validation_images", 8)
            .with("training.test_images", 0)
            .with("buckets.count", 1)
            .with("buckets.sampled", 1)
            .with("profile.batch", 4)
    }

    /// Limits the space to these keeps, and trains all of them if they are all of it.
    pub fn keeping(self, keeps: &[u16]) -> Spec {
        let list: Vec<Value> = keeps.iter().map(|&keep| i64::from(keep).into()).collect();
        let mut table = Table::new();
        table.insert("list".into(), list.into());
        self.with("space.keeps", table)
            .with("buckets.formats_per_bucket", keeps.len() as i64)
    }

    /// Sets a field, named `table.key` or `key`.
    ///
    /// # Panics
    /// If `table` is no table.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Spec {
        let (table, key) = self.place(field);
        table.insert(key.into(), value.into());
        self
    }

    /// Leaves a field to its default.
    ///
    /// # Panics
    /// If `table` is no table.
    pub fn without(mut self, field: &str) -> Spec {
        let (table, key) = self.place(field);
        table.remove(key);
        self
    }

    /// Writes it to a file.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.0.to_string()).expect("a spec can be written");
    }

    fn place<'f>(&mut self, field: &'f str) -> (&mut Table, &'f str) {
        match field.split_once('.') {
            None => (&mut self.0, field),
            Some((table, key)) => {
                let entry = self.0.entry(table).or_insert_with(|| Table::new().into());
                (entry.as_table_mut().expect("a table of the spec"), key)
            }
        }
    }
}
