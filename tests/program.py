"""The command line as its users meet it: a process of its own, with its own environment.

Importing the program takes longer than most of its verbs, so `Program` forks them off a process
that has imported it once; `afresh` starts an interpreter, for what depends on how one starts.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Ran:
    """How a verb ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on stderr in which a user's mistake is told; nothing else was written."""
        lines = self.err.strip().splitlines()
        assert (self.code, self.out, len(lines)) == (2, "", 1), self
        assert "Traceback" not in self.err
        return lines[0]


class Server:
    """A process that has imported the program and forks one child for each call."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.program"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, request: Mapping[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=20)


class Program:
    """`supervision` in one folder, with one environment."""

    def __init__(self, server: Server, folder: Path, **environment: str) -> None:
        self.server, self.folder = server, folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "SUPERVISION_DATABASE_URL": f"sqlite:///{folder / 'supervision.db'}",
            "SUPERVISION_MAIL_URL": f"maildir:{folder / 'mails'}",
            "SUPERVISION_WORKERS": "1",
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            **environment,
        }

    def __call__(self, *arguments: str, **environment: str | None) -> Ran:
        """Run a verb; a variable that is None is taken out of the environment."""
        with tempfile.TemporaryDirectory() as scratch:
            out, err = Path(scratch, "out"), Path(scratch, "err")
            code = self.server.call(
                {
                    "arguments": arguments,
                    "environment": self._environment(environment),
                    "folder": str(self.folder),
                    "out": str(out),
                    "err": str(err),
                }
            )
            return Ran(code, out.read_bytes().decode(), err.read_bytes().decode())

    def on_a_terminal(self, *arguments: str, columns: int = 80) -> tuple[int, str]:
        """Run a verb on a terminal so many characters wide: exit code and what it shows."""
        leader, follower = pty.openpty()
        fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        terminal = os.ttyname(follower)
        with ThreadPoolExecutor(1) as pool:
            code = pool.submit(
                self.server.call,
                {
                    "arguments": arguments,
                    "environment": {**self.environment, "TERM": "xterm"},
                    "folder": str(self.folder),
                    "out": terminal,
                    "err": terminal,
                },
            )
            shown = b""
            while not code.done() or select.select([leader], [], [], 0)[0]:
                if select.select([leader], [], [], 0.05)[0]:
                    shown += os.read(leader, 65536)
            os.close(follower)
            os.close(leader)
            return code.result(), _ESCAPES.sub("", shown.decode()).replace("\r\n", "\n")

    def afresh(self, *arguments: str, **environment: str | None) -> Ran:
        """Run a verb in a new interpreter, as a shell does."""
        done = subprocess.run(
            [sys.executable, "-m", "supervision", *arguments],
            cwd=self.folder,
            env=self._environment({"PYTHONPATH": self._import_path(), **environment}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        errors = "surrogateescape"
        return Ran(
            done.returncode, done.stdout.decode(errors=errors), done.stderr.decode(errors=errors)
        )

    def in_a_copy(self, folder: Path) -> Program:
        """Return the program at work in a copy of its folder."""
        shutil.copytree(self.folder, folder)
        own = str(self.folder)
        moved = {name: text.replace(own, str(folder)) for name, text in self.environment.items()}
        return Program(self.server, folder, **moved)

    def _environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        merged = {**self.environment, **changes}
        return {name: text for name, text in merged.items() if text is not None}

    def _import_path(self) -> str:
        return os.pathsep.join([str(ROOT), *filter(None, [self.environment.get("PYTHONPATH")])])


# --- The process behind `Server` -----------------------------------------------------------------


def serve() -> None:
    """Answer each line on stdin (a call, as JSON) with the exit code of a child that carried it."""
    import supervision.__main__  # noqa: F401 - what the children need not import again

    for line in sys.stdin:
        call = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(call)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(call: Mapping[str, Any]) -> None:
    """Turn this process into the program as called for, and end with it."""
    import traceback

    from supervision.__main__ import main

    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, call["out"], os.O_WRONLY | os.O_CREAT | os.O_NOCTTY),
        (2, call["err"], os.O_WRONLY | os.O_CREAT | os.O_NOCTTY),
    ):
        os.dup2(os.open(path, flags, 0o600), number)
    # as an interpreter opens them: a terminal line by line, a file in blocks
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["supervision", *call["arguments"]]
    sys.modules["__main__"].__package__ = None  # started by its name, not by `python -m`
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - what an interpreter shows of an error nobody caught
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve()
