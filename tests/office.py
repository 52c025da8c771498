"""A supervision office in a test: an application on a clock that the test sets, and short verbs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from notifications.memory import MemoryTransport
from notifications.message import Message
from rules.compiled import CompiledRules
from rules.facts import Firing, UnitFacts
from rules.inference import infer
from supervision.bootstrap import App
from supervision.config import Settings
from supervision.domain.findings import Event, State
from supervision.domain.submissions import Decision as ReviewDecision
from supervision.services import issue_list
from supervision.services.adopt_plan import Adoption, adopt_plan
from supervision.services.decide import Decided, Decision, decide_findings
from supervision.services.deliver import Delivery, deliver
from supervision.services.evaluate import evaluate
from supervision.services.evaluation import Evaluation, Request
from supervision.services.record_submission import Recorded, record_submissions
from supervision.services.review import grant_extension, review_submission
from supervision.services.submission_files import Line
from supervision.store import findings, journal, outbox
from supervision.store.tables import FindingRow, NoticeRow

ZONE = ZoneInfo("Asia/Shanghai")
TALENT = Path(__file__).parents[1] / "rules" / "packs" / "talent-2022"
END_OF_2023 = "2023-12-31 17:30"


def at(text: str) -> datetime:
    """`2022-06-27 17:30` in the plan's zone; a bare date is its cut-off, 17:30."""
    instant = datetime.fromisoformat(text if len(text) > 10 else f"{text} 17:30")
    return instant if instant.tzinfo else instant.replace(tzinfo=ZONE)


class InProcess:
    """The rule engine without worker processes, for speed."""

    def run(self, compiled: CompiledRules, units: Sequence[UnitFacts]) -> list[Firing]:
        return infer(compiled, units)


class SettableClock:
    """Shows what the test sets."""

    def __init__(self, now: str = END_OF_2023) -> None:
        self.now = at(now)

    def __call__(self) -> datetime:
        return self.now


class Office:
    """An application with one plan; instants are texts in the plan's zone."""

    def __init__(self, database_url: str, *, inference: Any = None, **settings: Any) -> None:
        self.clock = SettableClock()
        self.transport = MemoryTransport()
        self.app = App(
            Settings(database_url=database_url, **settings),
            clock=self.clock,
            transport=self.transport,
            inference=inference or InProcess(),
        )

    @property
    def mails(self) -> list[Message]:
        """All that was delivered, in order."""
        return [sent.message for sent in self.transport.sent]

    def adopt(self, pack: Path = TALENT, **options: Any) -> Adoption:
        return adopt_plan(self.app.database, pack, by="office", now=self.clock(), **options)

    def submit(self, *lines: Mapping[str, Any], **options: Any) -> Recorded:
        """File submissions; each line as in the JSON Lines format."""
        return record_submissions(
            self.app.database,
            [Line("test.jsonl", n, dict(line)) for n, line in enumerate(lines, start=1)],
            identity_key=b"test",
            actor="office",
            now=self.clock(),
            **options,
        )

    def evaluate(
        self,
        as_of: str,
        *,
        known_at: str | None = None,
        units: tuple[str, ...] | None = None,
        dry_run: bool = False,
    ) -> Evaluation:
        request = Request(
            as_of=at(as_of),
            known_at=at(known_at) if known_at else None,
            units=units,
            dry_run=dry_run,
        )
        return evaluate(self.app.database, request, self.app.tools, by="office", now=self.clock())

    def findings(self, *, settled: bool = False, rule: str | None = None) -> list[FindingRow]:
        """Open findings by number, or all."""
        with self.app.database.reading() as session:
            states = [state.value for state in State] if settled else None
            rows = findings.listed(session, self._plan(session), states=states, rule=rule)
            session.expunge_all()
            return rows

    def finding(self, rule: str, unit: str | None = None) -> FindingRow:
        """The one finding of a rule (and unit), in whatever state."""
        rows = [
            row
            for row in self.findings(settled=True, rule=rule)
            if unit is None or row.unit == unit
        ]
        assert len(rows) == 1, [(row.rule, row.unit) for row in rows]
        return rows[0]

    def events(self, number: str) -> list[tuple[str, str]]:
        """(event, new state) of a finding, oldest first."""
        with self.app.database.reading() as session:
            row = findings.find(session, self._plan(session), number)
            assert row.id is not None
            return [(each.event, each.new) for each in findings.history(session, row.id)]

    def decide(
        self,
        event: Event,
        *numbers: str,
        reason: str = "",
        until: str | None = None,
        on: str | None = None,
    ) -> list[Decided]:
        last = date.fromisoformat(until) if until else None
        return decide_findings(
            self.app.database,
            list(numbers),
            Decision(event, "督查员", reason, last),
            self.app.tools,
            at=at(on) if on else self.clock(),
            now=self.clock(),
        )

    def give_back(self, obligation: str, *, on: str, reason: str = "请补正") -> None:
        """Return the latest submission for correction."""
        review_submission(
            self.app.database,
            obligation,
            ReviewDecision.RETURNED,
            by="督查员",
            reason=reason,
            at=at(on),
            now=self.clock(),
        )

    def extend(self, obligation: str, until: str, *, on: str, late_request: bool = False) -> None:
        grant_extension(
            self.app.database,
            obligation,
            date.fromisoformat(until),
            by="主任",
            reason="防汛",
            late_request=late_request,
            at=at(on),
            now=self.clock(),
        )

    def deliver(self, when: str, **options: Any) -> Delivery:
        return deliver(
            self.app.database, self.app.postman, at=at(when), now=self.clock(), **options
        )

    def notices(self, *, step: str | None = None, unit: str | None = None) -> list[NoticeRow]:
        with self.app.database.reading() as session:
            rows = outbox.listed(session, self._plan(session), step=step, unit=unit)
            session.expunge_all()
            return rows

    def issue_list(self, when: str) -> dict[str, Any]:
        return issue_list.issue_list(
            self.app.database, self.app.tools, by="主任", at=at(when), now=self.clock()
        )

    def journal_break(self) -> journal.Break | None:
        with self.app.database.reading() as session:
            return journal.find_break(session)

    def close(self) -> None:
        self.app.close()

    def _plan(self, session: Any) -> str:
        from supervision.store.plans import choose_plan

        return choose_plan(session, None)


def a_submission(
    requirement: str, unit: str, period: str, when: str, **parts: Any
) -> dict[str, Any]:
    """One line of the JSON Lines format; `parts`: content, records, evidence, by."""
    return {
        "unit": unit,
        "requirement": requirement,
        "period": period,
        "submitted_at": at(when).isoformat(),
        "by": "联络员",
        **parts,
    }


# --- A small plan of another kind, to be changed by a test ---------------------------------------

SMALL: dict[str, Any] = {
    "plan": {
        "plan": "small-2022",
        "title": "小区2022年工作安排",
        "issued_on": "2022-03-01",
        "year": 2022,
        "zone": "Asia/Shanghai",
        "calendar": {"name": "china", "years": [2022, 2023]},
        "source": "small.txt",
        "params": {
            "about_tolerance": [{"from": "2022-01-01", "value": 0.10, "reference": "办公室设定"}]
        },
        "clauses": [{"id": "A1", "path": "一.1", "title": "报告", "text": "按季报告。"}],
        "requirements": [
            {
                "id": "A1-R1",
                "clause": "A1",
                "title": "季度报告",
                "kind": "report",
                "basis": "configured",
                "owed_by": "all",
                "every": "quarter",
                "due": {"dates": ["2022-06-25", "2022-09-25"]},
            }
        ],
        "office": {
            "name": "督查室",
            "contact": "值班室",
            "email": "office@example.org",
            "how_to_file": "发邮件。",
            "leaders": [{"post": "区长", "email": "head@example.org"}],
        },
    },
    "units": {
        "units": [
            {
                "code": code,
                "name": name,
                "category": "部门",
                "principal": {"post": "局长", "email": f"principal@{code.lower()}.example.org"},
                "deputy": {"post": "副局长", "email": f"deputy@{code.lower()}.example.org"},
                "liaison": {"name": "联络员", "email": f"liaison@{code.lower()}.example.org"},
                "district_deputy": "分管副区长",
            }
            for code, name in (("EDU", "区教育局"), ("CIV", "区民政局"), ("FIN", "区财政局"))
        ]
    },
    "assignments": {"assignments": []},
    "ledgers": {"ledgers": {}},
}

LATE: dict[str, Any] = {
    "id": "late",
    "title": "报告逾期未报",
    "requirement": "A1-R1",
    "on": "report",
    "when": "not filed and days_overdue > 0",
    "severity": [{"level": "major", "when": "days_overdue >= 5"}, {"level": "minor"}],
    "message": "{{ unit.name }}应于{{ due_on }}前报送，截至{{ as_of }}未报送"
    "（逾期{{ days_overdue }}个工作日）。依据：{{ basis }}。",
}


def ladder_rules() -> list[dict[str, Any]]:
    """Reminder steps R1 to R5 on reports, as in domain.md §6.6."""

    def step(name: str, when: str, kind: str, **outcome: Any) -> dict[str, Any]:
        notice = {"ladder": "report", "step": name, "kind": kind, "to": ["liaison"], **outcome}
        return {
            "id": f"remind-{name}",
            "title": f"提醒{name}",
            "on": "report",
            "when": f"not filed and {when}",
            "notice": notice,
        }

    return [
        step("R1", "days_to_due between 2 and 5", "pre_due"),
        step("R2", "days_to_due = 1", "pre_due"),
        step("R3", "not due_passed and days_to_due = 0", "due"),
        step("R4", "days_overdue between 1 and 2", "overdue", cc=["deputy"]),
        step("R5", "days_overdue >= 3", "overdue", to=["liaison", "deputy"], cc=["principal"]),
    ]


def small_pack(folder: Path, rules: Sequence[Mapping[str, Any]], **changes: Any) -> Path:
    """Write the small plan with these rules; `changes` replace parts: `plan={…}`, `units=[…]`."""
    documents = deepcopy(SMALL)
    documents["plan"] |= changes.pop("plan", {})
    for name in ("units", "assignments", "ledgers"):
        if name in changes:
            documents[name] = {name: changes.pop(name)}
    assert not changes, changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules").mkdir(exist_ok=True)
    for name, document in documents.items():
        # JSON is YAML
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    text = json.dumps({"rules": list(rules)}, ensure_ascii=False, indent=1)
    (folder / "rules" / "rules.yaml").write_text(text, encoding="utf-8")
    return folder
