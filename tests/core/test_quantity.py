"""Quantities as Kubernetes reads them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_provider.core.quantity import Quantity

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@given(st.integers(0, 10**12), st.sampled_from(sorted(UNITS)))
def test_a_number_with_a_unit_is_their_product(number: int, unit: str) -> None:
    assert int(Quantity(f"{number}{unit}")) == number * UNITS[unit]


@given(st.integers(1, 10**6))
def test_the_same_amount_in_two_units_is_equal_and_hashes_equal(number: int) -> None:
    one, other = Quantity(f"{number}Gi"), Quantity(f"{number * 1024}Mi")
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) != str(other)


@given(st.decimals(0, 10**6, places=3))
def test_a_decimal_number_keeps_its_value(number: Decimal) -> None:
    assert Quantity(str(number)).value == Fraction(number)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_order_is_that_of_the_numbers(one: int, other: int) -> None:
    assert (Quantity(f"{one}m") < Quantity(f"{other}m")) == (one < other)


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_a_clear_error(text: str) -> None:
    problem = ""
    try:
        Quantity(text)
    except ValueError as error:
        problem = str(error)
    assert not problem or "write a number with a unit" in problem


@pytest.mark.parametrize("text", ["", "Gi", "4 Gi", "4GiB", "foobar", "1,5", "0x10", "--1", "4gi", "\u0661"])
def test_what_kubernetes_refuses_is_refused_here(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        Quantity(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1e3", 1000), ("500m", 1), ("1.5Gi", 3 * 2**29), ("100", 100), ("2E", 2 * 10**18), ("1E2", 100)]
)
def test_exponents_and_fractions_round_up_to_whole_units(text: str, value: int) -> None:
    assert int(Quantity(text)) == value
