"""A small plan with every kind of duty: plan, report, three sorts of target, milestone, proof.

ROAD leads the roads (clause B) with the townships' shares, EDU the training (C) and the documents
(D); PARK has no task and nobody who may sign.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.office import LATE, ladder_rules

Pack = dict[str, Any]


def _unit(code: str, name: str, category: str, **parts: Any) -> dict[str, Any]:
    return {"code": code, "name": name, "category": category, **parts}


_LIAISON = {"name": "联络员", "email": "liaison@example.org"}

WORKS: Pack = {
    "plan": {
        "plan": "works-2022",
        "title": "某区2022年工作安排",
        "issued_on": "2022-03-01",
        "year": 2022,
        "zone": "Asia/Shanghai",
        "calendar": {"name": "china", "years": [2021, 2022, 2023]},
        "source": "works.txt",
        "params": {
            "about_tolerance": [
                {"from": "2022-01-01", "value": 0.10, "reference": "设定一"},
                {"from": "2022-07-01", "value": 0.05, "reference": "设定二"},
            ]
        },
        "clauses": [
            {"id": name, "path": f"一.{at}", "title": name, "text": f"{name}款。"}
            for at, name in enumerate("ABCD", start=1)
        ],
        "requirements": [
            {
                "id": "A-P1",
                "clause": "A",
                "title": "落实方案",
                "kind": "plan",
                "basis": "explicit",
                "owed_by": "all",
                "due": {"after_issue_workdays": 15},
                "form": [
                    {"name": "objectives", "title": "目标", "required": True, "per": "task"},
                    {"name": "personnel", "title": "人员", "required": True},
                ],
            },
            {
                "id": "A-P2",
                "clause": "A",
                "title": "方案审签",
                "kind": "plan",
                "basis": "explicit",
                "owed_by": "all",
                "filed_with": "A-P1",
            },
            {
                "id": "A-R1",
                "clause": "A",
                "title": "季度报告",
                "kind": "report",
                "basis": "configured",
                "owed_by": {"category": ["局", "乡"]},
                "every": "quarter",
                "due": {"dates": ["2022-06-25", "2022-09-25", "2022-12-20"]},
            },
            {
                "id": "A-R2",
                "clause": "A",
                "title": "报告属实",
                "kind": "report",
                "basis": "configured",
                "owed_by": {"category": ["局"]},
                "filed_with": "A-R1",
            },
            {
                "id": "B-T1",
                "clause": "B",
                "title": "修路30公里",
                "kind": "target",
                "basis": "explicit",
                "owed_by": {"lead": True, "co": True},
                "due": {"date": "2022-11-30"},
                "target": {"at_least": 30, "unit": "公里"},
                "measure": {"ledger": "roads", "sum": "length", "where": "open"},
                "tier": "class",
            },
            {
                "id": "B-T2",
                "clause": "B",
                "title": "修路10条左右",
                "kind": "target",
                "basis": "explicit",
                "owed_by": "lead",
                "due": {"date": "2022-11-30"},
                "target": {"about": 10, "unit": "条"},
                "measure": {"ledger": "roads", "count": True, "where": "class <> '乡道'"},
            },
            {
                "id": "C-T1",
                "clause": "C",
                "title": "培训3人",
                "kind": "target",
                "basis": "explicit",
                "owed_by": "lead",
                "every": "half-year",
                "due": {"dates": ["2022-06-30", "2022-11-30"]},
                "target": {"value": 3, "unit": "人"},
                "measure": {"ledger": "trainees", "count_distinct": "identity"},
            },
            {
                "id": "C-E1",
                "clause": "C",
                "title": "学员有单位",
                "kind": "evidence",
                "basis": "implied",
                "owed_by": "lead",
                "filed_with": "C-T1",
                "measure": {"ledger": "trainees", "count": True, "where": "employer is null"},
            },
            {
                "id": "D-M1",
                "clause": "D",
                "title": "印发文件",
                "kind": "milestone",
                "basis": "explicit",
                "owed_by": "lead",
                "due": {"date": "2022-06-30"},
                "measure": {"ledger": "documents", "count": True},
            },
            {
                "id": "D-M2",
                "clause": "D",
                "title": "办结",
                "kind": "milestone",
                "basis": "explicit",
                "owed_by": {"category": ["局", "园区"]},
                "due": {"date": "2022-10-01"},
            },
            {
                "id": "D-E1",
                "clause": "D",
                "title": "照片",
                "kind": "evidence",
                "basis": "explicit",
                "owed_by": {"units": ["EDU", "PARK"]},
                "due": {"date": "2022-12-31"},
            },
        ],
        "office": {
            "name": "督查室",
            "contact": "值班室",
            "email": "office@example.org",
            "how_to_file": "发邮件。",
            "leaders": [],
        },
    },
    "units": [
        _unit(
            "ROAD",
            "区公路局",
            "局",
            aliases=["公路局", "区公路管理局"],
            principal="局长",
            deputy="副局长",
            liaison=_LIAISON,
        ),
        _unit("EDU", "区教育局", "局", principal="局长", liaison=_LIAISON),
        _unit("TWN-E", "东乡", "乡", principal="乡长", deputy="副乡长"),
        _unit("TWN-W", "西乡", "乡", principal="乡长"),
        _unit("PARK", "工业园", "园区"),
    ],
    "assignments": [
        {"clause": "B", "unit": "ROAD", "role": "lead"},
        {"clause": "B", "unit": "TWN-E", "role": "co", "quota": 20},
        {"clause": "B", "unit": "TWN-W", "role": "co", "quota": 10},
        {"clause": "C", "unit": "EDU", "role": "lead"},
        {"clause": "C", "unit": "TWN-E", "role": "co"},
        {"clause": "D", "unit": "EDU", "role": "lead"},
    ],
    "ledgers": {
        "roads": {
            "key": ["road_no"],
            "dated_by": "opened_on",
            "started_by": "begun_on",
            "fields": {
                "road_no": {"type": "text", "required": True},
                "class": {"type": "choice", "choices": ["县道", "乡道"]},
                "length": {"type": "number"},
                "open": {"type": "boolean"},
                "opened_on": {"type": "date"},
                "begun_on": {"type": "date"},
            },
        },
        "trainees": {
            "key": ["identity", "class_no"],
            "dated_by": "class_on",
            "fields": {
                "identity": {"type": "identity", "required": True},
                "class_no": {"type": "integer", "required": True},
                "employer": {"type": "text"},
                "class_on": {"type": "date", "required": True},
            },
        },
        "documents": {"fields": {"title": {"type": "text", "required": True}}},
    },
    "rules": [LATE | {"requirement": "A-R1"}, *ladder_rules()],
}


def changed(**parts: Any) -> Pack:
    """A copy of the pack; `plan={…}` adds to the plan, other parts are replaced."""
    pack = deepcopy(WORKS)
    pack["plan"] |= parts.pop("plan", {})
    return pack | parts


def write_pack(folder: Path, pack: Mapping[str, Any] = WORKS) -> Path:
    """Write a pack as YAML files (JSON is YAML); return its folder."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for name in ("plan", "units", "assignments", "ledgers"):
        document = pack[name] if name == "plan" else {name: pack[name]}
        (folder / f"{name}.yaml").write_text(_json(document), encoding="utf-8")
    rules = folder / "rules" / "rules.yaml"
    rules.write_text(_json({"rules": pack["rules"]}), encoding="utf-8")
    return folder


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1)
