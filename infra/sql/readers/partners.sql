-- A copy of the partner directory: the public row of each program, as it came.

CREATE TABLE IF NOT EXISTS reading.partners (
    key     text   COLLATE "C" PRIMARY KEY,
    listing text   NOT NULL,
    folded  text   COLLATE "C" NOT NULL,
    body    bytea  NOT NULL
);
CREATE INDEX IF NOT EXISTS partners_by_name ON reading.partners (folded, key) WHERE listing = 'listed';

-- Up to which position each part of the topic is whole, and how many parts there are.
CREATE TABLE IF NOT EXISTS reading.whole (
    part     text   PRIMARY KEY,
    parts    int    NOT NULL,
    position bigint NOT NULL
);
