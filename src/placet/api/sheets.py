"""Answers that are files for a spreadsheet."""

from typing import Any

CSV = "text/csv; charset=utf-8"
SHEET: dict[int | str, dict[str, Any]] = {
    200: {"description": "CSV (RFC 4180) with a header", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


def attached(name: str) -> dict[str, str]:
    """The headers of a file that is offered for saving, and sent as it is written."""
    return {"Content-Disposition": f'attachment; filename="{name}.csv"', "X-Accel-Buffering": "no"}
