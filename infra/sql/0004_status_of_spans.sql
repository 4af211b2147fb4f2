-- What happens to a tier after its grant, in the read models. Rows are made again when the program starts.

ALTER TABLE read.directory_spans ADD COLUMN status text NOT NULL DEFAULT 'active';
ALTER TABLE read.directory_spans ALTER COLUMN status DROP DEFAULT;
