-- +goose Up
-- Emergencies: what a session may see while it lasts, and what a supervisor reads.
CREATE TABLE mfa_glass (
    id      TEXT PRIMARY KEY,
    agent   TEXT NOT NULL,
    session TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    until   BIGINT NOT NULL
);
CREATE INDEX mfa_glass_session ON mfa_glass (session, until);
CREATE INDEX mfa_glass_at ON mfa_glass (at);

-- +goose Down
DROP TABLE mfa_glass;
