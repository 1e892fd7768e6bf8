//! Conversions between wire fields and domain values; a field that does not parse is an `InvalidArgument` that
//! names it.

use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{FailureClass, TaskId};
use serde::{Serialize, de::DeserializeOwned};
use tonic::Status;

/// The JSON of a domain value, as it travels.
pub fn to_wire<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("domain values serialise")
}

/// Reads a domain value out of the field called `field`.
pub fn from_wire<T: DeserializeOwned>(field: &str, json: &str) -> Result<T, Box<Status>> {
    serde_json::from_str(json)
        .map_err(|error| Box::new(Status::invalid_argument(format!("{field}: {error}"))))
}

/// Reads a task id.
pub fn task_id_from_wire(text: &str) -> Result<TaskId, Box<Status>> {
    let digest: Digest = text
        .parse()
        .map_err(|error| Box::new(Status::invalid_argument(format!("task: {error}"))))?;
    Ok(TaskId(digest))
}

/// Reads a failure class.
pub fn failure_class_from_wire(text: &str) -> Result<FailureClass, Box<Status>> {
    from_wire("class", &format!("{text:?}"))
}
