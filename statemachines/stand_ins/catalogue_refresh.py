"""The services of the catalogue refresh: the list of articles, their details, and jobs that rebuild a search index."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from statemachines.stand_ins.http_service import Answer, Request, json_answer, service

TOKEN = "catalogue-hush"  # noqa: S105 - it opens nothing
ARTICLES = tuple(f"article-{number}" for number in range(1, 11))
BUSY, GONE = "article-3", "article-7"
"""One whose details are refused the first time, and one that has none."""
SECONDS = 0.1
"""How long details take, so that several are asked for at a time."""


@dataclass
class Catalogue:
    """What the services do and have seen. A job is done when it has been asked for `polls_needed` times."""

    polls_needed: int = 2
    runs: list[str] = field(default_factory=list)
    """Of each request for the list, which run it says it is."""
    details: Counter[str] = field(default_factory=Counter)
    """How often each article was asked for."""
    most_at_once: int = 0
    jobs: list[dict[str, Any]] = field(default_factory=list)
    polls: int = 0
    _now: int = 0
    _lock: Lock = field(default_factory=Lock)

    def list_articles(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return json_answer(401, {"error": "who are you?"})
        self.runs.append(request.headers.get("x-run", ""))
        return json_answer(200, {"articles": ARTICLES})

    def detail(self, request: Request) -> Answer:
        sku = request.path.rpartition("/")[2]
        with self._lock:
            self.details[sku] += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            first = self.details[sku] == 1
        time.sleep(SECONDS)
        with self._lock:
            self._now -= 1
        if sku == GONE:
            return json_answer(404, {"error": "no such article"})
        if sku == BUSY and first:
            return json_answer(503, {"error": "busy"})
        return json_answer(200, {"name": sku.replace("-", " "), "price": 2 * ARTICLES.index(sku) + 1})

    def job(self, request: Request) -> Answer:
        """Starts one, or tells how it is."""
        with self._lock:
            if request.method == "POST":
                self.jobs.append(request.json())
                return json_answer(201, {"id": f"job-{len(self.jobs)}", "state": "queued"})
            self.polls += 1
            return json_answer(200, {"state": "done" if self.polls % self.polls_needed == 0 else "running"})


@contextmanager
def serving(catalogue: Catalogue | None = None) -> Iterator[Mapping[str, str]]:
    """What to replace in the flow; a pause of 15 seconds becomes one of one."""
    seen = catalogue or Catalogue()
    with ExitStack() as stack:
        yield {
            "https://catalogue.example.net": stack.enter_context(service(seen.list_articles)),
            "https://details.example.net": stack.enter_context(service(seen.detail)),
            "https://search.example.net": stack.enter_context(service(seen.job)),
            "duration: 15s": "duration: 1s",
            "${secrets.CATALOGUE_TOKEN}": TOKEN,
        }
