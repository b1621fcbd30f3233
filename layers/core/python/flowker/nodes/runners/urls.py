"""The URL of a call: joined from base and path, `${path}` filled in from the context (Flowker spec d.6, g.2)."""

import posixpath
import re
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from flowker.expressions.paths import Path
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError
from flowker.model import exact_json
from flowker.nodes.base import Context
from flowker.nodes.runners.base import unbuildable

_TEMPLATE = re.compile(r"\$\{([^}]*)\}")
_PREFIX = "context."
_DOTS = (".", "..")
_PORTS = {"http": 80, "https": 443}


def joined(base: str, path: str) -> str:
    """Exactly one slash between, dot segments resolved, never above the root. Raises `Failure` for a malformed base."""
    parts = _split(base)
    path, _, query = path.partition("#")[0].partition("?")
    whole = posixpath.normpath(f"/{parts.path}/{path}").replace("//", "/")
    if path.endswith("/") and not whole.endswith("/"):
        whole += "/"
    return urlunsplit((parts.scheme, parts.netloc, whole, query or parts.query, ""))


def within(base: str, url: str) -> str:
    """A node's own URL: relative to the base, or absolute on its origin. Raises `Failure` where it leads elsewhere."""
    parts = _split(url)
    if not parts.scheme and not parts.netloc:
        if not base:
            raise unbuildable("url is required")
        return joined(base, url)
    if base and _origin(_split(base)) != _origin(parts):
        raise unbuildable("url leaves the origin of the provider configuration")
    return url


def segment(name: str, value: str) -> str:
    """A value as one segment of a path. Raises `Failure` for one that would lead to another path."""
    if value in _DOTS:
        raise unbuildable(f'path parameter "{name}" must not be a dot segment')
    return quote(value, safe="")


def filled(template: str, context: Context) -> str:
    """The template with each `${path}` replaced by that value of the context, URL-encoded. A leading `context.` may be
    left out. Raises `Failure` for a value that is missing, or would lead to another path."""
    text = _TEMPLATE.sub(lambda found: _value(found[1].strip(), context), template)
    if _dot_segments(text) != _dot_segments(_TEMPLATE.sub("x", template)):
        raise unbuildable("a value in the path of the url must not be a dot segment")
    return text


def template_roots(template: str) -> frozenset[str]:
    """The top-level names of the context that `filled` looks at."""
    roots = set()
    for text in _TEMPLATE.findall(template):
        for spelling in {text.strip(), text.strip().removeprefix(_PREFIX)}:
            try:
                roots.add(Path.parse(spelling).root)
            except ExpressionSyntaxError:
                continue  # fails when the node runs, with its reason
    return frozenset(roots)


def _value(text: str, context: Context) -> str:
    if text.startswith(_PREFIX) and "context" not in context:
        text = text.removeprefix(_PREFIX)
    try:
        value = Path.parse(text).resolve(context)
    except (ExpressionSyntaxError, EvaluationError) as error:
        raise unbuildable(str(error)) from error
    return quote(value if isinstance(value, str) else exact_json.dumps(value), safe="")


def _dot_segments(url: str) -> int:
    return sum(part in _DOTS for part in re.split("[?#]", url, maxsplit=1)[0].split("/"))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise unbuildable("url cannot be parsed") from error


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        port = parts.port
    except ValueError as error:
        raise unbuildable("url cannot be parsed") from error
    return parts.scheme, parts.hostname, _PORTS.get(parts.scheme) if port is None else port
