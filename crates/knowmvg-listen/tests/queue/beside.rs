//! A look into the server's database from beside.

use postgres::{Client, NoTls};

use crate::cluster::Cluster;

/// A connection beside the queue's.
pub(crate) fn client(cluster: &Cluster, database: &str) -> Client {
    Client::connect(&cluster.url(database), NoTls).unwrap()
}

/// Reads the files of the queue's tables, as whoever finds the disk does.
pub(crate) fn table_bytes(cluster: &Cluster, database: &str) -> Vec<u8> {
    let mut client = client(cluster, database);
    client.batch_execute("CHECKPOINT").unwrap();
    let files = "WITH mine AS (SELECT oid, reltoastrelid FROM pg_class WHERE relnamespace = 'knowmvg'::regnamespace)
         SELECT pg_relation_filepath(oid) FROM pg_class WHERE relfilenode <> 0 AND
           (oid IN (SELECT oid FROM mine) OR oid IN (SELECT reltoastrelid FROM mine))";
    let mut bytes = Vec::new();
    for row in client.query(files, &[]).unwrap() {
        let path: String = row.get(0);
        bytes.extend(std::fs::read(cluster.folder.join("data").join(path)).unwrap());
    }
    client.batch_execute("ANALYZE").unwrap();
    let statistics = "SELECT pg_stats::text FROM pg_stats WHERE schemaname = 'knowmvg'";
    for row in client.query(statistics, &[]).unwrap() {
        bytes.extend(row.get::<_, String>(0).into_bytes());
    }
    bytes
}
