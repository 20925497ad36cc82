from glassnet.humans.checklist import FIELDS, KEYS, NOT_REPORTED, fill


def test_no_field_is_ever_left_out() -> None:
    filled = fill({}, {})
    assert [entry.field for entry in filled] == list(FIELDS)
    assert {entry.text for entry in filled} == {NOT_REPORTED}
    assert not any(entry.reported for entry in filled)
    assert len(KEYS) == len(FIELDS) == 40


def test_measured_comes_first_then_what_was_stated() -> None:
    filled = {e.field.key: e for e in fill({"people": "students", "pay": 12.5, "ethics": ""},
                                           {"people": 5})}  # fmt: skip
    assert filled["people"].text == "5; students"
    assert filled["pay"].text == "12.5" and filled["pay"].reported
    assert filled["ethics"].text == NOT_REPORTED


def test_parts_are_those_of_the_list() -> None:
    parts = list(dict.fromkeys(field.part for field in FIELDS))
    assert parts == ["Design", "Recruitment", "Execution", "Analysis", "Documentation"]
