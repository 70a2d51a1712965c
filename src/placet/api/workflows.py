"""The catalogue, and starting a case."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.views import CaseLine, Page, WorkflowLine, WorkflowView
from placet.control.workflows import Start

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"], responses=DOCUMENTED)


@router.get("")
async def list_workflows(control: Doors, caller: Caller) -> Page[WorkflowLine]:
    """Every workflow: who decides, and what silence does."""
    return control.workflows.listed()


@router.get("/{kind}")
async def show_workflow(control: Doors, caller: Caller, kind: str) -> WorkflowView:
    """One workflow, with the JSON Schema of its request and the policy in force."""
    return await control.workflows.get(kind)


@router.post("/{kind}/cases", status_code=201, response_model=CaseLine)
async def start_case(control: Doors, caller: Caller, key: Key, kind: str, given: Start) -> JSONResponse:
    """Start a case; it counts once this answers, also while the engine is down."""
    done = await control.workflows.start(caller, kind, given, key)
    return answered(done, location=f"/api/v1/cases/{done.value['id']}")
