-- When a status changes next is looked for zone by zone: many tiers end on one day, and most zones have many tiers.

DROP INDEX read.directory_spans_until;
DROP INDEX read.directory_spans_since;
CREATE INDEX directory_spans_until ON read.directory_spans (generation, zone, until) WHERE to_position IS NULL;
CREATE INDEX directory_spans_since ON read.directory_spans (generation, zone, since) WHERE to_position IS NULL;
