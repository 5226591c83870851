//! [`Trouble`]: a queue that fails is told once, and not every second for as long as its database is away.

use serde_json::json;

use crate::error::ListenError;
use crate::log::Log;

/// What a thread has told of its trouble with the queue.
#[derive(Default)]
pub(crate) struct Trouble {
    told: Option<String>,
}

impl Trouble {
    /// It failed.
    pub fn tell(&mut self, log: &Log, error: &ListenError) {
        let problem = error.to_string();
        if self.told.as_ref() != Some(&problem) {
            log.with("queue failed", json!({"problem": problem}));
            self.told = Some(problem);
        }
    }

    /// It works.
    pub fn is_over(&mut self, log: &Log) {
        if self.told.take().is_some() {
            log.event("queue works again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn trouble_is_told_when_it_begins_changes_and_ends() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let log = Log::new(Arc::new(move |line: &str| sink.lock().unwrap().push(line.to_owned())));
        let mut trouble = Trouble::default();
        trouble.is_over(&log);
        for error in [ListenError::NodeInUse, ListenError::NodeInUse, ListenError::ForeignQueue("another")] {
            trouble.tell(&log, &error);
        }
        trouble.is_over(&log);
        trouble.is_over(&log);
        assert_eq!(lines.lock().unwrap().len(), 3);
    }
}
