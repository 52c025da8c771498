"""A changed pack against live data: told beforehand what adopting it brings, and nothing kept."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from rules.nodes import Faults
from supervision.domain.findings import OPEN, Event
from supervision.domain.notices import PENDING, NoticeState
from supervision.errors import NotFound, Refused
from supervision.services.load_rules import load_whole_pack
from supervision.services.preview_report import PreviewOut
from supervision.services.preview_rules import Changed, Moment, desk_for, preview_rules
from supervision.store.tables import FindingRow, NoticeRow
from tests.office import LATE, SMALL, TALENT, Office, a_submission, at, ladder_rules, small_pack
from tests.program import Program, Server
from tests.table_dump import difference, everything

Rules = Sequence[Mapping[str, Any]]
RULES: Rules = [LATE, *ladder_rules()]
NOW = "2022-06-30 12:00"


def but(rule: str, **changes: Any) -> Rules:
    """The rules with one of them changed."""
    assert any(each["id"] == rule for each in RULES)
    return [each | changes if each["id"] == rule else each for each in RULES]


SOON: Mapping[str, Any] = {
    "id": "soon",
    "title": "报告即将到期",
    "requirement": "A1-R1",
    "on": "report",
    "when": "not filed and days_to_due > 0",
    "severity": [{"level": "info"}],
    "message": "{{ unit.name }}的报告还有{{ days_to_due }}个工作日到期。",
}


def in_use(office: Office, folder: Path) -> Office:
    """Two units of three late by two working days, one of the two confirmed; reminders planned."""
    office.clock.now = at("2022-06-29 18:00")
    office.adopt(small_pack(folder, RULES))
    office.submit(a_submission("A1-R1", "CIV", "2022Q2", "2022-06-20 10:00"))
    office.evaluate("2022-06-29")
    office.decide(Event.CONFIRM, office.finding("late", "FIN").number)
    office.clock.now = at(NOW)
    return office


@pytest.fixture
def used(office: Office, tmp_path: Path) -> Office:
    return in_use(office, tmp_path / "used")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of that office, to be copied."""
    folder = tmp_path_factory.mktemp("stored")
    office = Office(f"sqlite:///{folder / 'supervision.db'}")
    in_use(office, folder / "used").close()
    return folder / "supervision.db"


@pytest.fixture
def used_on_sqlite(stored: Path, open_office: Callable[..., Office], tmp_path: Path) -> Office:
    return a_copy(stored, open_office, tmp_path / "supervision.db")


def a_copy(stored: Path, open_office: Callable[..., Office], path: Path, now: str = NOW) -> Office:
    shutil.copy(stored, path)
    office = open_office(f"sqlite:///{path}")
    office.clock.now = at(now)
    return office


def look(office: Office, pack: Path, **moment: Any) -> PreviewOut:
    when = {name: at(moment[name]) for name in ("as_of", "known_at") if name in moment}
    changed = Changed(str(pack), load_whole_pack(pack))
    with office.app.database.reading() as session:
        desk_for(session, changed, moment.get("plan"))
    return preview_rules(
        office.app.database,
        changed,
        Moment(**when, units=moment.get("units")),
        office.app.tools,
        now=office.clock(),
    )


@pytest.fixture
def preview(used_on_sqlite: Office, tmp_path: Path) -> Callable[..., PreviewOut]:
    """Previews the small plan with other rules on SQLite: preview(rules, as_of=…)."""

    def act(rules: Rules = RULES, *, parts: Mapping[str, Any] | None = None, **moment: Any) -> Any:
        pack = small_pack(tmp_path / "changed", rules, **dict(parts or {}))
        return look(used_on_sqlite, pack, **moment)

    return act


def findings_of(found: PreviewOut) -> list[tuple[Any, ...]]:
    return [
        (
            each.effect,
            each.unit,
            each.rule,
            (each.severity_before, each.state_before),
            (each.severity_after, each.state_after),
        )
        for each in found.findings
    ]


def notices_of(found: PreviewOut) -> list[tuple[Any, ...]]:
    return [(each.effect, each.unit, each.step, each.to) for each in found.notices]


# --- Nothing is kept -----------------------------------------------------------------------------


def test_nothing_is_kept_of_a_preview_and_nothing_sent(used: Office, tmp_path: Path) -> None:
    before = everything(used.app.database)
    plan = {"requirements": [*_plan()["requirements"], _second_requirement()]}
    pack = small_pack(tmp_path / "changed", [*but("late", when="not filed"), SOON], plan=plan)
    found = look(used, pack, as_of="2022-07-01")
    assert found.differs
    assert found.tables["obligations"].added == 3
    assert {each.effect for each in found.findings} >= {"opens"}
    assert {each.effect for each in found.notices} == {"goes"}
    assert difference(before, everything(used.app.database)) == {}
    assert used.mails == []
    assert used.journal_break() is None


def _plan() -> dict[str, Any]:
    return dict(SMALL["plan"])


def _second_requirement() -> dict[str, Any]:
    return {
        **_plan()["requirements"][0],
        "id": "A1-R2",
        "title": "年中报告",
        "due": {"dates": ["2022-07-04"]},
        "every": "year",
    }


def test_nothing_is_kept_of_a_preview_that_fails(used: Office, tmp_path: Path) -> None:
    before = everything(used.app.database)
    shutil.copytree(tmp_path / "used", tmp_path / "faulty")
    rules = tmp_path / "faulty" / "rules" / "rules.yaml"
    rules.write_text(rules.read_text("utf-8").replace("days_overdue > 0", "days_overdu > 0"))
    with pytest.raises(Faults, match="did you mean 'days_overdue'"):
        look(used, tmp_path / "faulty")
    later = small_pack(tmp_path / "later", RULES, plan={"issued_on": "2022-06-30"})
    with pytest.raises(Refused, match="issued on 2022-06-30, after the moment"):
        look(used, later, as_of="2022-06-29")
    assert difference(before, everything(used.app.database)) == {}


# --- What is told --------------------------------------------------------------------------------


def test_the_same_pack_changes_nothing(preview: Callable[..., PreviewOut]) -> None:
    found = preview()
    assert (found.unchanged, found.differs, found.changes) == (True, False, None)
    assert (found.findings, found.notices, found.rules) == ([], [], [])
    assert found.active.version == 1
    assert found.active.pack_revision == found.changed.pack_revision


def test_a_pack_written_otherwise_is_not_the_same_and_means_the_same(
    preview: Callable[..., PreviewOut],
) -> None:
    found = preview(but("late", when="days_overdue >= 1 and filed = false"))
    assert (found.unchanged, found.differs) == (False, False)
    assert found.changes is not None
    assert found.changes.same


def test_a_narrower_rule_clears_what_nobody_confirmed_and_keeps_what_somebody_did(
    preview: Callable[..., PreviewOut],
) -> None:
    found = preview(but("late", when="not filed and days_overdue > 30"), as_of="2022-06-29")
    assert findings_of(found) == [
        ("clears", "EDU", "late", ("minor", "detected"), ("minor", "cleared")),
        ("kept", "FIN", "late", ("minor", "confirmed"), ("minor", "confirmed")),
    ]
    assert [each.number for each in found.findings] == ["W-2022-0001", "W-2022-0002"]
    (rule,) = found.rules
    assert (rule.before and rule.before.violated, rule.after and rule.after.violated) == (2, 0)
    assert found.changes is not None
    assert found.changes.changes[0].relation == "narrower"


def test_a_severity_rises_for_all_and_words_change_for_what_nobody_confirmed(
    preview: Callable[..., PreviewOut],
) -> None:
    heavier = [{"level": "critical", "when": "days_overdue >= 2"}, {"level": "minor"}]
    assert findings_of(preview(but("late", severity=heavier), as_of="2022-06-29")) == [
        ("severity", "EDU", "late", ("minor", "detected"), ("critical", "detected")),
        ("severity", "FIN", "late", ("minor", "confirmed"), ("critical", "confirmed")),
    ]
    (move,) = preview(but("late", message="{{ unit.name }}没报。"), as_of="2022-06-29").findings
    assert (move.effect, move.unit, move.message_after) == ("reworded", "EDU", "区教育局没报。")
    assert move.message_before is not None
    assert move.message_before.startswith("区教育局应于")


def test_a_new_rule_opens_findings_that_have_no_number(
    preview: Callable[..., PreviewOut],
) -> None:
    found = preview([*RULES, SOON])
    assert findings_of(found) == [
        ("opens", unit, "soon", (None, None), ("info", "detected"))
        for unit in ("CIV", "EDU", "FIN")
    ]
    assert {each.number for each in found.findings} == {None}
    assert found.findings[1].unit_name == "区教育局"
    (rule,) = found.rules
    assert (rule.rule, rule.before, rule.after and rule.after.violated) == ("soon", None, 3)


def test_notices_that_go_that_stay_and_that_wait_no_longer(
    preview: Callable[..., PreviewOut],
) -> None:
    sooner = [
        each | {"when": "not filed and days_overdue >= 2"}
        if each["id"] == "remind-R5"
        else each | {"when": "not filed and days_overdue = 1"}
        if each["id"] == "remind-R4"
        else each
        for each in RULES
    ]
    found = preview(sooner, as_of="2022-06-29")
    assert notices_of(found)[:3] == [
        ("goes", "EDU", "R5", "deputy@edu.example.org"),
        ("goes", "EDU", "R5", "liaison@edu.example.org"),
        ("goes", "EDU", "R5", "principal@edu.example.org"),
    ]
    assert [each for each in notices_of(found) if each[0] == "ended"] == [
        ("ended", unit, "R4", f"{post}@{unit.lower()}.example.org")
        for unit in ("EDU", "FIN")
        for post in ("deputy", "liaison")
    ]
    assert {each.reason for each in found.notices if each.effect == "ended"} == {
        "a later step is due"
    }
    never = but("remind-R5", when="not filed and days_overdue >= 30")
    stays = preview(never, as_of="2022-07-01")
    assert {each[:3] for each in notices_of(stays)} == {
        ("stays", "EDU", "R5"),
        ("stays", "FIN", "R5"),
    }


def test_a_notice_without_an_address_and_one_to_somebody_else(
    preview: Callable[..., PreviewOut],
) -> None:
    units = [dict(each) for each in _units()]
    units[0]["liaison"] = {"name": "联络员"}
    units[2]["liaison"] = {"name": "联络员", "email": "new@fin.example.org"}
    found = preview(parts={"units": units}, as_of="2022-07-01")
    assert found.tables["units"].changed == 2
    assert ("unaddressed", "EDU", "R5", None) in notices_of(found)
    assert ("stays", "EDU", "R5", "liaison@edu.example.org") in notices_of(found)
    assert ("goes", "FIN", "R5", "new@fin.example.org") in notices_of(found)


def _units() -> list[dict[str, Any]]:
    return list(SMALL["units"]["units"])


def test_what_time_has_brought_is_not_the_packs_doing(
    preview: Callable[..., PreviewOut],
) -> None:
    found = preview([*RULES, SOON], as_of="2022-07-05")
    # six working days late: graver by either pack, and one step further
    assert {each.rule for each in found.findings} == {"soon"}
    assert found.notices == []
    # two findings; of the reminders R4 ends and R5 goes to three, for each of two units
    assert (found.unrelated.findings, found.unrelated.notices) == (2, 10)


def test_a_look_back_tells_what_would_have_been_found(
    preview: Callable[..., PreviewOut],
) -> None:
    wider = but("late", when="not filed and days_overdue >= 0")
    for moment in ({"as_of": "2022-06-27"}, {"as_of": "2022-06-27", "known_at": "2022-06-27"}):
        found = preview(wider, **moment)
        assert (found.mode, found.rules_only) == ("replay", "known_at" in moment)
        # the first quarter's period has no due date; at the cut-off nothing is late yet
        assert findings_of(found) == [
            ("opens", unit, "late", (None, None), ("minor", "detected"))
            for unit in ("CIV", "EDU", "FIN")
            for _ in range(sum(1 for each in found.findings if each.unit == unit))
        ]
        assert ("EDU", "2022Q2") in {(each.unit, each.period) for each in found.findings}
        assert found.notices == []


def test_words_that_cannot_be_written_are_told_and_clear_nothing(
    preview: Callable[..., PreviewOut],
) -> None:
    found = preview(but("late", message="{{ 1 % 0 }}"), as_of="2022-06-29")
    # what somebody has confirmed is not put in words again
    ((what, why),) = [(each.what, each.reason) for each in found.broken]
    assert what == "late"
    assert "modulo by zero" in why
    assert [(each.effect, each.unit, each.state_after) for each in found.findings] == [
        ("kept", "EDU", "detected")
    ]
    assert found.differs


def test_one_unit_alone(preview: Callable[..., PreviewOut]) -> None:
    found = preview([*RULES, SOON], units=("EDU",))
    assert [each.unit for each in found.findings] == ["EDU"]
    without = [each for each in _units() if each["code"] != "EDU"]
    with pytest.raises(NotFound, match="the changed plan has no unit EDU"):
        preview(parts={"units": without}, units=("EDU",))


def test_a_run_that_would_exceed_its_ceiling_is_told(
    preview: Callable[..., PreviewOut],
) -> None:
    found = preview(but("remind-R5", max_notices=1), as_of="2022-07-01")
    assert (found.held_before, found.held, found.differs) == (False, True, True)


def test_a_notice_about_a_finding_is_the_same_whatever_number_the_finding_gets(
    sqlite_office: Office, tmp_path: Path
) -> None:
    notice = {"ladder": "finding", "step": "F1", "kind": "rectification", "to": ["liaison"]}
    chased = {
        "id": "chase",
        "title": "督促整改",
        "on": "finding",
        "when": "state = 'confirmed' and severity = 'minor'",
        "notice": notice,
    }
    rules = [*but("late", review="automatic"), chased]
    sqlite_office.clock.now = at("2022-06-29 18:00")
    sqlite_office.adopt(small_pack(tmp_path / "first", rules))
    graver = {**SOON, "when": "not filed", "severity": [{"level": "critical"}]}
    found = look(sqlite_office, small_pack(tmp_path / "changed", [*rules, graver]))
    assert {each.rule for each in found.findings} == {"soon"}
    assert found.notices == []
    # the reminders of three units about their reports, and about what was found of them
    assert found.unrelated.findings == 3
    lighter = [{**chased, "when": "state = 'confirmed' and severity = 'major'"}]
    fewer = look(sqlite_office, small_pack(tmp_path / "fewer", [*rules[:-1], *lighter]))
    assert {(each.effect, each.step, each.item) for each in fewer.notices} == {
        ("stays", "F1", None)
    }
    assert not any("W-2022" in each.subject for each in fewer.notices)


# --- Against the truth ---------------------------------------------------------------------------

EDITS: Mapping[str, Rules] = {
    "narrower": but("late", when="not filed and days_overdue > 3"),
    "wider": but("late", when="not filed and days_to_due < 60", review="automatic"),
    "graver": but("late", severity=[{"level": "critical"}], message="{{ unit.name }}未报。"),
    "another rule": [*RULES, SOON],
    "one rule less": [each for each in RULES if each["id"] != "late"],
    "other steps": but("remind-R4", when="not filed and days_overdue between 1 and 1"),
    "other posts": but(
        "remind-R5",
        notice={"ladder": "report", "step": "R5", "kind": "overdue", "to": ["principal"]},
    ),
}


def outcome(office: Office) -> tuple[dict[str, Any], dict[str, Any]]:
    """Findings and waiting notices as the tables hold them, without what differs by numbering."""
    with office.app.database.reading() as session:
        numbers = {row.number: row.fingerprint for row in session.exec(select(FindingRow))}
        found = {
            row.fingerprint: (row.severity, row.state, row.message, row.remedy)
            for row in session.exec(select(FindingRow))
        }
        said = {}
        for row in session.exec(select(NoticeRow)):
            item = numbers.get(row.item, row.item)
            waits = NoticeState(row.state) in PENDING
            said[item, row.step, row.recipient, row.post] = (waits, row.subject) if waits else None
    return found, said


@pytest.mark.parametrize("when", ["2022-06-29", "2022-07-04"])
def test_what_is_told_is_what_adopting_brings(
    stored: Path, open_office: Callable[..., Office], tmp_path: Path, when: str
) -> None:
    day = "2022-07-04 18:00"
    office = a_copy(stored, open_office, tmp_path / "active.db", day)
    office.evaluate(when)
    active, said = outcome(office)
    trial = a_copy(stored, open_office, tmp_path / "trial.db")
    for name, rules in EDITS.items():
        pack = small_pack(tmp_path / name, rules)
        found = look(trial, pack, as_of=when)
        office = a_copy(stored, open_office, tmp_path / f"{name}.db", day)
        office.adopt(pack)
        office.evaluate(when)
        _agree(name, found, (active, said), outcome(office))


Came = tuple[dict[str, Any], dict[str, Any]]


def _agree(name: str, found: PreviewOut, before: Came, after: Came) -> None:
    (active, said), (changed, said_then) = before, after

    def differing(fingerprint: str) -> bool:
        was, now = active.get(fingerprint), changed.get(fingerprint)
        opens = [each is not None and each[1] in OPEN for each in (was, now)]
        return any(opens) and was != now

    true = {key for key in active.keys() | changed.keys() if differing(key)}
    told = {
        f"{each.rule}|{each.requirement}/{each.unit}/{each.period}"
        for each in found.findings
        if each.effect != "kept"
    }
    assert told == true, name
    going = {key[1:3] for key, each in said_then.items() if each and not said.get(key)}
    no_more = {key[1:3] for key, each in said.items() if each and not said_then.get(key)}
    assert {(each.step, each.to) for each in found.notices if each.effect == "goes"} == going, name
    assert {
        (each.step, each.to) for each in found.notices if each.effect in ("stays", "ended")
    } == no_more, name


# --- On the command line -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def program(server: Server, tmp_path: Path) -> Program:
    """The program where the small plan is adopted and evaluated; `new 版` holds it again."""
    small_pack(tmp_path / "old", RULES)
    small_pack(tmp_path / "new 版", RULES)
    program = Program(server, tmp_path, SUPERVISION_CLOCK="2022-06-29T18:00:00+08:00")
    assert program("plan", "adopt", "old").code == 0
    assert program("evaluate").code == 1
    program.environment["SUPERVISION_CLOCK"] = "2022-06-29T18:30:00+08:00"
    return program


def test_exit_codes_and_words(program: Program) -> None:
    same = program("rules", "preview", "new 版")
    assert (same.code, same.err) == (0, "")
    assert "内容与在用的第1版相同，没有修改" in same.out
    small_pack(program.folder / "new 版", but("late", when="filed = false and days_overdue >= 1"))
    alike = program("rules", "preview", "new 版")
    assert alike.code == 0
    assert "规则的含义没有变化" in alike.out
    assert "不改变任何判定、问题和通知" in alike.out
    small_pack(program.folder / "new 版", but("late", when="not filed and days_overdue > 2"))
    narrower = program("rules", "preview", "new 版")
    assert narrower.code == 1
    assert "条件1处（late（范围变窄））" in narrower.out
    assert "一般·待核实 → 自动消除" in narrower.out
    assert "问题：不再成立3。通知：不变。判定数有变的规则1条。" in narrower.out
    assert narrower.out.endswith("以上只是预演：未改动任何内容，未发任何通知\n")
    told = program("rules", "preview", "new 版", "--format", "json")
    assert (told.code, set(told.json)) == (1, set(PreviewOut.model_fields))
    assert told.json["changes"]["same"] is False
    assert program("rules", "preview", "new 版", "--unit", "区教育局").code == 1


def test_on_a_terminal_no_line_is_wider_than_it(program: Program) -> None:
    small_pack(program.folder / "new 版", [*but("late", when="not filed"), SOON])
    code, shown = program.on_a_terminal("rules", "preview", "new 版", columns=100)
    assert code == 1
    assert "新增" in shown
    assert "Traceback" not in shown


def test_a_users_mistake_is_one_sentence_or_its_faults(program: Program) -> None:
    small_pack(program.folder / "other", RULES, plan={"plan": "other-2022"})
    sentence = program("rules", "preview", "other").sentence
    assert "plan 'other-2022' is not adopted (adopted: small-2022)" in sentence
    assert "everything would be new" in sentence
    wrong = program("rules", "preview", "new 版", "--plan", "x").sentence
    assert "holds plan 'small-2022', not 'x'" in wrong
    assert "is no date" in program("rules", "preview", "new 版", "--as-of", "昨天").sentence
    (program.folder / "new 版" / "rules" / "rules.yaml").write_text("rules: [{id: a}]\n")
    faulty = program("rules", "preview", "new 版")
    assert (faulty.code, faulty.out) == (2, "")
    assert re.search(r"new 版/rules/rules\.yaml:1:\d+: ", faulty.err)
    assert "nothing was changed" in faulty.err
    assert "Traceback" not in faulty.err


def test_the_shipped_pack_tells_a_changed_step_of_its_ladder(
    sqlite_office: Office, tmp_path: Path
) -> None:
    sqlite_office.clock.now = at("2022-06-22 12:00")
    sqlite_office.adopt(TALENT)
    pack = tmp_path / "changed"
    shutil.copytree(TALENT, pack, ignore=shutil.ignore_patterns("sample"))
    rules = pack / "rules" / "reminders.yaml"
    text = rules.read_text("utf-8")
    assert text.count("days_to_due between 2 and 5") >= 1
    rules.write_text(text.replace("days_to_due between 2 and 5", "days_to_due between 2 and 2", 1))
    found = look(sqlite_office, pack)
    assert {(each.effect, each.step) for each in found.notices} <= {
        ("stays", "R1"),
    }
    assert len(found.notices) > 20
    assert found.findings == []
    assert [each.rule for each in found.rules] == ["remind-report-R1"]
