"""How long somebody stays signed in, pure: lifetimes, fresh confirmation, and what failed attempts cost."""

from datetime import datetime, timedelta

from pydantic import Field, field_validator

from placet.domain.model import Durable
from placet.domain.said import Said
from placet.domain.span import Span

FREE_ATTEMPTS = 5
FIRST_BLOCK = timedelta(minutes=1)
LONGEST_BLOCK = timedelta(minutes=30)
FORGOTTEN_AFTER = timedelta(hours=24)
"""After so long without another failure, earlier ones no longer count."""


class SessionRules(Durable):
    """A session ends `idle` after its last use, and `lifetime` after signing in. Before money moves, one must have
    given one's password within `confirmation`. An invitation is good for `invitation`."""

    idle: Span = Field(default=Span("24h"))
    lifetime: Span = Field(default=Span("14d"))
    confirmation: Span = Field(default=Span("10m"))
    invitation: Span = Field(default=Span("7d"))

    @field_validator("*")
    @classmethod
    def _elapsed(cls, span: Span) -> Span:
        if span.business_days:
            raise ValueError("a session knows no business days; use hours or days")
        return span


class SessionTimes(Durable):
    opened_at: datetime
    seen_at: datetime
    confirmed_at: datetime
    ended_at: datetime | None = None


def alive(rules: SessionRules, times: SessionTimes, now: datetime) -> bool:
    """Whether the session still counts."""
    if times.ended_at is not None:
        return False
    return now < times.seen_at + rules.idle.elapsed and now < times.opened_at + rules.lifetime.elapsed


def confirmed(rules: SessionRules, times: SessionTimes, now: datetime) -> bool:
    """Whether the person has proved lately who they are."""
    return now < times.confirmed_at + rules.confirmation.elapsed


def block(failures: int) -> timedelta | None:
    """How long nobody may try again under a name after so many failures: doubling, up to half an hour."""
    if failures < FREE_ATTEMPTS:
        return None
    # Many failures must not make a huge number first.
    doublings: int = min(failures - FREE_ATTEMPTS, 10)
    return min(FIRST_BLOCK * (1 << doublings), LONGEST_BLOCK)


def unfit_password(password: str) -> str | None:
    """Why nothing of this length may be a password, or None."""
    if len(password) < 10:
        return Said("Use at least 10 characters; several words are easiest to remember.")
    if len(password) > 200:
        return Said("Use at most 200 characters.")
    return None
