"""Texts in Secrets."""

from harvester_provider.resources.secret import encoded, text_in, texts_in


def test_a_secret_with_something_else_in_it_is_read_as_far_as_it_is_text() -> None:
    assert texts_in({"data": {**encoded({"a": "ä"}), "b": "!!", "c": "/w=="}}) == {"a": "ä"}


def test_bytes_that_are_no_text_stay_visible() -> None:
    assert text_in({"data": {"c": "/w=="}}, "c") == "\ufffd"
    assert text_in({"data": {}}, "c") == ""
