"""The names that scripts can see (FlowRunner spec e.2)."""

NAMES = (
    "input",
    "result",
    "results",
    "shared",
    "secrets",
    "error",
    "item",
    "index",
    "context",
    "args",  # what a model calls a tool with
    "execution",
    "flow",
)
"""A name that is not in the scope at hand, such as `item` outside of a batch, is not defined."""

PREVIOUS = "previous"
"""The input of the node before, which no script can name."""

INHERITED = ("shared", "result", PREVIOUS)
"""Where a property that the map `input` lacks is looked up, in this order. It does not show up in its keys or its JSON."""

OBJECT_PROPERTIES = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toJSON",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)
"""What every object has in JavaScript, or what is asked of all that becomes JSON; `input` inherits none of these."""
