"""Sums in the units of people: read and told to the last digit, and refused in plain words."""

import pytest

from placet.domain.currency import BadSum, Currencies
from placet.domain.payment import Token

BEAN = Token(symbol="BEAN", address="0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", decimals=6)
SHARE = Token(symbol="SHARE", address="0x" + "c" * 40, decimals=0)
HOUSE = Currencies(1, (BEAN, SHARE))


@pytest.mark.parametrize(
    ("written", "token", "units"),
    [
        ("1.5 ETH", None, "1500000000000000000"),
        ("0.000000000000000001eth", None, "1"),
        ("123456789012345678901234.000000000000000001 ETH", None, "123456789012345678901234000000000000000001"),
        ("1.5 bean", BEAN.address, "1500000"),
        ("12 BEAN", BEAN.address, "12000000"),
        ("7 SHARE", SHARE.address, "7"),
        ("1500", BEAN.address, "1500"),
        ("5000", None, "5000"),
        # Whatever is wrong here is told of the token.
        ("1.5 ETH", "0x" + "d" * 40, "1.5 ETH"),
    ],
)
def test_a_sum_is_read_exactly(written: str, token: str | None, units: str) -> None:
    assert HOUSE.smallest(written, token) == units


@pytest.mark.parametrize(
    ("written", "token", "why"),
    [
        ("1.5 BEAN", None, "BEAN is not what is paid here. Write the amount like 1.5 ETH"),
        ("1.5 ETH", BEAN.address, "ETH is not what is paid here. Write the amount like 1.5 BEAN"),
        ("1.0000001 BEAN", BEAN.address, "BEAN has 6 digits behind the point."),
        ("1.5 SHARE", SHARE.address, "SHARE has 0 digits behind the point."),
        *((odd, None, "Write the amount like 1.5 ETH") for odd in ("1.5", "1,500 ETH", "-1 ETH", "0 ETH", "٣ ETH")),
        ("9" * 78 + " ETH", None, "Write the amount like 1.5 ETH"),
    ],
)
def test_what_is_no_sum_of_this_unit_is_told_so(written: str, token: str | None, why: str) -> None:
    with pytest.raises(BadSum) as found:
        HOUSE.smallest(written, token)
    assert found.value.text.startswith(why)


def test_where_nobody_knows_the_currency_only_the_smallest_unit_is_read() -> None:
    with pytest.raises(BadSum, match="Write a whole number of the smallest unit"):
        Currencies(4242).smallest("1.5 ETH", None)


def test_a_payment_is_named_with_its_sum_and_the_ends_of_its_recipient() -> None:
    told = HOUSE.payment(1_500_000_000_000_000_000, None, BEAN.address)
    assert told == "Payment of 1.5 ETH to 0x5aAe…eAed"
    assert HOUSE.payment(1_500_000, BEAN.address, BEAN.address).startswith("Payment of 1.5 BEAN to ")
    unknown = HOUSE.payment(1_500_000, "0x" + "d" * 40, BEAN.address)
    assert unknown.startswith("Payment of 1500000 (smallest unit) of an unknown token to ")
