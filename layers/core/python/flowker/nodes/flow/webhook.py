"""`webhook`: tells somebody (FlowRunner spec d.2)."""

import hashlib
import hmac

from flowker.model.run import Level
from flowker.nodes.flow.base import Circumstances, Done, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.http_exchange import (
    HANDLES,
    HEADERS,
    RESULTS,
    TIMEOUT,
    URL,
    Message,
    content_of,
    exchanged,
    header_texts,
    status_failure,
    utf8,
)
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import Kind, Param

_SIGNATURE = "X-Signature"


class Webhook(NodeType):
    name = "webhook"
    table = (
        URL,
        Param("method", Kind.VERB, "Any verb", default="POST"),
        HEADERS,
        Param("body", Kind.ANY, "As for `http.request`; else the node's input"),
        TIMEOUT,
        Param("secret", Kind.TEXT, "Adds `X-Signature: sha256=<hex>`, the HMAC-SHA256 of the bytes of the body", least=1),
    )  # fmt: skip
    page = Page(
        summary="Sends the input, or a body of its own, to a URL, and wants 2xx. As `http.request` in everything else.",
        example='{ type: webhook, params: { url: "https://hooks.example.com/orders", secret: "${secrets.HOOK}" } }',
        results={"status": "`sent`", **RESULTS},
        actions={"default": "the answer is 2xx"},
        handles=HANDLES,
        logs={"Webhook sent": "info, data `{status_code, url}`"},
    )

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        content, media_type = content_of(values.get("body", around.input))
        headers = header_texts(values["headers"] or {})
        if values["secret"] is not None:
            headers = {name: value for name, value in headers.items() if name.lower() != _SIGNATURE.lower()}
            headers[_SIGNATURE] = f"sha256={signature(values['secret'], content or b'')}"
        message = Message(values["method"], values["url"], headers, content, media_type)
        result = exchanged(around, message, values["timeout"])
        if not result["success"]:
            raise status_failure(result)
        data = {"status_code": result["status_code"], "url": result["metadata"]["request_url"]}
        result = {"status": "sent", **result}
        return Done(
            result, logs=[Line(Level.INFO, "Webhook sent", data)], shared=remembered("webhook", result)
        )


def signature(secret: str, content: bytes) -> str:
    """What the receiver computes as well, to know who sent this."""
    return hmac.new(utf8(secret, "secret"), content, hashlib.sha256).hexdigest()
