-- +goose Up

-- What a full tile holds, as words: "kind K", "agent A", "agent A kind K". A
-- search needs no index over entries: a lane is in order of time, and a word
-- leads to the tiles of 256 entries that have it. An index would be one more
-- page in every commit; this is written once a tile.
CREATE TABLE trail_words (
  lane BIGINT NOT NULL,
  word TEXT   NOT NULL,
  n    BIGINT NOT NULL,
  PRIMARY KEY (lane, word, n)
);
WITH whole AS (SELECT e.lane, e.idx / 256 AS n, kind, agent FROM trail_entries e JOIN trail_lanes l ON l.lane = e.lane
    WHERE e.idx / 256 < l.size / 256)
  INSERT INTO trail_words (lane, word, n)
  SELECT lane, 'kind ' || kind, n FROM whole UNION SELECT lane, 'agent ' || agent, n FROM whole
  UNION SELECT lane, 'agent ' || agent || ' kind ' || kind, n FROM whole;
DROP INDEX trail_entries_time;
DROP INDEX trail_entries_kind;
DROP INDEX trail_entries_agent;
