"""The tables of `experiment.db`, and every statement on them."""

from __future__ import annotations

SCHEMA_VERSION = 1

CREATE = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE cells (
    position INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL, tier TEXT NOT NULL, subtest TEXT NOT NULL, run_number INTEGER NOT NULL,
    score TEXT,
    UNIQUE (case_id, tier, subtest, run_number)
);
CREATE TABLE attempts (
    cell INTEGER NOT NULL REFERENCES cells (position), number INTEGER NOT NULL,
    started_at TEXT NOT NULL, setup_digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ended', 'lost')),
    is_result INTEGER NOT NULL DEFAULT 0,
    record TEXT,
    PRIMARY KEY (cell, number)
);
CREATE UNIQUE INDEX one_attempt_at_a_time ON attempts (cell) WHERE state = 'open';
CREATE UNIQUE INDEX one_result_for_a_run ON attempts (cell) WHERE is_result = 1;
CREATE TABLE gradings (
    cell INTEGER PRIMARY KEY REFERENCES cells (position), record TEXT NOT NULL
);
CREATE TABLE judge_calls (
    cell INTEGER NOT NULL REFERENCES cells (position), judge_number INTEGER NOT NULL, call INTEGER NOT NULL,
    attempt INTEGER NOT NULL, model TEXT NOT NULL, started_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ended')),
    record TEXT,
    PRIMARY KEY (cell, judge_number, call)
);
CREATE UNIQUE INDEX one_call_at_a_time ON judge_calls (cell, judge_number) WHERE state = 'open';
"""

SET_META = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
BASELINE = "baseline:"
"""With a case's id: the name of the entry that holds its baseline."""
UNGRADED = "ungraded:"
"""With a cell's position: the name of the entry that says why its result could not be graded."""
GET_META = "SELECT value FROM meta WHERE name = ?"

ADD_CELL = "INSERT OR IGNORE INTO cells (case_id, tier, subtest, run_number) VALUES (?, ?, ?, ?)"
CELLS = "SELECT position, case_id, tier, subtest, run_number, score FROM cells ORDER BY position"
CELL = (
    "SELECT position, case_id, tier, subtest, run_number, score FROM cells"
    " WHERE case_id = ? AND tier = ? AND subtest = ? AND run_number = ?"
)
SET_SCORE = "UPDATE cells SET score = ? WHERE position = ? AND score IS NULL"

NEXT_ATTEMPT = "SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE cell = ?"
CLAIM_ATTEMPT = "INSERT INTO attempts (cell, number, started_at, setup_digest, state) VALUES (?, ?, ?, ?, 'open')"
HAS_RESULT = "SELECT 1 FROM attempts WHERE cell = ? AND is_result = 1"
END_ATTEMPT = (
    "UPDATE attempts SET state = 'ended', is_result = ?, record = ? WHERE cell = ? AND number = ? AND state = 'open'"
)
LOSE_ATTEMPT = "UPDATE attempts SET state = 'lost', record = ? WHERE cell = ? AND number = ? AND state = 'open'"
REWRITE_ATTEMPT = "UPDATE attempts SET record = ? WHERE cell = ? AND number = ? AND state = 'ended'"
ATTEMPTS = "SELECT number, state, record FROM attempts WHERE cell = ? ORDER BY number"
OPEN_ATTEMPTS = (
    "SELECT case_id, tier, subtest, run_number, number, started_at FROM attempts"
    " JOIN cells ON position = cell WHERE state = 'open' ORDER BY cell, number"
)

ADOPT_ATTEMPT = (
    "INSERT OR IGNORE INTO attempts (cell, number, started_at, setup_digest, state, is_result, record)"
    " VALUES (?, ?, ?, ?, 'ended', 1, ?)"
)
ADOPT_GRADING = "INSERT OR IGNORE INTO gradings VALUES (?, ?)"

ADD_GRADING = "INSERT INTO gradings VALUES (?, ?)"
GRADING = "SELECT record FROM gradings WHERE cell = ?"

NEXT_CALL = "SELECT coalesce(max(call), 0) + 1 FROM judge_calls WHERE cell = ? AND judge_number = ?"
CLAIM_CALL = (
    "INSERT INTO judge_calls (cell, judge_number, call, attempt, model, started_at, state)"
    " VALUES (?, ?, ?, ?, ?, ?, 'open')"
)
END_CALL = (
    "UPDATE judge_calls SET state = 'ended', record = ?"
    " WHERE cell = ? AND judge_number = ? AND call = ? AND state = 'open'"
)
VERDICTS = "SELECT record FROM judge_calls WHERE cell = ? AND state = 'ended' ORDER BY started_at, judge_number, call"
OPEN_CALLS = (
    "SELECT case_id, tier, subtest, run_number, attempt, judge_number, call, model, started_at FROM judge_calls"
    " JOIN cells ON position = cell WHERE state = 'open' ORDER BY cell, judge_number, call"
)
