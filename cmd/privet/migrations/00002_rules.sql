-- +goose Up
-- The rules of files that are in force, so that a restart cannot loosen them.
CREATE TABLE rules_kept (
    id     BIGINT PRIMARY KEY,
    bundle TEXT   NOT NULL,
    body   BYTEA  NOT NULL
);

-- +goose Down
DROP TABLE rules_kept;
