-- +goose Up

-- Erasures whose receipt is not written yet: few of many.
CREATE INDEX trail_erasures_open ON trail_erasures (seq) WHERE receipt = '';
