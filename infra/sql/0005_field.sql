-- What reviews found of every practice, to be added up over programs and years.

CREATE TABLE read.field (
    generation int  NOT NULL,
    key        text COLLATE "C" NOT NULL,
    body       text NOT NULL,
    PRIMARY KEY (generation, key)
);

-- One line for each decision that ended a cycle; found is a JSON object of practices with their results.
CREATE TABLE read.field_decisions (
    generation int  NOT NULL,
    ordinal    int  NOT NULL,
    decided_on date NOT NULL,
    key        text COLLATE "C" NOT NULL,
    cycle_id   text NOT NULL,
    scheme     text COLLATE "C" NOT NULL,
    family     text NOT NULL,
    version    text NOT NULL,
    sha256     text NOT NULL,
    found      text NOT NULL,
    PRIMARY KEY (generation, key, ordinal)
);
CREATE INDEX field_decisions_of ON read.field_decisions (generation, scheme, decided_on);
