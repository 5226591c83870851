//! The web page and the sample, which are inside the program.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A file of the page.
pub(crate) struct Asset {
    pub path: &'static str,
    pub media_type: &'static str,
    pub bytes: &'static [u8],
}

macro_rules! web {
    ($path:literal, $file:literal, $media_type:literal) => {
        Asset { path: $path, media_type: $media_type, bytes: include_bytes!(concat!("../web/", $file)) }
    };
}

/// Everything that a browser loads.
pub(crate) static ASSETS: &[Asset] = &[
    web!("/", "index.html", "text/html; charset=utf-8"),
    web!("/web/style.css", "style.css", "text/css; charset=utf-8"),
    web!("/web/main.js", "main.js", "text/javascript; charset=utf-8"),
    web!("/web/api.js", "api.js", "text/javascript; charset=utf-8"),
    web!("/web/report.js", "report.js", "text/javascript; charset=utf-8"),
    web!("/web/viewer.js", "viewer.js", "text/javascript; charset=utf-8"),
    web!("/web/findings.js", "findings.js", "text/javascript; charset=utf-8"),
    web!("/web/icon.svg", "icon.svg", "image/svg+xml"),
    Asset {
        path: "/sample/rg1.dcm",
        media_type: "application/dicom",
        bytes: include_bytes!("../../../samples/rg1.dcm"),
    },
    Asset {
        path: "/sample/rg1-report.txt",
        media_type: "text/plain; charset=utf-8",
        bytes: include_bytes!("../../../samples/rg1-report.txt"),
    },
    Asset {
        path: "/openapi.json",
        media_type: "application/vnd.oai.openapi+json;version=3.1",
        bytes: include_bytes!("openapi.json"),
    },
    Asset {
        path: "/grounding.schema.json",
        media_type: "application/schema+json",
        bytes: include_bytes!("../../../schemas/grounding.schema.json"),
    },
];

impl Asset {
    pub fn response(&self) -> Response {
        // A new version of the program is a new page.
        let headers = [(header::CONTENT_TYPE, self.media_type), (header::CACHE_CONTROL, "no-cache")];
        (headers, self.bytes).into_response()
    }
}
