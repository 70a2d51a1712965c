"""Which passwords others would soon guess."""

import asyncio

import pytest

from placet.control.passwords import JUDGED, Passwords

PASSWORDS = Passwords()
KNOWN = ("margarethe", "m.jansen", "example.org", "Margarethe", "Jansen")


@pytest.mark.parametrize(
    ("password", "soon"),
    [
        ("three calm words", False),
        ("margarethe and other words", False),
        ("ضفدع أخضر صغير", False),
        ("kjhsdf87sdf", False),
        ("abababababab", True),
        ("password123", True),
        ("qwertyuiop", True),
        ("1234567890", True),
        ("iloveyou123", True),
        ("margarethe1990", True),
        ("jansenjansen", True),
        ("ab1" * 66, True),
    ],
)
async def test_what_is_soon_guessed(password: str, soon: bool) -> None:
    assert await PASSWORDS.guessable(password, *KNOWN) is soon


async def test_what_is_known_of_one_person_says_nothing_of_another_at_the_same_time() -> None:
    asked = [PASSWORDS.guessable("xoqelavimoru", *(["xoqelavimoru"] if odd else [])) for odd in (True, False) * 20]
    assert await asyncio.gather(*asked) == [True, False] * 20


async def test_only_the_beginning_of_a_long_one_is_judged() -> None:
    assert await PASSWORDS.guessable("a" * JUDGED + "kjhsdf87sdf three calm words")
