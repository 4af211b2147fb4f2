-- The read models: made from the ledger and from nothing else, so every row here can be made again.
-- A model can stand in several generations; one of them is live.

ALTER TABLE read.progress ADD COLUMN live boolean NOT NULL DEFAULT true;
-- Of which shape the rows are: a program whose rows have another makes them again when it starts.
ALTER TABLE read.progress ADD COLUMN shape text NOT NULL;
ALTER TABLE read.progress DROP CONSTRAINT progress_pkey;
ALTER TABLE read.progress ADD PRIMARY KEY (model, generation);
CREATE UNIQUE INDEX progress_live ON read.progress (model) WHERE live;

-- Facts that could not be folded, and later ones of the same key, which wait for them.
CREATE TABLE read.parked (
    model      text   NOT NULL,
    generation int    NOT NULL,
    key        text   NOT NULL,
    position   bigint NOT NULL,
    reason     text   NOT NULL,
    PRIMARY KEY (model, generation, key, position)
);

-- A row holds from from_position until to_position, exclusive; the current one has no end.
CREATE TABLE read.directory (
    generation    int    NOT NULL,
    from_position bigint NOT NULL,
    to_position   bigint,
    key           text   COLLATE "C" NOT NULL,
    affiliate     text   COLLATE "C" NOT NULL,
    listing       text   NOT NULL,
    area          text   NOT NULL,
    city          text   NOT NULL,
    name          text   NOT NULL,
    folded        text   COLLATE "C" NOT NULL,
    body          text   NOT NULL,
    PRIMARY KEY (generation, key, from_position)
);
CREATE INDEX directory_by_name ON read.directory (generation, folded, key) WHERE to_position IS NULL;
CREATE INDEX directory_of_affiliate ON read.directory (generation, affiliate) WHERE to_position IS NULL;

-- The tiers that a row says were held: one line for each, from since until the day before until.
CREATE TABLE read.directory_spans (
    generation    int    NOT NULL,
    from_position bigint NOT NULL,
    to_position   bigint,
    key           text   COLLATE "C" NOT NULL,
    ordinal       int    NOT NULL,
    affiliate     text   COLLATE "C" NOT NULL,
    listing       text   NOT NULL,
    scheme        text   COLLATE "C" NOT NULL,
    tier          text   COLLATE "C" NOT NULL,
    label         text   NOT NULL,
    rank          int    NOT NULL,
    zone          text   NOT NULL,
    since         date   NOT NULL,
    until         date,
    PRIMARY KEY (generation, key, from_position, ordinal)
);
CREATE INDEX directory_spans_until ON read.directory_spans (generation, until) WHERE to_position IS NULL;
CREATE INDEX directory_spans_since ON read.directory_spans (generation, since) WHERE to_position IS NULL;

CREATE TABLE read.expiry (
    generation int  NOT NULL,
    key        text COLLATE "C" NOT NULL,
    body       text NOT NULL,
    PRIMARY KEY (generation, key)
);

CREATE TABLE read.expiry_days (
    generation  int  NOT NULL,
    ordinal     int  NOT NULL,
    key         text COLLATE "C" NOT NULL,
    affiliate   text COLLATE "C" NOT NULL,
    scheme      text COLLATE "C" NOT NULL,
    tier        text COLLATE "C" NOT NULL,
    label       text NOT NULL,
    due_on      date NOT NULL,
    kind        text NOT NULL,
    zone        text NOT NULL,
    decision_id text,
    name        text NOT NULL,
    folded      text COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, key, ordinal)
);
CREATE INDEX expiry_days_due ON read.expiry_days (generation, due_on);

CREATE TABLE read.audit_trail (
    position   bigint NOT NULL,
    generation int    NOT NULL,
    version    int    NOT NULL,
    stream     text   COLLATE "C" NOT NULL,
    key        text   COLLATE "C" NOT NULL,
    body       text   NOT NULL,
    PRIMARY KEY (generation, stream, version)
);

CREATE TABLE read.decisions (
    position    bigint NOT NULL,
    generation  int    NOT NULL,
    decided_on  date   NOT NULL,
    key         text   COLLATE "C" NOT NULL,
    decision_id text   COLLATE "C" NOT NULL,
    program     text   COLLATE "C" NOT NULL,
    scheme      text   COLLATE "C" NOT NULL,
    outcome     text   NOT NULL,
    body        text   NOT NULL,
    PRIMARY KEY (generation, key)
);
CREATE INDEX decisions_in_order ON read.decisions (generation, position);
CREATE INDEX decisions_by_id ON read.decisions (generation, decision_id);
CREATE INDEX decisions_of_program ON read.decisions (generation, program);

CREATE TABLE read.workspace (
    since      timestamptz NOT NULL,
    generation int         NOT NULL,
    key        text        COLLATE "C" NOT NULL,
    affiliate  text        COLLATE "C" NOT NULL,
    waiting_on text,
    folded     text        COLLATE "C" NOT NULL,
    body       text        NOT NULL,
    PRIMARY KEY (generation, key)
);
CREATE INDEX workspace_waiting ON read.workspace (generation, affiliate, waiting_on, since);
