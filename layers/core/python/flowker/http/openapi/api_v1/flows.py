"""Flows, their versions and their metadata (FlowRunner spec a.3 #4-#8, a.4, g)."""

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, Schema, array, integer, record, text
from flowker.compiler.flows.check import MOST_DESCRIPTION, MOST_NAME, MOST_NODES
from flowker.http.api_v1.flows import MOST_FOUND, MOST_NUMBER
from flowker.http.openapi.api_v1.words import LIST, LOCATION, PAGING, SECONDS, id_of, message, page
from flowker.http.openapi.operation import (
    COUNT,
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    query,
    ref,
)
from flowker.http.requests import DEFAULT_LIMIT
from flowker.model.flow import FLOW_PREFIX
from flowker.usecases.flow_drafts import MOST_TAG, MOST_TAGS, MOST_WORD

_NAME_IN_PATH: Schema = text(1)
_VERSION_IN_PATH: Schema = described(
    text(1), "The label of a version, the newest of those with it, or its number."
)
_EXAMPLE = (
    'metadata:\n  name: My Flow\n  version: "1.0.0"\n\nnodes:\n  hello:\n    type: transform\n    params:\n'
    "      script: 'return { hello: input.name };'\n"
)
_DEFINITION = described(STRING, "YAML, at most 256 KiB; kept byte for byte.")
_TAGS = described(
    array(text(1, MOST_TAG)), f"At most {MOST_TAGS} different ones; one that comes twice is kept once."
)
_SENT: dict[str, Schema] = {
    "name": {**text(1, MOST_NAME), "pattern": r"\S"},
    "description": described(text(0, MOST_DESCRIPTION), "That of the definition unless given."),
    "definition": _DEFINITION,
    "tags": _TAGS,
}
_WORD = {**text(0, MOST_WORD), "type": ["string", "null"]}
_FLOW: dict[str, Schema] = {
    "id": id_of(FLOW_PREFIX),
    "name": STRING,
    "description": STRING,
    "version": described(
        STRING, "What the definition calls it; else 1.0.0, and one patch more with each change."
    ),
    "created_at": SECONDS,
    "updated_at": SECONDS,
    "tags": array(STRING),
    "category": STRING,
    "status": STRING,
    "custom": OBJECT,
}
_ALWAYS = ["id", "name", "description", "version", "created_at", "updated_at", "tags"]
_WARNINGS = described(
    array(ref("ErrorDetail")), "What may be a mistake in the definition, if there is anything."
)
_REVISION: dict[str, Schema] = {"revision": integer(1), "version": STRING, "created_at": SECONDS}
_TEXT_OF = described(STRING, "The YAML, byte for byte as it was sent.")
_FIND: dict[str, Schema] = {
    "name_contains": described(STRING, "Whatever the letter case; so the description."),
    "description_contains": STRING,
    "tags": described(array(STRING), "One of them is enough."),
    "category": STRING,
    "status": STRING,
    **{
        name: described(
            {"type": "string", "format": "date-time"}, "With a time zone; the time itself is included."
        )
        for name in ("created_after", "created_before", "updated_after", "updated_before")
    },
    "page": described(integer(1, MOST_NUMBER), "Counts from 1."),
    "page_size": integer(1, MOST_NUMBER, default=DEFAULT_LIMIT),
}

SCHEMAS: Schemas = {
    "NewFlow": record(
        _SENT,
        required=["name", "definition"],
        examples=[
            {
                "name": "My Flow",
                "description": "A simple flow",
                "definition": _EXAMPLE,
                "tags": ["production"],
            }
        ],
    ),
    "FlowChange": record(_SENT, minProperties=1, examples=[{"name": "Updated Flow", "tags": ["updated"]}]),
    "FlowRow": record(_FLOW, required=_ALWAYS),
    "Flow": record({**_FLOW, "definition": _TEXT_OF}, required=[*_ALWAYS, "definition"]),
    "FlowWritten": record({**_FLOW, "warnings": _WARNINGS}, required=_ALWAYS),
    "FlowPage": page("flows", ref("FlowRow")),
    "FlowSearch": record(_FIND, examples=[{"name_contains": "order", "tags": ["production"], "page": 1}]),
    "FlowsFound": record(
        {
            "flows": array(ref("FlowRow")),
            "total": described(COUNT, "How many there are on all pages."),
            "limit": described(integer(1, MOST_FOUND), f"The one that was used; {MOST_FOUND} without pages."),
            "offset": COUNT,
        },
        required=["flows", "total", "limit", "offset"],
    ),
    "FlowToValidate": record(
        {"definition": _DEFINITION}, required=["definition"], examples=[{"definition": _EXAMPLE}]
    ),
    "FlowVerdict": record(
        {
            "valid": {"const": True},
            "name": STRING,
            "version": described({"type": ["string", "null"]}, "What the definition calls it, if it does."),
            "start": described(STRING, "The node that it starts with."),
            "nodes": described(integer(1, MOST_NODES), "How many there are."),
            "warnings": _WARNINGS,
        },
        required=["valid", "name", "version", "start", "nodes"],
    ),
    "FlowMetadata": record(
        {
            "tags": {**_TAGS, "type": ["array", "null"]},
            "category": _WORD,
            "status": _WORD,
            "custom": described(
                {"type": ["object", "null"]}, "Merged into what there is; null removes a member."
            ),
        },
        examples=[{"status": "published", "custom": {"owner": "risk"}}],
    ),
    "FlowVersion": record(_REVISION, required=list(_REVISION)),
    "FlowVersionText": record({**_REVISION, "definition": _TEXT_OF}, required=[*_REVISION, "definition"]),
    "FlowVersionPage": page("versions", ref("FlowVersion")),
}

_RULES = (*UNREADABLE, errors.InvalidFlow)
_ONE = (errors.FlowNotFound,)
_ITEM = "/api/v1/flows/{flow_id}"

OPERATIONS: Operations = {
    ("GET", "/api/v1/flows"): Operation(
        answers={200: json_body("A page of flows.", ref("FlowPage"))},
        refusals=LIST,
        parameters=[*PAGING, query("tag", STRING, "Only flows with exactly this tag.")],
    ),
    ("POST", "/api/v1/flows"): Operation(
        answers={201: json_body("The new flow.", ref("FlowWritten"), LOCATION)},
        refusals=_RULES,
        body=ref("NewFlow"),
    ),
    ("POST", "/api/v1/flows/validate"): Operation(
        answers={200: json_body("It could be stored.", ref("FlowVerdict"))},
        refusals=_RULES,
        body=ref("FlowToValidate"),
    ),
    ("POST", "/api/v1/flows/search"): Operation(
        answers={200: json_body("The flows that were found.", ref("FlowsFound"))},
        refusals=(*UNREADABLE, errors.InvalidSearch),
        body=ref("FlowSearch"),
        body_required=False,
    ),
    ("GET", _ITEM): Operation(
        answers={200: json_body("The flow.", ref("Flow"))}, refusals=_ONE, name=_NAME_IN_PATH
    ),
    ("PUT", _ITEM): Operation(
        answers={200: json_body("The flow as it is now.", ref("FlowWritten"))},
        refusals=(*_ONE, *_RULES, errors.ChangedConcurrently),
        body=ref("FlowChange"),
        name=_NAME_IN_PATH,
    ),
    ("DELETE", _ITEM): Operation(
        answers={200: message("Flow deleted successfully")},
        refusals=(*_ONE, errors.ChangedConcurrently),
        name=_NAME_IN_PATH,
    ),
    ("PATCH", f"{_ITEM}/metadata"): Operation(
        answers={200: json_body("The flow as it is now.", ref("FlowRow"))},
        refusals=(*_ONE, *_RULES, errors.ChangedConcurrently),
        body=ref("FlowMetadata"),
        name=_NAME_IN_PATH,
    ),
    ("GET", f"{_ITEM}/versions"): Operation(
        answers={200: json_body("A page of versions.", ref("FlowVersionPage"))},
        refusals=(*_ONE, *LIST),
        parameters=PAGING,
        name=_NAME_IN_PATH,
    ),
    ("GET", f"{_ITEM}/versions/{{version}}"): Operation(
        answers={200: json_body("The version.", ref("FlowVersionText"))},
        refusals=_ONE,
        names={"flow_id": _NAME_IN_PATH, "version": _VERSION_IN_PATH},
    ),
}
