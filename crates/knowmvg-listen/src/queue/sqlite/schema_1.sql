-- One row for every image that was taken in; `path` is its file in the spool until every delivery of it is over.
CREATE TABLE IF NOT EXISTS image (
    id INTEGER PRIMARY KEY,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'working', 'done', 'failed', 'conflict', 'gone')),
    report INTEGER REFERENCES report (id),
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    received INTEGER NOT NULL,
    matched INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS image_accession ON image (accession_number);
CREATE INDEX IF NOT EXISTS image_study ON image (study_instance_uid);
CREATE INDEX IF NOT EXISTS image_state ON image (state, due);

-- Reports, newest last; a text that comes again under the same keys is no new report.
CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    words TEXT NOT NULL,
    received INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS report_accession ON report (accession_number);
CREATE INDEX IF NOT EXISTS report_study ON report (study_instance_uid);

-- The outbox: one row for every result and destination. 'sending' that is found at the start was cut short.
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES image (id),
    sop_instance_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    destination TEXT NOT NULL,
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'unsure', 'sent', 'failed', 'gone')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    UNIQUE (sop_instance_uid, destination)
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_state ON delivery (state, due);

-- Series and resources that a poll has fetched already, with what would change if they grew.
CREATE TABLE IF NOT EXISTS seen (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (source, name)
) STRICT;
