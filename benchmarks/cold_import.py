"""How long each Lambda function takes to import in a fresh interpreter, with byte-code. `python -m benchmarks.cold_import`."""

import statistics
import subprocess
import sys

from flowker_local.functions import FOLDER

RUNS = 7
_MEASURE = """
import importlib.util, time
started = time.perf_counter()
spec = importlib.util.spec_from_file_location("handler", {path!r})
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print((time.perf_counter() - started) * 1000)
"""


def main() -> None:
    """Print the median milliseconds of every function."""
    for folder in sorted(path for path in FOLDER.iterdir() if (path / "handler.py").exists()):
        code = _MEASURE.format(path=str(folder / "handler.py"))
        times = [float(_run(code)) for _ in range(RUNS + 1)][1:]
        print(
            f"{folder.name}: {statistics.median(times):.0f} ms (of {RUNS} runs: {min(times):.0f} to {max(times):.0f})"
        )


def _run(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
