"""The facts query says what plain Python says, of random small histories, on both databases.

`FACTS_EXAMPLES=2000 python -m pytest tests/integration/test_facts_against_plain_python.py` is the
campaign.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.catalogue import KINDS, OBLIGATION_KINDS
from rules.nodes import Faults
from supervision.domain.obligations import owed
from supervision.domain.runs import Mode, RunStatus
from supervision.domain.submissions import Decision
from supervision.domain.workdays import WorkCalendar
from supervision.errors import NotFound, Refused
from supervision.services.load_pack import load_pack
from supervision.services.review import grant_extension, review_submission
from supervision.services.sources import FactsAt
from supervision.store import plans
from supervision.store.tables import RunRow
from tests import plain_facts
from tests.office import Office, a_submission, at
from tests.plain_facts import Adopted, History, View
from tests.shared_office import KINDS as DATABASES
from tests.shared_office import forget, works_office
from tests.works_pack import WORKS, changed, write_pack

EXAMPLES = int(os.environ.get("FACTS_EXAMPLES", "0"))
PLAN = "works-2022"
READOPTED = at("2022-08-01 12:00")


# --- Two offices, each with two versions of the plan ----------------------------------------------


def second_version() -> dict[str, Any]:
    """Other shares, another due date, PARK a bureau, and ROAD helping with the training."""
    requirements = [dict(each) for each in WORKS["plan"]["requirements"]]
    for each in requirements:
        if each["id"] == "A-R1":
            each["due"] = {"dates": ["2022-06-25", "2022-09-29", "2022-12-20"]}
        if each["id"] == "D-M2":
            each["owed_by"] = {"category": ["局"]}
    assignments = [dict(each) for each in WORKS["assignments"]]
    for each in assignments:
        if "quota" in each:
            each["quota"] = 15
    return changed(
        plan={"requirements": requirements},
        units=[
            each | ({"category": "局"} if each["code"] == "PARK" else {}) for each in WORKS["units"]
        ],
        assignments=[
            *assignments[:4],
            {"clause": "C", "unit": "ROAD", "role": "co"},
            assignments[5],
        ],
    )


class Both:
    """The office, and what plain Python knows of its two plans."""

    def __init__(
        self, office: Office, adopted: tuple[Adopted, Adopted], calendar: WorkCalendar
    ) -> None:
        self.office, self.adopted, self.calendar = office, adopted, calendar
        self.workdays = frozenset(day for table in calendar.years.values() for day in table)


@pytest.fixture(scope="module", params=DATABASES)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("facts")
    again = write_pack(folder / "again", second_version())
    with works_office(request.param, folder) as office:
        office.clock.now = READOPTED
        office.adopt(again)
        forget(office)
        with office.app.database.reading() as session:
            calendar = plans.load_calendar(session, 2022)
        packs = [load_pack(folder / "pack"), load_pack(again)]
        since = [at("2022-03-01 00:00"), READOPTED]
        first, second = (
            Adopted(pack, {each.key: each for each in owed(pack, calendar).obligations}, known)
            for pack, known in zip(packs, since, strict=True)
        )
        yield Both(office, (first, second), calendar)


# --- Histories -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """Something that happened at one instant and was entered at another (or at once)."""

    happened: datetime
    entered: datetime


@dataclass(frozen=True)
class Files(Entry):
    obligation: str
    content: Mapping[str, Any]
    records: Sequence[Mapping[str, Any]]
    proofs: Sequence[str]


@dataclass(frozen=True)
class Decides(Entry):
    obligation: str
    returned: bool
    correction: date | None


@dataclass(frozen=True)
class Extends(Entry):
    obligation: str
    until: date


@dataclass(frozen=True)
class Looks(Entry):
    """A live run as of `happened`, knowing what was known at `known_at`."""

    known_at: datetime


DAYS = [
    *(f"2022-03-{day}" for day in (10, 21, 22, 23)),
    *(f"2022-06-{day}" for day in (24, 26, 27, 28, 30)),
    *("2022-07-01", "2022-07-04", "2022-08-01", "2022-08-02"),
    *(f"2022-09-{day}" for day in (23, 26, 27, 29, 30)),
    *("2022-10-07", "2022-10-08", "2022-10-09", "2022-11-30", "2022-12-01", "2022-12-20"),
    *("2022-12-31", "2023-01-02", "2023-01-03", "2023-02-01"),
]
CLOCKS = ["00:00", "09:00", "12:00", "17:30", "17:31", "23:59"]
instants = st.builds(
    lambda day, clock: at(f"{day} {clock}"), st.sampled_from(DAYS), st.sampled_from(CLOCKS)
)
Strategy = st.SearchStrategy[Any]


def fields(**each: Strategy) -> st.SearchStrategy[dict[str, Any]]:
    """An object without the fields that came out as None."""
    return st.fixed_dictionaries(each).map(
        lambda found: {name: value for name, value in found.items() if value is not None}
    )


def mostly(*values: Any, else_: Sequence[Any] = (None,)) -> Strategy:
    """Three times in four one of the first."""
    return st.sampled_from([*values] * 3 * len(else_) + [*else_] * len(values))


claims = mostly(1, 2, 3, 10, 12.5, else_=(0, None))
signers = st.sampled_from(["局长", "乡长", "副局长", "联络员", None])
sha256s = st.sampled_from(["a" * 64, "b" * 64, "c" * 64])
TEXTS = [
    "本季度完成县道改造三条，组织培训一期，印发文件两份，进展顺利。",
    "本季度完成县道改造三条，组织培训一期，存在资金缺口，正在协调。",
    "无",
]
IN_THE_YEAR = ["2022-01-04", "2022-05-05", "2022-06-27", "2022-06-28", "2022-09-26", "2022-12-31"]
row_days = mostly(*IN_THE_YEAR, else_=("2021-12-30", "2023-01-03"))
some_days = mostly(*IN_THE_YEAR, else_=("2021-12-30", "2023-01-03", None))
roads = fields(
    ledger=st.just("roads"),
    road_no=st.sampled_from(["S1", "S2", "S3", "S4"]),
    length=mostly(0.5, 2, 10),
    open=mostly(True, else_=(False, None)),
    opened_on=some_days,
    begun_on=some_days,
    **{"class": mostly("县道", "乡道")},
)
trainees = fields(
    ledger=st.just("trainees"),
    identity=st.sampled_from([f"4101051990030700{n}" for n in (21, 38, 54)]),
    class_no=st.sampled_from([1, 2]),
    class_on=row_days,
    employer=st.sampled_from(["某企业", None]),
)
documents = fields(ledger=st.just("documents"), title=st.sampled_from(["通知", "方案"]))
nodes = st.lists(
    fields(
        name=st.sampled_from(["开工", "", None]),
        on=mostly("2022-06-30", "2022-12-01", else_=("2021-12-31", "2022-12-15", "2023-01-01")),
    ),
    max_size=2,
)


def tasks(**parts: Strategy) -> st.SearchStrategy[list[dict[str, Any]]]:
    clauses = st.lists(st.sampled_from("BCD"), unique=True, max_size=3)
    return clauses.flatmap(
        lambda chosen: st.tuples(*(fields(clause=st.just(each), **parts) for each in chosen))
    ).map(list)


plan_contents = fields(
    tasks=tasks(objective=mostly(0.5, 3, 9, 20), objectives=mostly("目标"), nodes=nodes),
    signed_by=signers,
    personnel=mostly("科长", else_=("", None)),
)
report_contents = fields(
    tasks=tasks(done=mostly("已开展")),
    signed_by=signers,
    text=st.sampled_from(TEXTS),
    claims=fields(**{"B-T1": claims, "B-T2": claims, "C-T1": claims}),
)
other_contents = fields(signed_by=signers, claimed=claims, done=mostly(True, False))

# Duties that bear on each other, and the rows they are measured by.
ROADS = [
    "B-T1/ROAD/2022",
    "B-T1/TWN-E/2022",
    "B-T1/TWN-W/2022",
    "B-T2/ROAD/2022",
    "A-R1/ROAD/2022Q2",
    "A-R1/ROAD/2022Q3",
    "A-R1/TWN-E/2022Q2",
    "A-P1/ROAD/2022",
    "A-P1/TWN-E/2022",
]
TRAINING = [
    "C-T1/EDU/2022H1",
    "C-T1/EDU/2022H2",
    "A-R1/EDU/2022Q2",
    "A-R1/EDU/2022Q3",
    "A-P1/EDU/2022",
    "D-M1/EDU/2022",
    "D-E1/EDU/2022",
]
OTHERS = [
    "A-P1/PARK/2022",
    "A-R1/PARK/2022Q3",
    "D-M1/EDU/2022",
    "D-M2/PARK/2022",
    "D-E1/PARK/2022",
    "D-E1/EDU/2022",
    "C-T1/EDU/2022H1",
]
MATTERS: list[tuple[list[str], Strategy]] = [
    (ROADS, roads),
    (TRAINING, trainees | documents),
    (OTHERS, st.one_of(roads, trainees, documents)),
]


@st.composite
def entries(draw: st.DrawFn, obligations: Sequence[str], rows: Strategy) -> Entry:
    happened = draw(instants)
    delay = draw(st.sampled_from([0, 0, 0, 1, 4, 30]))
    entered = happened + timedelta(days=delay)
    what = draw(st.sampled_from(["files"] * 6 + ["decides"] * 2 + ["extends", "looks"]))
    if what == "looks":
        known_at = draw(st.sampled_from([happened, happened, draw(instants)]))
        return Looks(happened, max(entered, known_at), known_at)
    obligation = draw(st.sampled_from(obligations))
    if what == "decides":
        returned = draw(st.booleans())
        correction = happened.date() + timedelta(days=draw(st.integers(0, 12)))
        return Decides(
            happened, entered, obligation, returned, draw(st.sampled_from([None, correction]))
        )
    if what == "extends":
        later = happened.date() + timedelta(days=draw(st.sampled_from([3, 10, 40])))
        return Extends(happened, entered, obligation, later)
    contents = {"A-P": plan_contents, "A-R": report_contents}.get(obligation[:3], other_contents)
    return Files(
        happened,
        entered,
        obligation,
        draw(contents),
        draw(st.lists(rows, max_size=2 if obligation.startswith("A") else 5)),
        draw(st.lists(sha256s, max_size=2)),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    # few duties, so that much happens to each
    duties, rows = draw(st.sampled_from(MATTERS))
    chosen = draw(st.lists(st.sampled_from(duties), unique=True, min_size=2, max_size=4))
    found = draw(st.lists(entries(chosen, rows), min_size=4, max_size=14))
    return sorted(found, key=lambda each: (each.entered, each.happened))


@dataclass(frozen=True)
class Moment:
    as_of: datetime
    known_at: datetime


END = at("2023-06-30 12:00")
moments = st.tuples(instants, instants | st.just(END), st.booleans()).map(
    lambda drawn: Moment(drawn[0], drawn[0] if drawn[2] else drawn[1])
)


# --- What happens, in the office and in Python ---------------------------------------------------


class Telling:
    """Enters a history at the office and tells plain Python what was taken."""

    def __init__(self, both: Both) -> None:
        self.both, self.office = both, both.office
        self.looked: datetime | None = None
        self.filings: list[plain_facts.Filing] = []
        self.reviews: list[plain_facts.Review] = []
        self.extensions: list[plain_facts.Extension] = []

    def history(self) -> History:
        return History(
            self.both.adopted, self.filings, self.reviews, self.extensions, self.both.workdays
        )

    def since(self, entry: Entry, follows: datetime | None) -> datetime:
        """DESIGN §4: what comes in about a time already looked at is known from now on."""
        if self.looked is not None and entry.happened <= self.looked:
            return entry.entered
        return max(entry.happened, follows) if follows else entry.happened

    def enter(self, entry: Entry) -> None:
        self.office.clock.now = entry.entered
        try:
            match entry:
                case Files():
                    self._file(entry)
                case Decides():
                    self._decide(entry)
                case Extends():
                    self._extend(entry)
                case Looks():
                    self._look(entry)
        except (Refused, NotFound):
            return  # nothing to decide on, or not any more
        except Faults as error:
            out_of_order = ("filed later", "very instant")
            others = [
                fault
                for fault in error.faults
                if not any(each in str(fault) for each in out_of_order)
            ]
            if others:
                raise

    def _latest(self, obligation: str) -> plain_facts.Filing | None:
        found = [each for each in self.filings if each.obligation == obligation]
        return found[-1] if found else None

    def _file(self, entry: Files) -> None:
        requirement, unit, period = entry.obligation.split("/")
        line = a_submission(
            requirement,
            unit,
            period,
            str(entry.happened),
            content=entry.content,
            records=entry.records,
            evidence=[{"name": "件", "sha256": each} for each in entry.proofs],
        )
        if not self.office.submit(line).versions:
            return
        before = self._latest(entry.obligation)
        self.filings.append(
            plain_facts.Filing(
                entry.obligation,
                entry.happened,
                self.since(entry, before.since if before else None),
                entry.content,
                entry.records,
                entry.proofs,
                copied=self._copied(entry),
            )
        )

    def _copied(self, entry: Files) -> int:
        """The share of a report's runs of eight characters that the period before's has too."""
        requirement, unit, period = entry.obligation.split("/")
        before = None
        if period[4:].startswith("Q"):
            earlier = f"{period[:5]}{int(period[5:]) - 1}"
            before = self._latest(f"{requirement}/{unit}/{earlier}")

        def runs(content: Mapping[str, Any]) -> set[str]:
            said = [content.get("text"), *(task.get("done") for task in content.get("tasks", ()))]
            words = "".join("".join(each for each in said if each).split())
            return {words[n : n + 8] for n in range(len(words) - 7)}

        own = runs(entry.content)
        return len(own & runs(before.content)) * 1_000_000 // len(own) if own and before else 0

    def _decide(self, entry: Decides) -> None:
        reviewed = review_submission(
            self.office.app.database,
            entry.obligation,
            Decision.RETURNED if entry.returned else Decision.ACCEPTED,
            by="督查员",
            reason="请补正",
            correction_due=entry.correction,
            at=entry.happened,
            now=entry.entered,
        )
        filing = self._latest(entry.obligation)
        assert filing is not None
        due = None
        if entry.returned:
            wanted = entry.correction or self._workdays_after(entry.happened.date(), 3)
            due = self._rolled(wanted)
            assert reviewed.correction_due == due
        self.reviews.append(
            plain_facts.Review(
                filing, entry.happened, self.since(entry, filing.since), entry.returned, due
            )
        )

    def _extend(self, entry: Extends) -> None:
        grant_extension(
            self.office.app.database,
            entry.obligation,
            entry.until,
            by="主任",
            reason="防汛",
            late_request=True,
            at=entry.happened,
            now=entry.entered,
        )
        before = [each for each in self.extensions if each.obligation == entry.obligation]
        self.extensions.append(
            plain_facts.Extension(
                entry.obligation,
                entry.happened,
                self.since(entry, before[-1].since if before else None),
                self._rolled(entry.until),
            )
        )

    def _look(self, entry: Looks) -> None:
        with self.office.app.database.transaction() as session:
            session.add(
                RunRow(
                    plan=PLAN,
                    plan_version=2,
                    ruleset="-",
                    mode=Mode.LIVE.value,
                    status=RunStatus.COMPLETED.value,
                    as_of=entry.happened,
                    known_at=entry.known_at,
                    counts={},
                    skipped=[],
                    started_by="-",
                    started_at=entry.entered,
                    finished_at=entry.entered,
                )
            )
        seen = min(entry.happened, entry.known_at)
        self.looked = max(self.looked or seen, seen)

    def _rolled(self, day: date) -> date:
        return min(each for each in self.both.workdays if each >= day)

    def _workdays_after(self, day: date, count: int) -> date:
        return sorted(each for each in self.both.workdays if each > day)[count - 1]


def facts_of_the_database(
    both: Both,
    moment: Moment,
    kind: str,
    *,
    names: Sequence[str] = (),
    units: tuple[str, ...] | None = None,
) -> dict[str, plain_facts.Values]:
    """All facts of a kind, every field (or those named); no key may come twice."""
    database = both.office.app.database
    with database.reading() as session:
        adopted = plans.in_force(session, PLAN, as_of=moment.as_of, known_at=moment.known_at)
        facts = FactsAt(
            adopted, both.calendar, moment.as_of, moment.known_at, database.sql_dialect, units
        )
        source = facts.source(kind)
        wanted = list(names or KINDS[kind])
        listed = ", ".join(f"facts.{name}" for name in wanted)
        statement = f"{source.sql(wanted)}\nSELECT facts.fact_key, {listed} FROM facts"
        rows = session.execute(source.moment.bind(statement)).all()
    assert len({row[0] for row in rows}) == len(rows), "an obligation has two facts"
    return {row[0]: dict(zip(wanted, row[1:], strict=True)) for row in rows}


def differing(
    found: Mapping[str, plain_facts.Values], expected: Mapping[str, plain_facts.Values]
) -> dict[tuple[str, str], tuple[object, object]]:
    """(key, field) → (the database's, plain Python's)."""
    assert found.keys() == expected.keys()
    return {
        (key, name): (found[key].get(name, "-"), expected[key].get(name, "-"))
        for key in found
        for name in found[key].keys() | expected[key].keys()
        if found[key].get(name, "-") != expected[key].get(name, "-")
        or type(found[key].get(name)) is not type(expected[key].get(name))
    }


@settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(history=histories(), asked=st.lists(moments, max_size=1))
def test_every_field_of_every_fact_is_what_plain_python_says(
    both: Both, history: list[Entry], asked: list[Moment]
) -> None:
    forget(both.office)
    telling = Telling(both)
    for entry in history:
        telling.enter(entry)
    for moment in (*asked, Moment(END, END)):
        view = View(telling.history(), moment.as_of, moment.known_at)
        for kind in OBLIGATION_KINDS:
            expected = view.facts(kind)
            found = facts_of_the_database(both, moment, kind)
            assert differing(found, expected) == {}, (moment, kind)


# --- One history, asked in other ways ------------------------------------------------------------


def on(day: str, obligation: str, content: dict[str, Any], *rows: dict[str, Any]) -> Files:
    """A filing at noon, entered at once, with one piece of evidence that all share."""
    noon = at(f"{day} 12:00")
    return Files(noon, noon, obligation, content, list(rows), ["a" * 64])


def a_road(number: str, length: float, opened_on: str) -> dict[str, Any]:
    return {
        "ledger": "roads",
        "road_no": number,
        "class": "县道",
        "length": length,
        "open": True,
        "opened_on": opened_on,
    }


A_TRAINEE = {
    "ledger": "trainees",
    "identity": "410105199003070021",
    "class_no": 1,
    "class_on": "2022-05-05",
}
A_NODE = {"name": "开工", "on": "2023-01-01"}
A_YEAR: list[Entry] = [
    on("2022-03-21", "A-P1/ROAD/2022", {"tasks": [{"clause": "C", "nodes": [A_NODE]}]}),
    on("2022-06-20", "B-T1/TWN-E/2022", {"claimed": 3}, a_road("S1", 2, "2022-05-05")),
    on("2022-06-21", "B-T1/ROAD/2022", {"claimed": 3}, a_road("S2", 1.5, "2022-05-05")),
    on("2022-06-22", "C-T1/EDU/2022H1", {"claimed": 2}, A_TRAINEE),
    on("2022-06-23", "C-T1/EDU/2022H2", {}, A_TRAINEE | {"class_no": 2}),
    on("2022-06-24", "A-R1/ROAD/2022Q2", {"claims": {"B-T1": 4, "B-T2": 2}, "text": TEXTS[0]}),
    on("2022-06-25", "A-R1/EDU/2022Q2", {"claims": {"C-T1": 1}, "text": TEXTS[0]}),
    on("2022-06-26", "D-M1/EDU/2022", {}, {"ledger": "documents", "title": "通知"}),
    on("2022-06-27", "D-M2/PARK/2022", {"done": True}),
    on("2022-09-23", "A-R1/ROAD/2022Q3", {"claims": {"B-T1": 3}, "text": TEXTS[1]}),
    Decides(
        at("2022-09-26 12:00"), at("2022-09-26 12:00"), "D-M2/PARK/2022", returned=True,
        correction=None,
    ),
    Extends(
        at("2022-09-26 13:00"), at("2022-09-26 13:00"), "D-E1/EDU/2022", until=date(2023, 1, 31)
    ),
]  # fmt: skip


@pytest.fixture
def year(both: Both) -> History:
    """A year in which something of every kind was filed."""
    forget(both.office)
    telling = Telling(both)
    for entry in A_YEAR:
        telling.enter(entry)
    assert len(telling.filings) == 10
    return telling.history()


@pytest.mark.parametrize("kind", OBLIGATION_KINDS)
def test_a_field_is_the_same_whether_it_is_asked_alone_or_with_all(
    both: Both, year: History, kind: str
) -> None:
    moment = Moment(END, END)
    whole = facts_of_the_database(both, moment, kind)
    assert differing(whole, View(year, END, END).facts(kind)) == {}
    for name in KINDS[kind]:
        alone = facts_of_the_database(both, moment, kind, names=[name])
        assert alone == {key: {name: fields[name]} for key, fields in whole.items()}, name


@pytest.mark.parametrize("kind", OBLIGATION_KINDS)
def test_the_facts_of_some_units_are_those_among_the_facts_of_all(
    both: Both, year: History, kind: str
) -> None:
    moment = Moment(END, END)
    whole = facts_of_the_database(both, moment, kind)
    for units in (("ROAD",), ("EDU", "TWN-E"), ("PARK",)):
        some = facts_of_the_database(both, moment, kind, units=units)
        assert some == {key: each for key, each in whole.items() if each["unit"] in units}


def test_what_is_filed_in_two_periods_bears_a_claim_out_once(both: Both, year: History) -> None:
    """C-T1 is owed for each half-year; its one trainee of May stands in the first half's filing."""
    facts = facts_of_the_database(both, Moment(END, END), "report")["A-R1/EDU/2022Q2"]
    assert (facts["claims_mismatched"], facts["mismatched_value"]) == (0, None)
    lead = facts_of_the_database(both, Moment(END, END), "report")["A-R1/ROAD/2022Q2"]
    # 2 kilometres of the township's road and 1.5 of its own
    assert (lead["mismatched"], lead["mismatched_value"]) == ("B-T1", 3_500_000)


def test_one_road_that_two_units_file_is_counted_once_for_the_lead(both: Both) -> None:
    """Rows with the same key are one thing, whoever filed them; each unit keeps its own."""
    forget(both.office)
    telling = Telling(both)
    for entry in (
        on("2022-06-20", "B-T1/TWN-E/2022", {}, a_road("S1", 2, "2022-05-05")),
        on("2022-06-21", "B-T1/TWN-W/2022", {}, a_road("S1", 3, "2022-05-05")),
    ):
        telling.enter(entry)
    facts = facts_of_the_database(both, Moment(END, END), "target")
    values = {key: each["value"] for key, each in facts.items() if key.startswith("B-T1")}
    assert values == {
        "B-T1/ROAD/2022": 2_000_000,
        "B-T1/TWN-E/2022": 2_000_000,
        "B-T1/TWN-W/2022": 3_000_000,
    }
    assert facts["B-T1/ROAD/2022"]["duplicates"] == 1


def test_sums_beyond_all_measure_are_compared_and_break_no_run(both: Both) -> None:
    """Every row is within what may be filed; together they are not."""
    forget(both.office)
    telling = Telling(both)
    rows = [a_road(f"S{n}", 999_999_999, "2022-05-05") for n in range(20)]
    telling.enter(on("2022-06-20", "B-T1/TWN-E/2022", {"claimed": 999_999_999}, *rows))
    fact = facts_of_the_database(both, Moment(END, END), "target")["B-T1/TWN-E/2022"]
    assert fact["value"] == 20 * 999_999_999 * 1_000_000
    assert isinstance(fact["attainment"], int)
    assert fact["attainment"] > 10**15
