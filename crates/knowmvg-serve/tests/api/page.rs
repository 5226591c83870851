//! The page is whole, and asks nobody else for anything.

use crate::client::{Client, patient, run, sample_image, sample_report};

#[test]
fn everything_that_the_page_names_is_there() {
    run(async {
        let client = Client::new(patient());
        let mut paths = Vec::new();
        for page in ["/", "/docs"] {
            let index = client.get(page).await.with_status(200);
            assert_eq!(index.header("content-type"), "text/html; charset=utf-8");
            let index = String::from_utf8(index.body.to_vec()).unwrap();
            let named: Vec<&str> = quoted(&index).filter(|text| text.starts_with('/')).collect();
            assert!(named.iter().filter(|path| path.starts_with("/web/")).count() >= 3, "{page}");
            paths.extend(named.into_iter().map(str::to_owned));
            assert!(index.contains("Research software, not a medical device."), "{page}");
        }
        let mut seen = 0;
        while seen < paths.len() {
            let file = client.get(&paths[seen]).await.with_status(200);
            let text = String::from_utf8(file.body.to_vec()).unwrap();
            // Schemas name the vocabulary that they are written in.
            assert!(paths[seen].ends_with(".json") || !text.contains("https://"), "{} asks others", paths[seen]);
            let imported = quoted(&text).filter_map(|text| Some(format!("/web/{}", text.strip_prefix("./")?)));
            paths.extend(imported);
            seen += 1;
        }
    });
}

/// Texts between double quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[test]
fn the_sample_is_that_of_the_repository() {
    run(async {
        let client = Client::new(patient());
        assert_eq!(client.get("/sample/rg1.dcm").await.with_status(200).body, sample_image());
        assert_eq!(client.get("/sample/rg1-report.txt").await.with_status(200).body, sample_report());
        assert_eq!(client.get("/sample").await.with_status(404).problem(), "not-found");
    });
}
