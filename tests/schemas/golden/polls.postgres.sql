CREATE TABLE IF NOT EXISTS polls (
    feed_id text NOT NULL,
    polled_at timestamptz NOT NULL,
    url text NOT NULL,
    status text NOT NULL,
    http_status bigint,
    reason text,
    detail text,
    format text,
    size_bytes bigint NOT NULL,
    entries_seen bigint NOT NULL,
    entries_new bigint NOT NULL,
    entries_changed bigint NOT NULL,
    entries_unchanged bigint NOT NULL,
    entries_invalid bigint NOT NULL,
    overlap double precision,
    gap boolean NOT NULL,
    duration_s double precision NOT NULL,
    next_interval_s double precision,
    interval_rule text,
    quiet_polls bigint NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (feed_id, polled_at)
);
CREATE INDEX IF NOT EXISTS polls_polled_at ON polls (polled_at);
CREATE INDEX IF NOT EXISTS polls_ingested_at ON polls (ingested_at);
COMMENT ON COLUMN polls.feed_id IS 'the feed';
COMMENT ON COLUMN polls.polled_at IS 'when its server answered, or failed to';
COMMENT ON COLUMN polls.url IS 'the feed''s address, without credentials';
COMMENT ON COLUMN polls.status IS 'how it ended';
COMMENT ON COLUMN polls.http_status IS 'the HTTP status';
COMMENT ON COLUMN polls.reason IS 'why it failed, or what was wrong with the feed';
COMMENT ON COLUMN polls.detail IS 'that in words';
COMMENT ON COLUMN polls.format IS 'rss20, atom10, json11, ... as found';
COMMENT ON COLUMN polls.size_bytes IS 'length of the body';
COMMENT ON COLUMN polls.entries_seen IS 'entries in the feed';
COMMENT ON COLUMN polls.entries_new IS 'never seen before';
COMMENT ON COLUMN polls.entries_changed IS 'seen before with other content';
COMMENT ON COLUMN polls.entries_unchanged IS 'seen before';
COMMENT ON COLUMN polls.entries_invalid IS 'could not be used; see dead_letters';
COMMENT ON COLUMN polls.overlap IS 'share of entries already known; null without entries';
COMMENT ON COLUMN polls.gap IS 'entries may have been missed since the poll before';
COMMENT ON COLUMN polls.duration_s IS 'seconds from request to parsed entries';
COMMENT ON COLUMN polls.next_interval_s IS 'seconds until the next poll; null for a single run';
COMMENT ON COLUMN polls.interval_rule IS 'the rule that chose it';
COMMENT ON COLUMN polls.quiet_polls IS 'polls since the last row that brought nothing and failed in nothing';
COMMENT ON COLUMN polls.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN polls.batch_id IS 'the delivery that brought the row';
