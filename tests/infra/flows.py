"""What people do with Flowker, broad enough that every function makes every kind of AWS call that it ever makes."""

from typing import Any

from tests.infra.recording import Deployment
from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    edge,
    execute,
    executor,
    payment_validation,
    set_output,
    trigger,
    unique,
    workflow,
)
from tests.servers import Api, expect

LARGE = "x" * 200_000
"""More than an item holds beside others: it goes to the bucket."""
ROLE = "arn:aws:iam::123456789012:role/flowker-provider-archive"
LISTS = ("createdAt", "updatedAt", "name")


def _walk(api: Api, path: str, **query: str) -> None:
    """Two pages of a list."""
    page = expect(api.get(path, params={"limit": "2", **query}), 200)
    if page["hasMore"]:
        expect(api.get(path, params={"limit": "2", "cursor": page["nextCursor"]}), 200)


def _provider_configurations(deployment: Deployment, provider: Provider) -> None:
    api, route = deployment.api, "/v1/provider-configurations"
    one = create_configuration(api, provider.url, auth={"type": "bearer", "config": {"token": "s3cret"}})
    large = create_configuration(api, provider.url, headers={"X-Large": LARGE})
    for name in (one, large):
        expect(api.get(f"{route}/{name}"), 200)
        expect(
            api.patch(f"{route}/{name}", {"name": unique("renamed"), "config": {"base_url": provider.url}}),
            200,
        )
    for sort in LISTS:
        _walk(api, route, sortBy=sort)
    _walk(api, route, status="active")
    expect(api.post(f"{route}/{one}/test"), 200)
    expect(api.post(f"{route}/{_archive(api, provider)}/test"), 200)
    expect(api.post(f"{route}/{one}/disable"), 200)
    expect(api.post(f"{route}/{one}/enable"), 200)
    expect(api.delete(f"{route}/{large}"), 204)
    expect(api.get(f"{route}/{large}"), 404)
    expect(api.post(route, {}), 400)


def _archive(api: Api, provider: Provider) -> str:
    """A provider that is called with the session of a role."""
    config = {"region": "eu-central-1", "bucket": "ledger", "endpoint_url": provider.url, "role_arn": ROLE}
    body = {"name": unique("archive"), "providerId": "s3", "config": config}
    return str(expect(api.post("/v1/provider-configurations", body), 201)["id"])


def _executors(deployment: Deployment, provider: Provider) -> None:
    api, route = deployment.api, "/v1/executors"
    made = []
    for token in ("s3cret", LARGE):
        body = {
            "name": unique("executor"),
            "baseUrl": provider.url,
            "endpoints": [{"name": "score", "path": "/score", "method": "POST"}],
            "authentication": {"type": "bearer", "config": {"token": token}},
        }
        made.append(expect(api.post(route, body), 201)["id"])
        expect(api.get(f"{route}/{made[-1]}"), 200)
        expect(api.patch(f"{route}/{made[-1]}", body | {"name": unique("renamed")}), 200)
    for sort in LISTS:
        _walk(api, route, sortBy=sort)
    one, other = made
    expect(api.post(f"{route}/{one}/test"), 200)
    expect(api.post(f"{route}/{one}/activate"), 200)
    expect(api.post(f"{route}/{one}/disable"), 200)
    expect(api.post(f"{route}/{one}/enable"), 200)
    expect(api.delete(f"{route}/{other}"), 204)
    draft = expect(api.post(route, {"name": unique("draft")}), 201)["id"]
    api.post(f"{route}/{draft}/configure")
    expect(api.post(route, {}), 400)


def _catalog(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    for path in ("executors", "triggers", "providers", "templates", "templates/tracer-midaz-validation"):
        assert api.get(f"/v1/catalog/{path}").status_code == 200
    api.post("/v1/catalog/templates/tracer-midaz-validation/validate", {"params": {}})
    api.post("/v1/catalog/executors/http/validate", {"config": {}})
    template: dict[str, Any] = {"templateId": "tracer-midaz-validation", "params": _template(api, provider)}
    expect(api.post("/v1/workflows/from-template", template), 201)


def _template(api: Api, provider: Provider) -> dict[str, Any]:
    tracer = {"base_url": provider.url, "api_key": "hunter2-hunter2"}
    midaz = {
        "onboarding_base_url": provider.url,
        "transaction_base_url": provider.url,
        "organization_id": "acme",
        "ledger_id": "main",
    }
    ids = [
        expect(
            api.post(
                "/v1/provider-configurations", {"name": unique(kind), "providerId": kind, "config": config}
            ),
            201,
        )["id"]
        for kind, config in (("tracer", tracer), ("midaz", midaz))
    ]
    return {
        "workflowName": unique("from template"),
        "tracerProviderConfigId": ids[0],
        "midazProviderConfigId": ids[1],
        "webhookPath": f"/{unique('hook')}",
    }


def _with_executor(api: Api, provider: Provider) -> dict[str, Any]:
    """A workflow whose node refers to both kinds of configurations."""
    body = {
        "name": unique("executor"),
        "baseUrl": provider.url,
        "endpoints": [{"name": "score", "path": "/score", "method": "POST"}],
        "authentication": {"type": "bearer", "config": {"token": LARGE[:60_000]}},
    }
    configuration = expect(api.post("/v1/executors", body), 201)["id"]
    for verb in ("test", "activate"):
        expect(api.post(f"/v1/executors/{configuration}/{verb}"), 200)
    node = executor(
        "score",
        create_configuration(api, provider.url),
        executorConfigId=configuration,
        endpointName="score",
    )
    del node["data"]["path"]
    return chain(trigger(), node)


def _workflows(deployment: Deployment, provider: Provider) -> None:
    api, route = deployment.api, "/v1/workflows"
    configuration = create_configuration(api, provider.url)
    small = payment_validation(configuration, f"/{unique('hook')}")
    large = payment_validation(configuration, f"/{unique('hook')}") | {"metadata": {"large": LARGE}}
    for document in (small, large, _with_executor(api, provider)):
        one = create_workflow(api, document)
        expect(api.get(f"{route}/{one}"), 200)
        expect(api.put(f"{route}/{one}", document | {"name": unique("renamed")}), 200)
        expect(api.post(f"{route}/{one}/activate"), 200)
        expect(api.post(f"{route}/{one}/clone", {"name": unique("clone")}), 201)
        expect(api.post(f"{route}/{one}/deactivate"), 200)
        expect(api.post(f"{route}/{one}/draft"), 200)
        expect(api.delete(f"{route}/{one}"), 204)
    for _ in range(3):
        create_workflow(api, small | {"name": unique("listed")})
    for sort in LISTS:
        _walk(api, route, sortBy=sort)
    _walk(api, route, status="active")
    # What is too large for an item is kept in the bucket: a graph when it is activated, and what it refers to.
    heavy = create_configuration(api, provider.url, headers={"X-Large": LARGE[:60_000]})
    many = [set_output(f"n{number}", note=LARGE[:3000]) for number in range(40)]
    workflow = activate(api, chain(trigger(), executor("ask", heavy), *many))
    execution = execute(api, workflow, {})
    deployment.run(execution)
    assert api.results(execution)["stepResults"]
    expect(api.get(f"{route}/{configuration}"), 404)
    expect(api.post(route, {}), 400)


def _executions(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    configuration = create_configuration(api, provider.url)
    large = "workflow.large"
    workflow = activate(
        api,
        chain(
            trigger(),
            executor("ask", configuration, inputMapping=[{"source": "workflow.amount", "target": "amount"}]),
            executor(
                "echo", configuration, path="/echo", inputMapping=[{"source": large, "target": "large"}]
            ),
            executor("put", _archive(api, provider), executorId="s3.put-object", key="k", body="text"),
            set_output("done", decision="${ask.score}"),
        ),
    )
    for data in ({"amount": 100, "large": "small"}, {"amount": 100, "large": LARGE}):
        key = unique("key")
        execution = execute(api, workflow, data, key)
        again = {"inputData": data}
        path = f"/v1/workflows/{workflow}/executions"
        expect(api.post(path, again, headers={"Idempotency-Key": key}), 200)
        deployment.run(execution)
        results = api.results(execution)
        assert results["status"] == "completed", results
        expect(api.get(f"/v1/executions/{execution}"), 200)
    for query in (
        {"sortBy": "startedAt"},
        {"sortBy": "completedAt"},
        {"status": "completed"},
        {"status": "running"},
        {"workflowId": workflow},
        {"workflowId": workflow, "sortBy": "completedAt"},
    ):
        _walk(api, "/v1/executions", **query)
    with_executor = activate(api, _with_executor(api, provider))
    deployment.run(execute(api, with_executor, {}))
    expect(api.post(f"/v1/workflows/{workflow}/deactivate"), 200)
    for name, status in ((key, 200), (unique("key"), 422)):
        path, body = f"/v1/workflows/{workflow}/executions", {"inputData": data}
        expect(api.post(path, body, headers={"Idempotency-Key": name}), status)


def _failures(deployment: Deployment, provider: Provider) -> None:
    """Executions that fail by their provider, again and again, until its circuit breaker opens; and one that is given up by
    its state machine."""
    api = deployment.api
    configuration = create_configuration(api, provider.url)
    failing = activate(api, chain(trigger(), executor("ask", configuration, path="/status/503")))
    for _ in range(2):
        execution = execute(api, failing, {})
        deployment.run(execution)
        assert api.results(execution)["status"] == "failed"
    deployment.clock.advance(60)
    deployment.run(execute(api, failing, {}))
    aborted = execute(api, failing, {})
    deployment.invoke("record_execution", {"detail": {"name": aborted, "status": "ABORTED"}})
    assert api.results(aborted)["status"] == "failed"


def _cancelled(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    workflow = activate(api, chain(trigger(), set_output("done", decision="yes")))
    expect(api.post(f"/v1/executions/{execute(api, workflow, {})}/cancel"), 200)


def _webhooks(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    path = f"/{unique('hook')}"
    activate(api, payment_validation(create_configuration(api, provider.url), path))
    for data in ({"amount": 1}, {"amount": 1, "large": LARGE}):
        key = {"Idempotency-Key": unique("key")}
        api.post(f"/v1/webhooks{path}", data, headers=key)
        answer = api.post(f"/v1/webhooks{path}", data, headers=key | {"Prefer": "wait=1"})
        deployment.run(expect(answer, 200)["executionId"])
    expect(api.post(f"/v1/webhooks/{unique('nowhere')}", {}), 404)


def _schedules(deployment: Deployment, provider: Provider) -> None:
    """Made, made again while the timer of a failed activation is there, due, told twice, and gone with the activation."""
    api = deployment.api
    data = {"triggerType": "schedule", "schedule": "0 0 1 1 *", "input": {"large": "x" * 60_000}}
    path = f"/{unique('hook')}"
    taken = activate(api, chain(trigger(path=path, method="POST"), set_output("done", decision="yes")))
    hook, yearly = trigger("hook", path=path, method="POST"), trigger("yearly", **data)
    done = set_output("done", decision="yes")
    ways = [edge(each["id"], "done") for each in (hook, yearly)]
    one = create_workflow(api, workflow([hook, yearly, done], ways))
    expect(api.post(f"/v1/workflows/{one}/activate"), 409)
    expect(api.post(f"/v1/workflows/{taken}/deactivate"), 200)
    expect(api.post(f"/v1/workflows/{one}/activate"), 200)
    event = {"ownerId": one, "scheduleId": "yearly", "setAt": "2026-01-01T00:00:00.000Z"}
    for year in (2027, 2028):
        due = {**event, "scheduledFor": f"{year}-01-01T00:00:00Z"}
        started = deployment.invoke("run_schedule", due)["executionId"]
        assert deployment.invoke("run_schedule", due) == {"executionId": started}
        deployment.run(started)
        assert api.results(started)["status"] == "completed"
    expect(api.post(f"/v1/workflows/{one}/deactivate"), 200)
    assert deployment.invoke("run_schedule", due) == {"executionId": None}


def _lost_executions(deployment: Deployment, provider: Provider) -> None:
    """One that was accepted but never got going, and one whose end nobody told."""
    api = deployment.api
    configuration = create_configuration(api, provider.url)
    workflow = activate(
        api, chain(trigger(), executor("ask", configuration), executor("again", configuration))
    )
    execute(api, workflow, {})
    begun = execute(api, workflow, {"large": LARGE})
    task = {"executionId": begun, **_task_of(begun), "node": "ask"}
    deployment.invoke("run_node", task)
    deployment.clock.advance(3600)
    done = deployment.invoke("reconcile", {})
    assert done["started"] >= 1
    assert done["ended"] == 1
    assert done["chained"] >= 1


def _express(deployment: Deployment, provider: Provider) -> None:
    """The one thing that Express needs more: a start is noted, whoever makes it."""
    api = deployment.api
    deployment.set_engine("express")
    path = f"/{unique('hook')}"
    workflow = activate(api, payment_validation(create_configuration(api, provider.url), path))
    execute(api, workflow, {})
    expect(api.post(f"/v1/webhooks{path}", {"amount": 1}), 201)


def _unused_machines(deployment: Deployment, provider: Provider) -> None:
    """Of a workflow that is active no more: a day later nobody is found to use it, another day later it is deleted."""
    api = deployment.api
    workflow = activate(api, chain(trigger(), set_output("unused", decision="yes")))
    expect(api.post(f"/v1/workflows/{workflow}/deactivate"), 200)
    collected = []
    for _ in range(2):
        deployment.clock.advance(24 * 3600)
        collected.append(deployment.invoke("reconcile", {})["collected"])
    assert collected == [0, 1]


def _task_of(execution_id: str) -> dict[str, str]:
    from flowker import wiring

    launch = wiring.execution_store().get(execution_id).launch
    return {"revision": launch.revision, "entry": launch.entry}


def _audit(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    workflow = activate(api, chain(trigger(), set_output("done", decision="yes")))
    execute(api, workflow, {})
    deployment.deliver()
    events = expect(api.get("/v1/audit-events", params={"limit": "5"}), 200)["items"]
    for query in ({"resourceId": events[0]["resourceId"]}, {"result": "FAILED"}, {"sortOrder": "ASC"}):
        expect(api.get("/v1/audit-events", params=query), 200)
    expect(api.get(f"/v1/audit-events/{events[0]['eventId']}"), 200)
    expect(api.get(f"/v1/audit-events/{events[0]['eventId']}/verify"), 200)
    assert api.get("/v1/audit-events/export").status_code == 200


def _dashboards(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    create_configuration(api, provider.url)
    expect(api.get("/v1/dashboards/workflows/summary"), 200)
    expect(api.get("/v1/dashboards/executions"), 200)
    span = {"startTime": "2026-03-01T09:00:30Z", "endTime": "2026-03-01T12:00:30Z"}
    expect(api.get("/v1/dashboards/executions", params=span), 200)


def _public(deployment: Deployment, provider: Provider) -> None:
    api = deployment.api
    expect(api.get("/health"), 200)
    expect(api.get("/readyz"), 200)
    expect(api.get("/version"), 200)
    assert api.get("/swagger/openapi.json").status_code in (200, 404)
    expect(api.get("/nowhere"), 404)


FLOWS = (
    _provider_configurations,
    _executors,
    _catalog,
    _workflows,
    _executions,
    _failures,
    _cancelled,
    _webhooks,
    _schedules,
    _lost_executions,
    _express,
    _unused_machines,
    _audit,
    _dashboards,
    _public,
)
"""Each is played on an empty deployment."""
