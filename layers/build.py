"""Build the two Lambda layers for the runtime of the functions, without Docker: `python -m layers.build`.

`core` is the package `flowker`, `vendor` what it needs, as `layers/vendor/requirements.txt` has it from uv.lock. Both carry
byte-code, because layers are read-only: without it every cold start would compile all it imports again. The same input
gives the same bytes: entries are sorted and dateless, wheels are pinned by hash, the compiler by package-lock.json.

boto3 is in the layer although the runtime has one: the runtime's is older than the one the tests ran with and changes
without notice. Of its data only the services in SERVICES are kept, which halves the layer.
"""

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "layers" / "core" / "python"
REQUIREMENTS = ROOT / "layers" / "vendor" / "requirements.txt"
BYTECODE = ROOT / "layers" / "bytecode.mjs"
OUTPUT = ROOT / "build" / "layers"

PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
"""The runtime `python3.13` on arm64 is Amazon Linux 2023 with glibc 2.34."""
MOUNTED = "/opt/python"
"""Where the runtime has a layer's folder `python`; what tracebacks show."""

SERVICES = (
    "apigatewaymanagementapi", "dynamodb", "kms", "lambda", "s3", "scheduler", "secretsmanager",
    "stepfunctions", "sts",
)  # fmt: skip
"""What the adapters make boto3 clients of."""
UNUSED = (
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.min.*",
    "boto3/data",
    "boto3/examples",
    "jsonschema/benchmarks",
    "jsonschema/tests",
    "pydantic/v1",
    "cffi",
    "dateutil/zoneinfo/*.tar.gz",
    "pycparser",
)
"""Files that nothing of ours loads: a page of somebody else's, resources beside clients, an older version, tests, what only
makes bindings, time zones that come with tzdata."""
MOST_BYTES = 60_000_000
"""Of both layers together, unpacked. Lambda's limit is 250 MB, but what is unpacked is also loaded at a cold start."""

_DATE = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE, _READABLE = 0o755, 0o644
_INSTALLER_NOTES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})

Tree = Callable[[Path], None]
"""Puts a layer's content into an empty folder."""


class BuildFailed(Exception):
    """The message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer on disk; `size` is what it takes unpacked, `digest` that of the archive."""

    archive: Path
    size: int
    digest: str


def build(output: Path = OUTPUT) -> Mapping[str, Layer]:
    """Both layers for the runtime, as `core.zip` and `vendor.zip`; what is up to date is kept. Raises `BuildFailed`."""
    output.mkdir(parents=True, exist_ok=True)
    layers = {
        "core": _layer(output / "core.zip", [*_sources(), ROOT / "pyproject.toml"], core),
        "vendor": _layer(output / "vendor.zip", [REQUIREMENTS], vendor),
    }
    check_size(sum(layer.size for layer in layers.values()))
    return layers


def check_size(size: int) -> None:
    """Raises `BuildFailed` over the limit."""
    if size > MOST_BYTES:
        raise BuildFailed(
            f"the layers take {size / 1e6:.1f} MB unpacked, more than {MOST_BYTES / 1e6:.0f} MB"
        )


def _layer(archive: Path, inputs: Sequence[Path], fill: Tree) -> Layer:
    tools = [Path(__file__), BYTECODE, ROOT / "package-lock.json"]
    made_from = sha256()
    for path in [*inputs, *tools]:
        made_from.update(f"{path.relative_to(ROOT)}\0{sha256(path.read_bytes()).hexdigest()}\n".encode())
    note = archive.with_suffix(".json")
    if archive.exists() and note.exists():
        known = json.loads(note.read_text())
        if known["inputs"] == made_from.hexdigest() and known["digest"] == _digest(archive):
            return Layer(archive, known["size"], known["digest"])
    folder = archive.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    content = folder / "python"
    content.mkdir(parents=True)
    fill(content)
    compile_tree(content)
    layer = Layer(archive, pack(folder, archive), _digest(archive))
    note.write_text(json.dumps({"inputs": made_from.hexdigest(), "size": layer.size, "digest": layer.digest}))
    shutil.rmtree(folder)
    return layer


def _sources() -> list[Path]:
    return sorted(path for path in (SOURCE / "flowker").rglob("*") if path.suffix in (".py", ".typed"))


def core(folder: Path) -> None:
    """The package, and the metadata by which it knows its version."""
    for path in _sources():
        target = folder / path.relative_to(SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name']}-{project['version']}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")


def vendor(folder: Path, *, for_this_interpreter: bool = False) -> None:
    """What is required, from wheels alone. `for_this_interpreter` serves a trial run on a machine that is no arm64 one or
    has another Python."""
    target = [] if for_this_interpreter else ["--python-platform", PLATFORM, "--python-version", PYTHON]
    run(
        [
            sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-config", "--python", sys.executable,
            *target, "--target", str(folder), "--only-binary", ":all:", "--no-deps", "--require-hashes",
            "--link-mode", "copy", "--requirement", str(REQUIREMENTS),
        ]
    )  # fmt: skip
    for surplus in _surplus(folder):
        if surplus.is_dir():
            shutil.rmtree(surplus)
        else:
            surplus.unlink()


def _surplus(folder: Path) -> Iterable[Path]:
    """Commands, the installer's notes, byte-code of another Python, data of services that are not called, and `UNUSED`."""
    yield from (path for path in [folder / "bin", folder / ".lock"] if path.exists())
    yield from [
        path
        for info in folder.glob("*.dist-info")
        for path in info.iterdir()
        if path.name in _INSTALLER_NOTES
    ]
    yield from list(folder.rglob("__pycache__"))
    data = folder / "botocore" / "data"
    yield from [path for path in data.iterdir() if path.is_dir() and path.name not in SERVICES]
    yield from [path for pattern in UNUSED for path in folder.glob(pattern)]


def export() -> str:
    """What `layers/vendor/requirements.txt` has to be: the run-time dependencies in uv.lock, with their hashes."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "export",
        "--quiet",
        "--frozen",
        "--no-default-groups",
        "--no-emit-project",
    ]
    text = run([*command, "--no-header", "--no-annotate", "--format", "requirements-txt"])
    return f"# Run-time dependencies as uv.lock has them: python -m layers.build --export\n{text}"


def compile_tree(folder: Path) -> None:
    """Byte-code of the runtime's Python for every source."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "pyodide").exists():
        raise BuildFailed(
            "byte-code is made with Node.js and the packages of package.json: install npm, then run `make build`"
        )
    run([node, str(BYTECODE), str(folder), MOUNTED])


def pack(folder: Path, archive: Path) -> int:
    """Everything in the folder as a ZIP archive that depends on nothing but names and content. Returns the size unpacked."""
    size = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        files = (path for path in folder.rglob("*") if path.is_file())
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in files):
            content = path.read_bytes()
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = (_EXECUTABLE if path.suffix == ".so" else _READABLE) << 16
            entry.create_system = 3  # Unix, wherever it is made
            packed.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
            size += len(content)
    return size


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def run(command: Sequence[str]) -> str:
    """What a command prints. Raises `BuildFailed` with the end of what it complains about."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildFailed(f"{' '.join(command[:4])} …: {done.stderr.strip()[-2000:]}")
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 if the layers cannot be built."""
    try:
        if "--export" in arguments:
            REQUIREMENTS.write_text(export())
            return 0
        for name, layer in build().items():
            print(
                f"{name}: {layer.size / 1e6:.1f} MB unpacked, {layer.digest}  {layer.archive.relative_to(ROOT)}"
            )
    except BuildFailed as failure:
        print(f"the layers were not built: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
