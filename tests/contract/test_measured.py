"""The numbers behind `flowker cost` are those that are counted (architecture §4)."""

from benchmarks.units import pieces
from flowker.compiler.measured import WORK


def test_each_piece_of_work_uses_what_is_written_down() -> None:
    counted = {name: piece.work for name, piece in pieces().items()}
    assert counted == WORK, "run `python -m benchmarks.units` and correct compiler/measured.py"
