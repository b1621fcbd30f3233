"""What scripts and placeholders refer to: FlowRunner spec e.4."""

import pytest

from flowker.expressions.scripts import reads

ALL = None


@pytest.mark.parametrize(
    ("code", "secrets"),
    [
        ("return 1", set()),
        ("return secrets.A + secrets.B", {"A", "B"}),
        ("secrets['k-x.y@z'] + secrets [ \"q\" ]", {"k-x.y@z", "q"}),
        ("secrets?.A; secrets?.['B']", {"A", "B"}),
        ("input.secrets.A", set()),
        ("mysecrets.A; secretsX.B; $secrets.C", set()),
        ("secrets\n  .A", {"A"}),
        ("secrets[name]", ALL),
        ("const {A} = secrets", ALL),
        ("const s = secrets; return s.A", ALL),
        ("f(...secrets)", ALL),
        ("Object.keys(secrets)", ALL),
        ("secrets/* */.A", ALL),
        ("secrets[`A`]", ALL),
        ("secrets['A\\x42']", ALL),
        ("secrets.A\\u0042", ALL),
        ("s\\u0065crets.A", ALL),
        ("\\u{73}ecrets.A", ALL),
        ("'\\u20ac' + secrets.A", {"A"}),
    ],
)
def test_secrets_that_a_script_names(code: str, secrets: set[str] | None) -> None:
    found = reads(None, [code]).secrets
    assert found == (None if secrets is None else frozenset(secrets))


def test_results_are_named_likewise() -> None:
    found = reads({"a": "${results.fetch.body}", "b": ["${results['x-y']}"]}, ["return results.score"])
    assert found.results == frozenset({"fetch", "x-y", "score"})
    assert reads("${results[input.id]}").results is None


def test_names_are_those_of_the_scope() -> None:
    found = reads(
        {"${item.id}": "x ${index}", "plain": "secrets.NOT"}, ["return shared.a + input.result + other"]
    )
    assert found.names == {"item", "index", "shared", "input"}
    assert found.secrets == frozenset()


def test_broken_texts_are_read_as_they_stand() -> None:
    assert reads("${secrets.A").secrets == frozenset({"A"})
