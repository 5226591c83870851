//! [`Rewriter`]: a data set → the same without whom it is of.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::action::{Action, action, basic_action};
use super::key::Key;
use super::profile::{Profile, ProfileOption};
use super::subject::Subject;
use super::table::Scope;
use super::{content, dates, dictionary, dummy, patient, uids, words};
use crate::dataset::Element;
use crate::tree::Item;

/// What every element is treated by.
pub(super) struct Rewriter<'a> {
    pub key: &'a Key,
    pub profile: &'a Profile,
    pub subject: &'a Subject,
}

impl Rewriter<'_> {
    /// The elements of an object itself.
    pub fn object(&self, object: &Item, class: &str) -> Item {
        let mut rewritten = self.elements(object, Scope::of_class(class));
        if content::is_report(object) {
            content::heading(object, &mut rewritten);
        }
        rewritten
    }

    /// An item of a sequence; its depth is bounded by that of the sequences of a file.
    pub fn item(&self, item: &Item) -> Item {
        self.elements(item, Scope::Sequence)
    }

    fn elements(&self, item: &Item, scope: Scope) -> Item {
        let mut rewritten = Item::default();
        for (tag, element) in item.values() {
            // A sequence that is written as something else hides its items from the table.
            let Some(vr) = dictionary::vr(tag).filter(|vr| *vr != VR::SQ) else { continue };
            let by = action(tag, vr, scope, self.profile);
            if let Some((vr, bytes)) = self.value(tag, element, vr, by, scope) {
                rewritten.insert(tag, vr, bytes);
            }
        }
        for (tag, items) in item.sequences().filter(|(tag, _)| dictionary::vr(*tag) == Some(VR::SQ)) {
            let by = action(tag, VR::SQ, scope, self.profile);
            if let Some(items) = self.sequence(tag, items, by, scope) {
                rewritten.insert_items(tag, items);
            }
        }
        rewritten
    }

    fn value(&self, tag: Tag, element: &Element, vr: VR, by: Action, scope: Scope) -> Option<(VR, Vec<u8>)> {
        let bytes = &element.bytes;
        match by {
            Action::Remove => None,
            Action::Empty => Some((vr, Vec::new())),
            Action::Dummy if vr != VR::UI => Some((vr, dummy::value(vr))),
            Action::Dummy | Action::Uid => Some((vr, uids::replaced(bytes, self.key))),
            Action::Pseudonym => Some((vr, dummy::padded(&self.subject.pseudonym, vr))),
            Action::Keep if !dictionary::is_possible(tag, element.vr) => None,
            Action::Keep => match patient::kept(tag, bytes) {
                Some(bytes) => Some((element.vr, bytes)),
                None => self.value(tag, element, vr, basic_action(tag, scope), scope),
            },
            Action::Clean(option) => match self.cleaned(bytes, vr, option) {
                Some(bytes) => Some((vr, bytes)),
                None => self.value(tag, element, vr, basic_action(tag, scope), scope),
            },
        }
    }

    fn cleaned(&self, bytes: &[u8], vr: VR, option: ProfileOption) -> Option<Vec<u8>> {
        match option {
            ProfileOption::RetainModifiedDates => dates::shifted(bytes, vr, self.subject.days),
            ProfileOption::CleanDescriptors | ProfileOption::RetainPatientCharacteristics => words::cleaned(bytes, vr),
            // Titles of applications, which name sites; content items are no values.
            _ => None,
        }
    }

    fn sequence(&self, tag: Tag, items: &[Item], by: Action, scope: Scope) -> Option<Vec<Item>> {
        match by {
            Action::Keep => Some(items.iter().map(|item| self.item(item)).collect()),
            Action::Clean(ProfileOption::CleanStructuredContent) if holds_content(tag) => {
                Some(content::cleaned(items, self))
            }
            Action::Clean(_) => self.sequence(tag, items, basic_action(tag, scope), scope),
            Action::Empty => Some(Vec::new()),
            Action::Dummy => Some(dummy::items(tag, items, self.key)),
            Action::Remove | Action::Uid | Action::Pseudonym => None,
        }
    }
}

/// Sequences whose items are content items (PS3.3 §10.2).
fn holds_content(tag: Tag) -> bool {
    matches!(tag, tags::CONTENT_SEQUENCE | tags::ACQUISITION_CONTEXT_SEQUENCE)
}
