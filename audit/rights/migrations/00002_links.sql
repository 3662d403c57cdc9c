-- +goose Up

-- How far a package's link has given its bytes, and until when somebody is at it.
ALTER TABLE rights_tokens ADD COLUMN reached BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rights_tokens ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
