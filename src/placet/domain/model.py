"""The two base shapes of Placet's data."""

from pydantic import BaseModel, ConfigDict


class Durable(BaseModel):
    """Everything that crosses a durable boundary (Temporal payloads, JSON columns).

    Frozen, so state is never shared by accident; unknown fields are ignored, so that after a rollback an
    older worker can still read what a newer one wrote. Changes are additive: a new field has a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Strict(BaseModel):
    """Everything people send to us: an unknown field is a mistake worth telling."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)
