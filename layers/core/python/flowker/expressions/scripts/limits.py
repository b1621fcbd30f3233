"""What a script may use (FlowRunner spec e.3)."""

SECONDS = 0.25
"""Processor time of one script, and of one placeholder."""
REQUEST_SECONDS = 2.0
"""Processor time of all that one request asks for; it is looked at between the scripts."""
HARD_SECONDS = 5.0
"""After so long a process that runs scripts is ended: something in it does not heed the limits above."""
MEMORY_BYTES = 16 * 1024 * 1024
"""Beyond what the scope itself takes."""
STACK_BYTES = 256 * 1024
CODE_BYTES = 64 * 1024
RESULT_BYTES = 200 * 1024
SHARED_BYTES = 1024 * 1024
"""The shared map begins as a copy of the input, which may be larger than a result."""
LOG_LINES = 100
LOG_LINE_BYTES = 2048
