-- +goose Up
-- Sessions of which something changed lately, so that every replica reads them anew.
CREATE TABLE mfa_news (
    session TEXT PRIMARY KEY,
    at      BIGINT NOT NULL,
    n       BIGINT NOT NULL                -- grows with every change
);
CREATE INDEX mfa_news_at ON mfa_news (at);

-- +goose Down
DROP TABLE mfa_news;
