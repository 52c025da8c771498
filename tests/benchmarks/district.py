"""A district of any size: the 2022 plan, its real units, and townships copied from twenty examples.

The examples file through the product's own services; what the database then holds of them is copied
row by row, so a copy is what the product would have stored had the township filed the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, text

from supervision.services.load_rules import load_whole_pack
from supervision.store.session import Database
from tests.exemplary_year import Year, a_plan, a_report, again, farmers
from tests.office import TALENT, Office, a_submission

AS_OF = "2022-09-30"
"""Both quarterly reports are due; the year's targets are not."""

EXAMPLES = 20
WITH_A_QUOTA = range(0, EXAMPLES, 2)
"""Every second township has a share of the rural talents, and a ledger of them."""
QUOTA = 3


@dataclass(frozen=True)
class District:
    """What was made: how many obligations the plan says exist, and one unit to look at."""

    obligations: int
    units: int
    someone: str


def make_district(
    office: Office, folder: Path, *, obligations: int, taking_stock: bool = True
) -> District:
    """Adopt the plan with the examples, file for them, and copy them until there is so much owed.

    The number of obligations is the next that whole rounds of twenty townships give.
    `taking_stock` tells the database of its sizes, as a run does: for queries before the first.
    """
    pack = _write_pack(folder)
    office.adopt(pack)
    _file(office, pack)
    database = office.app.database
    with database.engine.connect() as connection:
        per_round = connection.execute(
            text("SELECT COUNT(*) FROM obligation WHERE unit LIKE 'X__'")
        ).scalar_one()
        already = connection.execute(text("SELECT COUNT(*) FROM obligation")).scalar_one()
    rounds = max(0, -(-(obligations - already) // per_round))
    with database.engine.begin() as connection:
        _copy(connection, rounds)
    if taking_stock:
        _tell_the_planner(database)
    return District(already + rounds * per_round, rounds * EXAMPLES + 50, "X03")


# --- The examples --------------------------------------------------------------------------------


def _code(number: int) -> str:
    return f"X{number:02}"


def _write_pack(folder: Path) -> Path:
    """Write the 2022 plan with twenty more townships."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ledgers.yaml").write_bytes((TALENT / "ledgers.yaml").read_bytes())
    (folder / "rules").mkdir()
    for path in (TALENT / "rules").glob("*.yaml"):
        (folder / "rules" / path.name).write_bytes(path.read_bytes())
    plan = (TALENT / "plan.yaml").read_text(encoding="utf-8")
    target = "target: {at_least: 300, unit: 名}"
    assert plan.count(target) == 1
    more = target.replace("300", str(300 + QUOTA * len(WITH_A_QUOTA)))
    (folder / "plan.yaml").write_text(plan.replace(target, more), encoding="utf-8")
    units = _read(TALENT / "units.yaml")
    assignments = _read(TALENT / "assignments.yaml")
    for number in range(EXAMPLES):
        code = _code(number)
        units["units"].append(
            {
                "code": code,
                "name": f"第{code}乡",
                "category": "乡",
                "principal": {"post": "乡长", "email": f"principal@{code.lower()}.example.org"},
                "deputy": {"post": "副乡长", "email": f"deputy@{code.lower()}.example.org"},
                "liaison": {"name": "联络员", "email": f"liaison@{code.lower()}.example.org"},
            }
        )
        assignments["assignments"].append({"clause": "T10", "unit": code, "role": "co"})
        if number in WITH_A_QUOTA:
            assignments["assignments"].append(
                {"clause": "T11", "unit": code, "role": "co", "quota": QUOTA}
            )
    for name, document in (("units", units), ("assignments", assignments)):
        (folder / f"{name}.yaml").write_text(
            yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
    return folder


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _file(office: Office, folder: Path) -> None:
    """File for the examples: most do all they owe, some fail in each of the usual ways."""
    pack = load_whole_pack(folder).pack
    year: Year = {}
    for number in range(EXAMPLES):
        code = _code(number)
        targets = {("T11", code): QUOTA}
        year[f"{code}/plan"] = a_submission(
            "REQ2-O1", code, "2022", "2022-04-11 10:00", content=a_plan(pack, code, targets)
        )
        for period, when in (("2022Q2", "2022-06-20 10:00"), ("2022Q3", "2022-09-19 10:00")):
            content = a_report(pack, code, period)
            if number in WITH_A_QUOTA:
                content["claims"] = {"T11-O1": QUOTA}
            year[f"{code}/{period}"] = a_submission("GEN-R1", code, period, when, content=content)
        if number in WITH_A_QUOTA:
            year[f"{code}/roster"] = a_submission(
                "T11-O1",
                code,
                "2022",
                "2022-06-10 10:00",
                content={"claimed": QUOTA},
                records=farmers(code, QUOTA),
            )
    _spoil(year)
    office.submit(*sorted(year.values(), key=lambda line: line["submitted_at"]))


def _spoil(year: Year) -> None:
    """Leave out, delay, copy and falsify, in about one filing of twenty."""
    del year["X01/plan"]
    for period in ("2022Q2", "2022Q3"):
        del year[f"X03/{period}"]
    del year["X05/2022Q3"]
    year["X07/2022Q3"] = again(year["X07/2022Q3"], "2022-09-28 10:00")
    year["X09/plan"]["content"] |= {"personnel": "", "attention": "", "signed_by": "干事"}
    year["X11/2022Q3"]["content"]["text"] = year["X11/2022Q2"]["content"]["text"]
    year["X13/2022Q2"]["content"]["tasks"] = []
    year["X15/plan"]["content"]["tasks"] = []
    year["X06/2022Q3"]["content"]["claims"] = {"T11-O1": 9}
    year["X08/2022Q3"]["content"]["claims"] = {"T11-O1": 2}
    year["X17/2022Q3"]["content"]["signed_by"] = "干事"
    year["X17/plan"] = again(year["X17/plan"], "2022-05-11 10:00")


# --- The copies ----------------------------------------------------------------------------------

_BY_UNIT = ("unit", "assignment", "obligation", "submission")
"""Tables whose rows name their unit; a copy's rows name the copy."""

_ORDER = {
    "unit": "r.code",
    "assignment": "r.clause, r.unit",
    "obligation": "r.requirement, r.unit",
    "submission": "r.id",
}

_BY_SUBMISSION = ("submission_task", "submission_node", "submission_claim", "record", "evidence")


def _copy(connection: Connection, rounds: int) -> None:
    connection.execute(text("CREATE TEMPORARY TABLE township (number BIGINT, code VARCHAR(9))"))
    if rounds:
        connection.execute(
            text("INSERT INTO township VALUES (:number, :code)"),
            [{"number": n, "code": f"-{n:06}"} for n in range(1, rounds + 1)],
        )
    span = _one(connection, "SELECT COALESCE(MAX(id), 0) + 1 FROM submission")
    for table in (*_BY_UNIT, *_BY_SUBMISSION):
        _copy_table(connection, table, f"{span} + {{}} * {rounds + 1} + t.number")
    connection.execute(text("DROP TABLE township"))


def _one(connection: Connection, statement: str) -> int:
    return int(connection.execute(text(statement)).scalar_one())


def _columns(connection: Connection, table: str) -> list[str]:
    found = connection.execute(text(f"SELECT * FROM {table} LIMIT 0"))
    return list(found.keys())


def _copy_table(connection: Connection, table: str, moved: str) -> None:
    """Insert each example row once for each copy; `moved` makes the ids of submissions.

    Rows stand in the order in which a year brings them: duty by duty, filing after filing.
    """
    said = "r.unit" if table != "unit" else "r.code"
    chosen = []
    columns = _columns(connection, table)
    names = [name for name in columns if name != "id" or table == "submission"]
    for name in names:
        match name:
            case "id" | "submission_id":
                chosen.append(moved.format(f"r.{name}"))
            case "unit" | "code":
                chosen.append(f"r.{name} || t.code")
            case "key" | "obligation" | "filing_key":
                chosen.append(
                    f"REPLACE(r.{name}, '/' || r.unit || '/', '/' || r.unit || t.code || '/')"
                )
            case "document":
                json = "JSONB" if connection.dialect.name == "postgresql" else "TEXT"
                own = "'\"' || r.code || {}'\"'"
                chosen.append(
                    f"CAST(REPLACE(CAST(r.document AS TEXT), {own.format('')},"
                    f" {own.format('t.code || ')}) AS {json})"
                )
            case _:
                chosen.append(f"r.{name}")
    source = (
        f"{table} r WHERE {said} LIKE 'X__'"
        if table in _BY_UNIT
        else f"{table} r JOIN submission s ON s.id = r.submission_id WHERE s.unit LIKE 'X__'"
    )
    if table == "record":
        chosen[names.index("unit")] = "r.unit || t.code"
        chosen[names.index("identity")] = "r.identity || t.code"
    connection.execute(
        text(
            f"INSERT INTO {table} ({', '.join(names)})"
            f" SELECT {', '.join(chosen)} FROM township t CROSS JOIN"
            f" {source} ORDER BY {_ORDER.get(table, 'r.submission_id')}, t.number"
        )
    )


def _tell_the_planner(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
