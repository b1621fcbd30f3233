"""The CDK application: `python -m infra_cdk.app [--example]` writes cdk.out for the stage in FLOWKER_STAGE.

Synthesis needs neither network, nor Docker, nor credentials, nor the CDK's command line; that one is needed to deploy.
"""

import os
import sys
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
import cdk_nag

from infra_cdk.functions import LayerFiles
from infra_cdk.stack import FlowkerStack
from infra_cdk.stages import EXAMPLE, SettingsMissing, Stage, stage_of
from layers.build import OUTPUT

CONTEXT: Mapping[str, object] = {
    "aws:cdk:enable-asset-metadata": True,  # where `sam build` finds the code
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:disable-version-reporting": True,
    "@aws-cdk/aws-iam:minimizePolicies": False,  # a policy reads as it was written
    "@aws-cdk/core:target-partitions": ["aws"],
}


def application(stage: Stage, files: LayerFiles, output: str = "cdk.out") -> cdk.App:
    """One stage, judged by cdk-nag: `synth` raises if a finding is neither absent nor acknowledged."""
    app = cdk.App(context=dict(CONTEXT), outdir=output)
    FlowkerStack(app, stage, files)
    cdk.Validations.of(app).add_plugins(
        cdk_nag.AwsSolutionsChecks(app, verbose=True), cdk_nag.ServerlessChecks(app, verbose=True)
    )
    return app


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Exit code 1 if a setting or a layer is missing."""
    try:
        stage = stage_of(
            env.get("FLOWKER_STAGE") or "dev", {**EXAMPLE, **env} if "--example" in arguments else env
        )
    except SettingsMissing as problem:
        print(problem, file=sys.stderr)
        return 1
    files = LayerFiles(OUTPUT / "core.zip", OUTPUT / "vendor.zip")
    missing = [path for path in (files.core, files.vendor) if not path.exists()]
    if missing:
        print(f"{missing[0]} is not there: run `make build`", file=sys.stderr)
        return 1
    application(stage, files, env.get("CDK_OUTDIR") or "cdk.out").synth()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
