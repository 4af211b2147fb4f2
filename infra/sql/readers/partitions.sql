-- How far the read models of this database have come, which are made from the ledger's topic instead of the ledger.

CREATE SCHEMA IF NOT EXISTS reading;

-- What they are made from, for good; and up to which position of the ledger everything was taken in.
CREATE TABLE IF NOT EXISTS reading.feed (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    id       uuid    NOT NULL DEFAULT gen_random_uuid(),
    cluster  text    NOT NULL,
    topic    text    NOT NULL,
    position bigint  NOT NULL DEFAULT 0
);

-- Whoever holds the row of a partition takes it further: rows, offset and position change in one transaction.
CREATE TABLE IF NOT EXISTS reading.partitions (
    upto     bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0,
    facts    bigint NOT NULL DEFAULT 0,
    part     int    PRIMARY KEY
) WITH (fillfactor = 40);

-- What the relay says: with every partition taken up to these offsets, everything up to the position is there.
CREATE TABLE IF NOT EXISTS reading.marks (
    position bigint   PRIMARY KEY,
    ends     bigint[] NOT NULL
);
