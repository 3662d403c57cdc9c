-- +goose Up
-- issuer and subject of single sign-on; '' for the local directory.
ALTER TABLE mfa_agents ADD COLUMN sso TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE mfa_agents DROP COLUMN sso;
