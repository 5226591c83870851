//! Writing tables anew without what was deleted.
//!
//! The server keeps a deleted row as long as any transaction could still see it, and a connection that is only being made counts as one,
//! whatever its database. So it is looked up how far the server went, and done again if that was not far enough.

use postgres::Client;

use crate::error::ListenError;

/// Tables whose rows are deleted, or have something taken out.
const FORGETTING: [&str; 3] = ["image", "report", "delivery"];

/// A number above that of every transaction that has deleted something by now.
pub(super) fn next_transaction(client: &mut Client) -> Result<i64, ListenError> {
    Ok(client.query_one("SELECT txid_snapshot_xmax(txid_current_snapshot())", &[])?.get(0))
}

/// Writes every table anew; whether everything is gone that transactions below `next` deleted.
pub(super) fn rewrite(client: &mut Client, next: i64) -> Result<bool, ListenError> {
    let mut is_gone = true;
    for table in FORGETTING {
        // FULL writes new files; a plain one would leave what was deleted in free space. One table each, since it can't be in a
        // transaction.
        client.batch_execute(&format!("VACUUM (FULL) {table}"))?;
        is_gone &= is_rid_of(client, table, next)?;
    }
    Ok(is_gone)
}

/// Whether a table that was written anew was rid of everything that transactions below `next` deleted.
///
/// Its `relfrozenxid` is the number up to which the server could leave deleted rows out. Numbers of transactions go round, which `age`
/// takes care of.
fn is_rid_of(client: &mut Client, table: &str, next: i64) -> Result<bool, ListenError> {
    let without_epoch = (next & i64::from(u32::MAX)).to_string();
    let is_rid = "SELECT age(relfrozenxid) <= age($1::text::xid) FROM pg_class WHERE oid = $2::text::regclass";
    Ok(client.query_one(is_rid, &[&without_epoch, &table])?.get(0))
}
