-- What readers of the stream have taken in, beside what they made of it: both change in one transaction.

CREATE SCHEMA IF NOT EXISTS reading;

-- The last message of each key that was taken in. Parked: one could not be, and its followers wait with it.
CREATE TABLE IF NOT EXISTS reading.keys (
    reader   text   COLLATE "C" NOT NULL,
    key      text   COLLATE "C" NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    version  bigint NOT NULL DEFAULT 0,
    parked   text,
    PRIMARY KEY (reader, key)
);
CREATE INDEX IF NOT EXISTS keys_parked ON reading.keys (reader) WHERE parked IS NOT NULL;
