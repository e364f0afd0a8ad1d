-- What every credential at a provider was used for on every day. For PostgreSQL and SQLite alike;
-- `farebox history export` makes it where it is missing. `provider_name` is the credential, as in
-- the API; days are those of the ledger's time zone.
CREATE TABLE IF NOT EXISTS ai_provider_usage (
    id UUID PRIMARY KEY,
    provider_name VARCHAR(64) NOT NULL,
    provider VARCHAR(64) NOT NULL,
    date DATE NOT NULL,
    request_count BIGINT NOT NULL DEFAULT 0,
    character_count BIGINT NOT NULL DEFAULT 0,
    tokens BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    cost_nanousd BIGINT NOT NULL DEFAULT 0,
    metadata JSONB NOT NULL DEFAULT '{}',
    UNIQUE (provider_name, date)
);

CREATE INDEX IF NOT EXISTS ai_provider_usage_date ON ai_provider_usage (date DESC);
