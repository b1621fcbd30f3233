"""The language of conditions, written in conditional nodes and on edges (Flowker spec, section e).

    either     := both { OR both }                          OR ||      any letter case
    both       := negation { AND negation }                 AND &&
    negation   := NOT negation | comparison                 NOT !      so NOT a == b is NOT (a == b)
    comparison := term [ (== | != | < | <= | > | >=) term ]
    term       := "text" | 'text' | number | true | false | null | path | exists(path) | ( either )

A path starts with a top-level key of the context: `workflow`, `output` or a node's id. What is missing is an error, but
not to `exists` nor where it is compared (== or !=) with `null`. AND and OR evaluate no more than they need.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Final, Protocol

from flowker.expressions.paths import MISSING, Path
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError
from flowker.expressions.tokens import Token, tokens
from flowker.expressions.values import is_true, number, numeral, printed
from flowker.model.exact_json import Json

MAX_LENGTH: Final = 500
MAX_NESTING: Final = 32

Context = Mapping[str, Json]


class Expression(Protocol):
    """A part of a condition."""

    def value(self, context: Context) -> Json:
        """Raises `EvaluationError`."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition. Equal are those of the same structure, however blanks and operators are written."""

    text: str = field(compare=False)
    expression: Expression
    roots: frozenset[str]
    """The top-level keys of the context that it refers to."""

    def evaluate(self, context: Context) -> bool:
        """Raises `EvaluationError`: field not found, or `<` and its like on what is no number."""
        return is_true(self.expression.value(context))

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def parse(text: str) -> Condition:
    """Raises `ExpressionSyntaxError` for what is not in the language, too long or nested too deeply."""
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntaxError(f"a condition has at most {MAX_LENGTH} characters", MAX_LENGTH)
    if not text.strip():
        raise ExpressionSyntaxError("the condition is empty", 0)
    parser = _Parser(text)
    return Condition(text.strip(), parser.condition(), frozenset(parser.roots))


# --- evaluation ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Literal:
    """Equal if written alike: to Python 1 equals true, and nan equals nothing."""

    source: str
    constant: Json = field(compare=False)

    def value(self, _context: Context) -> Json:
        return self.constant


@dataclass(frozen=True, slots=True)
class _Reference:
    path: Path

    def value(self, context: Context) -> Json:
        return self.path.resolve(context)


@dataclass(frozen=True, slots=True)
class _Exists:
    path: Path

    def value(self, context: Context) -> bool:
        return self.path.find(context) is not MISSING


@dataclass(frozen=True, slots=True)
class _IsNull:
    term: Expression

    def value(self, context: Context) -> bool:
        if isinstance(self.term, _Reference):
            found = self.term.path.find(context)
            return found is None or found is MISSING
        return self.term.value(context) is None


@dataclass(frozen=True, slots=True)
class _Equal:
    left: Expression
    right: Expression

    def value(self, context: Context) -> bool:
        left, right = self.left.value(context), self.right.value(context)
        left_number, right_number = number(left), number(right)
        if left_number is None or right_number is None:
            return printed(left) == printed(right)
        return left_number == right_number


_ORDERS: Mapping[str, Callable[..., bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class _Ordered:
    operator: str
    left: Expression
    right: Expression

    def value(self, context: Context) -> bool:
        left, right = number(self.left.value(context)), number(self.right.value(context))
        if left is None or right is None:
            side = "left" if left is None else "right"
            raise EvaluationError(f"{self.operator} requires numeric operands, the {side} one is no number")
        if left != left or right != right:  # nan, which has no order; Decimal would raise
            return False
        return _ORDERS[self.operator](left, right)


@dataclass(frozen=True, slots=True)
class _Not:
    term: Expression

    def value(self, context: Context) -> bool:
        return not is_true(self.term.value(context))


@dataclass(frozen=True, slots=True)
class _AnyOf:
    terms: tuple[Expression, ...]

    def value(self, context: Context) -> bool:
        return any(is_true(term.value(context)) for term in self.terms)


@dataclass(frozen=True, slots=True)
class _AllOf:
    terms: tuple[Expression, ...]

    def value(self, context: Context) -> bool:
        return all(is_true(term.value(context)) for term in self.terms)


# --- parsing ---------------------------------------------------------------------------------------------------------

_CONSTANTS: Mapping[str, Json] = {"true": True, "false": False, "null": None}
_NULL = _Literal("null", None)


class _Parser:
    """Recursive descent: a method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._token = next(self._tokens)
        self._depth = 0
        self.roots: set[str] = set()

    def condition(self) -> Expression:
        expression = self._either()
        if self._token.kind == "COMPARE":
            raise ExpressionSyntaxError("comparisons do not chain; join two with AND", self._token.position)
        self._expect("END", "AND, OR or the end")
        return expression

    def _either(self) -> Expression:
        terms = [self._both()]
        while self._accept("OR"):
            terms.append(self._both())
        return _AnyOf(tuple(terms)) if len(terms) > 1 else terms[0]

    def _both(self) -> Expression:
        terms = [self._negation()]
        while self._accept("AND"):
            terms.append(self._negation())
        return _AllOf(tuple(terms)) if len(terms) > 1 else terms[0]

    def _negation(self) -> Expression:
        return _Not(self._deeper(self._negation)) if self._accept("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        left = self._term()
        operator = self._accept("COMPARE")
        return _compared(operator.text, left, self._term()) if operator else left

    def _term(self) -> Expression:
        if text := self._accept("TEXT"):
            return _Literal(text.text, text.text[1:-1])
        if self._accept("OPEN"):
            inner = self._deeper(self._either)
            self._expect("CLOSE", ")")
            return inner
        word = self._expect("WORD", "a value")
        if word.text.lower() == "exists" and self._accept("OPEN"):
            path = self._path(self._expect("WORD", "a path"))
            self._expect("CLOSE", ")")
            return _Exists(path)
        return _literal(word.text) or _Reference(self._path(word))

    def _path(self, word: Token) -> Path:
        path = Path.parse(word.text, at=word.position)
        if path.collects:
            raise ExpressionSyntaxError("[*] is for sources of mappings only", word.position)
        if _literal(word.text):
            raise ExpressionSyntaxError("expected a path", word.position)
        self.roots.add(path.root)
        return path

    def _deeper(self, rule: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise ExpressionSyntaxError(f"nested deeper than {MAX_NESTING}", self._token.position)
        expression = rule()
        self._depth -= 1
        return expression

    def _accept(self, kind: str) -> Token | None:
        token = self._token
        if token.kind != kind:
            return None
        self._token = next(self._tokens, token)
        return token

    def _expect(self, kind: str, name: str) -> Token:
        token = self._accept(kind)
        if token is None:
            found = self._token.text or "the end"
            raise ExpressionSyntaxError(f"expected {name}, found {found}", self._token.position)
        return token


def _literal(word: str) -> _Literal | None:
    constant = word.lower()
    if constant in _CONSTANTS:
        return _Literal(constant, _CONSTANTS[constant])
    value = numeral(word)
    return None if value is None else _Literal(word, value)


def _compared(operator: str, left: Expression, right: Expression) -> Expression:
    if operator not in ("==", "!="):
        return _Ordered(operator, left, right)
    equal: Expression = _Equal(left, right)
    if _NULL in (left, right):
        equal = _IsNull(left if right == _NULL else right)
    return equal if operator == "==" else _Not(equal)
