"""Revisions of a pack: what was found names its own, an old one answers as it did, none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from rules.nodes import Faults
from supervision.domain.findings import Event
from supervision.domain.runs import Mode
from supervision.errors import NotFound
from supervision.services.evaluate import evaluate
from supervision.services.evaluation import Evaluation, Request
from supervision.services.list_versions import list_versions
from supervision.store import plans
from supervision.store.tables import FindingRow, NoticeRow, RulesetRow, RunRow
from tests.office import LATE, TALENT, ZONE, Office, a_submission, at, ladder_rules, small_pack
from tests.program import Program, Server
from tests.table_dump import difference, everything

RULES = [LATE, *ladder_rules()]
CHANGED = [
    LATE
    | {
        "when": "not filed and days_overdue > 3",
        "severity": [{"level": "critical"}],
        "message": "{{ unit.name }}没有报送。",
    },
    *ladder_rules(),
]
DAY = "2022-06-29"


@pytest.fixture
def first(office: Office, tmp_path: Path) -> Office:
    """The first version adopted, a report of three filed, and one run, on each database."""
    office.clock.now = at("2022-06-29 18:00")
    office.adopt(small_pack(tmp_path / "pack", RULES))
    office.submit(a_submission("A1-R1", "CIV", "2022Q2", "2022-06-20 10:00"))
    return office


def by_revision(office: Office, revision: str, as_of: str, **more: Any) -> Evaluation:
    request = Request(as_of=at(as_of), pack_revision=revision, **more)
    return evaluate(office.app.database, request, office.app.tools, by="office", now=office.clock())


def rows(office: Office, table: Any) -> list[Any]:
    with office.app.database.reading() as session:
        found = list(session.exec(select(table)))
        session.expunge_all()
    return found


def told(result: Evaluation) -> list[tuple[str, ...]]:
    """What was found, without the number that a stored finding has."""
    return [
        (each.rule, each.unit, str(each.period), each.severity, each.message)
        for each in result.problems
    ]


def counts(result: Evaluation) -> list[dict[str, Any]]:
    return [asdict(each) for each in result.rules if each.outcome == "finding"]


def test_an_old_revision_answers_as_it_did_when_it_was_active(
    first: Office, tmp_path: Path
) -> None:
    live = first.evaluate(DAY)
    known_at = first.clock()
    first.clock.now = at("2022-07-08 12:00")
    first.adopt(small_pack(tmp_path / "pack", CHANGED))
    first.submit(a_submission("A1-R1", "EDU", "2022Q2", "2022-07-07 10:00"))
    first.evaluate("2022-07-08 11:00")
    before = everything(first.app.database)

    again = by_revision(first, "1", DAY, known_at=known_at)
    assert (again.mode, again.ruleset, again.version) == (Mode.REPLAY, live.ruleset, 1)
    assert told(again) == told(live)
    assert len(told(again)) == 2
    assert counts(again) == counts(live)
    # by the present rules the same day looks otherwise
    assert told(by_revision(first, "2", "2022-07-01")) != told(
        by_revision(first, "1", "2022-07-01")
    )
    # today's facts by the old rules: one has filed since
    assert [each[1] for each in told(by_revision(first, "1", "2022-07-08 11:00"))] == ["FIN"]
    assert difference(before, everything(first.app.database)) == {}


@pytest.mark.parametrize("digits", [7, 12, 64])
def test_a_revision_is_named_by_number_or_by_the_beginning_of_either_digest(
    sqlite_office: Office, tmp_path: Path, digits: int
) -> None:
    sqlite_office.clock.now = at("2022-06-29 18:00")
    sqlite_office.adopt(small_pack(tmp_path / "pack", RULES))
    sqlite_office.clock.now = at("2022-06-30 18:00")
    sqlite_office.adopt(small_pack(tmp_path / "pack", CHANGED))
    with sqlite_office.app.database.reading() as session:
        old, new = list_versions(session, "small-2022", ZONE)
    for each in (old, new):
        for name in (each.pack_revision, each.revision):
            result = by_revision(sqlite_office, name[:digits].upper(), DAY)
            assert (result.version, result.ruleset) == (each.version, each.pack_revision)
    with pytest.raises(NotFound, match=r"no version of plan 'small-2022' has the revision"):
        by_revision(sqlite_office, old.pack_revision[:6], DAY)


def test_a_beginning_that_fits_two_is_refused(sqlite_office: Office, tmp_path: Path) -> None:
    sqlite_office.adopt(small_pack(tmp_path / "pack", RULES))
    sqlite_office.clock.now = at("2024-01-02 18:00")
    sqlite_office.adopt(small_pack(tmp_path / "pack", CHANGED))
    with sqlite_office.app.database.transaction() as session:
        for number, row in enumerate(plans.versions_of(session, "small-2022")):
            row.revision = f"abcdef0{number}"
            session.add(row)
    with pytest.raises(NotFound, match="'abcdef0' fits several revisions"):
        by_revision(sqlite_office, "abcdef0", DAY)
    assert by_revision(sqlite_office, "abcdef00", DAY).version == 1


def test_runs_findings_and_notices_name_the_rules_they_come_from(
    first: Office, tmp_path: Path
) -> None:
    old = first.evaluate(DAY).ruleset
    first.decide(Event.CONFIRM, first.finding("late", "FIN").number)
    digest = first.finding("late", "FIN").rule_digest
    assert {each.ruleset for each in rows(first, FindingRow)} == {old}
    assert {each.ruleset for each in rows(first, NoticeRow)} == {old}

    first.clock.now = at("2022-07-08 12:00")
    first.adopt(small_pack(tmp_path / "pack", CHANGED))
    new = first.evaluate("2022-07-08 11:00").ruleset
    assert old != new
    # what nobody confirmed follows the rules; what somebody confirmed keeps what it was found by
    assert first.finding("late", "EDU").ruleset == new
    assert (first.finding("late", "FIN").ruleset, first.finding("late", "FIN").rule_digest) == (
        old,
        digest,
    )
    assert [(each.ruleset, each.plan_version) for each in rows(first, RunRow)] == [
        (old, 1),
        (new, 2),
    ]
    assert {each.ruleset for each in rows(first, NoticeRow) if each.run_id == 2} == {new}
    assert {each.revision for each in rows(first, RulesetRow)} == {old, new}


def test_the_same_rules_are_stored_once(sqlite_office: Office, tmp_path: Path) -> None:
    for day, rules in (("01", RULES), ("02", CHANGED), ("03", RULES)):
        sqlite_office.clock.now = at(f"2024-01-{day} 12:00")
        sqlite_office.adopt(small_pack(tmp_path / "pack", rules))
    with sqlite_office.app.database.reading() as session:
        versions = list_versions(session, "small-2022", ZONE)
    assert [each.version for each in versions] == [1, 2, 3]
    assert versions[0].pack_revision == versions[2].pack_revision
    assert len(rows(sqlite_office, RulesetRow)) == 2
    assert [each.superseded_at is None for each in versions] == [False, False, True]
    assert {each.rules for each in versions} == {6}


FAULTS: Mapping[str, Callable[[Path], object]] = {
    "a condition": lambda pack: _edit(pack / "rules/rules.yaml", "days_overdue >= 3", "overdue"),
    "a message": lambda pack: _edit(pack / "rules/rules.yaml", "unit.name", "unit_name"),
    "no YAML": lambda pack: (pack / "rules/rules.yaml").write_text("rules: ["),
    "a due date": lambda pack: _edit(pack / "plan.yaml", "2022-06-25", "2022-06-31"),
    "no units": lambda pack: (pack / "units.yaml").unlink(),
}


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_faulty_pack_never_takes_the_place_of_the_active_one(
    first: Office, tmp_path: Path
) -> None:
    live = first.evaluate(DAY)
    before = everything(first.app.database)
    for name, spoil in FAULTS.items():
        pack = small_pack(tmp_path / name, CHANGED)
        spoil(pack)
        with pytest.raises(Faults):
            first.adopt(pack)
        assert difference(before, everything(first.app.database)) == {}, name
    assert told(first.evaluate(DAY)) == told(live)
    with first.app.database.reading() as session:
        (version,) = list_versions(session, "small-2022", ZONE)
    assert (version.version, version.superseded_at) == (1, None)


# --- On the command line -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program where two versions were adopted, and a run made by the first."""
    server, folder = Server(), tmp_path_factory.mktemp("office")
    program = Program(server, folder)
    _adopt(program, RULES, "2022-06-29T17:40:00+08:00")
    assert program("evaluate", SUPERVISION_CLOCK="2022-06-29T18:00:00+08:00").code == 1
    _adopt(program, CHANGED, "2022-06-30T09:00:00+08:00")
    program.environment["SUPERVISION_CLOCK"] = "2022-06-30T12:00:00+08:00"
    yield program
    server.close()


def _adopt(program: Program, rules: Sequence[Mapping[str, Any]], now: str) -> None:
    small_pack(program.folder / "pack", rules)
    assert program("plan", "adopt", "pack", "--by", "主任", SUPERVISION_CLOCK=now).code == 0


def test_an_old_revision_is_tried_on_the_command_line(program: Program) -> None:
    listed = program("plan", "versions", "--format", "json").json
    assert [(each["version"], each["adopted_by"], each["rules"]) for each in listed] == [
        (1, "主任", 6),
        (2, "主任", 6),
    ]
    first = listed[0]["pack_revision"]
    ran = program("evaluate", "--pack-revision", "1", "--as-of", "2022-06-30", "--dry-run")
    assert ran.code == 1
    assert ran.out.startswith(f"按第1版规则（{first[:12]}）试算，未改动任何内容")
    assert "会发现3项问题" in ran.out
    out = program(
        "evaluate", "--pack-revision", first[:7], "--unit", "区教育局", "--dry-run",
        "--as-of", "2022-06-30", "--known-at", "2022-06-29", "--format", "json",
    ).json  # fmt: skip
    assert (out["run"]["id"], out["run"]["mode"]) == (None, "replay")
    assert (out["run"]["pack_revision"], out["run"]["plan_version"]) == (first, 1)
    assert [each["unit"] for each in out["findings"]] == ["EDU"]
    new = program("evaluate", "--pack-revision", "2", "--as-of", "2022-06-30", "--dry-run")
    assert (new.code, "没有发现问题" in new.out) == (0, True)


def test_a_revision_that_is_none_is_told_with_those_there_are(program: Program) -> None:
    for wrong in ("3", "abcdef0", "v1", ""):
        sentence = program("evaluate", "--pack-revision", wrong).sentence
        assert f"no version of plan 'small-2022' has the revision {wrong!r}" in sentence
        assert "1 (" in sentence


def test_versions_are_listed_for_people_and_programs(program: Program) -> None:
    table = program("plan", "versions")
    assert table.code == 0
    assert table.out.index("第2版") < table.out.index("第1版")
    assert table.out.count("在用") == 1
    rows = program("plan", "versions", "--format", "csv").out.splitlines()
    assert rows[0].startswith("version,revision,pack_revision,")
    assert len(rows) == 3


def test_the_json_of_runs_findings_and_notices_names_the_revision(program: Program) -> None:
    first = program("plan", "versions", "--format", "json").json[0]["pack_revision"]
    (run,) = program("runs", "list", "--format", "json").json
    assert (run["pack_revision"], run["plan_version"]) == (first, 1)
    assert first[:7] in program("runs", "list").out
    found = program("findings", "list", "--format", "json").json
    assert {each["pack_revision"] for each in found} == {first}
    shown = program("findings", "show", found[0]["number"], "--format", "json").json
    assert shown["pack_revision"] == first
    assert len(shown["rule_digest"]) == 64
    notices = program("notices", "list", "--format", "json").json
    assert {each["pack_revision"] for each in notices} == {first}
    assert {each["rule"] for each in notices} <= {rule["id"] for rule in ladder_rules()}


def test_the_shipped_pack_is_of_one_revision_however_often_it_is_adopted(
    sqlite_office: Office,
) -> None:
    assert not sqlite_office.adopt(TALENT).unchanged
    assert sqlite_office.adopt(TALENT).unchanged
    (stored,) = rows(sqlite_office, RulesetRow)
    assert json.dumps(stored.files, ensure_ascii=False).count("GEN-R1-late") >= 1
