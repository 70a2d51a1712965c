"""The page on voting says what the tests prove."""

from docs.rules_of_voting import ELSEWHERE, PAGE, generated, rules


def test_the_table_of_rules_is_the_generated_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == generated(text), "run `make docs`"


def test_every_rule_is_a_sentence_of_its_own() -> None:
    sentences = [sentence for _, sentence, _, _ in (*rules(), *ELSEWHERE)]
    assert len(sentences) >= 60
    assert [one for one in sentences if not one.endswith(".") or one[:1] != one[:1].upper()] == []
    assert len(set(sentences)) == len(sentences)


def test_rules_that_are_proved_elsewhere_stand_under_a_heading_of_the_others() -> None:
    assert {rule[0] for rule in ELSEWHERE} <= {rule[0] for rule in rules()}
