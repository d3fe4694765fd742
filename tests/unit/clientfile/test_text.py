"""JSON as people write it: spans, comments, commas, and a place for what is wrong."""

from __future__ import annotations

import pytest

from mcptelemetry.clientfile import Malformed, read_value


def spans(text: str) -> list[tuple[str, str]]:
    """Return kind and text of every value in *text*, the outer before the inner."""
    found: list[tuple[str, str]] = []

    def walk(value) -> None:
        found.append((value.is_a, text[value.start : value.end]))
        for inner in [member.value for member in value.members] + list(value.items):
            walk(inner)

    walk(read_value(text))
    return found


def test_each_value_is_the_span_it_stands_at() -> None:
    """Objects, arrays, strings, numbers and words are found where they are written, to the character."""
    text = '{"a": [1, -2.5e+3 , true,null],\t"b":{"c" : "x\\u00e9"}}'
    assert spans(text) == [
        ("object", text),
        ("array", "[1, -2.5e+3 , true,null]"),
        ("number", "1"),
        ("number", "-2.5e+3"),
        ("word", "true"),
        ("word", "null"),
        ("object", '{"c" : "x\\u00e9"}'),
        ("string", '"x\\u00e9"'),
    ]


def test_what_editors_write_between_values_is_passed_over() -> None:
    """Comments of both kinds, a mark at the beginning and a comma after the last entry are no values."""
    text = '\ufeff// one\r\n{ /* "a": [ */ "b" /**/ : // two\n [ 1 , /* * / */ ] , } // three'
    assert spans(text)[1:] == [("array", "[ 1 , /* * / */ ]"), ("number", "1")]


def test_keys_and_strings_are_what_they_mean() -> None:
    """Escapes are read, also in keys and also half characters; what a key says twice is found twice."""
    value = read_value('{"\\u0061": "\\ud800\\n", "a": "2"}')
    assert [found.string for found in value.values_of("a")] == ["\ud800\n", "2"]
    assert value.values_of("b") == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "// nothing",
        "{",
        "[1",
        "[1 2]",
        "[,]",
        "[1,,]",
        "{,}",
        '{"a"}',
        '{"a":}',
        '{"a" 1}',
        "{a: 1}",
        "{'a': 1}",
        '{"a": 1} {"b": 2}',
        '"ends not',
        '"a\nb"',
        '"\\x41"',
        '"\\u12"',
        "01",
        "1.",
        "+1",
        ".5",
        "NaN",
        "True",
        "/* ends not",
        "/",
        "[1] /",
        "\x0b[]",
        "\xa0[]",
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Neither half of a document nor another language is taken, and depth costs no stack."""
    with pytest.raises(Malformed):
        read_value(text)


def test_a_refusal_says_where() -> None:
    """Line and column are the first that cannot be understood, as editors count them."""
    with pytest.raises(Malformed, match="line 3, column 3: a value was expected"):
        read_value('{\r\n "a":\r\n  oops}')


def test_a_long_file_is_read_in_one_pass() -> None:
    """Strings and comments of a million characters need no stack either."""
    text = f'/*{"*" * 1_000_000}*/ ["{"x" * 1_000_000}", "{chr(92) * 1_000_000}"]'
    assert [len(item.string or "") for item in read_value(text).items] == [1_000_000, 500_000]
