"""The mail a notice travels in, exactly as it would be sent now; nothing is sent or written."""

from __future__ import annotations

from notifications.message import Message
from supervision.domain.notices import NoticeState
from supervision.errors import Refused
from supervision.services.deliver import Postman, compose
from supervision.services.desk import open_desk
from supervision.store import outbox
from supervision.store.session import Database


def preview_notice(
    database: Database, postman: Postman, notice_id: int, *, plan: str | None
) -> Message:
    """Return the message; Refused for a notice that travels in none (skipped, superseded)."""
    with database.reading() as session:
        desk = open_desk(session, plan)
        notice = outbox.find(session, desk.code, notice_id)
        digest = (
            outbox.find_digest(session, notice.digest_id) if notice.digest_id is not None else None
        )
        if digest is None:
            why = f": {notice.state_reason}" if notice.state_reason else ""
            raise Refused(f"notice {notice_id} is {notice.state}{why}; it travels in no mail")
        rows = outbox.all_enclosed(
            session, digest.id or 0, states=(NoticeState(notice.state).value,)
        )
        return compose(session, desk, postman, digest, rows)
