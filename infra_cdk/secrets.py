"""What only functions may know: the signing keys of tokens with the first admin's password, and CloudFront's proof of itself.

CloudFormation makes one random text for each secret, so the first key and the password are secrets of their own, which the
one that functions read is put together of, once. From then on it belongs to the operator: deployments leave it alone.
"""

import json

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

FIRST_KEY = "first"
"""The id of the signing key that a stage begins with."""


class Secrets(Construct):
    """`auth` is read by functions, `origin` is given to them and to CloudFront."""

    def __init__(self, scope: Construct, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, "secrets")
        self._stage = stage
        self._key = key
        self.origin = self._random("origin", 48, "proves requests to be CloudFront's").secret_value
        self.auth = secretsmanager.Secret(
            self,
            "auth",
            secret_name=f"{stage.prefix}/auth",
            description="Flowker: signing keys of tokens, and the first admin's password",
            encryption_key=key,
            removal_policy=_after(stage),
            secret_string_value=cdk.SecretValue.unsafe_plain_text(
                json.dumps(
                    {
                        "keys": {FIRST_KEY: _text(self._random("first-key", 64, "signs tokens at first"))},
                        "order": [FIRST_KEY],
                        "admin_password": _text(
                            self._random("first-admin", 24, "is the first admin's password")
                        ),
                    }
                )
            ),
        )
        reason = "rotating it is a matter of two live keys and of people, see docs/operations.md"
        acknowledge(self, dict.fromkeys(["AwsSolutions-SMG4", "Serverless-SecretsRotation"], reason))

    def _random(self, name: str, length: int, meaning: str) -> secretsmanager.Secret:
        return secretsmanager.Secret(
            self,
            name,
            secret_name=f"{self._stage.prefix}/{name}",
            description=f"Flowker: {meaning}",
            encryption_key=self._key,
            removal_policy=_after(self._stage),
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=length, exclude_punctuation=True
            ),
        )


def _text(secret: secretsmanager.Secret) -> str:
    return str(secret.secret_value.unsafe_unwrap())


def _after(stage: Stage) -> cdk.RemovalPolicy:
    return cdk.RemovalPolicy.RETAIN if stage.durable else cdk.RemovalPolicy.DESTROY
