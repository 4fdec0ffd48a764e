CREATE TABLE IF NOT EXISTS feeds (
    feed_id text NOT NULL,
    valid_from timestamptz NOT NULL,
    url text NOT NULL,
    outlet text,
    domain text,
    country text,
    language text,
    timezone text,
    rights text,
    body_policy text NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (feed_id, valid_from)
);
CREATE INDEX IF NOT EXISTS feeds_valid_from ON feeds (valid_from);
CREATE INDEX IF NOT EXISTS feeds_ingested_at ON feeds (ingested_at);
COMMENT ON COLUMN feeds.feed_id IS 'hash of its configured address';
COMMENT ON COLUMN feeds.valid_from IS 'since when these settings hold';
COMMENT ON COLUMN feeds.url IS 'its address, without credentials';
COMMENT ON COLUMN feeds.outlet IS 'the outlet''s name';
COMMENT ON COLUMN feeds.domain IS 'the outlet''s registered domain';
COMMENT ON COLUMN feeds.country IS 'ISO 3166-1 alpha-2';
COMMENT ON COLUMN feeds.language IS 'BCP 47, if known beforehand';
COMMENT ON COLUMN feeds.timezone IS 'IANA name, for dates without a zone';
COMMENT ON COLUMN feeds.rights IS 'licence or contract';
COMMENT ON COLUMN feeds.body_policy IS 'how much of a body may be stored';
COMMENT ON COLUMN feeds.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN feeds.batch_id IS 'the delivery that brought the row';
