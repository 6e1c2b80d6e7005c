-- Version 1 of the tables of an archive.

-- One row: which archive it is, and its numbers. Who appends locks it until the end of its transaction.
CREATE TABLE whisper_archive (
    is_only BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (is_only),
    version INT NOT NULL,
    id BYTEA NOT NULL,
    -- The newest arrival number.
    newest BIGINT NOT NULL DEFAULT 0,
    -- The greatest arrival number that was removed.
    removed BIGINT NOT NULL DEFAULT 0,
    -- The day of the newest arrival, in days since 1970. It goes back only after the clock was ahead.
    day INT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- The envelopes. There is a partition for each day of arrival, so that old ones are removed as a whole.
CREATE TABLE whisper_envelopes (
    arrival BIGINT NOT NULL,
    -- Time of sending, in seconds since 1970.
    sent BIGINT NOT NULL,
    day INT NOT NULL,
    -- The four bytes as a number with a sign.
    topic INT NOT NULL,
    -- 5 or 6: shh/5 or shh/6.
    dialect SMALLINT NOT NULL,
    hash BYTEA NOT NULL,
    -- RLP. It is encrypted: to compress it costs time and saves nothing.
    raw BYTEA NOT NULL,
    PRIMARY KEY (arrival, day)
) PARTITION BY RANGE (day);
ALTER TABLE whisper_envelopes ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX whisper_envelopes_hash ON whisper_envelopes (hash, day);
CREATE INDEX whisper_envelopes_topic ON whisper_envelopes (topic, arrival) INCLUDE (sent, dialect);

-- The days that have envelopes: their arrival numbers, and the bytes of the envelopes.
CREATE TABLE whisper_days (
    day INT PRIMARY KEY,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);

-- The hours of sending: the first and the last arrival number of envelopes that were sent in it. There can be others between.
CREATE TABLE whisper_hours (
    hour BIGINT PRIMARY KEY,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL
);

-- The topics, each with the last day on which an envelope with it arrived.
CREATE TABLE whisper_topics (
    topic INT PRIMARY KEY,
    day INT NOT NULL
);
