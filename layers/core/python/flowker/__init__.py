"""Flowker: workflow orchestration for financial validation.

Rooms, from the outside in: `http` and `events` (the ways in), `wiring` (the composition root), `observability`, `adapters`
(the outside world), `usecases` (what users can do), `ports`, `compiler` and `catalog`, `nodes`, `expressions`, `model`,
`errors` and `settings`. A room may import those after it in this list, never those before it.
"""
