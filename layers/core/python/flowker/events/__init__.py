"""The ways in that are not HTTP: tasks of the state machines, status events, schedules."""
