"""What a submission says: read out of its content, all faults at once, nothing coerced."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervision.domain.ledgers import Ledger
from supervision.domain.plan import FormField, RequirementKind
from supervision.domain.submissions import (
    Evidence,
    Form,
    Reading,
    TaskSaid,
    copied_share,
    digest_of,
    known_since,
    read_submission,
    text_of,
)
from supervision.domain.units import Officer, Unit

KIND = RequirementKind
UNIT = Unit(
    code="EDU",
    name="区教育局",
    category="部门",
    principal=Officer(post="局长"),
    deputy=Officer(post="副局长"),
)
SIX = (
    FormField(name="objectives", title="目标", required=True, per="task"),
    FormField(name="nodes", title="节点", required=True, per="task"),
    FormField(name="measures", title="措施", required=True, per="task"),
    FormField(name="personnel", title="人员", required=True),
    FormField(name="attention", title="精力", required=True),
    FormField(name="safeguards", title="保障", required=True),
    FormField(name="remark", title="备注"),
)
LEDGERS = {
    "rows": Ledger.model_validate(
        {"fields": {"name": {"type": "text", "required": True}, "n": {"type": "number"}}}
    )
}
SHA = "0123456789abcdef" * 4


def read(
    content: Mapping[str, Any],
    *,
    kind: RequirementKind = KIND.PLAN,
    unit: Unit = UNIT,
    records: Sequence[object] = (),
    evidence: Sequence[object] = (),
    fields: tuple[FormField, ...] = SIX,
    has_tasks: bool = True,
) -> tuple[Reading, list[tuple[str, str]]]:
    form = Form(
        kind=kind,
        fields=fields,
        clauses=frozenset({"T08", "T09", "T10"}),
        targets=frozenset({"T08-O1", "T09-O1"}),
        ledgers=LEDGERS,
        has_tasks=has_tasks,
    )
    reading, faults = read_submission(
        content, records, evidence, form=form, unit=unit, identity_key=b"key"
    )
    return reading, [(each.where, each.text) for each in faults]


def a_task(clause: str = "T08", **parts: Any) -> dict[str, Any]:
    return {
        "clause": clause,
        "objective": 2,
        "objectives": "办班2期",
        "measures": ["印发通知"],
        "nodes": [{"name": "开班", "on": "2022-09-30"}],
        **parts,
    }


WHOLE = {
    "signed_by": "局长",
    "tasks": [a_task("T08"), a_task("T09", objective=200.5)],
    "personnel": "分管领导、责任科室、联络员",
    "attention": "每月调度",
    "safeguards": "经费5万元",
}


# --- A plan --------------------------------------------------------------------------------------


def test_a_whole_plan_is_read_without_faults() -> None:
    reading, faults = read(WHOLE)
    assert faults == []
    assert reading.signed is True
    assert reading.elements_missing == 0
    assert reading.tasks == (
        TaskSaid("T08", 2_000_000, (("开班", date(2022, 9, 30)),)),
        TaskSaid("T09", 200_500_000, (("开班", date(2022, 9, 30)),)),
    )


@pytest.mark.parametrize("name", ["personnel", "attention", "safeguards"])
@pytest.mark.parametrize("empty", [None, "", "  ", [], {}])
def test_an_empty_element_is_missing(name: str, empty: object) -> None:
    reading, faults = read(WHOLE | {name: empty})
    assert (reading.elements_missing, faults) == (1, [])


@pytest.mark.parametrize("name", ["objectives", "measures", "nodes"])
def test_an_element_that_one_task_lacks_is_missing(name: str) -> None:
    lacking = {key: value for key, value in a_task("T09").items() if key != name}
    reading, _ = read(WHOLE | {"tasks": [a_task("T08"), lacking]})
    assert reading.elements_missing == 1


def test_a_plan_of_nothing_lacks_all_six_elements() -> None:
    assert read({})[0].elements_missing == 6


def test_a_unit_without_tasks_lacks_only_what_is_said_once() -> None:
    assert read({}, has_tasks=False)[0].elements_missing == 3


def test_what_is_not_required_is_never_missing_and_without_a_form_nothing_is_known() -> None:
    assert read({}, fields=(SIX[-1],))[0].elements_missing is None
    assert read({}, fields=())[0].elements_missing is None


# --- Signed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("signer", ["局长", " 局 长 ", "principal", "主要负责人", "PRINCIPAL"])
def test_a_plan_is_signed_by_the_principal(signer: str) -> None:
    assert read({"signed_by": signer})[0].signed is True


@pytest.mark.parametrize(
    "signer", ["副局长", "deputy", "分管领导", "联络员", "", None, 5, ["局长"]]
)
def test_a_plan_signed_by_anybody_else_is_not_signed(signer: object) -> None:
    assert read({"signed_by": signer})[0].signed is False


@pytest.mark.parametrize("signer", ["局长", "副局长", "deputy", "分管负责人"])
def test_a_report_is_signed_by_principal_or_deputy(signer: str) -> None:
    assert read({"signed_by": signer}, kind=KIND.REPORT)[0].signed is True
    assert read({"signed_by": "联络员"}, kind=KIND.REPORT)[0].signed is False


def test_where_nobody_who_may_sign_is_registered_it_is_not_known() -> None:
    nobody = UNIT.model_copy(update={"principal": None})
    assert read({"signed_by": "局长"}, unit=nobody)[0].signed is None
    assert read({"signed_by": "副局长"}, unit=nobody, kind=KIND.REPORT)[0].signed is True


# --- Tasks ---------------------------------------------------------------------------------------


def test_a_report_speaks_of_a_task_only_in_words() -> None:
    tasks = [
        {"clause": "T08", "done": "已办1期"},
        {"clause": "T09", "done": " ", "problem": None, "next_step": ""},
        {"clause": "T10", "next_step": "下月开展"},
    ]
    reading, faults = read({"tasks": tasks}, kind=KIND.REPORT)
    assert faults == []
    assert [each.clause for each in reading.tasks] == ["T08", "T10"]


@pytest.mark.parametrize("kind", [KIND.TARGET, KIND.MILESTONE, KIND.EVIDENCE])
def test_tasks_of_other_filings_are_not_read(kind: RequirementKind) -> None:
    reading, faults = read({"tasks": "无"}, kind=kind)
    assert (reading.tasks, faults) == ((), [])


def test_every_fault_of_the_tasks_is_named_with_its_place() -> None:
    tasks = [
        a_task("T8"),
        "T09",
        a_task("T09", objective="200人", nodes=[{"name": "开班", "on": "9月底"}, "结业"]),
        a_task("T10", nodes="年底"),
        a_task("T10"),
        {"objective": 2},
    ]
    _, faults = read({"tasks": tasks})
    assert [where for where, _ in faults] == [
        "content.tasks[1].clause",
        "content.tasks[2]",
        "content.tasks[3].objective",
        "content.tasks[3].nodes[1].on",
        "content.tasks[3].nodes[2]",
        "content.tasks[4].nodes",
        "content.tasks[5].clause",
        "content.tasks[6].clause",
    ]
    texts = dict(faults)
    assert "did you mean 'T08'" in texts["content.tasks[1].clause"]
    assert '"200人"' in texts["content.tasks[3].objective"]
    assert "twice" in texts["content.tasks[5].clause"]


@pytest.mark.parametrize("tasks", [{"T08": "办班"}, "T08", 5, True, None])
def test_tasks_that_are_no_list_are_a_fault(tasks: object) -> None:
    assert read({"tasks": tasks})[1] == [("content.tasks", "expected a list of tasks")]


@pytest.mark.parametrize("nodes", [None, []])
def test_a_task_without_nodes_has_none(nodes: object) -> None:
    reading, faults = read({"tasks": [a_task("T08", nodes=nodes)]})
    assert (reading.tasks[0].nodes, faults) == ((), [])


# --- Figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["200人", "约100", "２００", "200", True, [200], float("inf")])
def test_a_figure_that_is_no_number_is_refused(written: object) -> None:
    _, faults = read({"claimed": written}, kind=KIND.TARGET)
    assert [where for where, _ in faults] == ["content.claimed"]
    assert "expected a number, found" in faults[0][1]


def test_a_claim_is_a_number_of_a_requirement_with_a_target() -> None:
    claims = {"T09-O1": 120, "T08-O1": "1期", "T09-01": 5, "T10-O1": 1}
    reading, faults = read({"claims": claims}, kind=KIND.REPORT)
    assert reading.claims == {"T09-O1": 120_000_000}
    texts = dict(faults)
    assert set(texts) == {"content.claims.T08-O1", "content.claims.T09-01", "content.claims.T10-O1"}
    assert "did you mean 'T09-O1'" in texts["content.claims.T09-01"]


def test_claims_are_an_object_and_a_claim_of_nothing_is_none() -> None:
    assert read({"claims": [1]}, kind=KIND.REPORT)[1][0][0] == "content.claims"
    assert read({"claims": {"T09-O1": None}}, kind=KIND.REPORT)[0].claims == {}
    assert read({"claims": {"T09-O1": 5}}, kind=KIND.PLAN)[0].claims == {}


def test_done_is_true_or_false_or_not_said() -> None:
    assert read({"done": True}, kind=KIND.MILESTONE)[0].done is True
    assert read({"done": False}, kind=KIND.MILESTONE)[0].done is False
    assert read({}, kind=KIND.MILESTONE)[0].done is None
    reading, faults = read({"done": "已完成"}, kind=KIND.MILESTONE)
    assert (reading.done, faults) == (None, [("content.done", "expected true or false")])


# --- Records and evidence ------------------------------------------------------------------------


def test_faults_of_records_name_row_and_field_and_all_rows_are_read() -> None:
    records = [
        {"ledger": "rows", "name": "一"},
        {"ledger": "rows", "n": "200人"},
        "合计",
        {"ledger": "row", "name": "x"},
    ]
    reading, faults = read({}, records=records)
    assert [row.data for row in reading.rows] == [{"name": "一"}]
    assert [where for where, _ in faults] == [
        "records[2].name",
        "records[2].n",
        "records[3]",
        "records[4].ledger",
    ]


def test_evidence_is_a_name_and_a_sha256_in_either_case() -> None:
    reading, faults = read({}, evidence=[{"name": "名册.xlsx", "sha256": SHA.upper()}])
    assert (reading.evidence, faults) == ((Evidence("名册.xlsx", SHA),), [])


@pytest.mark.parametrize(
    ("piece", "where"),
    [
        ("名册.xlsx", "evidence[1]"),
        ({"sha256": SHA}, "evidence[1]"),
        ({"name": 5, "sha256": SHA}, "evidence[1]"),
        ({"name": "a"}, "evidence[1].sha256"),
        ({"name": "a", "sha256": SHA[:-1]}, "evidence[1].sha256"),
        ({"name": "a", "sha256": SHA + "0"}, "evidence[1].sha256"),
        ({"name": "a", "sha256": SHA[:-1] + "g"}, "evidence[1].sha256"),
        ({"name": "a", "sha256": SHA[:-1] + "０"}, "evidence[1].sha256"),
        ({"name": "a", "sha256": 5}, "evidence[1].sha256"),
    ],
)
def test_evidence_without_a_sound_hash_is_a_fault(piece: object, where: str) -> None:
    reading, faults = read({}, evidence=[piece])
    assert reading.evidence == ()
    assert [place for place, _ in faults] == [where]


def test_all_faults_of_a_submission_come_at_once() -> None:
    content = {"tasks": [a_task("T99")], "claimed": "约100", "done": "是"}
    _, faults = read(content, records=["合计"], evidence=["照片"])
    assert {where for where, _ in faults} == {
        "content.tasks[1].clause",
        "content.claimed",
        "content.done",
        "records[1]",
        "evidence[1]",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["clause", "nodes", "on", "name", "objective", "ledger", "sha256", "n"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ["tasks", "claims", "claimed", "done", "signed_by", "text", "personnel"], json_values
        ),
    ),
    st.lists(json_values, max_size=3),
    st.lists(json_values, max_size=3),
    st.sampled_from(list(KIND)),
)
def test_whatever_json_comes_it_is_read_or_its_faults_are_named(
    content: dict[str, Any], records: list[Any], evidence: list[Any], kind: RequirementKind
) -> None:
    reading, faults = read(content, kind=kind, records=records, evidence=evidence)
    assert all(where and text for where, text in faults)
    assert len(reading.rows) <= len(records)
    assert len(reading.evidence) <= len(evidence)


# --- Digest and copied text ----------------------------------------------------------------------


def digest(content: Mapping[str, Any], **parts: Any) -> str:
    reading, _ = read(content, **parts)
    return digest_of(content, reading.rows, reading.evidence)


def test_the_order_of_keys_does_not_make_another_submission_and_any_value_does() -> None:
    assert digest(WHOLE) == digest(dict(reversed(WHOLE.items())))
    assert digest(WHOLE) != digest(WHOLE | {"attention": "每周调度"})
    rows = [{"ledger": "rows", "name": "一"}]
    assert digest(WHOLE) != digest(WHOLE, records=rows)
    assert digest(WHOLE) != digest(WHOLE, evidence=[{"name": "a", "sha256": SHA}])


def test_the_same_text_is_copied_wholly_and_another_not_at_all() -> None:
    text = "本季度举办培训班一期，培训企业经营管理人才八十人。"
    assert copied_share(text, text) == 1_000_000
    assert copied_share(text, "组织岗位练兵活动两次，选树技术能手十名。") == 0
    assert copied_share("  本季度举办培训班\n一期，培训企业经营管理人才八十人。", text) == 1_000_000


def test_a_text_too_short_to_compare_is_not_copied() -> None:
    assert copied_share("无", "无") == 0
    assert copied_share("", "") == 0


@given(st.text(), st.text())
def test_a_copied_share_is_a_share(text: str, earlier: str) -> None:
    share = copied_share(text, earlier)
    assert 0 <= share <= 1_000_000
    assert copied_share(text, earlier + text) in (0, 1_000_000)


def test_the_text_of_a_report_is_all_it_says_in_words() -> None:
    content = {
        "text": "总的情况",
        "tasks": [{"clause": "T08", "done": "办班", "problem": None, "next_step": "续办"}, "x"],
    }
    assert text_of(content) == "总的情况\n办班\n续办"


# --- Known since ---------------------------------------------------------------------------------

NOW = datetime(2022, 7, 15, tzinfo=UTC)
instants = st.datetimes(datetime(2022, 1, 1), datetime(2022, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def test_what_happened_after_the_last_look_is_known_since_it_happened() -> None:
    day = timedelta(days=1)
    assert known_since(NOW - day, looked_until=None, now=NOW) == NOW - day
    assert known_since(NOW - day, looked_until=NOW - 2 * day, now=NOW) == NOW - day


def test_what_happened_before_the_last_look_is_known_from_now_on() -> None:
    day = timedelta(days=1)
    assert known_since(NOW - 2 * day, looked_until=NOW - day, now=NOW) == NOW
    assert known_since(NOW - day, looked_until=NOW - day, now=NOW) == NOW


@given(instants, st.none() | instants, instants)
def test_no_look_of_the_past_ever_sees_what_came_in_later(
    happened: datetime, looked: datetime | None, now: datetime
) -> None:
    since = known_since(happened, looked_until=looked, now=now)
    assert since <= now
    if looked is not None and looked <= now:
        assert not (happened <= looked and since <= looked) or since == now


def test_a_digest_is_of_json_alone() -> None:
    assert len(digest(json.loads(json.dumps(WHOLE)))) == 64
