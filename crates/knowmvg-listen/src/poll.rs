//! Servers that are asked for news again and again: DICOMweb for images and reports, FHIR for reports.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::clock::{Clock, DAY};
use crate::dicomweb::{DicomWeb, Series};
use crate::http::{Client, HttpProblem};
use crate::intake::{Intake, Refused, fhir};
use crate::log::Log;

/// Modalities of series that are fetched: radiographs, and reports.
const MODALITIES: [&str; 3] = ["CR", "DX", "SR"];

const FHIR_JSON: &str = "application/fhir+json";

/// Pages of one FHIR search that are followed.
const MAX_PAGES: usize = 100;

/// Asks one server.
pub(crate) struct Poll {
    /// What takes the news in.
    pub intake: Arc<Intake>,
    /// What time it is.
    pub clock: Clock,
    /// Where failures are told.
    pub log: Log,
    /// How far back a question goes.
    pub back_days: u32,
    /// Time between two questions.
    pub every: Duration,
}

/// Why a question had no answer, or its answer no use.
enum Failed {
    Server(HttpProblem),
    Queue,
}

impl From<HttpProblem> for Failed {
    fn from(problem: HttpProblem) -> Self {
        Self::Server(problem)
    }
}

impl Poll {
    /// Asks a DICOMweb server for ever.
    pub fn dicomweb(&self, server: &DicomWeb) {
        self.forever("dicomweb", || {
            MODALITIES.iter().try_for_each(|modality| {
                let mut series = server.series(modality, &self.since("%Y%m%d"))?.into_iter();
                series.try_for_each(|series| self.series(server, &series))
            })
        });
    }

    /// Fetches what is new in a series.
    fn series(&self, server: &DicomWeb, series: &Series) -> Result<(), Failed> {
        let queue = self.intake.queue();
        let is_known = queue.has_seen("dicomweb", &series.series, &series.size).map_err(|_| Failed::Queue)?;
        // Without its size, a series that grows looks like one that was seen.
        if is_known && !series.size.is_empty() {
            return Ok(());
        }
        for instance in server.instances(series)? {
            let is_known = queue.has_image(&instance).and_then(|image| Ok(image || queue.is_own(&instance)?));
            if is_known.map_err(|_| Failed::Queue)? || self.has_seen("dicomweb object", &instance)? {
                continue;
            }
            match self.intake.object(&server.object(series, &instance)?) {
                // What can't be used is not fetched again.
                Ok(_) | Err(Refused::NotOurs | Refused::Unreadable) => self.saw("dicomweb object", &instance, "")?,
                Err(Refused::Later) => return Err(Failed::Queue),
            }
        }
        self.saw("dicomweb", &series.series, &series.size)
    }

    /// Asks a FHIR server for ever.
    pub fn fhir(&self, server: &Client) {
        self.forever("fhir", || {
            let since = format!("ge{}", self.since("%Y-%m-%d"));
            let query = [("_lastUpdated", since.as_str()), ("_count", "100")];
            let mut page = server.json("/DiagnosticReport", &query, FHIR_JSON)?;
            for _ in 0..MAX_PAGES {
                self.page(&page)?;
                let Some(next) = next(&page, server.base()) else { break };
                page = server.json(&next, &[], FHIR_JSON)?;
            }
            Ok(())
        });
    }

    fn page(&self, page: &Value) -> Result<(), Failed> {
        let entries = page["entry"].as_array().into_iter().flatten();
        for resource in entries.map(|entry| &entry["resource"]) {
            let id = resource["id"].as_str().unwrap_or_default();
            let version = resource["meta"]["versionId"].as_str().or(resource["meta"]["lastUpdated"].as_str());
            let version = version.unwrap_or_default();
            let is_known = self.intake.queue().has_seen("fhir", id, version).map_err(|_| Failed::Queue)?;
            if is_known && !version.is_empty() {
                continue;
            }
            if let Some(report) = fhir::report(resource)
                && self.intake.report(&report) == Err(Refused::Later)
            {
                return Err(Failed::Queue);
            }
            self.saw("fhir", id, version)?;
        }
        Ok(())
    }

    fn forever(&self, source: &'static str, ask: impl Fn() -> Result<(), Failed>) {
        let mut was_told = None;
        loop {
            // A server that is down is told once, not every time.
            let problem = match ask() {
                Ok(()) => None,
                Err(Failed::Queue) => Some("the queue cannot be written".to_owned()),
                Err(Failed::Server(problem)) => Some(problem.to_string()),
            };
            if problem != was_told {
                let event = if problem.is_some() { "poll failed" } else { "poll works again" };
                self.log.with(event, json!({"source": source, "problem": problem}));
                was_told = problem;
            }
            std::thread::sleep(self.every);
        }
    }

    fn since(&self, format: &str) -> String {
        let from = (self.clock)() - i64::from(self.back_days) * DAY;
        DateTime::<Utc>::from_timestamp(from, 0).unwrap_or_default().format(format).to_string()
    }

    fn has_seen(&self, source: &str, name: &str) -> Result<bool, Failed> {
        self.intake.queue().has_seen(source, name, "").map_err(|_| Failed::Queue)
    }

    fn saw(&self, source: &str, name: &str, version: &str) -> Result<(), Failed> {
        self.intake.queue().saw(source, name, version).map_err(|_| Failed::Queue)
    }
}

/// Path of the next page, if it is on the same server: a token goes nowhere else.
fn next(page: &Value, base: &str) -> Option<String> {
    let links = page["link"].as_array()?;
    let url = links.iter().find(|link| link["relation"] == "next")?["url"].as_str()?;
    let path = url.strip_prefix(base)?;
    (path.starts_with('/') || path.starts_with('?')).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_page_elsewhere_is_not_asked_for() {
        let page = |url: &str| json!({"link": [{"relation": "self", "url": "x"}, {"relation": "next", "url": url}]});
        let base = "https://fhir.example/r4";
        assert_eq!(next(&page("https://fhir.example/r4?page=2"), base).as_deref(), Some("?page=2"));
        assert_eq!(
            next(&page("https://fhir.example/r4/DiagnosticReport?page=2"), base).as_deref(),
            Some("/DiagnosticReport?page=2")
        );
        assert_eq!(next(&page("https://evil.example/r4?page=2"), base), None);
        assert_eq!(next(&page("https://fhir.example/r4.evil.example/"), base), None);
        assert_eq!(next(&json!({}), base), None);
    }
}
