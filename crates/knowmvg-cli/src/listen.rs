//! `knowmvg listen CONFIG`.

use std::path::Path;
use std::sync::Arc;

use knowmvg_listen::{Config, DatabaseProblem, ListenError, Listener, Log, Queue, Secret, Status, clock};

use crate::args::ListenArgs;
use crate::failure::{Exit, Failure};
use crate::model_folder::ModelArgs;
use crate::{files, model_folder, output};

/// Longest configuration.
///
/// # Units
/// Bytes.
const MAX_CONFIG_BYTES: usize = 1 << 20;

/// Where the tools of PostgreSQL look for a password.
const PASSWORD_VARIABLE: &str = "PGPASSWORD";

/// Listens until the process is killed, or says how things stand.
pub fn run(args: &ListenArgs) -> Result<(), Failure> {
    let config = read(&args.config)?;
    if args.status || args.retry {
        return tell_status(&config, args);
    }
    let listener = Listener::new(config.clone()).map_err(|e| failure(e, &args.config))?;
    if args.check {
        return check(&listener, args);
    }
    let folder = args.model.folder.clone().or_else(|| config.model.clone());
    let (_, grounder) = model_folder::load(&ModelArgs { folder, ..args.model.clone() })?;
    for (what, address) in [("dicom", listener.dicom_address()), ("hl7", listener.hl7_address())] {
        if let Some(address) = address {
            output::print(&format!("{what} {address}\n"))?;
        }
    }
    let log = Log::new(Arc::new(|line| eprintln!("{line}")));
    listener.run(grounder, &log).map_err(|e| failure(e, &args.config))
}

fn read(path: &Path) -> Result<Config, Failure> {
    let unreadable = |e| Failure::about(Exit::Input, "cannot read the configuration", path, e);
    let bytes = files::bytes_at_most(path, MAX_CONFIG_BYTES).map_err(unreadable)?;
    let wrong = |e: Box<dyn std::error::Error>| Failure::about(Exit::Input, "cannot use the configuration", path, e);
    let text = String::from_utf8(bytes).map_err(|e| wrong(e.utf8_error().into()))?;
    let mut config: Config = toml::from_str(&text).map_err(|e| wrong(without_values(&e, &text).into()))?;
    if let Some(queue) = &mut config.queue {
        queue.password = std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new);
    }
    config.checked(path.parent().unwrap_or(Path::new(""))).map_err(|e| failure(e, path))
}

/// What is wrong and where, without the line itself and without values: a password may be among them.
fn without_values(error: &toml::de::Error, text: &str) -> String {
    let message = error.message();
    let message = match (message.find('"'), message.rfind('"')) {
        (Some(start), Some(end)) => format!("{}a text{}", &message[..start], &message[end + 1..]),
        _ => message.to_owned(),
    };
    match error.span() {
        Some(span) => format!("line {}: {message}", text.get(..span.start).unwrap_or_default().lines().count().max(1)),
        None => message,
    }
}

fn check(listener: &Listener, args: &ListenArgs) -> Result<(), Failure> {
    let checked = listener.check();
    if args.json {
        output::print_json(&checked)?;
    } else {
        for one in &checked {
            output::print(&format!("{}: {}\n", one.destination, one.problem.as_deref().unwrap_or("answers")))?;
        }
    }
    match checked.iter().filter(|one| one.problem.is_some()).count() {
        0 => Ok(()),
        n => Err(Failure::new(Exit::Work, format!("{n} of {} destinations cannot be used", checked.len()))
            .fix("see that they run, and that the addresses and titles in the configuration are theirs")),
    }
}

fn tell_status(config: &Config, args: &ListenArgs) -> Result<(), Failure> {
    let wrong = |e| failure(e, &args.config);
    let queue = Queue::beside(config, clock::system()).map_err(wrong)?;
    if args.retry {
        let again = queue.retry().map_err(wrong)?;
        output::print(&format!("{again} put back in the queue\n"))?;
    }
    let status = queue.status().map_err(wrong)?;
    if args.json { output::print_json(&status) } else { output::print(&table(&status)) }
}

fn table(status: &Status) -> String {
    let mut lines = vec![format!("reports    {:>8}", status.reports)];
    for (kind, counts) in [("images", &status.images), ("deliveries", &status.deliveries)] {
        lines.extend(counts.iter().map(|(state, count)| format!("{kind:<10} {count:>8} {state}")));
    }
    lines.extend(status.failed.iter().map(|failed| format!("{} {}: {}", failed.kind, failed.id, failed.problem)));
    lines.join("\n") + "\n"
}

fn failure(error: ListenError, config: &Path) -> Failure {
    let (exit, fix) = match &error {
        ListenError::Config(_) => (Exit::Input, "see docs/listen.md for what the configuration holds"),
        ListenError::InUse(_) => (Exit::Work, "stop the other process, or name another folder with `data`"),
        ListenError::Listen { .. } => (Exit::Work, "name another address or port, or stop what has it"),
        ListenError::File { .. } => (Exit::Work, "see that the folder or file is there, and that you may use it"),
        ListenError::Queue(_) => {
            (Exit::Work, "see that the disk has space, and that the file is a queue of this program")
        }
        ListenError::Database(DatabaseProblem::Refused(_)) => {
            (Exit::Work, "see the server's log for this SQLSTATE: password, rights, or a database that is not there")
        }
        ListenError::Database(_) => (
            Exit::Work,
            "see that the server runs, that url and tls of [queue] are its own, and that there is a password",
        ),
        ListenError::ForeignQueue(_) => (Exit::Work, "see that it is a queue of this program, and of no later version"),
        ListenError::NoQueue(_) => (
            Exit::Input,
            "start `knowmvg listen` once, or look whether `data` or [queue] in the configuration is right",
        ),
        ListenError::NodeInUse => (Exit::Work, "stop the other process; a copied data folder is one node, and not two"),
        ListenError::Tls(_) => (Exit::Input, "expected PEM files"),
    };
    Failure::about(exit, "cannot listen", config, error).fix(fix)
}
