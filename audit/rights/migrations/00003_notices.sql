-- +goose Up

-- Every privacy notice that stood, as it read: what was promised when a request was filed.
CREATE TABLE rights_notices (
  digest  TEXT   PRIMARY KEY, -- of the data map it was made from
  version TEXT   NOT NULL,
  since   BIGINT NOT NULL,    -- when it was first in force
  told    TEXT   NOT NULL     -- JSON: language → systems
);
