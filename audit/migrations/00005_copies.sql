-- +goose Up

-- How far each receiver of copies has been sent each lane.
CREATE TABLE trail_copies (
  name TEXT   NOT NULL,
  lane BIGINT NOT NULL,
  next BIGINT NOT NULL,
  PRIMARY KEY (name, lane)
);
