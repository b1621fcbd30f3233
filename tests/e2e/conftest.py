"""End-to-end: HTTP only, the same files against every target."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.provider import Provider, running_provider
from tests.servers import KEY, Api, Server


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "skip_moto: what it proves does not depend on the home, and moto takes its time for it"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        targets = metafunc.config.getoption("--target") or ["local", "moto"]
        if metafunc.definition.get_closest_marker("skip_moto"):
            targets = [name for name in targets if name != "moto"]
        metafunc.parametrize("target", targets, scope="session", indirect=True)


class Servers:
    """One Flowker of each kind, from its first use to the end of the tests: starting one takes seconds."""

    def __init__(self, new_folder: Callable[[str], Path]) -> None:
        self._new_folder = new_folder
        self._running: dict[str, Server] = {}
        self._stack = ExitStack()
        self.tests_on_moto = 0

    def url(self, name: str) -> str:
        if name not in self._running:
            folder = self._new_folder(name) / "data"
            self._running[name] = self._stack.enter_context(Server(folder, name))
        return self._running[name].url

    def empty_moto(self) -> None:
        """Start it anew on the same port: it copies all that it holds for every transaction."""
        self.tests_on_moto = 0
        server = self._running["moto"]
        server.stop()
        server.start()

    def logs(self) -> str:
        """All that they have logged."""
        return "".join(server.log.read_text() for server in self._running.values())

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    running = Servers(tmp_path_factory.mktemp)
    yield running
    running.close()


@pytest.fixture
def logs(servers: Servers) -> Callable[[], str]:
    """What the servers that these tests have started have logged by now."""
    return servers.logs


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, servers: Servers) -> str:
    """The URL of a running Flowker."""
    name: str = request.param
    return name if name.startswith("http") else servers.url(name)


MOST_ON_MOTO = 15


@pytest.fixture(autouse=True)
def counted(request: pytest.FixtureRequest, servers: Servers) -> None:
    callspec = getattr(request.node, "callspec", None)
    servers.tests_on_moto += callspec is not None and callspec.params.get("target") == "moto"


@pytest.fixture(scope="module", autouse=True)
def emulation_is_emptied(servers: Servers) -> Iterator[None]:
    """Nothing that a test makes on moto outlives its module for long."""
    yield
    if servers.tests_on_moto >= MOST_ON_MOTO:
        servers.empty_moto()


@pytest.fixture(scope="session")
def api_key(request: pytest.FixtureRequest) -> str:
    return request.config.getoption("--api-key") or KEY


@pytest.fixture
def api(target: str, api_key: str) -> Iterator[Api]:
    client = Api(target, api_key)
    yield client
    client.close()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """A provider that Flowker can reach; its calls are told apart by unique paths."""
    with running_provider() as running:
        yield running
