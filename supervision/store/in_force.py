"""SQL for what is in force at (as_of, known_at); `{0}` stands for the table's alias."""

from __future__ import annotations

KNOWN = "{0}.recorded_at <= :known_at AND {0}.superseded_at > :known_at"
"""A version of a row that is known and has not been superseded."""

IN_FORCE = (
    "{0}.recorded_at <= :known_at AND {0}.{1} <= :as_of"
    " AND ({0}.superseded_at > :known_at OR {0}.replaced_at > :as_of)"
)
"""A version, happened at `{1}`, that no later one has replaced which is known and has happened."""

REVIEWED = """LEFT JOIN review {1} ON {1}.submission_id = {0}.id AND {1}.recorded_at <= :known_at
    AND {1}.decided_at <= :as_of AND NOT EXISTS (
      SELECT 1 FROM review l WHERE l.submission_id = {1}.submission_id AND l.id > {1}.id
        AND l.recorded_at <= :known_at AND l.decided_at <= :as_of)"""
"""The last review `{1}` of a submission."""

NOT_RETURNED = """NOT EXISTS (
    SELECT 1 FROM review v WHERE v.submission_id = {0}.id AND v.decision = 'returned'
      AND v.recorded_at <= :known_at AND v.decided_at <= :as_of AND NOT EXISTS (
        SELECT 1 FROM review l WHERE l.submission_id = v.submission_id AND l.id > v.id
          AND l.recorded_at <= :known_at AND l.decided_at <= :as_of))"""
"""A submission that counts: one given back for correction does not."""
