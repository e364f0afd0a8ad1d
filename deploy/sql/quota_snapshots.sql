-- How every workspace stood at every interval. For PostgreSQL and SQLite alike; `farebox history
-- export` makes it where it is missing. Times are UTC. docs/history.md says what the columns hold.
CREATE TABLE IF NOT EXISTS quota_snapshots (
    id UUID PRIMARY KEY,
    workspace_id VARCHAR(64) NOT NULL,
    snapshot_time TIMESTAMPTZ NOT NULL,
    requests_per_minute BIGINT NOT NULL DEFAULT 0,
    requests_per_day BIGINT NOT NULL DEFAULT 0,
    tokens_used BIGINT NOT NULL DEFAULT 0,
    error_count BIGINT NOT NULL DEFAULT 0,
    status VARCHAR(50) NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}'
);

CREATE INDEX IF NOT EXISTS quota_snapshots_workspace_time
    ON quota_snapshots (workspace_id, snapshot_time DESC);
