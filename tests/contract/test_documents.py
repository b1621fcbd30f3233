"""Documents point at things that exist, and pages made from the code say what it says."""

import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

import flowker
from docs.diagrams import documents, drawn
from docs.generate import PAGES, REFERENCE
from docs.limits import LIMITS

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
DOCUMENTS = sorted({*documents(), *ROOT.glob("*.md"), *(ROOT / "statemachines").glob("*.md")})


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(FENCED.sub("", document.read_text()))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_the_diagrams_are_up_to_date(document: Path) -> None:
    assert drawn(document.read_text()) == document.read_text(), "run `make docs`"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = LINK.findall((folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


@pytest.mark.parametrize(
    "decision", sorted((ROOT / "docs" / "decisions").glob("0*.md")), ids=lambda path: path.stem
)
def test_a_decision_has_its_parts(decision: Path) -> None:
    text = decision.read_text()
    number = int(decision.name[:4])
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


# --- the generated reference ------------------------------------------------------------------------------------------

ROOMS = ("catalog", "compiler", "expressions", "http", "model", "nodes", "usecases")
"""Where the limits are that users meet; those of the adapters are chosen by hand."""
INTERNAL = {
    "compiler.flows.names.LONGEST",
    "compiler.flows.segments.MOST_NODES",
    "compiler.policy.FUNCTION_SECONDS",
    "compiler.policy.QUICK_SECONDS",
    "compiler.units.MOST_MEMBERS",
    "http.faults.TIMEOUT_SECONDS",
    "http.refusals.LONGEST",
    "model.instant.MILLISECOND",
    "usecases.accounts.BATCH",
    "usecases.accounts.SETTLED",
    "usecases.circuit.RACES",
    "expressions.scripts.limits.HARD_SECONDS",
    "usecases.flow_worker.steps.MOST_RACES",
    "usecases.flows.RACES",
    "usecases.plans.MOST_READS",
    "usecases.pushing.LEASE_SECONDS",
    "usecases.pushing.PAGE",
    "usecases.pushing.PAUSE_SECONDS",
    "usecases.pushing.SESSION_SECONDS",
    "usecases.pushing.YOUNG_SECONDS",
    "usecases.schedules.AT_ONCE",
    "usecases.schedules.BEING_STORED",
    "usecases.schedules.RACES",
    "usecases.updates.DUE_AT_A_TIME",
}
"""Numbers that limit nothing a user does."""


WRITTEN = ("state-machines.md",)
"""Pages that are not generated; tests of their own hold them to the code."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_reference_is_up_to_date(name: str) -> None:
    assert (REFERENCE / name).read_text() == PAGES[name](), "run `make docs`"


def test_every_page_of_the_reference_is_listed() -> None:
    listed = LINK.findall((REFERENCE / "README.md").read_text())
    assert sorted(listed) == sorted([*PAGES, *WRITTEN])
    assert {path.name for path in REFERENCE.iterdir()} == {"README.md", *PAGES, *WRITTEN}


def numbers() -> Iterator[str]:
    """The public constants of these rooms that are numbers or durations, where they are defined."""
    for module in pkgutil.walk_packages(flowker.__path__, "flowker."):
        if module.name.split(".")[1] in ROOMS and not module.ispkg:
            found = import_module(module.name)
            source = Path(str(found.__file__)).read_text()
            for name, value in vars(found).items():
                counts = isinstance(value, int | float | timedelta) and not isinstance(value, bool)
                defined = re.search(rf"^([A-Z_]+, )*{name}\b[^\n(]*=", source, re.MULTILINE)
                if name.isupper() and not name.startswith("_") and counts and defined:
                    yield f"{module.name.removeprefix('flowker.')}.{name}"


def test_every_limit_is_on_the_page_of_limits_or_known_to_be_internal() -> None:
    shown = [limit.constant for limits in LIMITS.values() for limit in limits]
    assert [constant for constant, count in Counter(shown).items() if count > 1] == []
    in_rooms = {constant for constant in shown if constant.split(".")[0] in ROOMS} - {"http.cors.MAX_AGE"}
    assert {*numbers()} - INTERNAL == in_rooms, "add it to docs/limits.py, or to INTERNAL here"


def test_every_limit_is_a_number() -> None:
    for limit in (limit for limits in LIMITS.values() for limit in limits):
        assert re.search(r"\| \d[\d,]* ?\w* \|", limit.row()), limit.row()
