"""How long an evaluation takes, side by side with the floor and with other engines.

Run by `make bench` (not by the tests): one district per size and database, and on it in this order
the floor, a first run, runs with nothing new, one unit, and the peers over the same facts.
`SIZES` are obligations, `DATABASES` sqlite and postgresql.  Every number here is a comparison:
what is compared must come to the same findings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import text

from rules.facts import Fact, UnitFacts
from rules.pool import InferencePool
from supervision.services.evaluation import Evaluation
from supervision.services.sources import FactsAt
from supervision.services.stretches import stretches
from supervision.store import plans
from tests.benchmarks.district import AS_OF, make_district
from tests.benchmarks.floor import count_candidates
from tests.benchmarks.peers import Findings, Spent, clips, durable_all, needed_fields, zen
from tests.office import END_OF_2023, Office, at
from tests.postgres import new_database

SIZES = [int(size) for size in os.environ.get("SIZES", "10000 100000 1000000").split()]
DATABASES = os.environ.get("DATABASES", "sqlite postgresql").split()
PEERS_UP_TO = int(os.environ.get("PEERS_UP_TO", "1000000"))
LARGE = 500_000
NO_CEILING = 10**9


@dataclass
class Ground:
    """A district with its office."""

    office: Office
    url: str
    obligations: int
    someone: str
    findings: int = 0

    def evaluate(self, *units: str) -> Evaluation:
        run = self.office.evaluate(AS_OF, units=units or None)
        assert run.status == "completed", run.cause
        return run


@pytest.fixture(scope="module", params=[(size, kind) for size in SIZES for kind in DATABASES])
def ground(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Ground]:
    size, kind = request.param
    folder = tmp_path_factory.mktemp("district")
    url = f"sqlite:///{folder / 'district.db'}" if kind == "sqlite" else new_database()
    with InferencePool() as pool:
        office = Office(url, inference=pool, max_findings=NO_CEILING, max_notices=NO_CEILING)
        district = make_district(office, folder / "pack", obligations=size)
        yield Ground(office, url, district.obligations, district.someone)
        office.close()


def note(benchmark: Any, ground: Ground, what: str, **more: Any) -> None:
    benchmark.extra_info |= {
        "what": what,
        "database": ground.office.app.database.dialect,
        "obligations": ground.obligations,
        **more,
    }


def test_floor(benchmark: Any, ground: Ground) -> None:
    database = ground.office.app.database
    moment = at(AS_OF)
    with database.reading() as session:
        workday = plans.load_calendar(session, 2022).number(moment.date())
        counted = benchmark.pedantic(
            lambda: count_candidates(
                session.connection(),
                plan="talent-2022",
                as_of=moment,
                known_at=at(END_OF_2023),
                workday=workday,
            ),
            rounds=3,
            warmup_rounds=1,
        )
    assert counted == sum(candidates(ground))
    note(benchmark, ground, "floor", counted=counted)


def candidates(ground: Ground) -> Iterator[int]:
    """How many candidates the product finds among the obligations, by stretch and kind."""
    database, rulesets = ground.office.app.database, ground.office.app.rulesets
    with database.reading() as session:
        facts = facts_at(ground, session)
        scans = rulesets.on(session, facts.adopted, facts.today).scans
        for stretch in stretches(session, facts):
            for kind in ("plan", "report", "target", "milestone", "evidence"):
                source = stretch.of(facts).source(kind)
                yield sum(1 for _ in scans[kind].candidates(session, source))


def facts_at(ground: Ground, session: Any) -> FactsAt:
    as_of, known_at = at(AS_OF), at(END_OF_2023)
    adopted = plans.in_force(session, "talent-2022", as_of=as_of, known_at=known_at)
    calendar = plans.load_calendar(session, 2022)
    dialect = ground.office.app.database.sql_dialect
    return FactsAt(adopted, calendar, as_of, known_at, dialect)


def test_first_run(benchmark: Any, ground: Ground) -> None:
    run = benchmark.pedantic(ground.evaluate, rounds=1)
    ground.findings = run.counts["opened"]
    note(benchmark, ground, "first run", opened=ground.findings, spent=run.spent)
    assert ground.findings > ground.obligations / 50
    with ground.office.app.database.short() as connection:  # its mails go out before the next
        connection.execute(text("UPDATE notice SET state = 'sent' WHERE state = 'planned'"))
        connection.execute(text("UPDATE digest SET state = 'sent'"))
        connection.execute(text("ANALYZE"))


def test_nothing_new(benchmark: Any, ground: Ground) -> None:
    rounds = 3 if ground.obligations < LARGE else 2
    run = benchmark.pedantic(ground.evaluate, rounds=rounds)
    note(benchmark, ground, "nothing new", kept=run.counts["kept"], spent=run.spent)
    assert (run.counts["opened"], run.counts["kept"]) == (0, ground.findings)


def test_one_unit(benchmark: Any, ground: Ground) -> None:
    run = benchmark.pedantic(ground.evaluate, args=(ground.someone,), rounds=20, warmup_rounds=10)
    note(benchmark, ground, "one unit", kept=run.counts["kept"])
    assert run.counts["kept"]


_IN_ITS_OWN_PROCESS = """
import json, resource, sys
from rules.pool import InferencePool
from tests.benchmarks.district import AS_OF
from tests.office import Office
with InferencePool() as pool:
    office = Office(sys.argv[1], inference=pool, max_findings=10**9, max_notices=10**9)
    office.evaluate(AS_OF)
    office.close()
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
"""


def test_memory(benchmark: Any, ground: Ground) -> None:
    """The most memory that the evaluating process takes (its rule engine's workers apart)."""
    root = Path(__file__).parents[2]

    def peak() -> int:
        ran = subprocess.run(
            [sys.executable, "-c", _IN_ITS_OWN_PROCESS, ground.url],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(json.loads(ran.stdout))

    megabytes = benchmark.pedantic(peak, rounds=1)
    note(benchmark, ground, "memory", megabytes=megabytes)


def all_facts(ground: Ground) -> list[UnitFacts]:
    """Every obligation as a fact, with the fields that rules of one fact name: for the peers."""
    database, rulesets = ground.office.app.database, ground.office.app.rulesets
    by_unit: dict[str, list[Fact]] = defaultdict(list)
    with database.reading() as session:
        facts = facts_at(ground, session)
        rules = rulesets.on(session, facts.adopted, facts.today).first.rules
        named = needed_fields([rule for rule in rules if rule.single])
        for stretch in stretches(session, facts):
            for kind, fields in named.items():
                source = stretch.of(facts).source(kind)
                names = sorted({*fields, "unit"})
                columns = ", ".join(f"facts.{name}" for name in names)
                statement = f"{source.sql(names)}\nSELECT facts.fact_key, {columns} FROM facts"
                at_unit = names.index("unit")
                for key, *values in session.execute(source.moment.bind(statement)):
                    fact = Fact(kind, key, dict(zip(names, values, strict=True)))
                    by_unit[values[at_unit]].append(fact)
    return [UnitFacts(unit, tuple(facts)) for unit, facts in by_unit.items()]


Measured = Callable[..., tuple[Findings, Spent]]


@pytest.mark.parametrize(
    ("peer", "measured"),
    [
        ("every fact to durable_rules", durable_all.measured),
        ("CLIPS", clips.measured),
        ("GoRules zen", zen.measured),
    ],
)
def test_peer(benchmark: Any, ground: Ground, peer: str, measured: Measured) -> None:
    """Another engine over every fact, its loading from the database included."""
    if ground.obligations > PEERS_UP_TO * 1.1 or ground.office.app.database.dialect != "sqlite":
        pytest.skip("the peers are measured on SQLite")
    with ground.office.app.database.reading() as session:
        facts = facts_at(ground, session)
        rules = ground.office.app.rulesets.on(session, facts.adopted, facts.today).first.rules
    parts: dict[str, float] = {}

    def work() -> Findings:
        begun = perf_counter()
        loaded = all_facts(ground)
        parts["from the database"] = perf_counter() - begun
        found, spent = measured(rules, loaded)
        parts["in the engine"] = spent.total
        return found

    found = benchmark.pedantic(work, rounds=1)
    assert len(found) == single_findings(ground)
    note(benchmark, ground, peer, found=len(found), spent=parts)


def single_findings(ground: Ground) -> int:
    """How many findings of rules of one fact the product has."""
    with ground.office.app.database.reading() as session:
        counted = session.execute(
            text("SELECT COUNT(*) FROM finding WHERE rule NOT IN (:a, :b)").bindparams(
                a="GEN-R1-twice-running", b="GEN-systemic"
            )
        )
        return int(counted.scalar_one())
