-- +goose Up

-- Whose trail this is: its origin, and a check of the keeper's keys.
CREATE TABLE trail_house (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- One lane is one log with one origin; a process writes the lane it leases.
CREATE TABLE trail_lanes (
  lane            BIGINT PRIMARY KEY,
  holder          TEXT   NOT NULL,
  until           BIGINT NOT NULL,
  size            BIGINT NOT NULL,
  root            BYTEA  NOT NULL,
  time            BIGINT NOT NULL,
  head            BYTEA  NOT NULL, -- size and root, signed by the process
  endorsement     BYTEA  NOT NULL, -- the process's key, signed by the keeper
  checkpoint      BYTEA  NOT NULL, -- size and root, signed by the keeper
  checkpoint_size BIGINT NOT NULL,
  checkpoint_time BIGINT NOT NULL,
  pruned          BIGINT NOT NULL  -- leaves before it are gone, their hashes are not
);

CREATE TABLE trail_entries (
  lane  BIGINT NOT NULL,
  idx   BIGINT NOT NULL,
  time  BIGINT NOT NULL,
  kind  TEXT   NOT NULL,
  agent TEXT   NOT NULL,
  leaf  BYTEA  NOT NULL,
  PRIMARY KEY (lane, idx)
);
CREATE INDEX trail_entries_time  ON trail_entries (time);
CREATE INDEX trail_entries_kind  ON trail_entries (kind, time);
CREATE INDEX trail_entries_agent ON trail_entries (agent, time);

-- Which entries name whom, by tag; what was said about them, under their key.
CREATE TABLE trail_mentions (
  tag    BYTEA  NOT NULL,
  lane   BIGINT NOT NULL,
  idx    BIGINT NOT NULL,
  sealed BYTEA,
  PRIMARY KEY (tag, lane, idx)
);

-- Full tiles of 256 hashes (tlog-tiles); the unfinished edge follows from them
-- and from the last entries.
CREATE TABLE trail_tiles (
  lane   BIGINT NOT NULL,
  level  BIGINT NOT NULL,
  n      BIGINT NOT NULL,
  root   BYTEA  NOT NULL,
  hashes BYTEA  NOT NULL,
  PRIMARY KEY (lane, level, n)
);

-- A subject's data key, wrapped twice: found by who it is (a keyed hash), and
-- found by its tag. Only the key itself tells that two rows belong together.
CREATE TABLE trail_subjects (
  handle  BYTEA  PRIMARY KEY,
  shard   BIGINT NOT NULL,
  epoch   BIGINT NOT NULL,
  wrapped BYTEA  NOT NULL,
  held    TEXT   NOT NULL
);
CREATE INDEX trail_subjects_epoch ON trail_subjects (shard, epoch);
CREATE TABLE trail_tags (
  tag     BYTEA  PRIMARY KEY,
  shard   BIGINT NOT NULL,
  epoch   BIGINT NOT NULL,
  wrapped BYTEA  NOT NULL,
  name    BYTEA  NOT NULL
);
CREATE INDEX trail_tags_epoch ON trail_tags (shard, epoch);

-- Which epoch each wrapping key is in. Who stores a wrapped key holds the row's
-- lock, so that an epoch cannot end beside it.
CREATE TABLE trail_epochs (
  shard BIGINT PRIMARY KEY,
  epoch BIGINT NOT NULL
);

-- Erasures in their order: replicas drop keys by it.
CREATE TABLE trail_erasures (
  seq      BIGINT PRIMARY KEY,
  tag      BYTEA  NOT NULL,
  shard    BIGINT NOT NULL,
  epoch    BIGINT NOT NULL,
  time     BIGINT NOT NULL,
  shredded BIGINT NOT NULL, -- when the epoch ended and copies became unreadable; 0: not yet
  receipt  TEXT   NOT NULL
);
CREATE INDEX trail_erasures_tag ON trail_erasures (tag);
