//! Bars on standard error; on anything but a terminal they don't show.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over so many things, with the time that is left.
pub fn of_things(what: &str, things: u64) -> ProgressBar {
    styled(what, things, "{msg:24} {bar:30} {pos}/{len} {elapsed} (eta {eta})")
}

/// A bar over the bytes of a file.
pub fn of_bytes(what: &str, bytes: u64) -> ProgressBar {
    styled(what, bytes, "{msg:24} {bar:30} {percent}% {elapsed} (eta {eta})")
}

fn styled(what: &str, length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("a constant template");
    ProgressBar::new(length).with_style(style).with_message(what.to_owned())
}
