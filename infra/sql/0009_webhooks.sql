-- Subscribers that the stream is posted to, each with its own place in it, and what they did not take. The secret that
-- signs is a key of the keyring: it is in no database.

CREATE TABLE read.webhooks (
    position   bigint      NOT NULL CHECK (position >= 0),
    -- of the next position's messages so many were taken
    done       int         NOT NULL DEFAULT 0 CHECK (done >= 0),
    -- tries of the next message that failed, when to try again, and what was wrong
    attempts   int         NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    complaints boolean     NOT NULL,
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    added_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    id         text        COLLATE "C" PRIMARY KEY,
    -- whose events; null: public rows alone
    affiliate  text        COLLATE "C",
    url        text        NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    added_by   text        NOT NULL,
    types      text[]      NOT NULL,
    trouble    text,
    CHECK (affiliate IS NOT NULL OR NOT complaints)
) WITH (fillfactor = 60);

-- Messages that were not taken after all tries, or that wait behind one of the same key; made again from the ledger.
CREATE TABLE read.webhook_letters (
    position  bigint      NOT NULL,
    part      int         NOT NULL,
    again     boolean     NOT NULL DEFAULT false,
    buried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    webhook   text        COLLATE "C" NOT NULL REFERENCES read.webhooks ON DELETE CASCADE,
    key       text        COLLATE "C" NOT NULL,
    type      text        NOT NULL,
    reason    text        NOT NULL,
    PRIMARY KEY (webhook, position, part)
);
