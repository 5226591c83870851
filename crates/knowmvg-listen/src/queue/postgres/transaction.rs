//! The queue's statements in PostgreSQL.

use postgres::types::{ToSql, Type};

use super::DatabaseProblem;
use crate::error::ListenError;
use crate::queue::store::{Row, Transaction, Value};

impl Transaction for postgres::Transaction<'_> {
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, ListenError> {
        let rows = postgres::Transaction::query(self, numbered(sql).as_str(), &parameters(values))?;
        rows.iter().map(row).collect()
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<usize, ListenError> {
        Ok(postgres::Transaction::execute(self, numbered(sql).as_str(), &parameters(values))? as usize)
    }
}

impl From<postgres::Error> for ListenError {
    fn from(error: postgres::Error) -> Self {
        Self::Database(DatabaseProblem::of_statement(&error))
    }
}

/// PostgreSQL's sign for a value. No statement of ours has a question mark in another meaning.
fn numbered(sql: &str) -> String {
    sql.replace('?', "$")
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| match value {
            Value::Integer(integer) => integer as &(dyn ToSql + Sync),
            Value::Text(text) => text,
            Value::Null => &None::<i64>,
        })
        .collect()
}

fn row(row: &postgres::Row) -> Result<Row, ListenError> {
    let value = |(column, described): (usize, &postgres::Column)| match *described.type_() {
        Type::INT8 => Ok(row.try_get::<_, Option<i64>>(column)?.map_or(Value::Null, Value::Integer)),
        Type::TEXT => Ok(row.try_get::<_, Option<String>>(column)?.map_or(Value::Null, Value::Text)),
        _ => Err(ListenError::ForeignQueue("expected columns of integers and text")),
    };
    row.columns().iter().enumerate().map(value).collect::<Result<_, _>>().map(Row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_in_the_servers_way() {
        assert_eq!(numbered("a = ?1 AND b <= ?12"), "a = $1 AND b <= $12");
    }
}
