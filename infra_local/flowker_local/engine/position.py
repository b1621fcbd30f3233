"""Where a run is: a tree of frames, one per branch being walked, and the JSON document that survives a restart.

The pictures of frames handed to the journal are never changed afterwards: its writer thread reads them later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flowker.model.exact_json import Json

Status = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended. `error` and `cause` are None and `output` is set if it succeeded; otherwise the other way round."""

    name: str
    machine: str
    status: Status
    error: str | None = None
    cause: str | None = None
    output: Json = None


class Finished:
    """A branch or iteration that came to its end."""

    __slots__ = ("output", "picture")

    def __init__(self, output: Json) -> None:
        self.output = output
        self.picture = {"output": output}


class Frame:
    """One branch being walked: the state it is in, and what must be known to go on from there."""

    __slots__ = (
        "_picture", "answer", "attempts", "children", "entered", "index", "input", "invoked", "parent",
        "state", "visit", "wake",
    )  # fmt: skip

    _picture: dict[str, Json] | None

    def __init__(
        self, state: str, data: Json, now: float, *, parent: "Frame | None" = None, index: int = 0
    ) -> None:
        self.parent = parent
        self.index = index
        self.visit = -1
        self.enter(state, data, now)

    def enter(self, state: str, data: Json, now: float) -> None:
        self.state = state
        self.input = data
        self.entered = now
        self.visit += 1
        self.attempts: dict[int, int] = {}
        """Retries so far, per retrier."""
        self.wake: float | None = None
        """When the attempt that is due begins, if it is a retry."""
        self.invoked = False
        """The task of a callback was delivered."""
        self.answer: Json = None
        """What the callback brought: {"output"} or {"error", "cause"}."""
        self.children: list[Frame | Finished | None] | None = None
        """Branches or iterations: None has not begun."""
        self.touch()

    def retry(self, retrier: int, wake: float) -> None:
        self.attempts[retrier] = self.attempts.get(retrier, 0) + 1
        self.wake = wake
        self.invoked, self.answer, self.children = False, None, None
        self.touch()

    @property
    def retries(self) -> int:
        return sum(self.attempts.values())

    @property
    def began(self) -> float:
        """When the present attempt began."""
        return self.entered if self.wake is None else self.wake

    def fork(self, count: int) -> "list[Frame | Finished | None]":
        """The children; as many as `count` if the state has just been entered."""
        if self.children is None:
            self.children = [None] * count
        return self.children

    def place(self) -> str:
        """Names the present attempt within its run: the same after a crash, another one for every other attempt."""
        own = f"{self.index}:{self.visit}:{self.retries}"
        return own if self.parent is None else f"{self.parent.place()}/{own}"

    def touch(self) -> None:
        """Forget the pictures of this frame and of those around it: something changed."""
        frame: Frame | None = self
        while frame is not None:
            frame._picture = None
            frame = frame.parent

    def picture(self) -> Mapping[str, Json]:
        if self._picture is None:
            picture: dict[str, Json] = {
                "state": self.state,
                "input": self.input,
                "entered": self.entered,
                "visit": self.visit,
            }
            if self.attempts:
                picture["attempts"] = [list(pair) for pair in self.attempts.items()]
                picture["wake"] = self.wake
            if self.invoked:
                picture["invoked"] = True
            if self.answer is not None:
                picture["answer"] = self.answer
            if self.children is not None:
                picture["children"] = [_picture(child) for child in self.children]
            self._picture = picture
        return self._picture

    @classmethod
    def restore(cls, picture: Mapping[str, Json], parent: "Frame | None" = None, index: int = 0) -> "Frame":
        frame = cls(picture["state"], picture["input"], float(picture["entered"]), parent=parent, index=index)
        frame.visit = picture["visit"]
        frame.attempts = dict(picture.get("attempts", ()))
        wake = picture.get("wake")
        frame.wake = None if wake is None else float(wake)
        frame.invoked = picture.get("invoked", False)
        frame.answer = picture.get("answer")
        if "children" in picture:
            frame.children = [_restored(child, frame, i) for i, child in enumerate(picture["children"])]
        return frame


def _picture(child: Frame | Finished | None) -> Json:
    if child is None:
        return None
    return child.picture() if isinstance(child, Frame) else child.picture


def _restored(picture: Json, parent: Frame, index: int) -> Frame | Finished | None:
    if picture is None:
        return None
    return Frame.restore(picture, parent, index) if "state" in picture else Finished(picture["output"])


class Run:
    """One execution of a machine. `end` is set as soon as its outcome is certain."""

    __slots__ = ("end", "input", "machine", "name", "root", "start", "walking")

    def __init__(self, name: str, machine: str, data: Json, start: float, root: Frame) -> None:
        self.name = name
        self.machine = machine
        self.input = data
        self.start = start
        self.root = root
        self.end: RunEnd | None = None
        self.walking = False

    def position(self) -> Json:
        common = {
            "machine": self.machine,
            "input": self.input,
            "start": self.start,
            "frame": self.root.picture(),
        }
        if self.end is None:
            return common
        ended = {
            "status": self.end.status,
            "error": self.end.error,
            "cause": self.end.cause,
            "output": self.end.output,
        }
        return {**common, "end": ended}

    @classmethod
    def restore(cls, name: str, position: Mapping[str, Json]) -> "Run":
        machine = position["machine"]
        frame = Frame.restore(position["frame"])
        run = cls(name, machine, position["input"], float(position["start"]), frame)
        if "end" in position:
            run.end = RunEnd(name, machine, **position["end"])
        return run
