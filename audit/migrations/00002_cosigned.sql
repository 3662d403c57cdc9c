-- +goose Up

-- The newest checkpoint that each witness has cosigned, with its signature.
CREATE TABLE trail_cosigned (
  lane    BIGINT NOT NULL,
  witness TEXT   NOT NULL,
  size    BIGINT NOT NULL,
  time    BIGINT NOT NULL,
  note    BYTEA  NOT NULL,
  PRIMARY KEY (lane, witness)
);
