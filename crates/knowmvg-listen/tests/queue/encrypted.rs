//! Who the server is, and who it lets in.

use knowmvg_listen::{DatabaseProblem, ListenError};

use crate::Bench;
use crate::authority::Authority;
use crate::beside::client;
use crate::cluster::{Cluster, PASSWORD};

fn problem(queue: String) -> Option<DatabaseProblem> {
    match Bench::new(None, queue).try_open() {
        Ok(_) => None,
        Err(ListenError::Database(problem)) => Some(problem),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_a_server_with_the_right_certificate_gets_a_password() {
    let (hospital, elsewhere) = (Authority::new(), Authority::new());
    let Some(cluster) = Cluster::start(Some(hospital.sign())) else {
        return println!("SKIPPED only_a_server_with_the_right_certificate: PostgreSQL is not installed");
    };
    let folder = Bench::new(None, String::new());
    let (ours, other) = (hospital.write(folder.folder(), "ours.pem"), elsewhere.write(folder.folder(), "other.pem"));
    let queue = |ca: &std::path::Path, more: &str| {
        let url = cluster.url("postgres");
        format!("[queue]\nurl = \"{url}\"\ntls = {{ ca = {ca:?}{more} }}\n")
    };
    assert_eq!(problem(queue(&ours, "")), None);
    assert_eq!(problem(queue(&ours, ", server_name = \"localhost\"")), None);
    assert_eq!(problem(queue(&other, "")), Some(DatabaseProblem::Certificate));
    assert_eq!(problem(queue(&ours, ", server_name = \"db.example\"")), Some(DatabaseProblem::Certificate));
    // Channel binding: the password is bound to this very certificate.
    let bound = queue(&ours, "").replace("/postgres\"", "/postgres?channel_binding=require\"");
    assert_eq!(problem(bound), None);
    let bench = Bench::new(None, queue(&ours, "").replace("/postgres\"", "/postgres?application_name=encrypted\""));
    let _queue = bench.open();
    let encrypted =
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'encrypted'";
    assert!(client(&cluster, "postgres").query_one(encrypted, &[]).unwrap().get::<_, bool>(0));
}

#[test]
fn a_server_without_encryption_is_not_talked_to_if_it_is_asked_for() {
    let Some(crate::Store::Postgres(cluster)) = crate::Store::postgres("a_server_without_encryption") else { return };
    let folder = Bench::new(None, String::new());
    let ca = Authority::new().write(folder.folder(), "ca.pem");
    let queue = format!("[queue]\nurl = \"{}\"\ntls = {{ ca = {ca:?} }}\n", cluster.url("postgres"));
    assert_eq!(problem(queue), Some(DatabaseProblem::Unreachable));
}

#[test]
fn the_password_comes_from_the_address_or_a_file_or_elsewhere_and_is_never_told() {
    let Some(crate::Store::Postgres(cluster)) = crate::Store::postgres("the_password_comes_from") else { return };
    let wrong = format!("[queue]\nurl = \"{}\"\n", cluster.url("postgres").replace(PASSWORD, "CANARYWRONG"));
    assert_eq!(problem(wrong), Some(DatabaseProblem::Refused("28P01".to_owned())));
    let without = cluster.url("postgres").replace(&format!(":{PASSWORD}@"), "@");
    let folder = Bench::new(None, String::new());
    let file = folder.folder().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let queue = format!("[queue]\nurl = \"{without}\"\nschema = \"a_file\"\n");
    assert_eq!(problem(format!("{queue}password_file = {file:?}\n")), None);
    assert_eq!(problem(queue.clone()), Some(DatabaseProblem::Unreachable), "none is no password");
    let mut config = Bench::new(None, queue).config();
    let from = config.queue.as_mut().unwrap();
    from.password = Some(knowmvg_listen::Secret::new(PASSWORD));
    assert!(!format!("{config:?}").contains(PASSWORD));
    std::fs::create_dir_all(&config.data).unwrap();
    knowmvg_listen::Queue::open(&config, knowmvg_listen::clock::system()).unwrap();
    drop(std::fs::remove_dir_all(&config.data));
}
