"""A cancellation that was answered stands, whatever happens to the process at that moment (Flowker spec c.4, d.11)."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.provider import Provider, running_provider
from tests.samples import activate, chain, create_configuration, execute, executor, trigger, unique
from tests.servers import Api, Server, expect


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def test_what_was_cancelled_before_a_crash_does_not_go_on_after_it(
    tmp_path: Path, provider: Provider
) -> None:
    tag = unique()
    with Server(tmp_path / "data") as server:
        with closing(Api(server.url)) as api:
            configuration = create_configuration(api, provider.url)
            calls = [
                executor("slow", configuration, path=f"/slow/1/{tag}/slow"),
                executor("after", configuration, path=f"/score/{tag}/after"),
            ]
            workflow_id = activate(api, chain(trigger(), *calls))
            cancelled, other = (execute(api, workflow_id, {"n": n}) for n in range(2))
            while len(provider.to(f"/slow/1/{tag}")) < 2:
                time.sleep(0.01)
            answer = expect(api.post(f"/v1/executions/{cancelled}/cancel"), 200)
        server.kill()
        server.start()
        with closing(Api(server.url)) as api:
            assert expect(api.get(f"/v1/executions/{cancelled}"), 200) == answer
            assert api.results(other)["status"] == "completed"
            time.sleep(0.5)
            assert len(provider.to(f"/slow/1/{tag}")) == 3  # the other one's, repeated
            assert len(provider.to(f"/score/{tag}/after")) == 1
            assert expect(api.get(f"/v1/executions/{cancelled}"), 200) == answer
            assert api.results(cancelled)["stepResults"] == []
            expect(api.post(f"/v1/executions/{cancelled}/cancel"), 422, "FLK-0511")
