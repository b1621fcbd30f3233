"""A synthesised template, and what the roles in it allow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from infra_cdk.stages import Stage
from tests.infra.recording import ACCOUNT, Use

BATCH, SINGLE = "dynamodb:BatchGetItem", "dynamodb:GetItem"


@dataclass(frozen=True, slots=True)
class Permit:
    """One action on one pattern of resources, narrowed to partition keys or an encryption context where it is."""

    action: str
    resource: str
    partition: str | None = None
    context: str | None = None

    def covers(self, action: str, resource: str, use: Use) -> bool:
        return (
            action == self.action
            and fnmatchcase(resource, self.resource)
            and (self.partition is None or fnmatchcase(use.partition, self.partition))
            and (self.context is None or self.context in use.context)
        )


class Template:
    """`resources` by logical id; references are resolved to the ARNs that a deployment would have."""

    def __init__(self, document: Mapping[str, Any], stage: Stage) -> None:
        self.document = document
        self.stage = stage
        self.resources: Mapping[str, Mapping[str, Any]] = document["Resources"]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties by logical id."""
        found = {name: each for name, each in self.resources.items() if each["Type"] == kind}
        return {name: self.resolved(each.get("Properties", {})) for name, each in found.items()}

    def resolved(self, value: Any) -> Any:
        match value:
            case {"Ref": str(name)}:
                return self._pseudo.get(name) or name
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(str(self.resolved(part)) for part in parts)
            case dict():
                return {name: self.resolved(each) for name, each in value.items()}
            case list():
                return [self.resolved(each) for each in value]
        return value

    @cached_property
    def _pseudo(self) -> Mapping[str, str]:
        stage = self.stage
        return {
            "AWS::Partition": "aws",
            "AWS::AccountId": stage.account,
            "AWS::Region": stage.region,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def _attribute(self, name: str, attribute: str) -> str:
        """`arn:` and the physical name where there is one; logical ids stand for names that only a deployment makes."""
        properties, place = (
            self.resources[name].get("Properties", {}),
            f"{self.stage.region}:{self.stage.account}",
        )
        match self.resources[name]["Type"], attribute:
            case "AWS::DynamoDB::GlobalTable", "Arn":
                return f"arn:aws:dynamodb:{place}:table/{properties['TableName']}"
            case "AWS::DynamoDB::GlobalTable", "StreamArn":
                return f"arn:aws:dynamodb:{place}:table/{properties['TableName']}/stream/label"
            case "AWS::S3::Bucket", "Arn":
                return f"arn:aws:s3:::{name}"
            case "AWS::Lambda::Function", "Arn":
                return f"arn:aws:lambda:{place}:function:{properties['FunctionName']}"
            case kind, _:
                return f"<{kind} {name}.{attribute}>"

    @cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """Properties by the name of the folder."""
        return {
            each["FunctionName"].removeprefix(f"{self.stage.prefix}-"): each
            for each in self.of_type("AWS::Lambda::Function").values()
        }

    def function_named(self, logical: str) -> str:
        """The folder of a function, by its logical id."""
        return str(self.of_type("AWS::Lambda::Function")[logical]["FunctionName"]).removeprefix(
            f"{self.stage.prefix}-"
        )

    def role_of(self, function: str) -> str:
        """The logical id of its role."""
        return str(self.functions[function]["Role"].split(" ")[1].removesuffix(".Arn>"))

    def statements(self, role: str) -> Iterator[dict[str, Any]]:
        """What the role's policies say, with lists where one value may stand alone."""
        for policy in self.of_type("AWS::IAM::Role")[role]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield {
                    **statement,
                    "Action": _list(statement["Action"]),
                    "Resource": _list(statement["Resource"]),
                }

    def permits(self, function: str) -> set[Permit]:
        """Everything that a function may do, piece by piece."""
        found = set()
        for statement in self.statements(self.role_of(function)):
            assert statement["Effect"] == "Allow"
            condition = statement.get("Condition", {})
            partitions = condition.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [None])
            context = condition.get("StringEquals", {}).get("kms:EncryptionContext:app")
            found |= {
                Permit(action, resource, partition, context)
                for action in statement["Action"]
                for resource in statement["Resource"]
                for partition in partitions
            }
        return found

    def arn(self, use: Use) -> str:
        """The resource of a call that was made on emulated AWS, as it would be in this deployment."""
        kind, _, rest = use.resource.partition("/")
        place, prefix = f"{self.stage.region}:{self.stage.account}", self.stage.prefix
        match kind:
            case "table":
                return f"arn:aws:dynamodb:{place}:table/{prefix}-{rest}"
            case "index":
                table, index = rest.split("/")
                return f"arn:aws:dynamodb:{place}:table/{prefix}-{table}/index/{index}"
            case "function":
                return f"arn:aws:lambda:{place}:function:{prefix}-{rest}"
            case "stateMachine" | "execution":
                return f"arn:aws:states:{place}:{kind}:{rest}"
            case "schedule":
                return f"arn:aws:scheduler:{place}:schedule/{rest}"
            case "sockets":
                return f"arn:aws:execute-api:{place}:{self._socket_api}/live/{rest}/@connections/id"
            case "role":
                own = {"machines": self.machine_role, "schedules": self.scheduler_role}
                return own.get(rest, f"arn:aws:iam::{ACCOUNT}:role/{rest}")
        return self._only(kind, rest) or use.resource

    def _only(self, kind: str, rest: str) -> str:
        """Of what there is one of."""
        if kind == "bucket":
            (bucket,) = self.of_type("AWS::S3::Bucket")
            return f"arn:aws:s3:::{bucket}/{rest}" if rest else f"arn:aws:s3:::{bucket}"
        if kind == "key":
            (key,) = self.of_type("AWS::KMS::Key")
            return self._attribute(key, "Arn")
        if kind == "secret":
            secrets = self.of_type("AWS::SecretsManager::Secret")
            return next(name for name, each in secrets.items() if "SecretString" in each)
        return ""

    @property
    def _socket_api(self) -> str:
        apis = self.of_type("AWS::ApiGatewayV2::Api").items()
        return next(name for name, each in apis if each["ProtocolType"] == "WEBSOCKET")

    @property
    def machine_role(self) -> str:
        return str(self.functions["workflows"]["Environment"]["Variables"]["FLOWKER_STATE_MACHINE_ROLE"])

    @property
    def scheduler_role(self) -> str:
        return str(self.functions["run_node"]["Environment"]["Variables"]["FLOWKER_SCHEDULER_ROLE"])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
