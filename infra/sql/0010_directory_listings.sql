-- How each program was listed, by day: under which name, in which place, at which affiliate. One line for each stretch,
-- from since until the day before until. Rows are made again when the program starts.

CREATE TABLE read.directory_listings (
    generation    int    NOT NULL,
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
CREATE INDEX directory_listings_by_name ON read.directory_listings (generation, folded, key) WHERE to_position IS NULL;
CREATE INDEX directory_listings_of_affiliate ON read.directory_listings (generation, affiliate) WHERE to_position IS NULL;
