-- The tables of SQLite's file, and what PostgreSQL needs to be told.

-- Which queue this is, so that a node knows which of its folders is for it, and the version of the tables.
CREATE TABLE queue (
    id TEXT NOT NULL,
    version BIGINT NOT NULL
);

-- Reports, newest last; a text that comes again under the same keys is no new report.
CREATE TABLE report (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    words TEXT NOT NULL,
    received BIGINT NOT NULL
);
-- Hashes, since only equality is asked for.
CREATE INDEX report_accession ON report USING hash (accession_number);
CREATE INDEX report_study ON report USING hash (study_instance_uid);

-- One row for every image that was taken in; `path` is its file in the spool of `node` until every delivery of it is over.
CREATE TABLE image (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sop_instance_uid TEXT NOT NULL UNIQUE,
    study_instance_uid TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    path TEXT NOT NULL,
    node TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ready', 'working', 'done', 'failed', 'conflict', 'gone')),
    report BIGINT REFERENCES report (id),
    attempts BIGINT NOT NULL DEFAULT 0,
    due BIGINT NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    received BIGINT NOT NULL,
    matched BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX image_accession ON image USING hash (accession_number);
CREATE INDEX image_study ON image USING hash (study_instance_uid);
CREATE INDEX image_state ON image (node, state, due);
CREATE INDEX image_report ON image (report);

-- The outbox: one row for every result and destination.
CREATE TABLE delivery (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    image BIGINT NOT NULL REFERENCES image (id),
    sop_instance_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    destination TEXT NOT NULL,
    path TEXT NOT NULL,
    node TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'unsure', 'sent', 'failed', 'gone')),
    attempts BIGINT NOT NULL DEFAULT 0,
    due BIGINT NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    UNIQUE (sop_instance_uid, destination)
);
CREATE INDEX delivery_state ON delivery (node, state, due);
CREATE INDEX delivery_image ON delivery (image);

-- Series and resources that a poll has fetched already, with what would change if they grew.
CREATE TABLE seen (
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (source, name)
);

-- Statistics are copies of what is most frequent, and stay when the rows are gone.
ALTER TABLE report ALTER accession_number SET STATISTICS 0, ALTER patient_id SET STATISTICS 0, ALTER words SET STATISTICS 0;
ALTER TABLE image ALTER accession_number SET STATISTICS 0, ALTER patient_id SET STATISTICS 0;
