"""What must hold across tables; each check returns sentences, none when all is well."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, text
from sqlmodel import Session, select

from supervision.domain.notices import NoticeState
from supervision.store.tables import JournalRow, NoticeRow

_QUERIES: tuple[tuple[str, str, str], ...] = (
    (
        "判定计数",
        "SELECT run_id, rule FROM run_rule"
        " WHERE applicable <> satisfied + violated + undecided + waived + broken",
        "运行{0}的规则{1}五项计数之和不等于适用数",
    ),
    (
        "问题状态",
        "SELECT f.number, f.state, t.new FROM finding f JOIN transition t ON t.id ="
        " (SELECT MAX(l.id) FROM transition l WHERE l.finding_id = f.id)"
        " WHERE t.new <> f.state",
        "{0} 的状态 {1} 与最近一次变化 {2} 不符",
    ),
    (
        "问题经过",
        "SELECT f.number FROM finding f WHERE NOT EXISTS"
        " (SELECT 1 FROM transition t WHERE t.finding_id = f.id)",
        "{0} 没有任何变化记录",
    ),
    (
        "邮件与通知",
        "SELECT d.id, n.id, n.state FROM digest d JOIN notice n ON n.digest_id = d.id"
        " WHERE d.state = 'sent' AND n.state IN ('planned', 'held')",
        "邮件{0}已发出，通知{1}却仍为 {2}",
    ),
    (
        "报送版本",
        "SELECT a.obligation, a.version FROM submission a JOIN submission b"
        " ON b.plan = a.plan AND b.obligation = a.obligation AND b.version = a.version + 1"
        " WHERE b.first_submitted_at <> a.first_submitted_at",
        "{0} 第{1}版之后首次报送时间被改动",
    ),
    (
        "督查事项",
        "SELECT o.key FROM obligation o WHERE NOT EXISTS"
        " (SELECT 1 FROM unit u WHERE u.plan = o.plan AND u.code = o.unit)",
        "{0} 的责任单位不存在",
    ),
)


def all_checks(session: Session) -> Iterator[tuple[str, list[str]]]:
    """Yield what was checked and what is wrong with it."""
    for what, query, sentence in _QUERIES:
        rows = session.connection().execute(text(query)).all()
        yield what, [sentence.format(*row) for row in rows]


def journal_length(session: Session) -> int:
    return session.exec(select(func.count()).select_from(JournalRow)).one()


def dead_notices(session: Session) -> int:
    return session.exec(
        select(func.count()).select_from(NoticeRow).where(NoticeRow.state == NoticeState.DEAD.value)
    ).one()
