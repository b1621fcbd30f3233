"""Stand-ins for the services that examples call, on loopback: `python -m statemachines.stand_ins EXAMPLE`.

Each example has a module here, named like its folder: `-` becomes `_`, and a leading `flow-` is left out. It has one function,

    serving() -> AbstractContextManager[Mapping[str, str]]

whose services run for as long as the block does. It yields what to replace in the files of the example, and by what:
`https://tracer.example.net` by `http://127.0.0.1:41234`. An entry `${secrets.NAME}` is not replaced; its value is what the
secret NAME of the account has to be.
"""


class MissingSoftware(Exception):
    """This machine lacks what the services of an example need; the text says what."""
