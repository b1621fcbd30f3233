"""Results keep the outputs that an answer has room for (docs/reference/limits.md)."""

from typing import Any

from flowker.http.v1.executions import MOST_SHOWN, shortened


def results(*outputs: Any, **final: Any) -> dict[str, Any]:
    steps = [
        {"stepNumber": number} | ({} if output is None else {"output": output})
        for number, output in enumerate(outputs, start=1)
    ]
    return {"executionId": "e", "stepResults": steps, **final}


def text(share: float) -> str:
    """A text that takes this share of the room, with its quotes."""
    return "x" * (int(MOST_SHOWN * share) - 4)


def test_results_that_fit_are_shown_whole() -> None:
    whole = results({"a": 1}, None, [text(0.4)], finalOutput={"text": text(0.4)})
    assert shortened(whole) == results({"a": 1}, None, [text(0.4)], finalOutput={"text": text(0.4)})


def test_the_final_output_comes_first_and_later_outputs_use_what_is_left() -> None:
    shown = shortened(results(text(0.3), text(0.6), None, text(0.1), finalOutput=text(0.5)))
    assert shown == {
        "executionId": "e",
        "stepResults": [
            {"stepNumber": 1, "output": text(0.3)},
            {"stepNumber": 2, "outputOmitted": True},
            {"stepNumber": 3},
            {"stepNumber": 4, "output": text(0.1)},
        ],
        "finalOutput": text(0.5),
    }


def test_a_final_output_that_is_too_large_leaves_room_for_the_steps() -> None:
    shown = shortened(results(text(0.5), finalOutput=text(1.1)))
    assert shown["finalOutputOmitted"] is True
    assert "finalOutput" not in shown
    assert shown["stepResults"] == [{"stepNumber": 1, "output": text(0.5)}]


def test_what_is_escaped_on_the_way_counts_as_it_travels() -> None:
    quotes = '"' * (MOST_SHOWN // 4)
    assert shortened(results(quotes))["stepResults"][0].keys() == {"stepNumber", "outputOmitted"}
    assert shortened(results("x" * len(quotes)))["stepResults"][0].keys() == {"stepNumber", "output"}
