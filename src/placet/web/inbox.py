"""The inbox: what awaits the one who is signed in, most urgent first."""

from fastapi import Request
from fastapi.responses import Response

from placet.control.sent import Paging
from placet.web.pages import control_of, page, router
from placet.web.session import Visitor

routes = router()


@routes.get("/")
async def show(request: Request, visitor: Visitor) -> Response:
    waiting = await control_of(request).tasks.mine(visitor.person, Paging())
    return page(request, "inbox/inbox.html", waiting=waiting)
