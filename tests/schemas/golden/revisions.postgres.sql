CREATE TABLE IF NOT EXISTS revisions (
    capture_id text NOT NULL,
    judged_seq bigint NOT NULL,
    article_id text NOT NULL,
    observed_at timestamptz NOT NULL,
    predecessor_id text,
    change text NOT NULL,
    change_note text,
    pub_status text NOT NULL,
    availability text NOT NULL,
    seen_until timestamptz,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (capture_id, judged_seq)
);
ALTER TABLE revisions ADD COLUMN IF NOT EXISTS seen_until timestamptz;
CREATE INDEX IF NOT EXISTS revisions_observed_at ON revisions (observed_at);
CREATE INDEX IF NOT EXISTS revisions_ingested_at ON revisions (ingested_at);
COMMENT ON COLUMN revisions.capture_id IS 'the capture that is judged';
COMMENT ON COLUMN revisions.judged_seq IS '0 for the first judgement of this capture; the highest is valid';
COMMENT ON COLUMN revisions.article_id IS 'its article';
COMMENT ON COLUMN revisions.observed_at IS 'the capture''s event time';
COMMENT ON COLUMN revisions.predecessor_id IS 'the capture before it in observed time';
COMMENT ON COLUMN revisions.change IS 'what changed since the predecessor';
COMMENT ON COLUMN revisions.change_note IS 'the correction''s own words';
COMMENT ON COLUMN revisions.pub_status IS 'whether it may be used';
COMMENT ON COLUMN revisions.availability IS 'whether its address answers';
COMMENT ON COLUMN revisions.seen_until IS 'when the same content was seen again, if a capture that lies in between arrived late';
COMMENT ON COLUMN revisions.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN revisions.batch_id IS 'the delivery that brought the row';
