//! The web page and the sample, which are inside the program.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A file of the page.
pub(crate) struct Asset {
    pub path: &'static str,
    pub media_type: &'static str,
    pub bytes: &'static [u8],
}

macro_rules! asset {
    ($path:literal, $file:literal, $media_type:literal) => {
        Asset { path: $path, media_type: $media_type, bytes: include_bytes!($file) }
    };
}

/// Everything that a browser loads.
pub(crate) static ASSETS: &[Asset] = &[
    asset!("/", "../web/index.html", "text/html; charset=utf-8"),
    asset!("/docs", "../web/docs.html", "text/html; charset=utf-8"),
    asset!("/web/style.css", "../web/style.css", "text/css; charset=utf-8"),
    asset!("/web/main.js", "../web/main.js", "text/javascript; charset=utf-8"),
    asset!("/web/api.js", "../web/api.js", "text/javascript; charset=utf-8"),
    asset!("/web/report.js", "../web/report.js", "text/javascript; charset=utf-8"),
    asset!("/web/viewer.js", "../web/viewer.js", "text/javascript; charset=utf-8"),
    asset!("/web/findings.js", "../web/findings.js", "text/javascript; charset=utf-8"),
    asset!("/web/review.js", "../web/review.js", "text/javascript; charset=utf-8"),
    asset!("/web/exports.js", "../web/exports.js", "text/javascript; charset=utf-8"),
    asset!("/web/layers.js", "../web/layers.js", "text/javascript; charset=utf-8"),
    asset!("/web/editor.js", "../web/editor.js", "text/javascript; charset=utf-8"),
    asset!("/web/docs.js", "../web/docs.js", "text/javascript; charset=utf-8"),
    asset!("/web/docs.css", "../web/docs.css", "text/css; charset=utf-8"),
    asset!("/web/icon.svg", "../web/icon.svg", "image/svg+xml"),
    asset!("/sample/rg1.dcm", "../../../samples/rg1.dcm", "application/dicom"),
    asset!("/sample/rg1-report.txt", "../../../samples/rg1-report.txt", "text/plain; charset=utf-8"),
    asset!("/openapi.json", "openapi.json", "application/vnd.oai.openapi+json;version=3.1"),
    asset!("/grounding.schema.json", "../../../schemas/grounding.schema.json", "application/schema+json"),
    asset!("/review.schema.json", "../../../schemas/review.schema.json", "application/schema+json"),
];

impl Asset {
    pub fn response(&self) -> Response {
        // A new version of the program is a new page.
        let headers = [(header::CONTENT_TYPE, self.media_type), (header::CACHE_CONTROL, "no-cache")];
        (headers, self.bytes).into_response()
    }
}
