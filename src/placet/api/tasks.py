"""Tasks: what waits for the caller, and acting on it."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.sent import Paging
from placet.control.tasks import GivenAnswer, PassOn
from placet.control.views import ActView, InboxLine, Page, SignalTokenView, TaskView

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"], responses=DOCUMENTED)


@router.get("")
async def list_tasks(control: Doors, caller: Caller, page: Annotated[Paging, Query()]) -> Page[InboxLine]:
    """What waits for me: earliest deadline first."""
    return await control.tasks.mine(caller, page)


@router.get("/{task_id}")
async def show_task(control: Doors, caller: Caller, task_id: str) -> TaskView:
    """One task: what is asked, what it shows, who may answer, and whether I can."""
    return await control.tasks.get(caller, task_id)


@router.post("/{task_id}/answer", response_model=ActView)
async def answer_task(control: Doors, caller: Caller, key: Key, task_id: str, given: GivenAnswer) -> JSONResponse:
    """Answer. It counts if and only if this answers 200; the receipt proves it."""
    return answered(await control.tasks.answer(caller, task_id, given, "api", key))


@router.post("/{task_id}/claim", response_model=ActView)
async def claim_task(control: Doors, caller: Caller, key: Key, task_id: str) -> JSONResponse:
    """Keep a seat of this task for me."""
    return answered(await control.tasks.claim(caller, task_id, key))


@router.post("/{task_id}/release", response_model=ActView)
async def release_task(control: Doors, caller: Caller, key: Key, task_id: str) -> JSONResponse:
    """Give my claim back."""
    return answered(await control.tasks.release(caller, task_id, key))


@router.post("/{task_id}/delegate", response_model=ActView)
async def delegate_task(control: Doors, caller: Caller, key: Key, task_id: str, given: PassOn) -> JSONResponse:
    """Pass the task on to somebody else; I can then no longer answer it."""
    return answered(await control.tasks.delegate(caller, task_id, given, key))


@router.post("/{task_id}/reassign", response_model=ActView)
async def reassign_task(control: Doors, caller: Caller, key: Key, task_id: str, given: PassOn) -> JSONResponse:
    """Put the task to one other person (coordinators of its scope, administrators)."""
    return answered(await control.tasks.reassign(caller, task_id, given, key))


@router.post("/{task_id}/signal-token", status_code=201, response_model=SignalTokenView)
async def issue_signal_token(control: Doors, caller: Caller, task_id: str) -> JSONResponse:
    """A single-use token with which I can answer by a Temporal signal; each call gives another."""
    return answered(await control.tasks.signal_token(caller, task_id))
