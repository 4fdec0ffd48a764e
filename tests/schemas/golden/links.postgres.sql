CREATE TABLE IF NOT EXISTS links (
    copy_id text NOT NULL,
    original_id text NOT NULL,
    judged_seq bigint NOT NULL,
    observed_at timestamptz NOT NULL,
    kind text NOT NULL,
    similarity double precision NOT NULL,
    containment double precision NOT NULL,
    evidence text[] NOT NULL,
    cluster_id text NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (copy_id, original_id, judged_seq)
);
CREATE INDEX IF NOT EXISTS links_observed_at ON links (observed_at);
CREATE INDEX IF NOT EXISTS links_ingested_at ON links (ingested_at);
COMMENT ON COLUMN links.copy_id IS 'article_id of the copy';
COMMENT ON COLUMN links.original_id IS 'article_id of the earliest known original';
COMMENT ON COLUMN links.judged_seq IS '0 for the first judgement of this copy; the highest is valid';
COMMENT ON COLUMN links.observed_at IS 'event time of the copy''s capture';
COMMENT ON COLUMN links.kind IS 'what the copy is to the original';
COMMENT ON COLUMN links.similarity IS 'Jaccard similarity of word shingles, 0 to 1';
COMMENT ON COLUMN links.containment IS 'share of the smaller text''s shingles found in the other, 0 to 1';
COMMENT ON COLUMN links.evidence IS 'what spoke for it, e.g. shingles, title, credit';
COMMENT ON COLUMN links.cluster_id IS 'article_id of the earliest known member of the copies'' cluster';
COMMENT ON COLUMN links.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN links.batch_id IS 'the delivery that brought the row';
