"""The layers hold what the functions need, compiled for their runtime, and the same input gives the same bytes."""

import io
import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from layers import build
from layers.build import BuildFailed, Layer
from tests.verbs import ROOT

MAGIC = (3571).to_bytes(2, "little") + b"\r\n"
"""What byte-code of Python 3.13 begins with."""
UNCHECKED = (1).to_bytes(4, "little")
NEVER = (1980, 1, 1, 0, 0, 0)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def layers() -> Mapping[str, Layer]:
    """As `make build` makes them; what is up to date is not made again."""
    if not (ROOT / "node_modules" / "pyodide").exists():
        reason = "npm has not installed what makes byte-code: `make build`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return build.build()


def content(layer: Layer) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(layer.archive.read_bytes()))


def test_the_requirements_are_what_the_lock_says() -> None:
    assert build.REQUIREMENTS.read_text() == build.export(), "run `python -m layers.build --export`"


@pytest.mark.parametrize("name", ["core", "vendor"])
def test_every_source_has_byte_code_that_asks_for_no_date(layers: Mapping[str, Layer], name: str) -> None:
    archive = content(layers[name])
    names = {*archive.namelist()}
    sources = {name for name in names if name.endswith(".py")}
    expected = set()
    for source in sources:
        folder, _, module = source.rpartition("/")
        compiled = f"{folder}/__pycache__/{module.removesuffix('.py')}.cpython-313.pyc"
        expected.add(compiled)
        assert archive.read(compiled)[:8] == MAGIC + UNCHECKED, source
    assert len(sources) > 50
    assert {name for name in names if name.endswith(".pyc")} == expected


@pytest.mark.parametrize("name", ["core", "vendor"])
def test_entries_are_sorted_and_dateless_and_where_the_runtime_looks(
    layers: Mapping[str, Layer], name: str
) -> None:
    entries = content(layers[name]).infolist()
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert {entry.date_time for entry in entries} == {NEVER}
    assert {entry.filename.split("/")[0] for entry in entries} == {"python"}


def test_the_core_layer_is_the_package(layers: Mapping[str, Layer]) -> None:
    package = {
        f"python/{path.relative_to(build.SOURCE).as_posix()}"
        for path in (build.SOURCE / "flowker").rglob("*.py")
    }
    assert {name for name in content(layers["core"]).namelist() if name.endswith(".py")} == package


def test_native_code_is_that_of_the_runtime(layers: Mapping[str, Layer]) -> None:
    archive = content(layers["vendor"])
    libraries = [name for name in archive.namelist() if name.endswith(".so")]
    assert libraries
    for name in libraries:
        head = archive.read(name)[:20]
        assert head[:4] == b"\x7fELF"
        assert head[18:20] == (183).to_bytes(2, "little"), f"{name} is not for arm64"
        assert "cpython-313-" in name or ".abi3." in name or "cpython" not in name


def test_of_boto3_only_the_services_that_are_called_are_kept(layers: Mapping[str, Layer]) -> None:
    data = [
        name.split("/")
        for name in content(layers["vendor"]).namelist()
        if name.startswith("python/botocore/data/")
    ]
    assert {parts[3] for parts in data if len(parts) > 4} == {*build.SERVICES}


def test_layers_are_small(layers: Mapping[str, Layer]) -> None:
    assert sum(layer.size for layer in layers.values()) < build.MOST_BYTES
    with pytest.raises(BuildFailed, match=r"62\.1 MB"):
        build.check_size(62_100_000)


def test_the_same_input_gives_the_same_bytes(layers: Mapping[str, Layer], tmp_path: Path) -> None:
    folder = tmp_path / "core"
    (folder / "python").mkdir(parents=True)
    build.core(folder / "python")
    build.compile_tree(folder / "python")
    again = tmp_path / "again.zip"
    build.pack(folder, again)
    assert again.read_bytes() == layers["core"].archive.read_bytes()


def test_dates_and_the_order_of_writing_make_no_difference(tmp_path: Path) -> None:
    for number, names in enumerate([("a.py", "b/c.py"), ("b/c.py", "a.py")]):
        for name in names:
            path = tmp_path / str(number) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            os.utime(path, (number, number))
        build.pack(tmp_path / str(number), tmp_path / f"{number}.zip")
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()


SMOKE = """
    import importlib.util, os, pkgutil, sys
    from pathlib import Path

    layers, functions = Path(sys.argv[1]), Path(sys.argv[2])
    sys.path += [str(layers / "core"), str(layers / "vendor")]
    for path in sorted(functions.glob("*/handler.py")):
        spec = importlib.util.spec_from_file_location(f"{path.parent.name}_handler", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert callable(module.lambda_handler), path
        print("handler", path.parent.name)
    import flowker
    for found in pkgutil.walk_packages(flowker.__path__, "flowker."):
        importlib.import_module(found.name)
    import boto3
    for service in sys.argv[3:]:
        boto3.client(service, region_name="eu-central-1")
    from flowker.settings import product_version
    print("version", product_version())
    outside = {
        name: module.__file__
        for name, module in list(sys.modules.items())
        if "site-packages" in (getattr(module, "__file__", None) or "")
    }
    assert not outside, outside
"""


def test_every_handler_can_be_imported_from_the_layers_alone(tmp_path: Path) -> None:
    """With the layers made for the interpreter and the machine of the tests: the ones for the runtime hold native code that
    neither can load. The same steps make both, but for the wheels' platform and the byte-code."""
    for name, fill in (("core", build.core), ("vendor", vendor_for_tests)):
        (tmp_path / name).mkdir()
        fill(tmp_path / name)
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        textwrap.dedent(SMOKE),
        str(tmp_path),
        str(ROOT / "functions"),
    ]
    done = subprocess.run([*command, *build.SERVICES], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("handler ")}
    assert imported == {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert "version 0.0.0" not in done.stdout
    shutil.rmtree(tmp_path / "vendor")


def vendor_for_tests(folder: Path) -> None:
    build.vendor(folder, for_this_interpreter=True)
