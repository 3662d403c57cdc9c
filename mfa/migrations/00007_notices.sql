-- +goose Up
-- Where notices about somebody's own sign-in go; '' is nowhere but the desk.
ALTER TABLE mfa_agents ADD COLUMN email TEXT NOT NULL DEFAULT '';
-- The agent's sign-in before this one.
ALTER TABLE mfa_sessions ADD COLUMN former BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mfa_sessions ADD COLUMN former_device TEXT NOT NULL DEFAULT '';
-- Kinds of device that an agent signs in with, and when last.
CREATE TABLE mfa_browsers (
    agent  TEXT NOT NULL REFERENCES mfa_agents (name) ON DELETE CASCADE,
    device TEXT NOT NULL,                  -- 'Firefox, Windows'; '' is not known
    at     BIGINT NOT NULL,
    PRIMARY KEY (agent, device)
);
CREATE TABLE mfa_notices (
    id      TEXT PRIMARY KEY,
    agent   TEXT NOT NULL REFERENCES mfa_agents (name) ON DELETE CASCADE,
    at      BIGINT NOT NULL,
    what    TEXT NOT NULL,                 -- a key of the words
    device  TEXT NOT NULL,
    seen    BIGINT NOT NULL DEFAULT 0,     -- when its agent confirmed it at the desk
    due     BIGINT NOT NULL,               -- when to send it next; 0 is not any more
    tries   BIGINT NOT NULL DEFAULT 0,
    address TEXT NOT NULL                  -- to send it to; '' once that is over
);
CREATE INDEX mfa_notices_agent ON mfa_notices (agent, at);
CREATE INDEX mfa_notices_due ON mfa_notices (due);

-- +goose Down
DROP TABLE mfa_notices;
DROP TABLE mfa_browsers;
ALTER TABLE mfa_sessions DROP COLUMN former_device;
ALTER TABLE mfa_sessions DROP COLUMN former;
ALTER TABLE mfa_agents DROP COLUMN email;
