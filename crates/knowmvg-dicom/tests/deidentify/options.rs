//! What each option keeps, and what is refused.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use knowmvg_dicom::deidentify::{BurnedIn, Deidentifier, DeidentifyError, Profile, ProfileOption};

use crate::bytes::{EXPLICIT, Elements, Value, file, put, radiograph, read};
use crate::{has, key, with};

fn image(patient: &str, uid: &str, date: &str) -> Elements {
    let mut elements = radiograph();
    put(&mut elements, tags::PATIENT_NAME, "Name^CANARY");
    put(&mut elements, tags::PATIENT_ID, patient);
    put(&mut elements, tags::SOP_INSTANCE_UID, uid);
    put(&mut elements, tags::STUDY_DATE, date);
    put(&mut elements, tags::STUDY_TIME, "101112");
    put(&mut elements, tags::PATIENT_AGE, "094Y");
    put(&mut elements, tags::PATIENT_SEX, "F");
    put(&mut elements, tags::STATION_NAME, "ROOM 7");
    put(&mut elements, tags::SERIES_DESCRIPTION, "Chest PA, Dr. CANARY");
    put(&mut elements, tags::DEVICE_SERIAL_NUMBER, "4711");
    elements
}

fn bytes(elements: &Elements) -> Vec<u8> {
    file(&[0; 128], &[], EXPLICIT, elements)
}

fn written(elements: &Elements, options: &[ProfileOption]) -> InMemDicomObject {
    read(&with(options).file(&bytes(elements)).unwrap().bytes)
}

fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    object.element_opt(tag).unwrap().map(|element| element.to_str().unwrap().trim_end_matches([' ', '\0']).to_owned())
}

#[test]
fn the_profile_alone_keeps_nothing_of_patient_date_or_device() {
    let object = written(&image("7", "1.2.3.4", "20240301"), &[]);
    assert_eq!(text(&object, tags::STUDY_DATE).as_deref(), Some(""));
    assert_eq!(text(&object, tags::PATIENT_SEX).as_deref(), Some(""));
    for tag in [tags::PATIENT_AGE, tags::STATION_NAME, tags::SERIES_DESCRIPTION, tags::DEVICE_SERIAL_NUMBER] {
        assert_eq!(text(&object, tag), None, "{tag}");
    }
    assert_eq!(text(&object, tags::PATIENT_IDENTITY_REMOVED).as_deref(), Some("YES"));
    assert_eq!(text(&object, tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED).as_deref(), Some("REMOVED"));
    let codes = object.element(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE).unwrap().items().unwrap();
    assert_eq!(codes.iter().map(|item| text(item, tags::CODE_VALUE).unwrap()).collect::<Vec<_>>(), ["113100"]);
}

#[test]
fn every_option_keeps_what_it_names() {
    use ProfileOption::{CleanDescriptors, RetainDeviceIdentity, RetainPatientCharacteristics, RetainUids};
    let image = image("7", "1.2.3.4", "20240301");
    let keeps = |option: ProfileOption, tag: Tag| text(&written(&image, &[option]), tag);
    assert_eq!(keeps(RetainPatientCharacteristics, tags::PATIENT_AGE).as_deref(), Some("090Y"));
    assert_eq!(keeps(RetainPatientCharacteristics, tags::PATIENT_SEX).as_deref(), Some("F"));
    assert_eq!(keeps(RetainDeviceIdentity, tags::STATION_NAME).as_deref(), Some("ROOM 7"));
    assert_eq!(keeps(RetainDeviceIdentity, tags::DEVICE_SERIAL_NUMBER).as_deref(), Some("4711"));
    assert_eq!(keeps(RetainUids, tags::SOP_INSTANCE_UID).as_deref(), Some("1.2.3.4"));
    assert_eq!(keeps(CleanDescriptors, tags::SERIES_DESCRIPTION).as_deref(), Some("Chest PA"));
    assert_eq!(keeps(RetainDeviceIdentity, tags::PATIENT_AGE), None);
}

#[test]
fn dates_of_a_patient_move_together_and_those_of_another_elsewhere() {
    let dates = [ProfileOption::RetainModifiedDates];
    let day = |patient: &str, date: &str| {
        let object = written(&image(patient, "1.2.3.4", date), &dates);
        assert_eq!(text(&object, tags::STUDY_TIME).as_deref(), Some("101112"));
        let date = text(&object, tags::STUDY_DATE).unwrap();
        chrono::NaiveDate::parse_from_str(&date, "%Y%m%d").unwrap()
    };
    assert_eq!(day("7", "20240301") - day("7", "20240228"), chrono::TimeDelta::days(2));
    assert_ne!(day("7", "20240301"), day("8", "20240301"));
    assert!(day("7", "20240301") < chrono::NaiveDate::from_ymd_opt(2024, 3, 1).unwrap());
}

#[test]
fn a_patient_is_one_pseudonym_under_one_key_and_another_under_another() {
    let pseudonym = |pair: &str, patient: &str, uid: &str| {
        let deidentifier = Deidentifier::new(key(pair), Profile::default());
        let object = read(&deidentifier.file(&bytes(&image(patient, uid, "20240301"))).unwrap().bytes);
        let [id, name] = [tags::PATIENT_ID, tags::PATIENT_NAME].map(|tag| text(&object, tag).unwrap());
        assert_eq!(id, name);
        (id, text(&object, tags::STUDY_INSTANCE_UID).unwrap())
    };
    assert_eq!(pseudonym("ab", "7", "1.2.3.4"), pseudonym("ab", "7", "1.2.3.5"));
    assert_ne!(pseudonym("ab", "7", "1.2.3.4").0, pseudonym("ab", "8", "1.2.3.4").0);
    let [one, other] = ["ab", "cd"].map(|pair| pseudonym(pair, "7", "1.2.3.4"));
    assert!(one.0 != other.0 && one.1 != other.1);
}

#[test]
fn the_file_names_its_new_instance_where_others_look_for_it() {
    let image = bytes(&image("7", "1.2.3.4", "20240301"));
    let deidentifier = with(&[]);
    let done = deidentifier.file(&image).unwrap();
    assert_eq!(done.sop_instance_uid, deidentifier.uid("1.2.3.4"));
    let whole = dicom_object::from_reader(&done.bytes[128..]).unwrap();
    assert_eq!(whole.meta().media_storage_sop_instance_uid().trim_end_matches('\0'), done.sop_instance_uid);
    assert_eq!(text(&whole, tags::SOP_INSTANCE_UID).unwrap(), done.sop_instance_uid);
    assert!(whole.meta().source_application_entity_title.is_none());
    assert_eq!(format!("{done:?}"), format!("Deidentified {{ bytes: {}, .. }}", done.bytes.len()));
}

#[test]
fn text_in_pixels_is_refused_unless_somebody_looked() {
    let mut elements = image("7", "1.2.3.4", "20240301");
    put(&mut elements, tags::BURNED_IN_ANNOTATION, "YES");
    let image = bytes(&elements);
    let refusing = Deidentifier::new(key("5e"), Profile::default());
    assert_eq!(refusing.file(&image).unwrap_err(), DeidentifyError::BurnedIn);
    let allowing = Deidentifier::new(key("5e"), Profile::new([], BurnedIn::Allow));
    assert_eq!(allowing.file(&image).unwrap().warnings.len(), 1);
    elements.remove(&tags::BURNED_IN_ANNOTATION);
    assert_eq!(refusing.file(&bytes(&elements)).unwrap().warnings.len(), 1);
    put(&mut elements, tags::BURNED_IN_ANNOTATION, "NO");
    assert!(refusing.file(&bytes(&elements)).unwrap().warnings.is_empty());
}

#[test]
fn objects_that_no_table_knows_are_refused() {
    let of_class = |class: &str| {
        let mut elements = image("7", "1.2.3.4", "20240301");
        put(&mut elements, tags::SOP_CLASS_UID, class);
        with(&[]).file(&bytes(&elements)).unwrap_err().to_string()
    };
    assert!(of_class("1.3.46.670589.2.3.1").contains("manufacturer"));
    assert!(of_class("1.2.840.10008.1.3.10").contains("directory"));
    assert_eq!(of_class(""), "expected SOP Class UID (0008,0016), found none");
    assert!(!of_class("CANARY").contains("CANARY"));
}

#[test]
fn what_was_done_before_is_still_said_and_in_nobodys_words() {
    let mut elements = image("7", "1.2.3.4", "20240301");
    put(&mut elements, tags::DEIDENTIFICATION_METHOD, "by CANARY");
    elements.insert(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, (VR::CS, Value::Bytes(b"CANARY".to_vec())));
    let written = with(&ProfileOption::ALL).file(&bytes(&elements)).unwrap().bytes;
    assert!(!has(&written, b"CANARY"));
    let object = read(&written);
    let codes = object.element(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE).unwrap().items().unwrap();
    let codes: Vec<String> = codes.iter().map(|item| text(item, tags::CODE_VALUE).unwrap()).collect();
    assert_eq!(codes, ["113100", "113104", "113105", "113107", "113108", "113109", "113110"]);
}
