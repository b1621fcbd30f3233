"""End-to-end: HTTP only, the same files against every target."""

from collections.abc import Iterator

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


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Flowker."""
    name: str = request.param
    if name.startswith("http"):
        yield name
        return
    with Server(tmp_path_factory.mktemp(name) / "data", name) as server:
        _emulated[:] = [server] if name == "moto" else []
        yield server.url
        _emulated.clear()


MOST_ON_MOTO = 15
_emulated: list[Server] = []
"""The emulated AWS that is running, if it is."""
_tests: list[str] = []
"""What it has served since it was started."""


@pytest.fixture(autouse=True)
def noted(request: pytest.FixtureRequest) -> None:
    _tests.append(request.node.nodeid)


@pytest.fixture(scope="module", autouse=True)
def emulation_is_emptied() -> Iterator[None]:
    """Moto copies all that it holds for every transaction. So it is started anew, on the same port, when modules are done
    with it: nothing that a test makes outlives its module."""
    yield
    if len(_tests) >= MOST_ON_MOTO:
        for server in _emulated:
            server.stop()
            server.start()
        _tests.clear()


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
