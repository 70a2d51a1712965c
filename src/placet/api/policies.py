"""Policies: what is in force, and what administrators change."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.policies import GivenPolicy, PolicyView
from placet.control.views import Page

router = APIRouter(prefix="/api/v1/policies", tags=["policies"], responses=DOCUMENTED)


@router.get("")
async def list_policies(control: Doors, caller: Caller) -> Page[PolicyView]:
    """Every policy: its values for cases that open now, its version and all earlier ones."""
    return await control.policies.listed(caller)


@router.put("/{name}", response_model=PolicyView)
async def set_policy(control: Doors, caller: Caller, key: Key, name: str, given: GivenPolicy) -> JSONResponse:
    """Bring new values into force for cases that open from now on; running cases keep theirs."""
    return answered(await control.policies.put(caller, name, given, key))
