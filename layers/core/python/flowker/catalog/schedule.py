"""The schedule trigger, an extension of the catalog (Flowker spec g.3)."""

from flowker.catalog.entries import FILLED, OBJECT, STRING, Trigger, document
from flowker.model.cron import MOST_CHARACTERS

TRIGGER = Trigger(
    id="schedule",
    name="Schedule",
    schema=document(
        {
            "schedule": {
                **FILLED,
                "maxLength": MOST_CHARACTERS,
                "description": "Minute, hour, day of the month, month, day of the week, with a 0 for the seconds before them "
                "if wanted, such as `0 9 * * MON-FRI`.",
            },
            "timezone": {
                **STRING,
                "default": "UTC",
                "description": "Whose clock counts, such as `Europe/Berlin`.",
            },
            "input": {**OBJECT, "description": "The input of the executions; `_schedule` is added to it."},
        },
        required=["schedule"],
        additionalProperties=False,
        description="Starts an execution of the active workflow whenever its time has come. An extension: other "
        "implementations of this API do not know it.",
    ),
)
