-- +goose Up

-- What is personal in a request lies sealed under the request's own key.
CREATE TABLE rights_requests (
  id          TEXT   PRIMARY KEY,
  status      TEXT   NOT NULL,
  asks        TEXT   NOT NULL, -- access, correct, erase
  tag         TEXT   NOT NULL, -- keyed hash of the e-mail it was filed with
  received    BIGINT NOT NULL,
  due         BIGINT NOT NULL,
  next_at     BIGINT NOT NULL, -- when the machine looks again; 0: it waits for a person
  lease       BIGINT NOT NULL, -- fencing token: steps of an older lease change nothing
  lease_until BIGINT NOT NULL,
  facts       TEXT   NOT NULL, -- JSON without personal data
  body        BYTEA  NOT NULL,
  plan        BYTEA
);
CREATE INDEX rights_requests_due  ON rights_requests (status, due);
CREATE INDEX rights_requests_next ON rights_requests (next_at);
CREATE INDEX rights_requests_tag  ON rights_requests (tag);

CREATE TABLE rights_events (
  request TEXT   NOT NULL,
  seq     BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  kind    TEXT   NOT NULL,
  actor   TEXT   NOT NULL, -- officer's name, "cardholder", "privet"
  detail  TEXT   NOT NULL, -- JSON without personal data
  receipt TEXT   NOT NULL,
  PRIMARY KEY (request, seq)
);

CREATE TABLE rights_codes (
  request TEXT   NOT NULL,
  purpose TEXT   NOT NULL, -- identity, package
  mac     BYTEA  NOT NULL,
  tries   BIGINT NOT NULL,
  most    BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  sent    BIGINT NOT NULL, -- how many were sent so far
  PRIMARY KEY (request, purpose)
);

CREATE TABLE rights_steps (
  request  TEXT   NOT NULL,
  n        BIGINT NOT NULL,
  system   TEXT   NOT NULL,
  name     TEXT   NOT NULL, -- collection or recipient
  action   TEXT   NOT NULL,
  state    TEXT   NOT NULL, -- pending, intent, done, waiting, failed
  attempts BIGINT NOT NULL,
  detail   TEXT   NOT NULL, -- JSON without personal data: rows, error, receipts, attests
  PRIMARY KEY (request, n)
);

CREATE TABLE rights_messages (
  request TEXT   NOT NULL,
  seq     BIGINT NOT NULL,
  at      BIGINT NOT NULL,
  sender  TEXT   NOT NULL,
  body    BYTEA  NOT NULL,
  PRIMARY KEY (request, seq)
);

CREATE TABLE rights_holds (
  id       TEXT   PRIMARY KEY,
  tag      TEXT   NOT NULL,
  officer  TEXT   NOT NULL,
  reason   TEXT   NOT NULL,
  until    BIGINT NOT NULL,
  released BIGINT NOT NULL
);
CREATE INDEX rights_holds_tag ON rights_holds (tag);

-- Whom an import must not bring back. A keyed hash, with an end of its own.
CREATE TABLE rights_suppressed (
  tag     TEXT   PRIMARY KEY,
  request TEXT   NOT NULL,
  expires BIGINT NOT NULL
);

-- Tokens that open something once: a package, a session of the portal.
CREATE TABLE rights_tokens (
  mac     BYTEA  PRIMARY KEY,
  request TEXT   NOT NULL,
  purpose TEXT   NOT NULL,
  expires BIGINT NOT NULL,
  used    BIGINT NOT NULL
);

-- Partners' own ids of requests, as keyed hashes: the same filing twice is one request.
CREATE TABLE rights_external (
  mac     BYTEA PRIMARY KEY,
  request TEXT  NOT NULL
);

-- Status changes that partners wait to be told, in order.
CREATE TABLE rights_callbacks (
  request TEXT   NOT NULL,
  seq     BIGINT NOT NULL,
  status  TEXT   NOT NULL,
  tries   BIGINT NOT NULL,
  next_at BIGINT NOT NULL, -- 0: told, or given up
  PRIMARY KEY (request, seq)
);
CREATE INDEX rights_callbacks_next ON rights_callbacks (next_at);
