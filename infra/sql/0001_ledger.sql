-- The ledger: what happened, in one total order. Rows are added, never changed and never removed.

CREATE SCHEMA ledger;
CREATE SCHEMA vault;
CREATE SCHEMA read;

-- Columns of fixed width first: PostgreSQL pads each column to its alignment.
CREATE TABLE ledger.events (
    position     bigint      PRIMARY KEY CHECK (position >= 1),
    recorded_at  timestamptz NOT NULL,
    version      int         NOT NULL CHECK (version BETWEEN 1 AND 10000),
    occurred_on  date,
    command_id   uuid        NOT NULL,
    stream       text        NOT NULL CHECK (length(stream) BETWEEN 1 AND 200),
    type         text        NOT NULL CHECK (length(type) BETWEEN 1 AND 100),
    provenance   text        NOT NULL CHECK (provenance IN ('native', 'imported', 'corrected')),
    actor_person text        NOT NULL CHECK (length(actor_person) BETWEEN 1 AND 200),
    actor_role   text        NOT NULL CHECK (length(actor_role) BETWEEN 1 AND 200),
    actor_org    text        NOT NULL CHECK (length(actor_org) BETWEEN 1 AND 200),
    on_behalf_of text        CHECK (length(on_behalf_of) BETWEEN 1 AND 200),
    causation    text        CHECK (length(causation) BETWEEN 1 AND 200),
    correlation  text        CHECK (length(correlation) BETWEEN 1 AND 200),
    salt         bytea       NOT NULL CHECK (octet_length(salt) = 16),
    commitment   bytea       NOT NULL CHECK (octet_length(commitment) = 32),
    -- text, never jsonb: the commitment covers the bytes as stored
    state        text        NOT NULL CHECK (octet_length(state) BETWEEN 2 AND 32768),
    UNIQUE (stream, version)
);

-- What is published: affiliates, policies, instruments. Few rows among many, looked for before every command.
CREATE INDEX published ON ledger.events (position) WHERE stream NOT LIKE 'program:%' AND stream <> 'ledger:main';

-- One row for every command that was carried out, also for those that changed nothing.
CREATE TABLE ledger.commands (
    command_id     uuid   PRIMARY KEY,
    stream         text   NOT NULL CHECK (length(stream) BETWEEN 1 AND 200),
    request_sha256 bytea  NOT NULL CHECK (octet_length(request_sha256) = 32),
    first_version  int,
    last_version   int,
    position       bigint,
    CHECK ((first_version IS NULL) = (last_version IS NULL))
);

-- Uniqueness across streams: whoever comes first holds the value for good.
CREATE TABLE ledger.claims (
    kind     text   NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    value    text   NOT NULL CHECK (length(value) BETWEEN 1 AND 500),
    stream   text   NOT NULL CHECK (length(stream) BETWEEN 1 AND 200),
    position bigint NOT NULL,
    PRIMARY KEY (kind, value)
);

-- Bodies of policies, instruments and templates; events carry the hash.
CREATE TABLE ledger.artifacts (
    sha256 bytea PRIMARY KEY,
    kind   text  NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    bytes  bytea NOT NULL,
    CHECK (sha256(bytes) = sha256)
);

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger.% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- ALWAYS: session_replication_role = replica does not silence it, not even for a superuser.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.commands
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.claims
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.artifacts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE ledger.commands ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE ledger.claims ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE ledger.artifacts ENABLE ALWAYS TRIGGER append_only;

-- Texts, people and documents: ciphertext only. The keys lie in the keyring, outside the database.
CREATE TABLE vault.secrets (
    id         text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    kind       text        NOT NULL CHECK (kind IN ('text', 'person', 'document')),
    ciphertext bytea       NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE vault.documents (
    id          text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    program     text        NOT NULL CHECK (length(program) BETWEEN 1 AND 200),
    -- HMAC of program and content; null once erased, so that an erased file cannot be recognised
    fingerprint bytea       CHECK (octet_length(fingerprint) = 32),
    digest      text        NOT NULL CHECK (length(digest) = 64),
    bytes       bigint      NOT NULL CHECK (bytes > 0),
    media_type  text        NOT NULL,
    title       bytea       NOT NULL,
    scan        text        NOT NULL CHECK (scan IN ('unscanned', 'clean', 'infected')),
    stored_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (program, fingerprint)
);

-- How far each read model has read; further tables of this schema come with their read models.
CREATE TABLE read.progress (
    model      text        PRIMARY KEY,
    generation int         NOT NULL,
    position   bigint      NOT NULL,
    built_at   timestamptz NOT NULL DEFAULT now()
);
