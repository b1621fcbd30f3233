"""This document, and the page that shows it (Flowker spec a.9)."""

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, one_of
from flowker.http.openapi.operation import Answer, Operation, Operations, Schemas
from flowker.http.openapi.page import DOCUMENT, FILES

SCHEMAS: Schemas = {}

_PAGE = Operation(
    answers={
        302: Answer(
            "The page is elsewhere.",
            headers={"Location": {"required": True, "schema": {"type": "string", "format": "uri-reference"}}},
        )
    },
    stored=False,
)

OPERATIONS: Operations = {
    ("GET", "/swagger"): _PAGE,
    ("GET", "/swagger/"): _PAGE,
    ("GET", "/swagger/{file}"): Operation(
        answers={
            200: Answer(
                "`index.html` is the page, `doc.json` this document, the others are what the page consists of.",
                {kind.split(";")[0]: OBJECT if name == DOCUMENT else STRING for name, kind in FILES.items()},
            )
        },
        refusals=(errors.UnknownRoute,),
        name=one_of(*FILES),
        stored=False,
    ),
}
