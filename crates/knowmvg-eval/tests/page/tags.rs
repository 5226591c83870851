//! A light check of a page: every element is closed in order, every attribute quoted, no address leads outside.

/// Elements as they are opened: name and attributes.
pub fn opened(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let html = html.strip_prefix("<!DOCTYPE html>").expect("the document type comes first");
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bracket that is not escaped: {}", &rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag that ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (name, attributes) = parts(tag.trim_end_matches('/'));
        if !tag.ends_with('/') {
            open.push(name.clone());
        }
        if ["script", "style"].contains(&name.as_str()) {
            rest = &rest[rest.find(&format!("</{name}>")).expect("an end of the script or style")..];
        }
        found.push((name, attributes));
    }
    assert_eq!(open, Vec::<String>::new());
    found
}

fn parts(tag: &str) -> (String, Vec<(String, String)>) {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "no name of an element: {name}");
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        let (key, value) = rest.trim_start().split_once("=\"").expect("a quoted value");
        let (value, after) = value.split_once('"').expect("an end of the value");
        assert!(key.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == 'B' || c.is_ascii_uppercase()), "{key}");
        attributes.push((key.to_owned(), value.to_owned()));
        rest = after;
    }
    (name.to_owned(), attributes)
}
