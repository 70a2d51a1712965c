"""Discussion of a case: whoever sees it reads and comments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from placet.control import cursor, reading
from placet.control.door import Done, Door, Once
from placet.control.errors import Problem, found, not_found
from placet.control.markdown import rendered
from placet.control.sent import Paging, Sent
from placet.control.views import Page, View
from placet.domain.people import Person
from placet.domain.task import Refusal
from placet.store import comments
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.comments import ATTEMPT
from placet.store.engine import Tx

MOST_TEXT = 8_000

_o = t.comment.c


class GivenComment(Sent):
    """What I say, in Markdown; `reply_to` is the comment that it answers."""

    text: str = Field(min_length=1, max_length=MOST_TEXT)
    reply_to: str | None = Field(default=None, max_length=400)


class CommentView(View):
    """One comment; `depth` is its place in the thread, `text_html` is rendered and sanitised, safe to put on a page.

    `receipt` proves it: the hash of the audit line that holds it.
    """

    id: str
    reply_to: str | None
    depth: int
    person: str
    text: str
    text_html: str
    at: datetime
    receipt: str


class Comments:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def add(self, person: Person, case_id: str, given: GivenComment, once: Once | None = None) -> Done:
        """Comment on an open case."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if reading.seen_case(tx, present, case_id) is None:
                audit_refusal(tx, present.id, ATTEMPT, "not-visible", {"case": case_id})
                return not_found()
            added = comments.add(tx, present, case_id, given.text, given.reply_to)
            if isinstance(added, Refusal):
                return Problem(added.code, added.detail, field=added.field)
            return Done(_view(added).model_dump(mode="json"), created=True)

        return await self._door.act(person, ATTEMPT, act, once)

    async def listed(self, person: Person, case_id: str, page: Paging) -> Page[CommentView]:
        """Thread by thread, each comment followed by its replies, oldest first."""
        after = cursor.decode(page.cursor, str)[0] if page.cursor is not None else ""

        def look(tx: Tx) -> Page[CommentView] | None:
            if reading.seen_case(tx, person, case_id) is None:
                return None
            query = sa.select(t.comment).where(_o.case_id == case_id, _o.path > after).order_by(_o.path)
            rows = tx.conn.execute(query.limit(page.limit + 1)).mappings().all()
            shown = rows[: page.limit]
            more = cursor.encode(shown[-1]["path"]) if len(rows) > page.limit else None
            return Page(items=[_view(row) for row in shown], next_cursor=more)

        return found(await self._door.read(look))


def _view(row: Mapping[Any, Any]) -> CommentView:
    return CommentView(
        id=row["id"],
        reply_to=row["parent_id"],
        depth=row["path"].count("."),
        person=row["person"],
        text=row["text"],
        text_html=rendered(row["text"]),
        at=row["at"],
        receipt=row["receipt"],
    )
