//! The DICOM and FHIR files of `knowmvg ground`.

use std::path::Path;

use knowmvg::grounding::Grounding;
use knowmvg::image::GreyImage;
use knowmvg_dicom::deidentify::Deidentified;
use knowmvg_dicom::{ContentTime, Source, WriteError, gsps, is_dicom, secondary_capture, sr};

use crate::args::GroundArgs;
use crate::failure::{Exit, Failure};
use crate::ground::view;
use crate::{files, output};

/// What DICOM files are written from.
pub struct DicomOut {
    source: Source,
    time: ContentTime,
}

impl DicomOut {
    /// Of an image, or of what is left of it without its patient, if such a file was asked for.
    pub fn wanted(
        args: &GroundArgs,
        bytes: &[u8],
        deidentified: Option<&Deidentified>,
        path: &Path,
    ) -> Result<Option<Self>, Failure> {
        if [&args.sr, &args.gsps, &args.sc, &args.fhir].iter().all(|file| file.is_none()) {
            return Ok(None);
        }
        let what = "cannot write DICOM or FHIR files about the image";
        if !is_dicom(bytes) {
            let problem = "expected a DICOM image, whose patient and study they repeat, found a picture";
            let fix = "give the DICOM file, or leave out --sr, --gsps, --sc and --fhir";
            return Err(Failure::about(Exit::Input, what, path, problem).fix(fix));
        }
        let bytes = deidentified.map_or(bytes, |deidentified| &deidentified.bytes);
        let source = Source::read(bytes).map_err(|e| Failure::about(Exit::Input, what, path, e))?;
        let time = args.content_time.unwrap_or_else(ContentTime::now);
        Ok(Some(Self { source, time: deidentified.map_or(time, |deidentified| deidentified.content_time(time)) }))
    }

    /// Writes the files that were asked for.
    pub fn write(&self, args: &GroundArgs, image: &GreyImage, grounding: &Grounding) -> Result<(), Failure> {
        let Self { source, time } = self;
        if let Some(path) = &args.sr {
            let options = sr::Options { class: args.sr_class.into(), time: *time };
            save(path, sr::write(source, grounding, &options))?;
        }
        if let Some(path) = &args.gsps {
            save(path, gsps::write(source, grounding, *time))?;
        }
        if let Some(path) = &args.sc {
            let view = view(image).map_err(|e| Failure::new(Exit::Work, "cannot draw the boxes").because(e))?;
            save(path, secondary_capture::write(source, &view, grounding, *time))?;
        }
        if let Some(path) = &args.fhir {
            let bundle =
                knowmvg_fhir::bundle(grounding, source.identifiers(), &time.to_rfc3339(), args.fhir_version.into());
            let bundle = bundle.map_err(|e| Failure::about(Exit::Work, "cannot write the bundle", path, e))?;
            files::write(path, (output::pretty(&bundle)? + "\n").as_bytes())?;
        }
        Ok(())
    }
}

fn save(path: &Path, written: Result<Vec<u8>, WriteError>) -> Result<(), Failure> {
    let bytes = written.map_err(|e| Failure::about(Exit::Work, "cannot write the DICOM file", path, e))?;
    files::write(path, &bytes)
}
