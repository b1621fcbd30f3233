"""What operations take from outside of the document, fixed."""

from datetime import UTC, datetime
from uuid import UUID

from flowker.expressions.operations.base import Surroundings

NOW = datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)
RANDOM = UUID("0b3c0f6e-3f9d-4a52-8f0a-6c1f5a1d9e77")
SURROUNDINGS = Surroundings(NOW, lambda: RANDOM)
