//! [`Identity`]: the UIDs of a derived object.

use knowmvg::grounding::Grounding;

use super::error::WriteError;
use super::source::Source;
use super::uid;

/// UIDs that follow from the image, the model, the program, and what was found.
///
/// The time of writing is not among them: to ground the same image again gives the same instance, which an archive that has it
/// ignores.
pub(super) struct Identity {
    parts: [String; 5],
}

impl Identity {
    /// Of an object of some kind, e.g. its SOP class.
    ///
    /// # Errors
    /// When the findings cannot be written as JSON.
    pub fn new(kind: &str, source: &Source, grounding: &Grounding) -> Result<Self, WriteError> {
        let findings = serde_json::to_string(&grounding.findings).map_err(|_| WriteError::Unwritable)?;
        let model = &grounding.model;
        let program = format!("{} {} {}", model.name, model.version, model.knowledge);
        Ok(Self {
            parts: [
                kind.to_owned(),
                source.identifiers.sop_instance_uid.clone(),
                model.sha256.clone(),
                program,
                findings,
            ],
        })
    }

    /// SOP Instance UID.
    pub fn instance(&self) -> String {
        self.of("instance")
    }

    /// Series Instance UID: every object has a series of its own.
    pub fn series(&self) -> String {
        self.of("series")
    }

    /// Tracking Unique Identifier of a box.
    pub fn tracking(&self, label: &str) -> String {
        self.of(&format!("tracking {label}"))
    }

    fn of(&self, what: &str) -> String {
        let parts: Vec<&str> = std::iter::once(what).chain(self.parts.iter().map(String::as_str)).collect();
        uid::of(&parts)
    }
}

/// Device Observer UID: one for each set of weights.
pub(super) fn device(grounding: &Grounding) -> String {
    uid::of(&["device", &grounding.model.sha256])
}
