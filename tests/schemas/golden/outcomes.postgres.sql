CREATE TABLE IF NOT EXISTS outcomes (
    entry_id text NOT NULL,
    attempt bigint NOT NULL,
    origin text NOT NULL,
    stage text NOT NULL,
    outcome text NOT NULL,
    is_terminal boolean NOT NULL,
    decided_at timestamptz NOT NULL,
    reason text,
    detail text,
    http_status bigint,
    retry_at timestamptz,
    feed_id text,
    guid text,
    url text,
    title text,
    article_id text,
    capture_id text,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (entry_id, attempt)
);
CREATE INDEX IF NOT EXISTS outcomes_decided_at ON outcomes (decided_at);
CREATE INDEX IF NOT EXISTS outcomes_ingested_at ON outcomes (ingested_at);
COMMENT ON COLUMN outcomes.entry_id IS 'the entry';
COMMENT ON COLUMN outcomes.attempt IS '1 for the first';
COMMENT ON COLUMN outcomes.origin IS 'why the entry entered the graph';
COMMENT ON COLUMN outcomes.stage IS 'the stage that decided';
COMMENT ON COLUMN outcomes.outcome IS 'how it ended';
COMMENT ON COLUMN outcomes.is_terminal IS 'true for exactly one row of an entry';
COMMENT ON COLUMN outcomes.decided_at IS 'when it was decided';
COMMENT ON COLUMN outcomes.reason IS 'why it did not go the usual way';
COMMENT ON COLUMN outcomes.detail IS 'the error in words, without secrets';
COMMENT ON COLUMN outcomes.http_status IS 'the page''s HTTP status';
COMMENT ON COLUMN outcomes.retry_at IS 'when the next attempt is due';
COMMENT ON COLUMN outcomes.feed_id IS 'the feed that showed the entry';
COMMENT ON COLUMN outcomes.guid IS 'the entry''s own id';
COMMENT ON COLUMN outcomes.url IS 'the entry''s address';
COMMENT ON COLUMN outcomes.title IS 'the entry''s title in the feed';
COMMENT ON COLUMN outcomes.article_id IS 'the article that it was found to be';
COMMENT ON COLUMN outcomes.capture_id IS 'the row that it became, or the capture that it equals';
COMMENT ON COLUMN outcomes.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN outcomes.batch_id IS 'the delivery that brought the row';
