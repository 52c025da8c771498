"""The entry point: verbs put together, and a user's mistake shown as a sentence."""

from __future__ import annotations

import io
import os
import sys

import typer

from rules.nodes import Faults
from supervision.cli import authoring_verbs, change_verbs  # noqa: F401 - verbs of `rules`
from supervision.cli.calendar_verbs import calendar_app
from supervision.cli.case_verbs import generate, run_cases
from supervision.cli.coverage_verbs import coverage
from supervision.cli.explain_verbs import explain, explain_rule
from supervision.cli.finding_verbs import findings_app
from supervision.cli.list_verbs import escalations_app
from supervision.cli.notice_verbs import notices_app
from supervision.cli.plan_verbs import plan_app
from supervision.cli.rule_verbs import rules_app
from supervision.cli.run_verbs import evaluate, runs_app
from supervision.cli.submit_verbs import extend, submissions_app, submit
from supervision.cli.system_verbs import db_app, demo, doctor, journal_app
from supervision.errors import SupervisionError

USERS_MISTAKE = 2
SHOWN_FAULTS = 200

app = typer.Typer(
    name="supervision",
    help="督查：把工作安排变成规则，按时核对各单位报送，发现问题、提醒催办、生成重点关注名单。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo)
plan_app.command()(coverage)
app.add_typer(plan_app, name="plan")
rules_app.command("test")(run_cases)
rules_app.command("generate-cases")(generate)
rules_app.command("explain")(explain_rule)
app.add_typer(rules_app, name="rules")
app.command()(submit)
app.add_typer(submissions_app, name="submissions")
app.command()(extend)
app.command()(evaluate)
app.add_typer(runs_app, name="runs")
app.add_typer(findings_app, name="findings")
app.command()(explain)
app.add_typer(notices_app, name="notices")
app.add_typer(escalations_app, name="escalations")
app.command()(doctor)
app.add_typer(calendar_app, name="calendar")
app.add_typer(db_app, name="db")
app.add_typer(journal_app, name="journal")


def run() -> None:
    """Run the command line; exit 0 fine, 1 findings or failures, 2 a mistake of the user."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that cannot show a character shows its code instead of a traceback
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # else a reader that has gone is noticed while Python ends
    except Faults as error:
        for fault in error.faults[:SHOWN_FAULTS]:
            print(fault, file=sys.stderr)
        more = len(error.faults) - SHOWN_FAULTS
        if more > 0:
            print(f"… and {more} more", file=sys.stderr)
        print(f"{len(error.faults)} fault(s); nothing was changed", file=sys.stderr)
        sys.exit(USERS_MISTAKE)
    except SupervisionError as error:
        print(f"supervision: {error}", file=sys.stderr)
        sys.exit(USERS_MISTAKE)
    except BrokenPipeError:
        # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        what = error.filename if error.filename is not None else "the output"
        print(f"supervision: {what}: {error.strerror or error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(USERS_MISTAKE)
