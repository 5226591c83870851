-- Which node's spool has the file. A file of SQLite belongs to one node, so it is empty here; the statements are those of a server too.
ALTER TABLE image ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN node TEXT NOT NULL DEFAULT '';
