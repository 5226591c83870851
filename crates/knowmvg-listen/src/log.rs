//! [`Log`]: one JSON object a line; ids are those of the queue, and nothing comes from a file, a report or a peer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Where lines of the log go; a line is one JSON object without a line break.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Writes what happens.
#[derive(Clone)]
pub struct Log {
    sink: Sink,
}

impl Log {
    /// Into a sink.
    pub fn new(sink: Sink) -> Self {
        Self { sink }
    }

    /// Something happened, without anything to say of it.
    pub(crate) fn event(&self, event: &'static str) {
        self.with(event, json!({}));
    }

    /// Something happened; `facts` are numbers, and words of this program.
    pub(crate) fn with(&self, event: &'static str, facts: Value) {
        let mut line = json!({
            "time": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            "event": event,
        });
        if let (Value::Object(line), Value::Object(facts)) = (&mut line, facts) {
            line.extend(facts);
        }
        (self.sink)(&line.to_string());
    }
}
