-- +goose Up
-- Times are microseconds since 1970 UTC; 0 is "not yet" or "never".
CREATE TABLE mfa_agents (
    name         TEXT PRIMARY KEY,
    display      TEXT NOT NULL,
    kind         TEXT NOT NULL,            -- agent, officer
    roles        TEXT NOT NULL,            -- JSON list
    member_of    TEXT NOT NULL,            -- JSON list
    region       TEXT NOT NULL,
    language     TEXT NOT NULL,
    password     TEXT NOT NULL,            -- argon2id in PHC form; '' with single sign-on
    handle       BYTEA NOT NULL,           -- WebAuthn user handle
    tries        BIGINT NOT NULL DEFAULT 0, -- of the second factor since the last success
    locked_until BIGINT NOT NULL DEFAULT 0,
    locked_at    BIGINT NOT NULL DEFAULT 0, -- by a supervisor
    created      BIGINT NOT NULL
);
CREATE TABLE mfa_devices (
    id        TEXT PRIMARY KEY,
    agent     TEXT NOT NULL REFERENCES mfa_agents (name) ON DELETE CASCADE,
    label     TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    digits    BIGINT NOT NULL,
    sealed    BYTEA NOT NULL,              -- the seed, under the keeper
    last_step BIGINT NOT NULL,             -- spent; only ever grows
    drift     BIGINT NOT NULL,             -- seconds the device's window is ahead of our clock
    miss_step BIGINT NOT NULL,             -- a right code outside its window, and when
    miss_at   BIGINT NOT NULL,
    confirmed BIGINT NOT NULL,
    created   BIGINT NOT NULL,
    used      BIGINT NOT NULL
);
CREATE INDEX mfa_devices_agent ON mfa_devices (agent);
CREATE TABLE mfa_passkeys (
    id      TEXT PRIMARY KEY,              -- credential id, base64url
    agent   TEXT NOT NULL REFERENCES mfa_agents (name) ON DELETE CASCADE,
    label   TEXT NOT NULL,
    record  TEXT NOT NULL,                 -- JSON: public key, counter, flags
    created BIGINT NOT NULL,
    used    BIGINT NOT NULL
);
CREATE INDEX mfa_passkeys_agent ON mfa_passkeys (agent);
CREATE TABLE mfa_recovery (
    id    TEXT PRIMARY KEY,                -- the code's first half, names the row
    agent TEXT NOT NULL REFERENCES mfa_agents (name) ON DELETE CASCADE,
    hash  TEXT NOT NULL,                   -- argon2id of the second half
    used  BIGINT NOT NULL
);
CREATE INDEX mfa_recovery_agent ON mfa_recovery (agent);
CREATE TABLE mfa_tickets (
    hash    BYTEA PRIMARY KEY,             -- SHA-256 of the ticket
    kind    TEXT NOT NULL,                 -- signin, invite, handover, ceremony, sso
    agent   TEXT NOT NULL,                 -- '' before it is known
    session TEXT NOT NULL,
    body    TEXT NOT NULL,                 -- JSON, by kind
    expires BIGINT NOT NULL
);
CREATE INDEX mfa_tickets_expires ON mfa_tickets (expires);
CREATE TABLE mfa_sessions (
    id       TEXT PRIMARY KEY,
    agent    TEXT NOT NULL REFERENCES mfa_agents (name) ON DELETE CASCADE,
    proofs   TEXT NOT NULL,                -- JSON list
    purpose  TEXT NOT NULL,
    matter   TEXT NOT NULL,                -- the case
    address  TEXT NOT NULL,
    browser  TEXT NOT NULL,
    created  BIGINT NOT NULL,
    seen     BIGINT NOT NULL,              -- last user activity, to about ten seconds
    absolute BIGINT NOT NULL,
    ended    BIGINT NOT NULL,
    why      TEXT NOT NULL
);
CREATE INDEX mfa_sessions_agent ON mfa_sessions (agent);
CREATE INDEX mfa_sessions_ended ON mfa_sessions (ended);
CREATE TABLE mfa_tokens (
    hash    BYTEA PRIMARY KEY,             -- SHA-256 of the token
    session TEXT NOT NULL REFERENCES mfa_sessions (id) ON DELETE CASCADE,
    host    TEXT NOT NULL                  -- the only host that takes it; '' is every one
);
CREATE INDEX mfa_tokens_session ON mfa_tokens (session);
CREATE TABLE mfa_callers (
    session TEXT NOT NULL,
    subject TEXT NOT NULL,
    channel TEXT NOT NULL,
    hash    BYTEA NOT NULL,                -- of the code, bound to session and subject; empty once spent
    tries   BIGINT NOT NULL,
    expires BIGINT NOT NULL,               -- of the code
    proven  BIGINT NOT NULL,               -- verified until
    PRIMARY KEY (session, subject)
);
CREATE TABLE mfa_sendings (
    subject TEXT NOT NULL,
    at      BIGINT NOT NULL,
    id      TEXT PRIMARY KEY
);
CREATE INDEX mfa_sendings_subject ON mfa_sendings (subject, at);
CREATE TABLE mfa_keys (
    name   TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL
);

-- +goose Down
DROP TABLE mfa_keys;
DROP TABLE mfa_sendings;
DROP TABLE mfa_callers;
DROP TABLE mfa_tokens;
DROP TABLE mfa_sessions;
DROP TABLE mfa_tickets;
DROP TABLE mfa_recovery;
DROP TABLE mfa_passkeys;
DROP TABLE mfa_devices;
DROP TABLE mfa_agents;
