"""Write `submissions.jsonl`: an invented year of filings under the 2022 talent plan.

Standard library only, one fixed seed: the same bytes every time. Who is late, what is missing and
which numbers do not agree is chosen, not drawn: each is a case that a supervisor meets.
Nobody in it is real: posts instead of names, identities of the form TEST-000123.

    python generate.py [FILE]
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from district import (
    CO,
    DONE,
    LEADS,
    NEVER,
    NEXT,
    OBJECTIVES,
    ON_TIME,
    PLAN_DAYS,
    PLANS,
    PRINCIPALS,
    Q2,
    Q2_DAYS,
    Q3,
    Q3_DAYS,
    TOPICS,
    TOWNS,
    YEAR,
    YEAR_DAYS,
)
from filings import Row, Year
from rosters import classes, milestones, recruits, trainees


def tasks_of(unit: str) -> list[str]:
    """Return the clauses that the unit leads or cooperates in."""
    return sorted(f"{LEADS.get(unit, '')} {CO[unit]}".split())


def a_plan(draw: random.Random, unit: str) -> Row:
    tasks = [a_task(draw, unit, clause) for clause in tasks_of(unit)]
    return {
        "form": draw.choice(("单独印发", "单独印发", "纳入年度工作要点")),
        "signed_by": PRINCIPALS[unit],
        "signed_on": "2022-04-06",
        "tasks": tasks,
        "personnel": f"{PRINCIPALS[unit]}负总责，明确分管领导、责任科室和联络员各1名",
        "attention": f"{PRINCIPALS[unit]}每季度至少专题研究1次人才工作",
        "safeguards": draw.choice(("工作经费列入部门预算", "建立月调度、季通报制度")),
    }


def a_task(draw: random.Random, unit: str, clause: str) -> Row:
    topic = TOPICS[clause]
    leads = clause in LEADS.get(unit, "").split()
    objective = OBJECTIVES.get(clause) if leads else None
    if clause == "T11" and unit in TOWNS:
        objective = TOWNS[unit][1]
    aim = "牵头完成" if leads else "配合完成"
    number = f"，目标数{objective}" if objective else ""
    start, end = draw.choice(("04-29", "05-20")), draw.choice(("10-31", "11-25"))
    if clause == "T15":
        end = "06-24"  # its one due date is in June
    return {
        "clause": clause,
        "objective": objective,
        "objectives": f"{aim}{topic}年度任务{number}",
        "measures": [f"制定{topic}工作清单", f"确定专人负责{topic}，每月报进度"],
        "nodes": [
            {"name": f"{topic}启动", "on": f"2022-{start}"},
            {"name": f"{topic}完成", "on": f"2022-{end}"},
        ],
    }


def a_report(draw: random.Random, unit: str, period: str, clauses: Sequence[str]) -> Row:
    tasks = [
        {
            "clause": clause,
            "done": f"{TOPICS[clause]}：{draw.choice(DONE[period])}",
            "problem": draw.choice(("无", "经费到位偏慢", "承办力量不足")),
            "next_step": NEXT[period],
        }
        for clause in clauses
    ]
    number = draw.randint(2, 9)
    label = {"2022Q2": "二季度", "2022Q3": "三季度", "2022": "全年"}[period]
    done = "；".join(task["done"] for task in tasks) or "未承担分解任务，做好日常人才服务"
    return {
        "signed_by": PRINCIPALS[unit],
        "signed_on": {"2022Q2": "2022-06-20", "2022Q3": "2022-09-19", "2022": "2022-12-12"}[period],
        "text": f"{label}召开人才工作会议{number}次。{done}。下一步：{NEXT[period]}。",
        "tasks": tasks,
        "claims": {},
    }


def plans(year: Year) -> None:
    """REQ2-O1, due 2022-04-18: three late, two in May, one never; six with a flaw."""
    flaws: dict[str, Callable[[Row], None]] = {
        "FNO": lambda plan: plan.update(attention="", safeguards="", personnel=""),
        "IIT": lambda plan: plan.update(tasks=[t for t in plan["tasks"] if t["clause"] != "T10"]),
        "SAM": lambda plan: plan.update(signed_by=None, signed_on=None),
        "TWN-XP": lambda plan: plan.update(signed_by="分管副乡长"),
        "HRSS": lambda plan: _task(plan, "T08")["nodes"][-1].update(on="2022-12-15"),
        "CIV": lambda plan: _task(plan, "T12").update(objective=80),
    }
    for unit in CO:
        chosen = PLANS.get(unit, ON_TIME)
        if chosen is NEVER:
            continue
        at, plan, proofs = year.moment(chosen, PLAN_DAYS), a_plan(year.draw, unit), ["落实方案.pdf"]
        flawed = json.loads(json.dumps(plan))
        if unit in flaws:
            flaws[unit](flawed)
        year.file(unit, "REQ2-O1", "2022", at=at, content=flawed, proofs=proofs)
        if unit == "CIV":
            year.file(unit, "REQ2-O1", "2022", at="04-20T10:05", content=plan, proofs=proofs)
        if unit == "FNO":
            year.file(unit, "REQ2-O1", "2022", at="07-20T15:40", content=plan, proofs=proofs)


def _task(content: Row, clause: str) -> Row:
    return next(task for task in content["tasks"] if task["clause"] == clause)


def reports(year: Year) -> None:
    """GEN-R1 due 2022-06-27 and 2022-09-26, GEN-R2 due 2022-12-20."""
    claims = {
        ("IIT", "2022Q2"): {"T09-O1": 221},  # the roster has 162
        ("ARA", "2022Q2"): {"T11-O1": 180},
        ("CIV", "2022Q2"): {"T12-O2": 44, "T12-O4": 1},
        ("CIV", "2022Q3"): {"T12-O2": 41, "T12-O4": 1},  # a cumulative number that fell
        ("HRSS", "2022Q2"): {"T08-O1": 1},
        ("HRSS", "2022"): {"T08-O1": 2, "T08-O2": 1},
        ("IIT", "2022"): {"T09-O1": 206},
        ("ARA", "2022"): {"T11-O1": 304},
        ("CIV", "2022"): {"T12-O2": 94, "T12-O4": 2},
    }
    rounds = (
        ("GEN-R1", "2022Q2", Q2, Q2_DAYS),
        ("GEN-R1", "2022Q3", Q3, Q3_DAYS),
        ("GEN-R2", "2022", YEAR, YEAR_DAYS),
    )
    second_quarter: dict[str, Row] = {}
    for requirement, period, exceptions, days in rounds:
        for unit in CO:
            chosen = exceptions.get(unit, ON_TIME)
            if chosen is NEVER:
                continue
            mentioned = tasks_of(unit)
            if (unit, period) == ("DRC", "2022Q2"):
                mentioned.remove("T06")
            at, report = year.moment(chosen, days), a_report(year.draw, unit, period, mentioned)
            report["claims"] = claims.get((unit, period), {})
            if (unit, period) == ("TU", "2022Q3"):  # last quarter's words once more
                report.update({name: second_quarter["TU"][name] for name in ("text", "tasks")})
            if (unit, period) == ("YL", "2022Q2"):
                report.update(signed_by=None, signed_on=None)
            if period == "2022Q2":
                second_quarter[unit] = report
            proofs = ["会议纪要.pdf"] if unit == "EDU" else []  # the same file each time
            year.file(unit, requirement, period, at=at, content=report, proofs=proofs)
            if (unit, period) == ("EDU", "2022Q2"):
                better = report | {"text": report["text"] + "附：与两所高校对接情况。"}
                year.file(
                    unit, requirement, period, at="07-05T09:50", content=better, proofs=proofs
                )


def lines() -> Iterator[str]:
    """Return the filings as JSON Lines, in the order in which they came in."""
    year = Year()
    for part in (plans, reports, classes, trainees, recruits, milestones):
        part(year)
    for filing in sorted(year.filings, key=lambda each: (each["submitted_at"], each["unit"])):
        yield json.dumps(filing, ensure_ascii=False, separators=(",", ":")) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the file named, by default the one beside this script."""
    beside = Path(__file__).with_name("submissions.jsonl")
    target = Path(arguments[0]) if arguments else beside
    target.write_bytes("".join(lines()).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
