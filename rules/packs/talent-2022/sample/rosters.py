"""The sample's ledgers: classes, people, documents, money. See `generate.py`."""

from __future__ import annotations

from collections.abc import Sequence

from district import ON_TIME, TIERS, TOWNS
from filings import Row, Year


def classes(year: Year) -> None:
    """T08 and T12-O4: one class of each kind by July; one of last year that does not count."""
    first = a_class("GGG-2022-01", "高规格", "05-16", "05-20", expert=True)
    planned = a_class("GGG-2022-02", "高规格", "10-17", "10-21", status="计划")
    second = a_class("GGG-2022-02", "高规格", "10-17", "10-21", expert=None)
    technical = a_class("ZJ-2022-01", "高层次专业技术", "09-05", "09-09", expert=False)
    zipped = ["一期一档.zip"]
    held = [first, planned]
    done = {"claimed": 1, "text": "高规格培训班已办1期，第2期计划10月举办"}
    year.file("HRSS", "T08-O1", "2022", at="06-24T15:10", content=done, records=held, proofs=zipped)
    # The class of May is filed here once more: it stays one class.
    done = {"claimed": 1, "text": "高层次专业技术人才培训班1期已办"}
    held = [technical, first]
    year.file("HRSS", "T08-O2", "2022", at="09-20T10:30", content=done, records=held, proofs=zipped)
    done = {"claimed": 2, "text": "高规格培训班2期已办"}
    held = [first, second]
    year.file("HRSS", "T08-O1", "2022", at="11-22T16:00", content=done, records=held, proofs=zipped)

    old = a_class("SG-2021-03", "社会工作专题", "12-28", "12-30", year="2021")
    spring = a_class("SG-2022-01", "社会工作专题", "04-25", "04-28")
    autumn = a_class("SG-2022-02", "社会工作专题", "09-13", "09-16")
    skills = a_class("JN-2022-01", "技能培训", "08-08", "08-12")
    done = {"claimed": 2, "text": "社会工作人才专题培训班已办2期"}
    year.file("CIV", "T12-O4", "2022", at="06-23T11:00", content=done, records=[old, spring])
    held = [spring, autumn, skills]
    year.file("CIV", "T12-O4", "2022", at="11-25T09:40", content=done, records=held)


def a_class(
    number: str,
    kind: str,
    start: str,
    end: str,
    *,
    status: str = "已举办",
    expert: bool | None = None,
    year: str = "2022",
) -> Row:
    row: Row = {
        "ledger": "classes",
        "class_no": number,
        "title": f"{kind}培训班",
        "class_type": kind,
        "status": status,
        "start_on": f"{year}-{start}",
        "end_on": f"{year}-{end}",
        "place": "区委党校",
        "headcount": 48,
    }
    return row if expert is None else row | {"national_expert": expert}


def trainees(year: Year) -> None:
    """T09: over 200 attendances, 162 people by July. T11: all rows tiered only in December."""
    first = attend(range(1, 121), "QY-2022-01", "04-20", enterprise=True)
    second = attend([*range(80, 166), *range(1, 9)], "QY-2022-02", "06-08", enterprise=True)
    for row in second[-3:]:
        del row["enterprise"]  # people whose enterprise is not given do not count …
    for row in second[82:85]:
        del row["enterprise"]
    roster = [*first, *second, second[0]]  # … and a line that stands twice is one attendance
    third = attend(range(150, 207), "QY-2022-03", "10-26", enterprise=True)
    claim = {"claimed": 221, "attendances": 221, "text": "两期共培训221人"}
    year.file("IIT", "T09-O1", "2022", at="06-24T10:20", content=claim, records=roster)
    claim = {"claimed": 206, "attendances": 271, "text": "三期共培训206人"}
    year.file("IIT", "T09-O1", "2022", at="11-18T15:00", content=claim, records=[*roster, *third])

    rows: list[Row] = []
    number = 1000
    for index, (unit, (town, quota)) in enumerate(TOWNS.items()):
        people = range(number, number + quota + (4 if unit == "TWN-DH" else 0))
        of_town = attend(people, f"NC-2022-{index + 1:02}", ("05-11", "05-25", "06-15")[index % 3])
        for place, row in enumerate(of_town):
            row |= {"town": town, "village": f"第{place % 7 + 1}村", "tier": TIERS[place % 3]}
        rows += of_town
        number += 100
        if unit == "TWN-BL":
            continue  # never files
        short = of_town[:-5] if unit == "TWN-NG" else of_town
        at = year.moment(ON_TIME, ("11-21", "11-22", "11-23", "11-24"))
        claim = {"claimed": len(short), "attendances": len(short)}
        year.file(unit, "T11-O1", "2022", at=at, content=claim, records=short)
    untiered = [
        {key: value for key, value in row.items() if key != "tier"} if place % 60 == 59 else row
        for place, row in enumerate(rows)
    ]
    for at, filed in (
        ("06-24T16:30", rows[:180]),
        ("11-25T11:10", untiered),
        ("12-09T10:00", rows),
    ):
        claim = {"claimed": len(filed), "attendances": len(filed)}
        year.file("ARA", "T11-O1", "2022", at=at, content=claim, records=filed)


def attend(people: Sequence[int], number: str, day: str, *, enterprise: bool = False) -> list[Row]:
    rows: list[Row] = []
    for person in people:
        row: Row = {"ledger": "trainees", "identity": f"TEST-{person:06}"}
        row["category"] = "企业经营管理人才" if enterprise else "农村实用人才"
        if enterprise:
            row["enterprise"] = f"第{person % 37 + 1}号企业"
        rows.append(row | {"class_no": number, "class_on": f"2022-{day}"})
    return rows


def recruits(year: Year) -> None:
    """T12-O2: 44 by July, 94 in the end: inside the band of 左右. Three without a community."""
    people: list[Row] = []
    for place in range(97):
        degree = "硕士研究生" if place % 9 == 4 else "本科"
        row: Row = {
            "ledger": "recruits",
            "identity": f"TEST-{5000 + place:06}",
            "degree": "大专" if place in {30, 60} else degree,
            "post_type": "社区",
            "community": f"第{place % 23 + 1}社区",
            "on_post_on": f"2022-{(4, 5, 7, 8, 10)[place // 23]:02}-{place % 23 + 6:02}",
            "status": "拟聘" if place == 96 else "到岗",
        }
        if place in {50, 70, 90}:
            del row["community"]
        people.append(row)
    for at, count in (("06-24T09:30", 45), ("09-23T14:00", 80), ("11-28T10:50", 97)):
        claim = {"claimed": count, "attendances": count}
        filed = people[:count]
        year.file("CIV", "T12-O2", "2022", at=at, content=claim, records=filed)


def milestones(year: Year) -> None:
    """Launch (T12-O1) in time, budget (T15-O1) in time but without its number until August."""
    launch = {
        "ledger": "documents",
        "clause": "T12",
        "doc_type": "启动实施",
        "title": "社会工作人才建设工程启动实施方案",
        "doc_no": "X民〔2022〕15号",
        "issued_on": "2022-05-20",
    }
    content: Row = {"done": True, "text": "已印发启动方案并召开启动会"}
    year.file(
        "CIV",
        "T12-O1",
        "2022",
        at="06-10T09:20",
        content=content,
        records=[launch],
        proofs=["启动方案.pdf"],
    )

    budget: Row = {
        "ledger": "budget",
        "item": "人才发展专项资金",
        "amount": 260.5,
        "disbursed": 0,
        "approved_on": "2022-03-10",
    }
    content = {"done": True, "text": "专项资金已列入年初预算"}
    year.file("FIN", "T15-O1", "2022", at="06-28T11:35", content=content, records=[budget])
    numbered = budget | {"doc_no": "X财预〔2022〕8号", "disbursed": 96.25}
    year.file("FIN", "T15-O1", "2022", at="08-10T16:45", content=content, records=[numbered])

    drill = {
        "ledger": "drills",
        "drill_no": "LB-2022-01",
        "title": "全区技能人才岗位练兵",
        "status": "已开展",
        "held_on": "2022-09-15",
        "participants": 126,
        "result": "评出优秀选手20名",
    }
    content = {"done": True, "text": "岗位练兵活动已开展"}
    year.file("HRSS", "T10-O1", "2022", at="10-20T10:10", content=content, records=[drill])

    base = {
        "ledger": "bases",
        "name": "高层次人才培训培养基地",
        "partner": "河科大",
        "status": "已签约",
        "dated_on": "2022-10-12",
        "doc_no": "X人才〔2022〕21号",
    }
    content = {"done": True, "text": "已与河科大签约，待挂牌"}
    year.file("ORG", "T13-O1", "2022", at="10-28T15:25", content=content, records=[base])
