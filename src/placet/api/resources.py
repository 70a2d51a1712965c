"""Resources: projects and memberships, and their states."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.resources import GivenResource, ResourceFilter, ResourceLine, ResourceView
from placet.control.views import Page

router = APIRouter(prefix="/api/v1/resources", tags=["resources"], responses=DOCUMENTED)


@router.get("")
async def list_resources(
    control: Doors, caller: Caller, which: Annotated[ResourceFilter, Query()]
) -> Page[ResourceLine]:
    """What there is in the scopes where I hold a role."""
    return await control.resources.listed(caller, which)


@router.post("", status_code=201, response_model=ResourceView)
async def register_resource(control: Doors, caller: Caller, key: Key, given: GivenResource) -> JSONResponse:
    """Enter a project, or somebody's membership; it is active from then on."""
    done = await control.resources.register(caller, given, key)
    return answered(done, f"/api/v1/resources/{done.value['kind']}/{done.value['id']}")


@router.get("/{kind}/{resource_id}")
async def show_resource(control: Doors, caller: Caller, kind: str, resource_id: str) -> ResourceView:
    """One resource, with every change of its state and the case that decided it."""
    return await control.resources.get(caller, kind, resource_id)
