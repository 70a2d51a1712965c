"""The page of who may use what says what the tests check."""

from docs.access_matrix import PAGE, TABLES, page


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_row_of_a_table_names_the_same_callers() -> None:
    for file, rows in TABLES.values():
        assert len({frozenset(row) for row in rows.values()}) == 1, file
