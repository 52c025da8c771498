"""`supervision doctor`: is everything as it must be?  Each answer says what was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rules.nodes import Faults
from supervision.config import Settings, without_password
from supervision.domain.workdays import CalendarMissing
from supervision.errors import SupervisionError
from supervision.services.desk import open_desk
from supervision.services.load_rules import stored_rules
from supervision.store import checks, journal, plans, schema
from supervision.store.session import Database


@dataclass(frozen=True)
class Answer:
    """One thing looked at.  `ok` None is a remark: not wrong, worth knowing."""

    what: str
    ok: bool | None
    text: str


def examine(
    settings: Settings, transport_name: Callable[[], str], *, now: datetime
) -> Iterator[Answer]:
    """Yield the answers, worst news included; nothing is changed."""
    yield from _settings(settings, transport_name)
    try:
        database = Database(settings.database_url)
        schema.require_ours(database)
        found = schema.current(database)
    except SupervisionError as error:
        yield Answer("数据库", False, str(error))
        return
    try:
        yield from _database(database, found, now)
    finally:
        database.close()


def _settings(settings: Settings, transport_name: Callable[[], str]) -> Iterator[Answer]:
    yield Answer("设置", True, f"数据库 {without_password(settings.database_url)}")
    if settings.identity_key.get_secret_value() == "change-me":
        text = "SUPERVISION_IDENTITY_KEY 仍为默认值；正式使用前请设为只有本单位知道的密钥"
        yield Answer("身份密钥", None, text)
    try:
        yield Answer("邮件去向", True, transport_name())
    except SupervisionError as error:
        yield Answer("邮件去向", False, str(error))


def _database(database: Database, found: str | None, now: datetime) -> Iterator[Answer]:
    if found is None:
        text = "空库；首次采用工作安排时自动建表（supervision plan adopt PATH）"
        yield Answer("数据库结构", None, text)
        return
    if found != schema.newest():
        text = f"版本 {found}，程序需要 {schema.newest()}；运行 supervision db upgrade"
        yield Answer("数据库结构", False, text)
        return
    differing = schema.differences(database)
    yield Answer(
        "数据库结构",
        not differing,
        f"版本 {found}，与程序一致" if not differing else f"与程序不一致：{differing[:3]}",
    )
    with database.reading() as session:
        broken = journal.find_break(session)
        length = checks.journal_length(session)
        yield Answer(
            "审计日志",
            broken is None,
            f"{length}条，链条完整"
            if broken is None
            else f"链条断于第{broken.seq}条：{broken.why}",
        )
        for what, problems in checks.all_checks(session):
            text = "一致" if not problems else "；".join(problems[:5])
            yield Answer(what, not problems, text)
        codes = plans.plan_codes(session)
        if not codes:
            yield Answer("工作安排", None, "尚未采用任何工作安排")
        for code in codes:
            desk = open_desk(session, code)
            try:
                rules = stored_rules(session, desk.adopted, desk.adopted.ruleset)
                count = f"{len(rules)}条规则可用"
                yield Answer(f"工作安排 {code}", True, f"第{desk.adopted.version}版，{count}")
            except (SupervisionError, Faults) as error:
                yield Answer(f"工作安排 {code}", False, str(error))
            try:
                desk.calendar.number(desk.day(now))
            except CalendarMissing as error:
                yield Answer("工作日历", False, str(error))
        dead = checks.dead_notices(session)
        if dead:
            text = f"{dead}件发送失败；supervision notices list --state dead 查看"
            yield Answer("通知", None, text)
