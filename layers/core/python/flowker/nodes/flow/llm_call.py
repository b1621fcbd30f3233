"""One call of a model: where to, with which key, and what its failures say (FlowRunner spec d.7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import transient
from flowker.model.redaction import Redactor
from flowker.nodes.flow.base import Circumstances, FlowFailure
from flowker.nodes.flow.http_exchange import LONGEST_TIMEOUT, Message, exchanged, status_handle
from flowker.nodes.flow.llm_anthropic import Anthropic
from flowker.nodes.flow.llm_chat import Chat, LlmWire, malformed
from flowker.nodes.flow.llm_openai import OpenAi
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, open_, wrong

ANTHROPIC = "anthropic"
_WIRES: Mapping[str, LlmWire] = {"openai": OpenAi("https://api.openai.com"), ANTHROPIC: Anthropic()}
_OTHER: LlmWire = OpenAi()
_PLACE = ("base_url", "endpoint")
"""Of `options`, what is not part of the request body."""
_MOST_SAID = 500
"""Characters of a provider's own words in a failure."""

CONNECTION = (
    Param("provider", Kind.TEXT, "`openai`, `anthropic`, or any other name for one that speaks as OpenAI does, which needs a "
          "`base_url`", default="openai", least=1),
    Param("api_key", Kind.TEXT, "Usually `${secrets.…}`; sent to nobody but the provider", required=True, least=1),
    Param("model", Kind.TEXT, "As the provider calls it", required=True, least=1),
    Param("base_url", Kind.TEXT, "Where the provider is, `http` or `https`; the path of the endpoint is added", least=1),
    Param("temperature", Kind.NUMBER, "How freely it answers", default=0.7, least=0, most=2),
    Param("max_tokens", Kind.COUNT, "How long the answer may be; `anthropic` is told 1024 without it", least=1),
    Param("timeout", Kind.SECONDS, "How long one answer may take; never longer than the node's own `timeout`", default="60s",
          most=LONGEST_TIMEOUT),
    Param("options", Kind.MAP, "Further fields of the request body, which win; null leaves a field out. `base_url` as above, "
          "`endpoint` is the path instead of `/v1/chat/completions` or `/v1/messages`"),
)  # fmt: skip
HANDLES = {
    "client_error": "the provider answers with 4xx; the error object has `status_code` and `body`",
    "server_error": "the provider answers with 5xx; the error object has `status_code` and `body`",
    "timeout": "no answer in time",
}


def check(params: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with a literal connection."""
    provider, options = params.get("provider") or "openai", params.get("options")
    known = options if isinstance(options, Mapping) else {}
    for name in _PLACE:
        if known.get(name) is not None and not isinstance(known[name], str):
            yield INVALID, f"options.{name}", "must be a text"
    if known.get("stream"):
        yield INVALID, "options.stream", "cannot be asked for"
    if not isinstance(provider, str) or open_(provider) or open_(options) or provider in _WIRES:
        return
    if params.get("base_url") is None and known.get("base_url") is None:
        yield MISSING, "base_url", f"is required for provider {provider}"


@dataclass(frozen=True, slots=True)
class Provider:
    """Whom to ask, from evaluated params. `options` are what is merged into the body."""

    name: str
    url: str
    key: str
    timeout: float
    options: Mapping[str, Json]
    wire: LlmWire

    @staticmethod
    def of(values: Mapping[str, Any]) -> "Provider":
        """Raises `FlowFailure`."""
        name, options = values["provider"], values["options"] or {}
        wire = _WIRES.get(name, _OTHER)
        base, endpoint = (
            values["base_url"] or options.get("base_url") or wire.base_url,
            options.get("endpoint"),
        )
        if base is None:
            raise wrong("base_url", "is required for this provider")
        if not isinstance(base, str) or not isinstance(endpoint, str | None):
            raise wrong("options", "needs texts as base_url and endpoint")
        if options.get("stream"):
            raise wrong("options", "must not ask for a stream")
        more = {field: value for field, value in options.items() if field not in _PLACE}
        url = _url(base, endpoint or wire.endpoint)
        return Provider(name, url, values["api_key"], values["timeout"], more, wire)

    def ask(self, around: Circumstances, chat: Chat) -> dict[str, Json]:
        """The result of spec d.7. Raises `FlowFailure`, in whose text and details the key does not show."""
        merged = {**self.wire.body(chat), **self.options}
        body = {name: value for name, value in merged.items() if self.options.get(name, "") is not None}
        message = Message(
            "POST", self.url, self.wire.headers, exact_json.dumps(body).encode(), "application/json"
        )
        answer = exchanged(
            around, message, self.timeout, auth=self.wire.auth(self.key), follow_redirects=False
        )
        if not answer["success"]:
            raise self._refusal(around, answer, chat.model)
        if answer.get("truncated"):
            raise malformed("is larger than 1 MiB")
        parsed = self._parsed(around, answer["raw_body"])
        return {**self.wire.result(parsed), "raw_response": parsed}

    def _parsed(self, around: Circumstances, text: str) -> Mapping[str, Any]:
        """Whatever media type it says to have."""
        try:
            body = exact_json.received(text)
        except ValueError:
            raise malformed("is not JSON") from None
        if not isinstance(body, Mapping):
            raise malformed("is not a JSON object")
        if isinstance(body.get("error"), Mapping) and "choices" not in body:
            raise malformed(f"is an error: {self._quoted(around, _said(body))}")
        return body

    def _quoted(self, around: Circumstances, said: str) -> str:
        """Half a secret would not be recognized, so it is cut last."""
        return around.redactor.text(Redactor([self.key]).text(said))[:_MOST_SAID]

    def _refusal(self, around: Circumstances, answer: Mapping[str, Any], model: str) -> FlowFailure:
        status, said = answer["status_code"], self._quoted(around, _said(answer["body"]))
        details = {"status_code": status, "provider": self.name, "model": model, "body": answer["body"]}
        return FlowFailure(
            f"LLM API error: status {status}" + (f": {said}" if said else ""),
            handle=status_handle(status),
            details=Redactor([self.key]).json(details),
            retryable=transient(status),
        )


def _url(base: str, endpoint: str) -> str:
    """The base's own query stays behind the path; `/v1` is often part of both."""
    try:
        parts = urlsplit(base.strip())
    except ValueError:
        raise wrong("base_url", "cannot be parsed") from None
    path = parts.path.rstrip("/")
    if path.endswith("/v1") and endpoint.startswith("/v1/"):
        path = path.removesuffix("/v1")
    return urlunsplit(parts._replace(path=f"{path}/{endpoint.lstrip('/')}"))


def _said(body: Json) -> str:
    """A provider's own words."""
    if not isinstance(body, Mapping):
        return body.strip() if isinstance(body, str) else ""
    error = body.get("error")
    places = (
        error.get("message") if isinstance(error, Mapping) else error,
        body.get("message"),
        body.get("detail"),
    )
    return next((said for said in places if isinstance(said, str)), "")
