"""Every error that Flowker can answer with: one class per code, and the only list of codes (Flowker spec, section b).

    FlowkerError                code, message, fields?
      BadRequest                the request is malformed or violates a field rule
      Unauthorized              the caller did not identify itself
      Forbidden                 the caller may not do this
      NotFound                  the thing named does not exist
      MethodNotAllowed          the route exists, the method does not
      Conflict                  the thing changed, or its name, key or route is taken
      TooLarge                  the body exceeds 1 MiB
      Unprocessable             well-formed, but not possible in this state or with this meaning
      TooMany                   the caller asks too often; try again later
      Unavailable               a dependency is throttled or down; try again
    NodeError                   what running a node may raise; the class names are matched by the state machine
      ProviderUnavailable       transient: the state machine retries; a subclass for each wait says how soon
      NodeFailed                final: the execution has been recorded as failed

Longer than other modules, because it is the only list. Only `http/problems.py` knows how a family maps to an HTTP
status. `docs/reference/errors.md` lists every code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a graph: its code, a sentence, and a JSON pointer into the workflow document, or a path in a flow's
    YAML with the line and column of its text, which count from 1."""

    code: str
    message: str
    pointer: str
    line: int | None = None
    column: int | None = None


class FlowkerError(Exception):
    """Base of all coded errors. `fields` maps a field's name to what is wrong with it."""

    code: ClassVar[str] = "FLK-9999"

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
        diagnostics: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        self.diagnostics = tuple(diagnostics)


class BadRequest(FlowkerError):
    """The request is malformed or violates a field rule."""


class Unauthorized(FlowkerError):
    """The API key is absent or wrong."""

    code = "UNAUTHORIZED"


class Forbidden(FlowkerError):
    """The caller is known, but its role or ownership forbids it."""

    code = "FORBIDDEN"


class NotFound(FlowkerError):
    """The thing named does not exist."""


class MethodNotAllowed(FlowkerError):
    """The route exists, the method does not."""

    code = "FLK-0302"


class Conflict(FlowkerError):
    """The thing changed meanwhile, or its name, key or route is taken."""


class TooLarge(FlowkerError):
    """The body exceeds 1 MiB."""


class Unprocessable(FlowkerError):
    """Well-formed, but impossible in this state or with this meaning."""


class TooMany(FlowkerError):
    """The caller asks too often. `retry_after` is in whole seconds."""

    retry_after: int = 60


class Unavailable(FlowkerError):
    """A dependency is throttled or down. `retry_after` is in whole seconds."""

    retry_after: ClassVar[int] = 1


# --- generic -------------------------------------------------------------------------------------------------------


class InvalidBody(BadRequest):
    """The body is missing, too deeply nested, not a JSON object, or has a field of the wrong type or length."""

    code = "FLK-0001"


class InvalidId(BadRequest):
    """An identifier in the path or the query is not a UUID."""

    code = "FLK-0002"


class InvalidQuery(BadRequest):
    """A query parameter has a value that the list does not know, or the cursor is not one that the list gave out."""

    code = "FLK-0304"


class InvalidPageLimit(BadRequest):
    """`limit` is outside 1 to 100."""

    code = "FLK-0309"


class InvalidSortOrder(BadRequest):
    """`sortOrder` is neither ASC nor DESC."""

    code = "FLK-0310"


class ChangedConcurrently(Conflict):
    """Another change was faster; read it again and decide anew."""

    code = "FLK-0350"


class UnknownRoute(NotFound):
    """There is no such route."""

    code = "FLK-0400"


class UnknownSchema(FlowkerError):
    """What is stored was written by another version of Flowker; the log says what. No client can do anything about it."""


class StoreUnavailable(Unavailable):
    """The store refused for load or conflict after all retries."""

    code = "FLK-0801"


# --- workflows -----------------------------------------------------------------------------------------------------


class WorkflowNotFound(NotFound):
    """The workflow does not exist."""

    code = "FLK-0100"


class WorkflowNameTaken(Conflict):
    """Another workflow has this name."""

    code = "FLK-0101"


class WorkflowTransitionNotAllowed(Unprocessable):
    """The workflow's status does not allow this transition."""

    code = "FLK-0102"


class WorkflowNotEditable(Unprocessable):
    """Only drafts can be changed, and active workflows cannot be deleted."""

    code = "FLK-0103"


class UnknownExecutorInNode(NotFound):
    """A node names an executor that is not in the catalog."""

    code = "FLK-0104"


class InvalidCondition(Unprocessable):
    """A conditional node has no condition, or a condition cannot be parsed."""

    code = "FLK-0105"


class WorkflowNameMissing(BadRequest):
    """The workflow's name is missing or blank."""

    code = "FLK-0110"


class WorkflowNameTooLong(BadRequest):
    """The workflow's name has more than 100 characters."""

    code = "FLK-0111"


class WorkflowWithoutNodes(Unprocessable):
    """A workflow without nodes cannot be activated."""

    code = "FLK-0112"


class TooManyNodes(BadRequest):
    """The workflow has more than 100 nodes."""

    code = "FLK-0113"


class TooManyEdges(BadRequest):
    """The workflow has more than 200 edges."""

    code = "FLK-0114"


class UnknownEdgeEnd(BadRequest):
    """An edge starts or ends at something that is not a node of the workflow."""

    code = "FLK-0115"


class WorkflowWithoutTrigger(Unprocessable):
    """A workflow without a trigger node cannot be activated."""

    code = "FLK-0116"


class InvalidNodeId(BadRequest):
    """A node's id is missing, used twice, or cannot be referred to."""

    code = "FLK-0120"


class InvalidNodeType(BadRequest):
    """A node's type is missing or unknown."""

    code = "FLK-0121"


class InvalidEdgeId(BadRequest):
    """An edge's id is missing or used twice."""

    code = "FLK-0130"


class EdgeSourceMissing(BadRequest):
    """An edge has no source."""

    code = "FLK-0131"


class EdgeTargetMissing(BadRequest):
    """An edge has no target."""

    code = "FLK-0132"


class InvalidInputMapping(BadRequest):
    """A node's `inputMapping` is invalid."""

    code = "FLK-0140"


class InvalidOutputMapping(BadRequest):
    """A node's `outputMapping` is invalid."""

    code = "FLK-0141"


class InvalidTransforms(BadRequest):
    """A node's `transforms` are invalid."""

    code = "FLK-0142"


class InvalidProviderReference(BadRequest):
    """A node's provider or executor configuration is not named by a UUID, does not exist, or is out of use."""

    code = "FLK-0150"


class ProviderMismatch(BadRequest):
    """A node's executor belongs to another provider than its provider configuration."""

    code = "FLK-0151"


class CyclicGraph(Unprocessable):
    """The nodes after a trigger form a cycle."""

    code = "FLK-0508"


class DefinitionTooLarge(Unprocessable):
    """The compiled state machine exceeds a limit of Step Functions."""

    code = "FLK-0106"


# --- catalog -------------------------------------------------------------------------------------------------------


class ExecutorNotFound(NotFound):
    """The catalog has no such executor."""

    code = "FLK-0200"


class InvalidExecutorConfig(BadRequest):
    """A node names no executor, or a configuration violates the executor's schema."""

    code = "FLK-0201"


class TriggerNotFound(NotFound):
    """The catalog has no such trigger."""

    code = "FLK-0210"


class InvalidTriggerConfig(Unprocessable):
    """A trigger node violates the trigger's schema."""

    code = "FLK-0211"


class ProviderNotFound(NotFound):
    """The catalog has no such provider."""

    code = "FLK-0230"


class TemplateNotFound(NotFound):
    """The catalog has no such template."""

    code = "FLK-0240"


class InvalidTemplateParameters(BadRequest):
    """The parameters violate the template's schema."""

    code = "FLK-0242"


class TemplateFailed(FlowkerError):
    """The template could not make a workflow of parameters that satisfy its schema. It has been logged."""

    code = "FLK-0243"


# --- executor configurations -----------------------------------------------------------------------------------------


class ExecutorConfigurationNotFound(NotFound):
    """The executor configuration does not exist."""

    code = "FLK-0250"


class ExecutorConfigurationNameTaken(Conflict):
    """Another executor configuration has this name."""

    code = "FLK-0251"


class ExecutorConfigurationTransitionNotAllowed(Unprocessable):
    """The executor configuration's status does not allow this."""

    code = "FLK-0252"


class ExecutorConfigurationNameMissing(BadRequest):
    """The executor configuration's name is missing or blank."""

    code = "FLK-0260"


class ExecutorConfigurationNameTooLong(BadRequest):
    """The executor configuration's name has more than 100 characters."""

    code = "FLK-0261"


class BaseUrlMissing(BadRequest):
    """`baseUrl` is missing or blank."""

    code = "FLK-0262"


class InvalidBaseUrl(BadRequest):
    """`baseUrl` is not an absolute http or https URL, or contains credentials."""

    code = "FLK-0263"


class BaseUrlTooLong(BadRequest):
    """`baseUrl` has more than 500 characters."""

    code = "FLK-0264"


class EndpointsMissing(BadRequest):
    """`endpoints` is missing or empty."""

    code = "FLK-0265"


class AuthenticationMissing(BadRequest):
    """`authentication` is missing; where none is needed, its type is `none`."""

    code = "FLK-0266"


class ExecutorConfigurationDescriptionTooLong(BadRequest):
    """The executor configuration's description has more than 500 characters."""

    code = "FLK-0267"


class AuthenticationTypeMissing(BadRequest):
    """`authentication.type` is missing or blank."""

    code = "FLK-0268"


class InvalidAuthenticationType(BadRequest):
    """`authentication.type` is unknown."""

    code = "FLK-0269"


class EndpointNameMissing(BadRequest):
    """An endpoint's name is missing or blank."""

    code = "FLK-0270"


class EndpointPathMissing(BadRequest):
    """An endpoint's path is missing or blank."""

    code = "FLK-0271"


class EndpointMethodMissing(BadRequest):
    """An endpoint's method is missing or blank."""

    code = "FLK-0272"


class InvalidEndpointMethod(BadRequest):
    """An endpoint's method is unknown."""

    code = "FLK-0273"


# --- provider configurations -----------------------------------------------------------------------------------------


class ProviderConfigurationNotFound(NotFound):
    """The provider configuration does not exist."""

    code = "FLK-0290"


class ProviderConfigurationNameTaken(Conflict):
    """Another provider configuration has this name."""

    code = "FLK-0291"


class ProviderConfigurationTransitionNotAllowed(Unprocessable):
    """The provider configuration already has this status."""

    code = "FLK-0292"


class ProviderConfigurationInUse(ProviderConfigurationTransitionNotAllowed):
    """An active workflow uses it, so it cannot be deleted."""


class ProviderConfigViolatesSchema(Unprocessable):
    """`config` violates the provider's schema."""

    code = "FLK-0293"


class UnknownProvider(NotFound):
    """`providerId` is not in the catalog."""

    code = "FLK-0294"


class ProviderConfigurationNameMissing(BadRequest):
    """The provider configuration's name is missing or blank."""

    code = "FLK-0295"


class ProviderConfigurationNameTooLong(BadRequest):
    """The provider configuration's name has more than 100 characters."""

    code = "FLK-0296"


class ProviderIdMissing(BadRequest):
    """`providerId` is missing or blank."""

    code = "FLK-0297"


class ProviderConfigMissing(BadRequest):
    """`config` is missing or empty."""

    code = "FLK-0298"


class ProviderConfigurationDescriptionTooLong(BadRequest):
    """The provider configuration's description has more than 500 characters."""

    code = "FLK-0299"


class NoBaseUrl(Unprocessable):
    """The configuration has no base URL that could be called, so there is nothing to test."""

    code = "FLK-0340"


class DestinationRefused(Unprocessable):
    """The base URL leads where no calls may go, or its host name cannot be resolved, so nothing was tested."""

    code = "FLK-0341"


# --- executions and webhooks -----------------------------------------------------------------------------------------


class WebhookRouteTaken(Conflict):
    """Another active workflow has registered this webhook's method and path."""

    code = "FLK-0360"


class WebhookRouteNotFound(NotFound):
    """No active workflow has registered this webhook."""

    code = "FLK-0361"


class WebhookTokenInvalid(Unauthorized):
    """`X-Webhook-Token` is missing or wrong."""

    code = "FLK-0362"


class WebhookBodyTooLarge(TooLarge):
    """The body of a webhook delivery exceeds 1 MiB."""

    code = "FLK-0363"


class ExecutionNotFound(NotFound):
    """The execution does not exist."""

    code = "FLK-0500"


class WorkflowNotActive(Unprocessable):
    """Only active workflows can be executed."""

    code = "FLK-0501"


class ExecutionNotFinished(Unprocessable):
    """The results of an execution can be read when it has ended."""

    code = "FLK-0502"


class IdempotencyKeyReused(Conflict):
    """The idempotency key has been used for another request."""

    code = "FLK-0505"


class ExecutionBodyTooLarge(TooLarge):
    """The body exceeds 1 MiB."""

    code = "FLK-0506"


class IdempotencyKeyInvalid(BadRequest):
    """`Idempotency-Key` is absent, blank, longer than 255 characters or not printable."""

    code = "FLK-0509"


class ExecutionAlreadyEnded(Unprocessable):
    """An execution that has ended cannot be cancelled."""

    code = "FLK-0511"


# --- dashboards and audit --------------------------------------------------------------------------------------------


class InvalidDashboardFilter(BadRequest):
    """A date or a status that a dashboard cannot filter by."""

    code = "FLK-0302"


class InvalidDate(BadRequest):
    """A date is not RFC 3339 with a time zone."""

    code = "FLK-0305"


class InvalidDateOrder(BadRequest):
    """The first date is after the second."""

    code = "FLK-0308"


class AuditEventNotFound(NotFound):
    """The audit trail has no such event, or not yet: events are chained within seconds."""

    code = "FLK-0600"


class AuditEntryUnreadable(FlowkerError):
    """An entry of the audit trail was changed after it was written and cannot be read any more; verifying tells which."""

    code = "FLK-0612"


class InvalidAuditEventType(BadRequest):
    """No event has this type."""

    code = "FLK-0601"


class InvalidAuditAction(BadRequest):
    """No event has this action."""

    code = "FLK-0602"


class InvalidAuditResult(BadRequest):
    """No event has this result."""

    code = "FLK-0603"


class InvalidAuditResourceType(BadRequest):
    """No event is about a resource of this type."""

    code = "FLK-0605"


class InvalidAuditCursor(BadRequest):
    """The cursor is not one that the audit trail has given out."""

    code = "FLK-0610"


# --- accounts, secrets and flows (the face that shows a family's name instead of these codes) ------------------------


class LoginFailed(Unauthorized):
    """No account has this e-mail address with this password."""

    code = "FLR-0001"


class TokenRefused(Unauthorized):
    """There is no bearer token, or it is malformed, expired or revoked."""

    code = "FLR-0002"


class LoginThrottled(TooMany):
    """Too many failed logins for this e-mail address or from this address."""

    code = "FLR-0003"


class NotPermitted(Forbidden):
    """Only an admin, or the account itself, may do this."""

    code = "FLR-0004"


class AccountNotFound(NotFound):
    """There is no such account."""

    code = "FLR-0100"


class InvalidAccount(Unprocessable):
    """A field of an account has a value that cannot be accepted."""

    code = "FLR-0101"


class EmailTaken(Conflict):
    """Another account has this e-mail address."""

    code = "FLR-0102"


class LastAdmin(Conflict):
    """The last admin can neither be deleted nor lose its role."""

    code = "FLR-0103"


class SecretNotFound(NotFound):
    """The account has no secret of this name."""

    code = "FLR-0150"


class InvalidSecret(Unprocessable):
    """The name or the value of a secret cannot be accepted."""

    code = "FLR-0151"


class FlowNotFound(NotFound):
    """The account has no such flow."""

    code = "FLR-0200"


class InvalidFlow(Unprocessable):
    """The YAML or the flow in it has problems; all of them are listed."""

    code = "FLR-0201"


class InvalidSearch(Unprocessable):
    """A condition or a page of a search for flows has a value that cannot be accepted."""

    code = "FLR-0202"


class RunNotFound(NotFound):
    """The account has no such execution."""

    code = "FLR-0300"


class RunEnded(Conflict):
    """The execution has already ended."""

    code = "FLR-0301"


class SignalNotAwaited(Conflict):
    """The execution does not wait for this signal, or has it already."""

    code = "FLR-0302"


class TicketUsed(Unauthorized):
    """The ticket for a socket is unknown, expired or was used before."""

    code = "FLR-0303"


# --- injected faults, for tests of clients ---------------------------------------------------------------------------


class InjectedTimeout(FlowkerError):
    """The request asked for a timeout, where fault injection is enabled."""

    code = "FLK-0800"


class InjectedUnavailability(StoreUnavailable):
    """The request asked for unavailability, where fault injection is enabled."""


# --- connectivity tests ----------------------------------------------------------------------------------------------

UNREACHABLE = "FLK-0280"
AUTHENTICATION_REFUSED = "FLK-0281"
REQUEST_NOT_BUILT = "FLK-0282"
END_TO_END_FAILED = "FLK-0283"


# --- running nodes ---------------------------------------------------------------------------------------------------

EXECUTION_TIMED_OUT = "FLK-0503"
NODE_FAILED = "FLK-0504"
CIRCUIT_OPEN = "FLK-0507"
CYCLE = "FLK-0508"
EXECUTION_CANCELLED = "FLK-0510"


class NodeError(Exception):
    """What running a node may raise. State machines match the class names: renaming one breaks deployed definitions."""


class ProviderUnavailable(NodeError):
    """A transient failure of the outside world; the state machine retries the task after so many seconds."""

    seconds: ClassVar[int]


class ProviderUnavailableFor1s(ProviderUnavailable):
    """Again in a second."""

    seconds = 1


class ProviderUnavailableFor2s(ProviderUnavailable):
    """Again in 2 seconds."""

    seconds = 2


class ProviderUnavailableFor4s(ProviderUnavailable):
    """Again in 4 seconds."""

    seconds = 4


class ProviderUnavailableFor8s(ProviderUnavailable):
    """Again in 8 seconds, the longest wait."""

    seconds = 8


PROVIDER_UNAVAILABLE: tuple[type[ProviderUnavailable], ...] = (
    ProviderUnavailableFor1s,
    ProviderUnavailableFor2s,
    ProviderUnavailableFor4s,
    ProviderUnavailableFor8s,
)
"""By how long they wait. A retrier cannot take its delay from an error, so each delay has a name of its own."""


class NodeRetry(NodeError):
    """A node of a flow failed and is to be tried again, as its `retry` says."""


class NodeFailed(NodeError):
    """The node failed for good and the execution has been recorded as failed."""


def error_for(code: str) -> type[FlowkerError]:
    """The class of a code. Raises `KeyError` for a code without one."""
    return _BY_CODE[code]


def _classes(base: type[FlowkerError]) -> list[type[FlowkerError]]:
    return [base, *(found for child in base.__subclasses__() for found in _classes(child))]


_BY_CODE = {found.code: found for found in _classes(FlowkerError) if "code" in vars(found)}
