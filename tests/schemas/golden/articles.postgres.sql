CREATE TABLE IF NOT EXISTS articles (
    capture_id text NOT NULL,
    article_id text NOT NULL,
    content_hash text NOT NULL,
    observed_at timestamptz NOT NULL,
    url text NOT NULL,
    canonical_url text NOT NULL,
    feed_id text,
    guid text,
    source text NOT NULL,
    raw_ref text,
    extractor_name text NOT NULL,
    extractor_version text NOT NULL,
    profile_version bigint NOT NULL,
    tagger_name text NOT NULL,
    tagger_version text NOT NULL,
    schema_version bigint NOT NULL,
    title text NOT NULL,
    summary text,
    body text NOT NULL,
    word_count bigint NOT NULL,
    captions jsonb NOT NULL,
    image_url text,
    language text,
    byline text,
    authors text[] NOT NULL,
    dateline_place text,
    dateline_text text,
    credits text[] NOT NULL,
    section text,
    tags text[] NOT NULL,
    subjects jsonb NOT NULL,
    genre text,
    urgency bigint,
    published_at timestamptz,
    published_at_raw text,
    published_at_source text,
    published_precision text,
    published_zone text,
    published_suspect boolean NOT NULL,
    modified_at timestamptz,
    embargoed_until timestamptz,
    version text,
    ednote text,
    usage_terms text,
    copyright_holder text,
    access text NOT NULL,
    tdm text NOT NULL,
    tdm_source text,
    tdm_policy_url text,
    entities jsonb NOT NULL,
    ingested_at timestamptz NOT NULL,
    batch_id text NOT NULL,
    PRIMARY KEY (capture_id)
);
CREATE INDEX IF NOT EXISTS articles_observed_at ON articles (observed_at);
CREATE INDEX IF NOT EXISTS articles_ingested_at ON articles (ingested_at);
COMMENT ON COLUMN articles.capture_id IS 'hash of article_id, observed_at and content_hash';
COMMENT ON COLUMN articles.article_id IS 'hash of the canonical URL or of the wire''s own id';
COMMENT ON COLUMN articles.content_hash IS 'hash of title and body after Unicode NFC and white-space folding';
COMMENT ON COLUMN articles.observed_at IS 'event time: when the server answered, the archive recorded, the message was sent';
COMMENT ON COLUMN articles.url IS 'the address that answered, after redirects';
COMMENT ON COLUMN articles.canonical_url IS 'the address that identifies the article';
COMMENT ON COLUMN articles.feed_id IS 'the feed that showed it';
COMMENT ON COLUMN articles.guid IS 'the feed''s or the wire''s own id for it';
COMMENT ON COLUMN articles.source IS 'where the content was taken from';
COMMENT ON COLUMN articles.raw_ref IS 'where the raw page is kept';
COMMENT ON COLUMN articles.extractor_name IS 'what extracted the text';
COMMENT ON COLUMN articles.extractor_version IS 'its version: text of two versions is not compared';
COMMENT ON COLUMN articles.profile_version IS 'version of the host''s site profile, 0 for none';
COMMENT ON COLUMN articles.tagger_name IS 'what tagged the entities';
COMMENT ON COLUMN articles.tagger_version IS 'its version';
COMMENT ON COLUMN articles.schema_version IS 'version of this table''s definition that the row was written with';
COMMENT ON COLUMN articles.title IS 'headline without the site''s name';
COMMENT ON COLUMN articles.summary IS 'the publisher''s own summary';
COMMENT ON COLUMN articles.body IS 'clean text; paragraphs are separated by an empty line';
COMMENT ON COLUMN articles.word_count IS 'words in the body';
COMMENT ON COLUMN articles.captions IS 'captions of pictures, apart from the body';
COMMENT ON COLUMN articles.image_url IS 'the lead picture';
COMMENT ON COLUMN articles.language IS 'BCP 47 language of the text, e.g. en';
COMMENT ON COLUMN articles.byline IS 'as printed';
COMMENT ON COLUMN articles.authors IS 'names in the byline or the metadata';
COMMENT ON COLUMN articles.dateline_place IS 'place that opens the text, e.g. CAIRO';
COMMENT ON COLUMN articles.dateline_text IS 'the dateline as printed';
COMMENT ON COLUMN articles.credits IS 'agencies credited for the text';
COMMENT ON COLUMN articles.section IS 'the outlet''s section';
COMMENT ON COLUMN articles.tags IS 'the publisher''s keywords';
COMMENT ON COLUMN articles.subjects IS 'subject codes';
COMMENT ON COLUMN articles.genre IS 'e.g. analysis, obituary';
COMMENT ON COLUMN articles.urgency IS 'the wire''s urgency: 1 flash to 9';
COMMENT ON COLUMN articles.published_at IS 'when the publisher says it was published; may be wrong';
COMMENT ON COLUMN articles.published_at_raw IS 'that date as written';
COMMENT ON COLUMN articles.published_at_source IS 'where it was read';
COMMENT ON COLUMN articles.published_precision IS 'how exact it is';
COMMENT ON COLUMN articles.published_zone IS 'where its time zone comes from';
COMMENT ON COLUMN articles.published_suspect IS 'true if later than observed_at, or before 1990';
COMMENT ON COLUMN articles.modified_at IS 'when the publisher says it was last changed';
COMMENT ON COLUMN articles.embargoed_until IS 'not to be published before';
COMMENT ON COLUMN articles.version IS 'the wire''s own version';
COMMENT ON COLUMN articles.ednote IS 'the editor''s note';
COMMENT ON COLUMN articles.usage_terms IS 'what the publisher allows';
COMMENT ON COLUMN articles.copyright_holder IS 'who holds the copyright';
COMMENT ON COLUMN articles.access IS 'whether the page asks for money';
COMMENT ON COLUMN articles.tdm IS 'text and data mining: what the publisher reserves';
COMMENT ON COLUMN articles.tdm_source IS 'where that was read';
COMMENT ON COLUMN articles.tdm_policy_url IS 'the policy that it names';
COMMENT ON COLUMN articles.entities IS 'named entities, most salient first';
COMMENT ON COLUMN articles.ingested_at IS 'commit time; never goes back within one sink';
COMMENT ON COLUMN articles.batch_id IS 'the delivery that brought the row';
