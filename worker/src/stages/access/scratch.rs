//! Objects that live only as long as a measurement.

use crate::data::Base;
use crate::failure::Failure;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes objects under names of its own and deletes them when it goes.
pub(in crate::stages) struct Scratch<'a> {
    pub(in crate::stages) base: &'a Base,
    prefix: String,
    keys: Vec<String>,
}

impl<'a> Scratch<'a> {
    pub(in crate::stages) fn new(base: &'a Base) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Scratch {
            base,
            // Hosts may share the base: process and counter alone are not unique.
            prefix: format!(
                "scratch/{:x}-{:x}-{count:x}",
                since.as_nanos(),
                std::process::id()
            ),
            keys: Vec::new(),
        }
    }

    /// Writes an object and returns its key.
    pub(in crate::stages) fn put(&mut self, name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
        let key = format!("{}-{name}", self.prefix);
        self.keys.push(key.clone());
        self.base.put_temporary(&key, bytes)?;
        Ok(key)
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        for key in &self.keys {
            if let Err(error) = self.base.delete(key) {
                tracing::warn!(key, %error, "a temporary object stays in the base");
            }
        }
    }
}
