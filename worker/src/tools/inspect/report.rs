//! What an inspection found.

use crate::tools::output;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Facts about one object, and a table where it has parts.
pub(super) struct Report {
    facts: Vec<(&'static str, Value)>,
    table: Option<Table>,
}

struct Table {
    /// What its rows are.
    parts: &'static str,
    head: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Report {
    pub(super) fn new(name: &str, kind: &'static str, bytes: usize) -> Report {
        Report {
            facts: vec![
                ("object", json!(name)),
                ("kind", json!(kind)),
                ("bytes", json!(bytes)),
            ],
            table: None,
        }
    }

    pub(super) fn fact(&mut self, name: &'static str, value: impl Serialize) -> &mut Self {
        self.facts.push((name, json!(value)));
        self
    }

    /// The parts: what they are called, the heading of each column, and their rows.
    pub(super) fn table(
        &mut self,
        parts: &'static str,
        head: &'static [&'static str],
        rows: Vec<Vec<Value>>,
    ) {
        self.table = Some(Table { parts, head, rows });
    }

    pub(super) fn text(&self) -> String {
        let facts: Vec<(&str, String)> = self
            .facts
            .iter()
            .map(|(name, value)| (*name, plain(value)))
            .collect();
        let mut text = output::facts(&facts);
        if let Some(Table { head, rows, .. }) = &self.table {
            let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
            text += "\n";
            text += &output::table(head, &rows);
        }
        text
    }

    pub(super) fn json(&self) -> anyhow::Result<String> {
        let identifier = |name: &str| name.replace([' ', '/'], "_");
        let mut all: Map<String, Value> = self
            .facts
            .iter()
            .map(|(name, value)| (identifier(name), value.clone()))
            .collect();
        if let Some(Table { parts, head, rows }) = &self.table {
            let named = |row: &Vec<Value>| -> Value {
                head.iter()
                    .zip(row)
                    .map(|(name, value)| (identifier(name), value.clone()))
                    .collect::<Map<_, _>>()
                    .into()
            };
            all.insert(identifier(parts), rows.iter().map(named).collect());
        }
        output::json(&all)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}
