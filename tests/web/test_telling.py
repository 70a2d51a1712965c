"""Facts in words."""

from typing import Any

import pytest

from placet.web import telling

CHROMIUM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"
APPLE = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) {} Safari/604.1"


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        (CHROMIUM.format("Chrome/141.0.0.0"), "Chrome on Linux"),
        (CHROMIUM.format("Chrome/141.0.0.0") + " Edg/141.0.0.0", "Edge on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox on Windows"),
        (APPLE.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.6"), "Safari on macOS"),
        (APPLE.format("iPhone; CPU iPhone OS 18_6 like Mac OS X", "CriOS/141.0"), "Chrome on iPhone"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", "An unnamed browser"),
    ],
)
def test_a_browser_is_called_as_people_call_it(agent: str, told: str) -> None:
    assert telling.device(agent) == told


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ([{"points": 1, "text": "a"}, {"points": 2, "text": "b"}], ["points", "text"]),
        ([{"points": 1, "text": "a"}], []),
        ([{"points": 1, "text": "a"}, {"text": "b", "other": 1}], []),
        ([{"points": 1, "text": ["a"]}, {"points": 1, "text": "b"}], []),
        ([{"name": "a", "hash": "0" * 64}] * 2, []),
        ([{"a": 1, "b": 1, "c": 1, "d": 1}] * 2, []),
        (["a", "b"], []),
        ("ab", []),
        ([], []),
    ],
)
def test_a_list_of_short_flat_entries_reads_as_a_table(value: Any, keys: list[str]) -> None:
    assert telling.columns(value) == keys


@pytest.mark.parametrize("number", [0, 1_500_000, 10**77, 2**256 - 1])
def test_an_amount_is_told_with_its_thousands_apart(number: int) -> None:
    assert telling.amount(number) == f"{number:,}"
