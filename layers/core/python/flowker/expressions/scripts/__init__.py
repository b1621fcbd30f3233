"""Scripts and `${…}` placeholders of flows: JavaScript (FlowRunner spec e).

    Evaluation(engine, scope).params(value, raw)   a structure with its placeholders evaluated
    Evaluation(engine, scope).run(code, mode)      an expression, or the body of a function
    reads(value, scripts)                          which results and secrets they refer to, and which names of the scope
    placeholders.texts(value), codes(text)         where placeholders are, and the code in them
    check_syntax(engine, items)                    what does not parse, found without running anything

Scopes are built of the names in `scope.NAMES`. Beside them, `previous` is the input of the node before: a property that the
map `input` lacks is looked up in `shared`, then in `result`, then in `previous`. These are taken from the scope only when a
property is missing, so a scope may be a mapping that loads them then; what is not in it is not looked at.

An engine is a function from request to answer; `quickjs_engine.evaluate` is one, and `ports.runs.Scripts` stands for one in
a process of its own. All values are JSON texts inside a request, so that no transport changes them:

    {"scope": {name: text}, "inherited": [name…], "items": [{"code", "mode": "expression" | "body"}…]}
    -> {"values": [text…], "logs": [[level, text]…], "shared"?: text, "route"?: action, "missed"?: true,
        "error"?: {"item": index, "message", "line": number | None}}
    {"check": [{"code", "mode"}…]}
    -> {"problems": [{"item": index, "message", "line"?, "column"?}…]}

Items run one after the other, each with the scope as it was but for `shared`, which only bodies can change; the first that
fails is the last to run. `inherited` names what `input` inherits, in order; `missed` says that one of these is not in the scope
and was looked for: the answer is void, and the request is to be repeated with all of them. `limits` says how much of
everything there may be.

Values cross the border as JSON does: `undefined`, NaN and the infinities become null, dates become texts, `undefined` members
vanish; functions, symbols, big integers, promises and cycles are errors. Numbers are doubles inside: an integer beyond 2**53
and a decimal of more than 15 digits lose their last digits there, unless a placeholder is a pure member path, which keeps
all of them. 2.0 comes back as 2. Members whose names are integers come first.
"""

from flowker.expressions.scripts.errors import ScriptError
from flowker.expressions.scripts.evaluation import Engine, Evaluation
from flowker.expressions.scripts.reads import Reads, reads
from flowker.expressions.scripts.syntax import check_syntax

__all__ = ["Engine", "Evaluation", "Reads", "ScriptError", "check_syntax", "reads"]
