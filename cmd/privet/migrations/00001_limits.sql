-- +goose Up
CREATE TABLE opened (
    day     TEXT   NOT NULL,
    agent   TEXT   NOT NULL,
    records BIGINT NOT NULL,
    PRIMARY KEY (day, agent)
);
CREATE TABLE opened_subject (
    day   TEXT  NOT NULL,
    agent TEXT  NOT NULL,
    tag   BYTEA NOT NULL,
    PRIMARY KEY (day, agent, tag)
);

-- +goose Down
DROP TABLE opened_subject;
DROP TABLE opened;
