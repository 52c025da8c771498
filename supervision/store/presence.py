"""Whether there is a database to read, without making one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


def may_be_there(url: str) -> bool:
    """Return whether a URL leads to a database: a file with something in it, or any server."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return False
    if parsed.get_backend_name() != "sqlite":
        return True
    file = Path(parsed.database) if parsed.database else None
    return file is not None and file.is_file() and file.stat().st_size > 0
