"""What a run is: its mode, its status, its counts."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """LIVE moves findings; DRY_RUN writes nothing; REPLAY looks back and moves nothing."""

    LIVE = "live"
    DRY_RUN = "dry-run"
    REPLAY = "replay"


class RunStatus(StrEnum):
    """HELD: the run found or would send more than its ceiling; a person releases it."""

    COMPLETED = "completed"
    FAILED = "failed"
    HELD = "held"
