//! Any text: phrases whose spans lie in the text, on character boundaries.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for phrase in knowmvg::report::phrases(text, knowmvg::knowledge::KnowledgeBase::chest()) {
        assert!(text.get(phrase.span.clone()).is_some());
    }
});
