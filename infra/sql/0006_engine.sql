-- The engine behind the read models: positions by part, rebuilding in chunks. The audit trail is read from the ledger.

DROP TABLE read.audit_trail;
DELETE FROM read.progress WHERE model = 'audit_trail';
DELETE FROM read.parked WHERE model = 'audit_trail';

-- How far each part of the streams has been read, by model. Whoever holds the row does the work: of several processes
-- each takes other parts, and the lock of one that died is gone with it. Rewritten all the time: room for that.
CREATE TABLE read.places (
    position   bigint NOT NULL,
    generation int    NOT NULL,
    part       int    NOT NULL CHECK (part BETWEEN 0 AND 7),
    model      text   COLLATE "C" NOT NULL,
    PRIMARY KEY (model, generation, part)
) WITH (fillfactor = 40);
INSERT INTO read.places (position, generation, part, model)
SELECT position, generation, part, model FROM read.progress CROSS JOIN generate_series(0, 7) AS part;

ALTER TABLE read.progress DROP COLUMN position;
-- Up to which position a generation is being built; null once it is.
ALTER TABLE read.progress ADD COLUMN upto bigint;

-- What there is to do in a build: streams from first until the next chunk. Facts are counted when it is done.
CREATE TABLE read.chunks (
    generation int  NOT NULL,
    chunk      int  NOT NULL,
    facts      int,
    first      text NOT NULL,
    until      text,
    PRIMARY KEY (generation, chunk)
);

-- A page of the directory by name: from the place of its cursor on, and nothing before it.
DROP INDEX read.directory_by_name;
CREATE INDEX directory_listed ON read.directory (generation, folded, key) WHERE to_position IS NULL AND listing = 'listed';
-- What is held now under a scheme or at an affiliate.
CREATE INDEX directory_spans_held ON read.directory_spans (generation, affiliate, scheme) WHERE to_position IS NULL;
