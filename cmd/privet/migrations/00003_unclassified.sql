-- +goose Up
-- Paths of tools' answers that no catalogue names: never a value.
CREATE TABLE unclassified (
    tool   TEXT   NOT NULL,
    screen TEXT   NOT NULL,
    island TEXT   NOT NULL,
    path   TEXT   NOT NULL,
    class  TEXT   NOT NULL,                -- suggested
    seen   BIGINT NOT NULL,                -- values
    first  BIGINT NOT NULL,                -- microseconds since 1970 UTC
    last   BIGINT NOT NULL,
    PRIMARY KEY (tool, screen, island, path)
);

-- +goose Down
DROP TABLE unclassified;
