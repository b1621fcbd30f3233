"""Step Functions on one machine: an interpreter of the Amazon States Language that we deploy."""

from flowker_local.engine.clock import EngineClock, SystemClock
from flowker_local.engine.engine import Engine, OnEnd, UnknownMachine
from flowker_local.engine.failure import TaskError
from flowker_local.engine.fields import Problem, UnsupportedDefinition
from flowker_local.engine.interpreter import Invoke
from flowker_local.engine.journal import Journal
from flowker_local.engine.position import RunEnd, Status
from flowker_local.engine.sqlite_journal import SqliteJournal

__all__ = [
    "Engine",
    "EngineClock",
    "Invoke",
    "Journal",
    "OnEnd",
    "Problem",
    "RunEnd",
    "SqliteJournal",
    "Status",
    "SystemClock",
    "TaskError",
    "UnknownMachine",
    "UnsupportedDefinition",
]
