//! `knowmvg sr FILE`.

use knowmvg_dicom::sr::{ReadBack, ReadSite, read};
use knowmvg_dicom::{Code, MAX_FILE_BYTES};
use serde_json::{Value, json};

use crate::args::SrArgs;
use crate::failure::{Exit, Failure};
use crate::{files, output, sr_table};

/// Prints the boxes of a structured report.
pub fn run(args: &SrArgs) -> Result<(), Failure> {
    let what = "cannot read the report";
    let unreadable = |e| Failure::about(Exit::Input, what, &args.file, e);
    let bytes = files::bytes_at_most(&args.file, MAX_FILE_BYTES);
    let groups = read(&bytes.map_err(unreadable)?).map_err(|e| {
        let fix = "give a DICOM structured report, e.g. what `knowmvg ground --sr` writes";
        Failure::about(Exit::Input, what, &args.file, e).fix(fix)
    })?;
    if args.json {
        output::print_json(&groups.iter().map(group).collect::<Vec<_>>())
    } else {
        output::print(&sr_table::table(&groups))
    }
}

fn group(group: &ReadBack) -> Value {
    json!({
        "tracking_id": group.tracking_id,
        "tracking_uid": group.tracking_uid,
        "finding": group.finding.as_ref().map(code),
        "sites": group.sites.iter().map(site).collect::<Vec<_>>(),
        "boxes": group.boxes,
        "images": group.images,
        "confidence": group.confidence,
        "comment": group.comment,
        "verified": group.is_verified,
    })
}

fn site(site: &ReadSite) -> Value {
    json!({"place": code(&site.place), "laterality": site.laterality.as_ref().map(code)})
}

fn code(code: &Code) -> Value {
    json!({"value": code.value, "scheme": code.scheme, "meaning": code.meaning})
}
