"""The part of the script engine that is JavaScript: a small core, and parts that are compiled when they are first needed,
because compiling is most of what a short script costs. All are one line each, so that they are never the line of an error.

Scripts may change every built-in, so what is needed after they have begun is kept in `world` beforehand, and what is told to
Python has no prototype and no `toJSON`. All that is returned comes straight from `stringify`: the binding does not know
ropes, which is what long strings are that were put together.
"""

import json
from collections.abc import Iterator

from flowker.expressions.scripts.limits import LOG_LINE_BYTES, LOG_LINES

# `texts` are the values of the scope as JSON; each script gets them afresh, and parsed only if it names them.
_CORE = """
(function (given) {
  "use strict";
  const { parse, stringify } = JSON, { create, defineProperty, freeze, hasOwn, setPrototypeOf } = Object,
    { apply, get, has } = Reflect, { push, join, map } = Array.prototype, { isArray } = Array,
    { eval: compile, Error, Promise, Proxy, String, TypeError } = globalThis,
    sources = parse(given), texts = create(null), parts = create(null),
    json = { string: 1, number: 1, boolean: 1, object: 1, undefined: 1, __proto__: null },
    said = { logs: defineProperty([], "toJSON", {}), route: null, missed: false, shared: null, __proto__: null },
    part = (name) => parts[name] || (parts[name] = compile(sources[name])(world)),
    plain = (key, value) =>
      typeof value in json && !(value instanceof Promise) ? value : part("refused")(key, value),
    written = (value) => { const text = stringify(value, plain); return text === undefined ? "null" : text; },
    isMap = (value) => typeof value === "object" && value !== null && !isArray(value),
    world = { stringify, defineProperty, freeze, hasOwn, setPrototypeOf, apply, get, has, push, join, map, Error, Promise,
      Proxy, String, TypeError, texts, said, written, isMap, slice: Function.prototype.call.bind(String.prototype.slice),
      objectPrototype: Object.prototype };
  let inherited = [], thrown;
  const global = (name) => defineProperty(globalThis, name, {
    configurable: true,
    get: () => part(name),
    set: (value) => { defineProperty(globalThis, name, { value, writable: true }); },
  });
  global("console");
  global("route");
  const valuesOf = (made) => function valueOf(name) {
    if (name in made) return made[name];
    const value = made[name] = parse(texts[name]);
    if (name === "secrets") made[name] = part("sealed")(value);
    else if (name === "input" && inherited.length && isMap(value)) part("heir")(value, inherited, valueOf);
    return made[name];
  };
  const run = (maker, names, writes) => {
    try {
      const valueOf = valuesOf(create(null)), values = [];
      for (let at = 0; at < names.length; at++) values[at] = valueOf(names[at]);
      const made = apply(maker, undefined, values), before = writes && stringify(valueOf("shared"));
      const result = written(apply(made[0], undefined, []));
      if (writes) part("keep")(before, made[1]());
      return result;
    } catch (error) {
      thrown = error;
      return null;
    }
  };
  return (operation, first, second, third) => {
    if (operation === "value") texts[first] = second;
    else if (operation === "inherited") inherited = parse(first);
    else if (operation === "run") return run(first, parse(second), third);
    else if (operation === "compile") part(first);
    else return stringify(operation === "thrown" ? part("described")(thrown) : said);
  };
})
"""

_PARTS = {
    # What JSON would leave out without a word.
    "refused": """
({ Promise, TypeError }) => (key, value) => {
  if (value instanceof Promise) throw new TypeError("a script cannot wait for a promise");
  throw new TypeError("a " + typeof value + " cannot be handed on" + (key === "" ? "" : ": " + key));
}
""",
    # A secret that does not exist is null; see spec e.2.
    "sealed": """
({ freeze, hasOwn, setPrototypeOf, Proxy }) => (secrets) => new Proxy(freeze(setPrototypeOf(secrets, null)), {
  get: (all, key) => hasOwn(all, key) ? all[key] : typeof key === "symbol" || key === "toJSON" ? undefined : null,
})
""",
    # `input` and what it inherits: a prototype without keys of its own.
    "heir": """
({ get, has, hasOwn, isMap, objectPrototype, Proxy, said, setPrototypeOf, texts }) => (input, inherited, valueOf) => {
  const holder = (key) => {
    if (typeof key === "symbol" || key === "toJSON" || key in objectPrototype) return null;
    for (let at = 0; at < inherited.length; at++) {
      if (!(inherited[at] in texts)) { said.missed = true; return null; }
      const value = valueOf(inherited[at]);
      if (isMap(value) && hasOwn(value, key)) return value;
    }
    return null;
  };
  setPrototypeOf(input, new Proxy({}, {
    get: (_, key, receiver) => {
      const found = holder(key);
      return found === null ? get(objectPrototype, key, receiver) : found[key];
    },
    has: (_, key) => holder(key) !== null || has(objectPrototype, key),
  }));
}
""",
    # Scripts may also put another map in the place of `shared`.
    "keep": """
({ isMap, said, texts, TypeError, written }) => (before, after) => {
  const text = written(after);
  if (text === before) return;
  if (!isMap(after)) throw new TypeError("shared must remain a map");
  said.shared = texts.shared = text;
}
""",
    "described": """
({ Error, setPrototypeOf, slice, String, stringify }) => {
  const told = (message, stack) =>
    setPrototypeOf({ message: slice(message, 0, 2048), stack: slice(stack, 0, 2048) }, null);
  return (thrown) => {
    try {
      if (!(thrown instanceof Error))
        return told(typeof thrown === "string" ? thrown : stringify(thrown) || String(thrown), "");
      const name = String(thrown.name), text = String(thrown.message);
      if (name === "Error" && text !== "") return told(text, "");
      return told(text === "" ? name : name + ": " + text, String(thrown.stack));
    } catch (error) {
      return told("an error that cannot be described", "");
    }
  };
}
""",
    "console": """
({ apply, Error, join, map, push, said, slice, String, stringify }) => {
  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return value.name + ": " + value.message;
    try { const text = stringify(value); return text === undefined ? String(value) : text; }
    catch (error) { return String(value); }
  };
  const logger = (level) => (...values) => {
    if (said.logs.length < 2 * LOG_LINES)
      apply(push, said.logs, [level, slice(apply(join, apply(map, values, [shown]), [" "]), 0, LOG_LINE_BYTES)]);
  };
  const log = logger("info");
  return { debug: logger("debug"), log, info: log, warn: logger("warn"), error: logger("error") };
}
""",
    "route": """
({ said, TypeError }) => (name) => {
  if (typeof name !== "string" || name === "") throw new TypeError("route needs the name of an action");
  said.route = name;
}
""",
}


def _line(source: str) -> str:
    return " ".join(line.strip() for line in source.splitlines())


CORE = _line(_CORE)
"""A function of `PARTS`; it returns the function that the engine talks to."""


def _parts() -> Iterator[tuple[str, str]]:
    for name, source in _PARTS.items():
        numbered = source.replace("LOG_LINES", str(LOG_LINES)).replace("LOG_LINE_BYTES", str(LOG_LINE_BYTES))
        yield name, f"({_line(numbered)})"


PARTS = json.dumps(dict(_parts()))
"""The source of each part by its name, as JSON: a function of the world."""
