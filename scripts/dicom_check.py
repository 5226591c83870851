"""Compares DICOM objects with the JSON that they were made with; called by scripts/dicom-check.sh.

    dicom_check.py KNOWMVG FOLDER

Reads with highdicom and pydicom what the program wrote, and lets the program read what highdicom wrote.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sr.codedict import codes

ROOT = Path(__file__).resolve().parent.parent
# The files have 32-bit coordinates.
PIXELS = 1e-3
REPEATED = "PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID"


def expected_boxes(grounding):
    """(label, phrase, box) of every box, labelled as in the overlay"""
    for number, finding in enumerate(grounding["findings"], 1):
        boxes = finding["boxes"]
        for letter, box in zip("abcdefghijklmnopqrstuvwxyz", boxes):
            yield f"{number}{letter if len(boxes) > 1 else ''}", finding, box


def bounds(points):
    points = np.asarray(points, float).reshape(-1, 2)
    return [*points.min(0), *points.max(0)]


def check(condition, what):
    if not condition:
        sys.exit(f"WRONG: {what}")


def check_common(dataset, source, name):
    for keyword in REPEATED.split():
        check(dataset.get(keyword) == source.get(keyword), f"{name}: {keyword} is not that of the image")
    check(dataset.SeriesInstanceUID != source.SeriesInstanceUID, f"{name} is in the series of the image")
    check("not for diagnosis" in dataset.SeriesDescription, f"{name} does not say what it is not for")
    check(dataset.SpecificCharacterSet == "ISO_IR 192", f"{name} is not in UTF-8")


def check_report(path, grounding, source):
    """every planar group, as highdicom reads it"""
    report = hd.sr.srread(path)
    check_common(report, source, path.name)
    flags = (report.CompletionFlag, report.PreliminaryFlag, report.VerificationFlag)
    check(flags == ("COMPLETE", "PRELIMINARY", "UNVERIFIED"), f"{path.name}: flags are {flags}")
    groups = report.content.get_planar_roi_measurement_groups()
    expected = list(expected_boxes(grounding))
    check(len(groups) == len(expected) > 0, f"{path.name}: {len(groups)} groups for {len(expected)} boxes")
    sides = {"left": codes.SCT.Left, "right": codes.SCT.Right}
    for group, (label, finding, box) in zip(groups, expected):
        check(group.tracking_identifier == f"KnowMVG {label}", f"{group.tracking_identifier} is not {label}")
        region = group.roi
        points = region.value
        check(region.graphic_type == hd.sr.GraphicTypeValues.POLYLINE and len(points) == 5, f"{label} is no closed rectangle")
        check(np.array_equal(points[0], points[4]), f"{label} is not closed")
        off = np.abs(np.subtract(bounds(points), box["box"])).max()
        check(off < PIXELS, f"{label} is off by {off} pixels")
        images = [image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for image in region.ContentSequence]
        check(images == [source.SOPInstanceUID], f"{label} is on another image")
        measured = {m.name.value: (m.value, m.unit) for m in group.get_measurements()}
        confidence, unit = measured["box_confidence"]
        check(unit == codes.UCUM.Percent and abs(confidence / 100 - box["confidence"]) < 1e-4, f"{label}: confidence {confidence}")
        certainty, _ = measured["111012"]
        check(abs(certainty / 100 - finding["presence"]) < 1e-4, f"{label}: certainty {certainty}")
        site = group.finding_sites[0]
        if finding["side"] in sides:
            check(site.laterality == sides[finding["side"]], f"{label}: {site.laterality}")
        evaluated = {e.name.value: e.value.value for e in group.get_qualitative_evaluations()}
        check(evaluated["assertion"] == finding["assertion"], f"{label}: {evaluated}")
        comment = [i for i in group[0].ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "121106"]
        check(finding["phrase"]["text"] in comment[0].TextValue, f"{label}: the comment has not the phrase")
    uids = {group.tracking_uid for group in groups}
    check(len(uids) == len(groups), "tracking UIDs are not unique")
    print(f"highdicom {hd.__version__}: {path.name}: {len(groups)} planar groups, boxes, confidences, sides and words agree")


def check_presentation_state(path, grounding, source):
    state = pydicom.dcmread(path)
    check_common(state, source, path.name)
    annotation = state.GraphicAnnotationSequence[0]
    expected = [box["box"] for _, _, box in expected_boxes(grounding)]
    found = [bounds(graphic.GraphicData) for graphic in annotation.GraphicObjectSequence]
    check(np.abs(np.subtract(found, expected)).max() < PIXELS, "boxes of the presentation state")
    check({g.GraphicAnnotationUnits for g in annotation.GraphicObjectSequence} == {"PIXEL"}, "units")
    texts = [text.UnformattedTextValue for text in annotation.TextObjectSequence]
    check(texts[-1] == "AI, NOT FOR DIAGNOSIS" and len(texts) == len(expected) + 1, f"{len(texts)} texts")
    window = state.SoftcopyVOILUTSequence[0]
    check((window.WindowCenter, window.WindowWidth) == (source.WindowCenter, source.WindowWidth), "the window")
    check(state.PresentationLUTShape == "INVERSE", "MONOCHROME1 is not inverted")
    area = state.DisplayedAreaSelectionSequence[0]
    check(area.DisplayedAreaBottomRightHandCorner == [source.Columns, source.Rows], "the displayed area")
    print(f"pydicom {pydicom.__version__}: {path.name}: {len(found)} boxes and {len(texts)} texts agree, and the display is the image's")


def check_capture(path, source):
    capture = pydicom.dcmread(path)
    check_common(capture, source, path.name)
    check(capture.BurnedInAnnotation == "YES" and capture.LossyImageCompression == "01", "burned in, lossy")
    pixels = capture.pixel_array
    check(pixels.shape == (capture.Rows, capture.Columns, 3) and pixels.std() > 20, f"pixels {pixels.shape}")
    print(f"pydicom {pydicom.__version__}: {path.name}: {capture.Columns} x {capture.Rows} RGB")


def read_by_us(knowmvg, path):
    return json.loads(subprocess.run([knowmvg, "sr", "--json", path], check=True, capture_output=True).stdout)


def check_own_reading(knowmvg, path, grounding):
    groups = read_by_us(knowmvg, path)
    expected = list(expected_boxes(grounding))
    check(len(groups) == len(expected), f"{len(groups)} groups read back")
    for group, (label, finding, box) in zip(groups, expected):
        check(len(group["boxes"]) == 1 and not group["verified"], f"{label} read back")
        check(np.abs(np.subtract(group["boxes"][0], box["box"])).max() < PIXELS, f"{label} read back")
        check(abs(group["confidence"] - box["confidence"]) < 1e-4, f"{label} read back")
    print(f"knowmvg sr: {path.name}: {len(groups)} boxes read back")


def foreign_report(path, source):
    """a verified report by highdicom, with a rectangle, a circle and an ellipse"""
    shapes = hd.sr.GraphicTypeValues
    regions = [
        (shapes.POLYLINE, [[10.5, 20.25], [110, 20.25], [110, 220], [10.5, 220], [10.5, 20.25]], [10.5, 20.25, 110, 220]),
        (shapes.CIRCLE, [[300, 400], [330, 440]], [250, 350, 350, 450]),
        (shapes.ELLIPSE, [[500, 600], [700, 600], [600, 550], [600, 650]], [500, 550, 700, 650]),
    ]
    device = hd.sr.DeviceObserverIdentifyingAttributes(uid=hd.UID(), name="another program")
    observer = hd.sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    groups = [
        hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=f"region {number}"),
            referenced_region=hd.sr.ImageRegion(
                graphic_type=shape,
                graphic_data=np.array(points, float),
                source_image=hd.sr.SourceImageForRegion(source.SOPClassUID, source.SOPInstanceUID),
            ),
            finding_type=codes.SCT.PleuralEffusion,
            finding_sites=[hd.sr.FindingSite(anatomic_location=codes.SCT.Lung, laterality=codes.SCT.Left)],
        )
        for number, (shape, points, _) in enumerate(regions)
    ]
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.SCT.PlainChestXRay if hasattr(codes.SCT, "PlainChestXRay") else hd.sr.CodedConcept(
            "399208008", "SCT", "Plain chest X-ray"),
        imaging_measurements=groups,
    )
    hd.sr.Comprehensive3DSR(
        evidence=[source], content=report[0], series_number=1, series_instance_uid=hd.UID(), sop_instance_uid=hd.UID(),
        instance_number=1, manufacturer="another", is_complete=True, is_verified=True, is_final=True,
        verifying_observer_name="Doctor^Made Up", verifying_organization="none",
    ).save_as(path)
    return [box for _, _, box in regions]


def check_foreign(knowmvg, path, source):
    expected = foreign_report(path, source)
    groups = read_by_us(knowmvg, path)
    check([group["boxes"] for group in groups] == [[box] for box in expected], "boxes of highdicom's report")
    for number, group in enumerate(groups):
        check(group["tracking_id"] == f"region {number}" and group["verified"], "names and flag of highdicom's report")
        check(group["finding"]["value"] == "60046008" and group["sites"][0]["place"]["value"] == "39607008", "codes")
        check(group["sites"][0]["laterality"]["value"] == "7771000" and group["images"] == [source.SOPInstanceUID], "side")
    print(f"knowmvg sr: {path.name}: {len(groups)} regions that highdicom wrote are read")


def phantom(path, source, photometric):
    """an uncompressed ramp with a rescaling and a window"""
    dataset = pydicom.dcmread(ROOT / "samples/rg1.dcm", stop_before_pixels=True)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = hd.UID()
    dataset.PhotometricInterpretation = photometric
    dataset.Rows, dataset.Columns, dataset.PixelSpacing = 200, 300, [0.2, 0.1]
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -100, 2, "US"
    dataset.WindowCenter, dataset.WindowWidth = 4000, 5000
    dataset.PixelData = np.linspace(0, 4095, 200 * 300).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)
    return pydicom.dcmread(path)


def check_display(knowmvg, folder, source):
    """an image looks the same with the presentation state as without, in DCMTK's rendering"""
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        image, state, bitmap = (folder / f"phantom{suffix}" for suffix in (".dcm", "-gsps.dcm", ".pgm"))
        dataset = phantom(image, source, photometric)
        ground = [knowmvg, "ground", image, "--phrase", "mass", "--model", ROOT / "models", "--gsps", state]
        subprocess.run(ground, check=True, capture_output=True)
        subprocess.run(["dcmp2pgm", "--pstate", state, image, bitmap], check=True, capture_output=True)
        shown = np.asarray(Image.open(bitmap)).astype(float)
        values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        expected = (values - values.min()) / np.ptp(values) * 255
        expected = 255 - expected if photometric == "MONOCHROME1" else expected
        # The aspect of the pixels makes the bitmap no larger: that is left to the viewer.
        off = np.abs(shown - expected).max()
        check(shown.std() > 50 and off < 2, f"{photometric}: off by {off} grey levels")
        print(f"dcmp2pgm: {photometric} with its presentation state differs by {off:.1f} of 255 grey levels from pydicom's display")


def main():
    knowmvg, folder = sys.argv[1], Path(sys.argv[2])
    grounding = json.loads((folder / "grounding.json").read_text())
    source = pydicom.dcmread(ROOT / "samples/rg1.dcm")
    for name in ("sr.dcm", "sr-comprehensive.dcm"):
        check_report(folder / name, grounding, source)
        check_own_reading(knowmvg, folder / name, grounding)
    check_presentation_state(folder / "gsps.dcm", grounding, source)
    check_capture(folder / "sc.dcm", source)
    check_foreign(knowmvg, folder / "foreign.dcm", source)
    if shutil.which("dcmp2pgm"):
        check_display(knowmvg, folder, source)
    else:
        print("SKIPPED: dcmp2pgm, which shows an image with its presentation state (dcmtk is not installed)")


main()
