"""One synthesis for all tests, and one record of what the functions do."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra_cdk.stages import EXAMPLE, Stage, stage_of
from tests.infra.account_flows import ACCOUNT_FLOWS
from tests.infra.flows import FLOWS
from tests.infra.policies import Template
from tests.infra.recording import Use, recorded_deployment
from tests.provider import running_provider

SYNTHESIS = """
import json, sys
from pathlib import Path
from infra_cdk.app import application
from infra_cdk.functions import LayerFiles
from infra_cdk.stages import EXAMPLE, stage_of
stage, folder = sys.argv[1], Path(sys.argv[2])
application(stage_of(stage, EXAMPLE), LayerFiles(folder / "core.zip", folder / "vendor.zip"), str(folder / "out")).synth()
"""


@pytest.fixture(scope="session")
def stage() -> Stage:
    """The one that has everything."""
    return stage_of("prod", EXAMPLE)


@pytest.fixture(scope="session")
def synthesised(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a synthesis has written. In a process of its own, as jsii leaves one of its behind."""
    if importlib.util.find_spec("aws_cdk") is None:
        reason = "the CDK is not installed: `make synth` installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("synthesis")
    for layer in ("core", "vendor"):
        with zipfile.ZipFile(folder / f"{layer}.zip", "w") as archive:
            archive.writestr("python/empty.py", layer)
    done = subprocess.run(
        [sys.executable, "-c", SYNTHESIS, stage.name, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "out"


@pytest.fixture(scope="session")
def template(synthesised: Path, stage: Stage) -> Template:
    document: dict[str, Any] = json.loads((synthesised / f"{stage.prefix}.template.json").read_text())
    return Template(document, stage)


@pytest.fixture(scope="session")
def uses(stage: Stage) -> set[Use]:
    """Every AWS call that was made while everything was done that people do."""
    found: set[Use] = set()
    with running_provider() as provider:
        for flow in (*FLOWS, *ACCOUNT_FLOWS):
            with recorded_deployment(stage.name) as deployment:
                flow(deployment, provider)
                found |= deployment.recorder.uses
    return found
