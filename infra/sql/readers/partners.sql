-- A copy of the partner directory: the public row of each program, as it came. The tables have the shape of the
-- register's own (read.directory), so that the same questions can be asked of both.

CREATE TABLE IF NOT EXISTS reading.progress (
    model      text    PRIMARY KEY,
    generation int     NOT NULL,
    live       boolean NOT NULL
);
INSERT INTO reading.progress VALUES ('directory', 1, true) ON CONFLICT DO NOTHING;

-- A row holds from from_position until to_position, exclusive; the current one has no end.
CREATE TABLE IF NOT EXISTS reading.directory (
    generation    int    NOT NULL DEFAULT 1,
    from_position bigint NOT NULL,
    to_position   bigint,
    key           text   COLLATE "C" NOT NULL,
    affiliate     text   COLLATE "C" NOT NULL,
    listing       text   NOT NULL,
    area          text   NOT NULL,
    city          text   NOT NULL,
    folded        text   COLLATE "C" NOT NULL,
    body          bytea  NOT NULL,
    PRIMARY KEY (generation, key, from_position)
);
CREATE INDEX IF NOT EXISTS directory_listed ON reading.directory (generation, folded, key)
    WHERE to_position IS NULL AND listing = 'listed';
CREATE INDEX IF NOT EXISTS directory_of_affiliate ON reading.directory (generation, affiliate) WHERE to_position IS NULL;
CREATE INDEX IF NOT EXISTS directory_ended ON reading.directory (to_position) WHERE to_position IS NOT NULL;

-- The turns that a row says: one line for each, from since until the day before until.
CREATE TABLE IF NOT EXISTS reading.directory_spans (
    generation    int    NOT NULL DEFAULT 1,
    from_position bigint NOT NULL,
    to_position   bigint,
    key           text   COLLATE "C" NOT NULL,
    ordinal       int    NOT NULL,
    affiliate     text   COLLATE "C" NOT NULL,
    listing       text   NOT NULL,
    scheme        text   COLLATE "C" NOT NULL,
    tier          text   COLLATE "C" NOT NULL,
    rank          int    NOT NULL,
    zone          text   NOT NULL,
    status        text   NOT NULL,
    since         date   NOT NULL,
    until         date,
    PRIMARY KEY (generation, key, from_position, ordinal)
);
CREATE INDEX IF NOT EXISTS directory_spans_held ON reading.directory_spans (generation, affiliate, scheme)
    WHERE to_position IS NULL;
CREATE INDEX IF NOT EXISTS directory_spans_until ON reading.directory_spans (generation, zone, until) WHERE to_position IS NULL;
CREATE INDEX IF NOT EXISTS directory_spans_since ON reading.directory_spans (generation, zone, since) WHERE to_position IS NULL;
CREATE INDEX IF NOT EXISTS directory_spans_ended ON reading.directory_spans (to_position) WHERE to_position IS NOT NULL;

-- How a row says that its program was listed, by day. Rows that came before this was told are listed as they are now.
CREATE TABLE IF NOT EXISTS reading.directory_listings (
    generation    int    NOT NULL DEFAULT 1,
    from_position bigint NOT NULL,
    to_position   bigint,
    key           text   COLLATE "C" NOT NULL,
    ordinal       int    NOT NULL,
    since         date   NOT NULL,
    until         date,
    affiliate     text   COLLATE "C" NOT NULL,
    listing       text   NOT NULL,
    area          text   NOT NULL,
    city          text   NOT NULL,
    folded        text   COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, key, from_position, ordinal)
);
CREATE INDEX IF NOT EXISTS directory_listings_by_name ON reading.directory_listings (generation, folded, key)
    WHERE to_position IS NULL;
CREATE INDEX IF NOT EXISTS directory_listings_of_affiliate ON reading.directory_listings (generation, affiliate)
    WHERE to_position IS NULL;
CREATE INDEX IF NOT EXISTS directory_listings_ended ON reading.directory_listings (to_position)
    WHERE to_position IS NOT NULL;
INSERT INTO reading.directory_listings
SELECT generation, from_position, to_position, key, 0, '0001-01-01', NULL, affiliate, listing, area, city, folded
FROM reading.directory d WHERE NOT EXISTS (
    SELECT FROM reading.directory_listings l
    WHERE l.generation = d.generation AND l.key = d.key AND l.from_position = d.from_position);

-- Up to which position each part of the topic is whole, and how many parts there are.
CREATE TABLE IF NOT EXISTS reading.whole (
    part     text   PRIMARY KEY,
    parts    int    NOT NULL,
    position bigint NOT NULL
);

-- By what the directories that the register published are known.
CREATE TABLE IF NOT EXISTS reading.published (
    day     date   PRIMARY KEY,
    size    bigint NOT NULL,
    entries int    NOT NULL,
    root    text   NOT NULL,
    sha256  text   NOT NULL
);
