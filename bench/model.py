"""What the measured case is about."""

from pydantic import Field

from placet.domain.model import Durable


class Paper(Durable):
    title: str = Field(min_length=1, max_length=80)
    cents: int = Field(gt=0)


class Approved(Durable):
    by: str
