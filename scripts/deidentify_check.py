"""Judges de-identified files and the table that they were made by; called by scripts/dicom-check.sh.

    deidentify_check.py FOLDER TABLE

FOLDER has listed.json, what `knowmvg deidentify --json` printed. Reads with pydicom what the program wrote, and compares the table with that
of dicom-anonymizer and the types in it with those of highdicom.
"""

import importlib.util
import json
import sys
from pathlib import Path

import pydicom
from pydicom.datadict import keyword_for_tag

# What we do with them besides: whole groups, and what PS3.15 leaves to others. See the end of table.txt.
ADDED = {0x00080001, 0x00185020, 0x00185021, 0x0040A160, 0x04000500, 0x4FFE0001}
# Types of these objects stand in the first three columns of `types`.
SCOPES = (
    ("computed-radiography-image", "digital-x-ray-image", "secondary-capture-image"),
    ("basic-text-sr", "enhanced-sr", "comprehensive-sr", "comprehensive-3d-sr"),
    ("grayscale-softcopy-presentation-state",),
)
# Anything that says whom, when or where; as long as it is too long to come up by chance.
IDENTIFYING_VRS = {"PN", "LO", "SH", "ST", "LT", "UT", "DA", "DT", "TM", "UI"}
SHORTEST = 6
# Those stay: what an object is, how it was made, what its codes mean, and what this program writes about itself.
OWN = ("KnowMVG", "weights_sha256=", "knowledge=")
KEPT = {
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "CodeMeaning", "CodeValue", "LongCodeValue", "CodingSchemeDesignator",
    "CodingSchemeUID", "CodingSchemeName", "CodingSchemeVersion", "CodingSchemeResponsibleOrganization", "RescaleType", "TemplateIdentifier",
    "WindowCenterWidthExplanation", "LUTExplanation", "ExposureControlModeDescription", "CassetteSize", "FilterMaterial", "GraphicLayerDescription",
    "CollimatorGridName", "FilterType", "PlateType",
}


def check(condition, what):
    if not condition:
        sys.exit(f"WRONG: {what}")


def table(path):
    rows = {}
    for line in Path(path).read_text().splitlines():
        if not line.startswith("#"):
            tag, code, *columns = line.split()
            rows[int(tag, 16)] = code, dict(column.split(":") for column in columns)
    return rows


def package_file(package, path):
    """a file of an installed package, which is not imported: that would import what it needs"""
    (folder,) = importlib.util.find_spec(package).submodule_search_locations
    return Path(folder) / path


def check_codes(rows):
    spec = importlib.util.spec_from_file_location(
        "fields", package_file("dicomanonymizer", "dicom_anonymization_databases/dicomfields_2026c.py")
    )
    fields = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fields)
    theirs = {}
    for name in [name for name in dir(fields) if name.endswith("_TAGS") and name != "ALL_TAGS"]:
        code = name.removesuffix("_TAGS").replace("U_STAR", "U*").replace("_", "/")
        # Those of four numbers are masks of groups, which we remove as a whole.
        theirs |= {tag[0] << 16 | tag[1]: code for tag in getattr(fields, name) if len(tag) == 2}
    ours = {tag: code for tag, (code, _) in rows.items() if tag not in ADDED}
    different = [f"{tag:08X}" for tag in ours.keys() | theirs.keys() if ours.get(tag) != theirs.get(tag)]
    check(not different and len(ours) > 600, f"codes of {different}")
    print(f"dicom-anonymizer 2.1.0: the same code for each of {len(ours)} attributes; {len(ADDED)} more are ours alone")


def check_types(rows):
    standard = lambda name: json.loads(package_file("highdicom", f"_standard/{name}.json").read_text())
    modules, objects = standard("module_attribute_map"), standard("iod_module_map")

    def strictest(attributes):
        return min((attribute["type"][0] for attribute in attributes), default="3")

    def of_objects(names, keyword):
        attributes = (a for name in names for module in objects[name] for a in modules.get(module["key"], []))
        return strictest(a for a in attributes if a["keyword"] == keyword and not a["path"])

    count = 0
    for tag, (code, columns) in rows.items():
        if "/" in code:
            keyword = keyword_for_tag(tag)
            nested = strictest(a for module in modules.values() for a in module if a["keyword"] == keyword and a["path"])
            types = "".join(of_objects(names, keyword) for names in (*SCOPES, objects)) + nested
            check(columns["types"] == types, f"types of {tag:08X}: {columns['types']}, not {types}")
            count += 1
    print(f"highdicom: the same types for {count} attributes whose code depends on them")


def values(dataset):
    """(keyword, text) of what may identify, at every depth"""
    for element in dataset.iterall():
        if element.VR in IDENTIFYING_VRS and (element.tag.is_private or element.keyword not in KEPT):
            texts = element.value if isinstance(element.value, pydicom.multival.MultiValue) else [element.value]
            yield from ((element.keyword or str(element.tag), str(text).strip()) for text in texts if text)


def check_file(original, path):
    before, after = pydicom.dcmread(original), pydicom.dcmread(path)
    name = Path(original).name
    meanings = {str(element.value) for element in before.iterall() if element.keyword == "CodeMeaning"}
    is_harmless = lambda text: text.startswith(("1.2.840.10008.", *OWN)) or text in meanings
    secrets = {text for _, text in values(before) if len(text) >= SHORTEST and not is_harmless(text)}
    check(secrets, f"{name} has nothing to be removed")
    left = [(keyword, text) for keyword, text in values(after) if text in secrets]
    check(not left, f"{name}: {sorted({keyword for keyword, _ in left})} are as they were")
    # The hash of our weights is a serial number in one place, and goes there, and a parameter in another, and stays.
    kept = " ".join(str(e.value) for e in after.iterall() if e.keyword in KEPT or str(e.value).startswith(OWN))
    bytes_left = [s for s in secrets if len(s) >= 10 and s not in kept and s.encode() in Path(path).read_bytes()]
    check(not bytes_left, f"{name}: {len(bytes_left)} values are somewhere in the file")
    check(not any(element.tag.is_private for element in after.iterall()), f"{name}: private elements")
    check(before.get("PixelData") == after.get("PixelData"), f"{name}: other pixels")
    check(after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID == Path(path).stem, f"{name}: UIDs")
    check(after.PatientIdentityRemoved == "YES" and after.DeidentificationMethodCodeSequence[0].CodeValue == "113100", f"{name}: method")
    return before, after


def main():
    folder, rows = Path(sys.argv[1]), table(sys.argv[2])
    check_codes(rows)
    check_types(rows)
    files = json.loads((folder / "listed.json").read_text())["files"]
    pairs = [check_file(entry["file"], entry["out"]) for entry in files]
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName"):
        check(len({after.get(keyword) for _, after in pairs}) == 1, f"{keyword} is not the same in all of a study")
    check(len(pairs) == 5, f"{len(pairs)} files")
    image = next(after for _, after in pairs if "ReferencedSOPSequence" not in after and after.Modality not in ("SR", "PR", "OT"))
    reports = [after for _, after in pairs if after.Modality == "SR"]
    for report in reports:
        evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        check(evidence.ReferencedSOPInstanceUID == image.SOPInstanceUID, "a report is of another image")
    print(f"pydicom {pydicom.__version__}: {len(pairs)} files name nobody, are of one study, and {len(reports)} reports refer to the image")


main()
