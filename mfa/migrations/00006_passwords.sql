-- +goose Up
-- Hashes of former passwords, the last four of each agent (PCI DSS 4.0.1 8.3.7).
CREATE TABLE mfa_passwords (
    agent   TEXT NOT NULL,
    hash    TEXT NOT NULL,
    retired BIGINT NOT NULL,
    PRIMARY KEY (agent, hash)
);

-- +goose Down
DROP TABLE mfa_passwords;
