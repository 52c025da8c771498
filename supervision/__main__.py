"""The program: the command line with the worker's verb, which the command line cannot import."""

from __future__ import annotations

from supervision.cli.context import application
from supervision.cli.main import app, run
from supervision.scheduling import work as work_until_stopped


@app.command()
def work() -> None:
    """按时工作：工作日定时督查、每分钟发信；收到 SIGTERM 后做完手头的事再退出。"""
    with application() as opened:
        _ = opened.transport  # a wrong mail setting is said now, not at the first mail
        work_until_stopped(opened)


def main() -> None:
    """Run the command line."""
    run()


if __name__ == "__main__":
    main()
