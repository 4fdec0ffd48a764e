CREATE TABLE IF NOT EXISTS dead_letters (
    id text NOT NULL,
    stage text NOT NULL,
    reason text NOT NULL,
    died_at timestamptz NOT NULL,
    error text NOT NULL,
    raw bytea NOT NULL,
    tries bigint NOT NULL,
    entry_id text,
    feed_id text,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX IF NOT EXISTS dead_letters_died_at ON dead_letters (died_at);
CREATE INDEX IF NOT EXISTS dead_letters_ingested_at ON dead_letters (ingested_at);
COMMENT ON COLUMN dead_letters.id IS 'hash of the stage, the reason and the raw input';
COMMENT ON COLUMN dead_letters.stage IS 'the stage that put it aside';
COMMENT ON COLUMN dead_letters.reason IS 'why';
COMMENT ON COLUMN dead_letters.died_at IS 'when';
COMMENT ON COLUMN dead_letters.error IS 'the error in words, without secrets';
COMMENT ON COLUMN dead_letters.raw IS 'the stage''s input: a record as msgpack, or the raw bytes';
COMMENT ON COLUMN dead_letters.tries IS 'attempts made';
COMMENT ON COLUMN dead_letters.entry_id IS 'the entry, if it had become one';
COMMENT ON COLUMN dead_letters.feed_id IS 'the feed';
COMMENT ON COLUMN dead_letters.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN dead_letters.batch_id IS 'the delivery that brought the row';
