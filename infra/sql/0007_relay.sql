-- How far the ledger was handed on to each Kafka cluster, beside the ledger itself: one truth, no dual write.

CREATE TABLE read.relayed (
    cluster  text        PRIMARY KEY CHECK (length(cluster) BETWEEN 1 AND 300),
    position bigint      NOT NULL CHECK (position >= 0),
    told_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
