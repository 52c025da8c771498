"""What units claim against what their ledgers bear out, and the details that messages name.

One district on each database, looked at once in October; each unit is one story.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from supervision.domain.findings import Event
from supervision.services.evaluation import Evaluation
from supervision.services.found import Problem
from tests.office import Office, a_submission

DAY = "2022-10-14"


def villagers(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "ledger": "trainees",
            "identity": f"TEST-{first + number:06}",
            "category": "农村实用人才",
            "tier": "种养大户",
            "class_no": "N1",
            "class_on": "2022-05-11",
        }
        for number in range(count)
    ]


def managers(count: int) -> list[dict[str, Any]]:
    row = {"category": "企业经营管理人才", "enterprise": "甲企业", "class_no": "Q1"}
    return [{**each, **row} for each in villagers(count)]


def recruits(count: int) -> list[dict[str, Any]]:
    return [
        {
            "ledger": "recruits",
            "identity": f"TEST-{5000 + number:06}",
            "degree": "本科",
            "post_type": "社区",
            "community": "第1社区",
            "on_post_on": "2022-05-11",
            "status": "到岗",
        }
        for number in range(count)
    ]


def a_class() -> dict[str, Any]:
    return {
        "ledger": "classes",
        "class_no": "G1",
        "title": "高规格培训班",
        "class_type": "高规格",
        "status": "已举办",
        "start_on": "2022-05-16",
        "end_on": "2022-05-20",
        "national_expert": True,
    }


def a_report(unit: str, period: str, when: str, **claims: float) -> dict[str, Any]:
    said = {"text": f"{period}进展", "claims": {k.replace("_", "-"): v for k, v in claims.items()}}
    return a_submission("GEN-R1", unit, period, when, content=said)


def filed(
    requirement: str, unit: str, when: str, claimed: int, records: list[dict[str, Any]]
) -> dict[str, Any]:
    content = {"claimed": claimed}
    return a_submission(requirement, unit, "2022", when, content=content, records=records)


def stories() -> list[dict[str, Any]]:
    task = {"clause": "T04", "objectives": "配合", "measures": ["清单"]}
    nodes = [
        {"name": "启动", "on": "2022-05-20"},
        {"name": "收尾", "on": "2023-01-05"},
        {"name": "归档", "on": "2023-02-05"},
    ]
    plan = {"signed_by": "主任", "tasks": [{**task, "nodes": nodes}]}
    said = {"text": "进展", "tasks": [{"clause": "T04", "done": "已启动"}]}
    return [
        # ARA said 3 when its ledger said 3; the ledger grew, and a township's came on top
        a_report("ARA", "2022Q2", "2022-06-20 10:00", T11_O1=3),
        filed("T11-O1", "ARA", "2022-06-24 10:00", 3, villagers(3)),
        filed("T11-O1", "ARA", "2022-07-10 10:00", 5, villagers(5)),
        filed("T11-O1", "TWN-DH", "2022-07-12 10:00", 4, villagers(4, first=100)),
        # IIT said 3 and its ledger never bore it out
        filed("T09-O1", "IIT", "2022-06-24 10:00", 3, managers(2)),
        a_report("IIT", "2022Q2", "2022-06-25 10:00", T09_O1=3),
        # CIV said 2 before its ledger did; later it said less
        filed("T12-O2", "CIV", "2022-06-24 10:00", 1, recruits(1)),
        a_report("CIV", "2022Q2", "2022-06-25 10:00", T12_O2=2),
        filed("T12-O2", "CIV", "2022-07-10 10:00", 2, recruits(2)),
        a_report("CIV", "2022Q3", "2022-09-20 10:00", T12_O2=1),
        # HRSS has filed the ledger of one of the two figures that it claims
        filed("T08-O1", "HRSS", "2022-06-24 10:00", 1, [a_class()]),
        a_report("HRSS", "2022Q2", "2022-06-25 10:00", T08_O1=1, T08_O2=1),
        # DRC left out two of its three tasks, and two nodes lie in the next year
        a_submission("REQ2-O1", "DRC", "2022", "2022-04-15 10:00", content=plan),
        a_submission("GEN-R1", "DRC", "2022Q2", "2022-06-20 10:00", content=said),
    ]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def october(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Office, Evaluation]]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('october') / 'supervision.db'}"
    else:
        from tests.postgres import new_database

        url = new_database()
    office = Office(url)
    office.adopt()
    office.submit(*stories())
    yield office, office.evaluate(DAY)
    office.close()


def found(october: tuple[Office, Evaluation], rule: str) -> dict[str, Problem]:
    return {f"{each.unit} {each.period}": each for each in october[1].problems if each.rule == rule}


def test_a_figure_that_its_ledger_bore_out_then_is_no_lie_when_the_ledger_grows(
    october: tuple[Office, Evaluation],
) -> None:
    assert "ARA 2022Q2" not in found(october, "GEN-R4-claims")


def test_a_figure_that_its_ledger_bears_out_since_is_no_lie_either(
    october: tuple[Office, Evaluation],
) -> None:
    assert "CIV 2022Q2" not in found(october, "GEN-R4-claims")


def test_a_figure_that_no_ledger_ever_bore_out_is_named_with_both_numbers(
    october: tuple[Office, Evaluation],
) -> None:
    claims = found(october, "GEN-R4-claims")
    assert set(claims) == {"IIT 2022Q2", "CIV 2022Q3"}
    said = "“培训企业经营管理人才200人”累计上报3，台账截至报送日核算为2，相差1。"
    assert said in claims["IIT 2022Q2"].message


def test_a_lead_is_not_belied_by_what_others_file_after_it(
    october: tuple[Office, Evaluation],
) -> None:
    assert set(found(october, "T11-O1-claimed")) == set()
    assert "上报3人，截至2022年10月14日经名册去重核算为2人（名册2人次），相差1人" in (
        found(october, "T09-O1-claimed")["IIT 2022"].message
    )


def test_a_figure_without_any_ledger_is_not_known_to_be_right(
    october: tuple[Office, Evaluation],
) -> None:
    (claims,) = [each for each in october[1].rules if each.rule == "GEN-R4-claims"]
    hrss_and_all_that_filed_nothing = claims.undecided
    (signed,) = [each for each in october[1].rules if each.rule == "GEN-R5-unsigned"]
    assert hrss_and_all_that_filed_nothing == signed.undecided + 1
    assert claims.missing == {"claims_mismatched": claims.undecided}


def test_a_cumulative_figure_that_fell_is_named_with_both_periods(
    october: tuple[Office, Evaluation],
) -> None:
    (fell,) = found(october, "GEN-R4-fell").values()
    said = "“选聘100名左右高学历人才充实到社区一线”累计数由上期的2降为1，减少1"
    assert said in fell.message


def test_tasks_that_a_plan_or_report_leaves_out_are_named_in_order(
    october: tuple[Office, Evaluation],
) -> None:
    named = (
        "2项：二.(二).3（高层次人才创新创业基地）、二.(二).6（高层次科技创新人才与产学研联盟）。"
    )
    assert named in found(october, "REQ2-O2-coverage")["DRC 2022"].message
    assert named in found(october, "GEN-R3-unmentioned")["DRC 2022Q2"].message


def test_the_first_of_the_nodes_that_are_too_late_is_named(
    october: tuple[Office, Evaluation],
) -> None:
    late = found(october, "REQ2-O5-node-late")["DRC 2022"]
    said = "节点“收尾”定于2023年1月5日，晚于任务时限2022年12月31日，此类节点共2个。"
    assert said in late.message


def test_a_unit_is_reminded_two_working_days_before_it_must_have_rectified(
    october: tuple[Office, Evaluation],
) -> None:
    office, _ = october
    number = office.finding("REQ2-O2-coverage", "DRC").number
    office.decide(Event.CONFIRM, number, on="2022-10-14 18:00")
    office.decide(Event.NOTIFY, number, on="2022-10-14 18:00")  # major: 7 working days, 25 October

    def steps(day: str) -> set[str]:
        office.evaluate(day, units=("DRC",))
        return {each.step for each in office.notices() if each.item == number}

    assert steps("2022-10-20") == {"F5"}
    assert steps("2022-10-21") == {"F5", "X1"}
    assert steps("2022-10-25") == {"F5", "X1"}
    assert steps("2022-10-26") == {"F5", "X1", "X2"}
