-- +goose Up
-- Who is often wrong, by network; '*' is all networks from which nobody signed in.
CREATE TABLE mfa_networks (
    net    TEXT PRIMARY KEY,               -- an IPv4 address or an IPv6 /64
    due    BIGINT NOT NULL,                -- when its wrong answers are paid off
    proven BIGINT NOT NULL                 -- when somebody last signed in from there
);
CREATE INDEX mfa_networks_due ON mfa_networks (due);
-- Tries of a cardholder's questions, whichever agent asks.
CREATE TABLE mfa_answers (
    subject TEXT PRIMARY KEY,
    tries   BIGINT NOT NULL,
    until   BIGINT NOT NULL                -- when they are forgotten
);
-- The last sign-in or supervisor's act; 0 is before this was kept.
ALTER TABLE mfa_agents ADD COLUMN used BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE mfa_agents DROP COLUMN used;
DROP TABLE mfa_answers;
DROP TABLE mfa_networks;
