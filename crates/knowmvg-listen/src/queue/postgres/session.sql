-- What every connection needs, whatever server, database and role say. Settings that a server doesn't know are passed over.
SELECT set_config(name, wanted.value, false)
FROM pg_settings JOIN (VALUES
    -- Every statement sees what was committed before it; the lock at the start of a transaction relies on it.
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_read_only', 'off'),
    -- A lock that is not had by then is given up, and so is a connection that left a transaction open.
    ('lock_timeout', '30s'),
    ('idle_in_transaction_session_timeout', '60s'),
    -- A node that lost power frees its name within a minute.
    ('tcp_keepalives_idle', '30'),
    ('tcp_keepalives_interval', '10'),
    ('tcp_keepalives_count', '3'),
    -- Values of a statement that failed are words of reports; the server's log is to have none.
    ('log_parameter_max_length_on_error', '0')
) AS wanted (key, value) ON name = wanted.key;
-- A commit that is answered is on the disk; what is stricter stays.
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
