"""The invented district of the sample: tasks, posts, and who files when. See `generate.py`."""

from __future__ import annotations

ON_TIME = "on time"
NEVER = None

LEADS = {
    "ORG": "T01 T02 T13 T19 REQ3",
    "AMC": "T03",
    "STI": "T04 T05 T06 T07",
    "HRSS": "T08 T10 T14 T16",
    "IIT": "T09",
    "ARA": "T11",
    "CIV": "T12",
    "FIN": "T15",
    "PUB": "T17 T18",
}
CO = {
    "ORG": "T03 T05 T08 T11 T12 T14 T15 T16 T17 T18",
    "PUB": "T01",
    "HRSS": "T01 T02 T04 T05 T06 T07 T09 T11 T12 T13 T15",
    "STI": "T01 T03 T08 T11 T13 T15",
    "IIT": "T01 T03 T04 T05 T06 T08 T10",
    "ARA": "T01",
    "CIV": "T01 T16",
    "EDU": "T05 T07 T13",
    "FIN": "T01 T07 T12 T14 T16",
    "DRC": "T03 T04 T06",
    "FNO": "T07 T15",
    "MIB": "T16",
    "STA": "T02",
    "SAM": "T14",
    "TU": "T10",
    "YL": "T06 T10 T12",
    "FIC": "T09 T16",
    "PS": "T08 T13 T19",
    "AMC": "T04 T09 T10",
    "PARK": "T03 T04 T09 T10",
    **dict.fromkeys(("TWN-DH", "TWN-XP", "TWN-NG", "TWN-BL", "TWN-ZC"), "T11"),
    **dict.fromkeys(("SUB-CG", "SUB-ZQ", "SUB-HB", "SUB-GY"), "T12"),
    "SUB-XC": "",
}
PRINCIPALS = {
    **dict.fromkeys(CO, "局长"),
    **dict.fromkeys(("ORG", "PUB"), "部长"),
    **dict.fromkeys(("TU", "FIC"), "主席"),
    **dict.fromkeys(("TWN-DH", "TWN-XP", "TWN-NG", "TWN-BL", "TWN-ZC"), "乡长"),
    **dict.fromkeys(("DRC", "AMC", "PARK"), "主任"),
    **dict.fromkeys(("SUB-CG", "SUB-ZQ", "SUB-HB", "SUB-GY", "SUB-XC"), "主任"),
    "YL": "书记",
    "PS": "校长",
}
TOWNS = {
    "TWN-DH": ("东河乡", 70),
    "TWN-XP": ("西坡乡", 65),
    "TWN-NG": ("南沟乡", 60),
    "TWN-BL": ("北岭乡", 55),
    "TWN-ZC": ("中川乡", 50),
}
TIERS = ("党员致富带头人", "种养大户", "新型经营主体负责人")
TOPICS = {
    "T01": "规划目标任务分解",
    "T02": "规划实施监测评估",
    "T03": "创新创业基地建设",
    "T04": "创新人才和载体建设",
    "T05": "校企院所合作",
    "T06": "产学研联盟",
    "T07": "科技创业支持",
    "T08": "创新能力提升培训",
    "T09": "企业经营管理人才培训",
    "T10": "技能岗位练兵",
    "T11": "农村实用人才培训",
    "T12": "社会工作人才选聘和培训",
    "T13": "高校培训培养基地",
    "T14": "人才服务机构培育",
    "T15": "人才专项资金",
    "T16": "人才激励保障",
    "T17": "人才典型宣传",
    "T18": "人才成果宣传",
    "T19": "人才工作者培训",
    "REQ3": "人才工作统筹协调",
}
# What the tasks with a number in the plan must restate: classes, people.
OBJECTIVES = {"T08": 3, "T09": 200, "T11": 300, "T12": 100}

# When: by default on time; else month-day and time of the only (first) version; NEVER: not at all.
PLAN_DAYS = ("04-06", "04-08", "04-11", "04-12", "04-13", "04-14", "04-15", "04-18")
PLANS = {
    "DRC": "04-19T09:40",
    "TWN-NG": "04-21T16:05",
    "SUB-HB": "04-24T10:30",  # a make-up Sunday
    "MIB": "05-09T11:20",
    "TWN-BL": "05-18T15:45",
    "SUB-GY": NEVER,
}
Q2_DAYS = ("06-20", "06-21", "06-22", "06-23", "06-24", "06-27")
Q2 = {
    "TWN-DH": "06-27T17:31",  # one minute after the cut-off
    "STA": "06-29T10:10",
    "FNO": "07-01T15:30",
    "PS": "07-04T09:15",
    "TWN-NG": "07-06T16:20",
    "SUB-HB": "07-08T11:00",
    "MIB": "07-20T10:00",
    "SAM": "08-02T14:30",
    "SUB-GY": NEVER,
    "TWN-BL": NEVER,
    "SUB-ZQ": NEVER,
    "FIC": NEVER,
}
Q3_DAYS = ("09-19", "09-20", "09-21", "09-22", "09-23", "09-26")
Q3 = {
    "MIB": "10-08T10:15",  # a make-up Saturday
    "TWN-BL": "09-29T17:00",
    "SAM": NEVER,
    "SUB-GY": NEVER,
    "SUB-ZQ": NEVER,
}
YEAR_DAYS = ("12-12", "12-13", "12-14", "12-15", "12-16", "12-19", "12-20")
YEAR = {"PS": "12-22T09:30", "MIB": "12-27T16:00", "SUB-GY": NEVER, "SUB-ZQ": NEVER}
DONE = {
    "2022Q2": (
        "已制定年度安排并明确科室分工",
        "完成摸底调查，建立基础台账",
        "已召开部署会，首批工作启动",
    ),
    "2022Q3": (
        "按节点推进，过半任务有阶段成果",
        "组织现场调研两次，协调解决难点",
        "与相关单位对接，落实承办机构",
    ),
    "2022": (
        "全年任务完成，资料已归档",
        "年度目标基本实现，形成经验材料",
        "对照要点逐项自评，成效较好",
    ),
}
NEXT = {
    "2022Q2": "三季度抓好重点环节，按月调度",
    "2022Q3": "四季度查漏补缺，做好总结准备",
    "2022": "梳理不足，提出明年工作建议",
}
