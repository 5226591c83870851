//! Reports that other programs wrote, in `tests/files`.

use std::path::Path;

use knowmvg_dicom::sr::{ReadBack, read};

fn groups(name: &str) -> Vec<ReadBack> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name);
    read(&std::fs::read(path).expect("the file is committed")).expect("a readable report")
}

#[test]
fn a_viewer_keeps_boxes_findings_and_words_and_drops_the_rest() {
    let groups = groups("ohif-edited.dcm");
    assert_eq!(groups.len(), 6);
    let corners = |index: usize| groups[index].boxes[0].xyxy().map(f64::round);
    // As our report of the sample had it, and the one whose corner was dragged from 1185 617.
    assert_eq!(corners(0), [290.0, 926.0, 651.0, 1375.0]);
    assert_eq!(corners(2), [1111.0, 568.0, 1493.0, 922.0]);
    for group in &groups {
        assert_eq!(group.boxes.len(), 1, "the region stands below a measurement only, and is found there");
        assert!(group.finding.as_ref().unwrap().meaning.starts_with("Pulmonary"));
        assert!(group.comment.as_ref().unwrap().starts_with("Report phrase"));
        assert!(group.tracking_uid.as_ref().unwrap().starts_with("2.25."));
        assert!(group.confidence.is_none() && group.sites[0].laterality.is_none() && !group.is_verified);
    }
}

#[test]
fn every_graphic_type_of_another_writer_is_read() {
    let groups = groups("highdicom.dcm");
    let boxes: Vec<[f64; 4]> = groups.iter().map(|group| group.boxes[0].xyxy()).collect();
    assert_eq!(boxes, [[10.5, 20.25, 110.0, 220.0], [250.0, 350.0, 350.0, 450.0], [500.0, 550.0, 700.0, 650.0]]);
    for group in &groups {
        assert_eq!(group.finding.as_ref().unwrap().value, "60046008");
        assert_eq!(group.sites[0].place.value, "39607008");
        assert_eq!(group.sites[0].laterality.as_ref().unwrap().value, "7771000");
        assert!(group.is_verified && group.comment.is_none() && group.images.len() == 1);
    }
}
