//! Results on standard output, warnings on standard error, and nothing in them that drives a terminal.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::failure::{Exit, Failure};

/// Prints a result. A reader that has seen enough, like `head`, is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Work, "cannot write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// Prints a result as indented JSON.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&(pretty(value)? + "\n"))
}

/// A value as indented JSON.
pub fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|e| Failure::new(Exit::Work, "cannot write the result as JSON").because(e))
}

/// A value as JSON on one line, with the line break.
pub fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    let line =
        serde_json::to_string(value).map_err(|e| Failure::new(Exit::Work, "cannot write a row as JSON").because(e))?;
    Ok(line + "\n")
}

/// Tells something that the user should know and that stops nothing.
pub fn warn(text: &str) {
    eprintln!("warning: {}", printable(text));
}

/// Text from a file on one line: control characters could drive the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// [`printable`] text of at most `length` characters.
pub fn shortened(text: &str, length: usize) -> String {
    let text = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= length {
        return text;
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drives_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r\n"), "a [31mb  ");
        assert_eq!(shortened("large  mass\nin the left lung", 13), "large mass i…");
        assert_eq!(shortened("éé", 2), "éé");
    }
}
