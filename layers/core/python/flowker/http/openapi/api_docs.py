"""The documents, and the pages that show them (Flowker spec a.9)."""

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, one_of
from flowker.http.openapi.operation import Answer, Operation, Operations, Schemas
from flowker.http.openapi.page import DOCUMENTS, FILES

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
                "`index.html` is the page, `doc.json` this document; `api-v1.html` and `api-v1.json` are those of "
                "`/api/v1`. The others are what the pages consist of.",
                {kind.split(";")[0]: OBJECT if name in DOCUMENTS else STRING for name, kind in FILES.items()},
            )
        },
        refusals=(errors.UnknownRoute,),
        name=one_of(*FILES),
        stored=False,
    ),
}
