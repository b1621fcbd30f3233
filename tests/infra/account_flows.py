"""What people do with the second face: accounts, secrets, flows, their runs, and sockets that follow them."""

from typing import Any

from flowker.model.instant import instant
from flowker.wiring.accounts import account_store
from flowker.wiring.runs import run_store
from tests.flow_samples import flow
from tests.infra.recording import Deployment
from tests.provider import Provider
from tests.samples import chain, create_configuration, create_workflow, set_output, trigger, unique
from tests.servers import ADMIN, PASSWORD, Api, expect

LARGE = "x" * 200_000
"""More than an item holds beside others: it goes to the bucket."""


def _log_in(deployment: Deployment, email: str = ADMIN) -> tuple[Api, str]:
    """A client, and the id of its account."""
    session = expect(
        deployment.api.post("/api/v1/auth/login", {"username": email, "password": PASSWORD}), 200
    )
    return deployment.as_account(session["token"]), session["account_id"]


def _tenant(deployment: Deployment, by: Api) -> tuple[Api, str, str]:
    email = f"{unique('tenant')}@example.com"
    body = {"name": "Tenant", "email": email, "password": PASSWORD}
    account = expect(by.post("/api/v1/accounts", body), 201)["id"]
    api, _ = _log_in(deployment, email)
    return api, account, email


def _flow(api: Api, nodes: dict[str, Any]) -> str:
    created = expect(api.post("/api/v1/flows", {"name": unique("flow"), "definition": flow(nodes)}), 201)
    return str(created["id"])


def _start(api: Api, flow_id: str, data: Any = None, **headers: str) -> str:
    body = {"input": data or {}}
    return str(api.post(f"/api/v1/flows/{flow_id}/run", body, headers=headers).json()["execution_id"])


def _transform(script: str, **then: str) -> dict[str, Any]:
    return {"type": "transform", "params": {"script": script}, **({"next": then} if then else {})}


def accounts(deployment: Deployment, provider: Provider) -> None:
    """Also failures, and everything that a bearer token opens."""
    chief, own = _log_in(deployment)
    deployment.api.post("/api/v1/auth/login", {"username": ADMIN, "password": "wrong"})
    expect(chief.post("/api/v1/auth/refresh"), 200)
    tenant, account, email = _tenant(deployment, chief)
    expect(chief.get("/api/v1/accounts"), 200)
    for path in (account, own, "me"):
        expect(chief.get(f"/api/v1/accounts/{path}"), 200)
    expect(tenant.put("/api/v1/accounts/me", {"name": "Renamed", "email": f"new-{email}"}), 200)
    expect(chief.put(f"/api/v1/accounts/{account}", {"role": "admin"}), 200)
    expect(chief.put(f"/api/v1/accounts/{account}", {"role": "user"}), 200)
    changed = {"password": PASSWORD + "!", "current_password": "wrong"}
    chief.put("/api/v1/accounts/me", changed)
    for path in (
        "workflows", "executions", "provider-configurations", "executors", "catalog/providers",
        "dashboards/workflows/summary", "audit-events", "nowhere",
    ):  # fmt: skip
        assert chief.get(f"/v1/{path}").status_code in (200, 404)
    assert chief.post("/v1/webhooks/nowhere", {}).status_code == 404
    expect(tenant.post("/api/v1/auth/logout"), 401)
    again, _ = _log_in(deployment, f"new-{email}")
    expect(again.post("/api/v1/auth/logout"), 200)
    assert chief.get(f"/api/v1/executions/exec-{own}").status_code == 404


def secrets(deployment: Deployment, provider: Provider) -> None:
    chief, own = _log_in(deployment)
    path = f"/api/v1/accounts/{own}/secrets"
    for value in ("one", "two"):
        assert chief.post(path, {"key": "TOKEN", "value": value}).status_code in (200, 201)
    expect(chief.get(path), 200)
    expect(chief.get(f"{path}/TOKEN"), 200)
    expect(chief.put(f"{path}/TOKEN", {"value": "three"}), 200)
    expect(chief.delete(f"{path}/TOKEN"), 200)


def flows(deployment: Deployment, provider: Provider) -> None:
    chief, own = _log_in(deployment)
    expect(chief.post(f"/api/v1/accounts/{own}/secrets", {"key": "TOKEN", "value": "v"}), 201)
    small = flow({"one": _transform("return {a: secrets.TOKEN};")})
    long = f"return '{LARGE[:50_000]}';"
    row = {f"n{number}": _transform(long, default=f"n{number + 1}") for number in range(3)}
    large = flow({**row, "n3": _transform(long)})
    for definition in (small, large):
        expect(chief.post("/api/v1/flows/validate", {"definition": definition}), 200)
        body = {"name": unique("flow"), "definition": definition, "tags": ["a"]}
        one = f"/api/v1/flows/{expect(chief.post('/api/v1/flows', body), 201)['id']}"
        expect(chief.get(one), 200)
        expect(chief.put(one, {"definition": definition.replace("1.0.0", "1.1.0")}), 200)
        expect(chief.patch(f"{one}/metadata", {"category": "c"}), 200)
        expect(chief.get(f"{one}/versions"), 200)
        for version in ("1", "1.1.0"):
            expect(chief.get(f"{one}/versions/{version}"), 200)
        expect(chief.get("/api/v1/flows?tag=a&limit=1"), 200)
        expect(chief.post("/api/v1/flows/search", {"name_contains": "f"}), 200)
        expect(chief.delete(one), 200)
        assert chief.get(one).status_code == 404
    expect(chief.post("/api/v1/flows", {"name": "n", "definition": "nodes: ["}), 422)


def runs(deployment: Deployment, provider: Provider) -> None:
    chief, own = _log_in(deployment)
    expect(chief.post(f"/api/v1/accounts/{own}/secrets", {"key": "TOKEN", "value": "v"}), 201)
    called = _flow(chief, {"inner": _transform("return {inner: input};")})
    nodes = {
        "ask": {
            "type": "http.request",
            "params": {"url": f"{provider.url}/echo", "headers": {"Authorization": "${secrets.TOKEN}"}},
            "next": {"default": "count"},
        },
        "count": {
            "type": "store",
            "params": {"operation": "increment", "key": "runs"},
            "next": {"default": "sub"},
        },
        "sub": {"type": "flow", "params": {"flow_id": called}, "next": {"default": "end"}},
        "end": _transform("return {big: 'x'.repeat(input.size || 200000), seen: results.ask};"),
    }
    calling = _flow(chief, nodes)
    for data in ({"size": 5}, {"large": LARGE}):
        key = unique("key")
        run = _start(chief, calling, data, **{"Idempotency-Key": key})
        assert _start(chief, calling, data, **{"Idempotency-Key": key}) == run
        deployment.run(run)
        expect(chief.get(f"/api/v1/executions/{run}"), 200)
        expect(chief.get(f"/api/v1/executions/{run}/logs"), 200)
    for query in ("", "?status=completed", f"?flow_id={calling}"):
        expect(chief.get(f"/api/v1/executions{query}"), 200)
    cancelled = _start(chief, calling)
    expect(chief.delete(f"/api/v1/executions/{cancelled}"), 200)
    expect(chief.delete(f"/api/v1/executions/{cancelled}"), 409)
    failing = _start(chief, _flow(chief, {"fails": _transform("throw new Error('no');")}))
    deployment.run(failing)
    aborted = _start(chief, calling)
    deployment.invoke("record_execution", {"detail": {"name": aborted, "status": "ABORTED"}})
    expect(chief.delete(f"/api/v1/flows/{calling}"), 200)
    _start(chief, calling, data, **{"Idempotency-Key": key})


def signals(deployment: Deployment, provider: Provider) -> None:
    """A run that waits is told something, before and after it listens."""
    chief, _ = _log_in(deployment)
    waiting = _flow(
        chief,
        {
            "wait": {"type": "wait", "params": {"key": "go", "timeout": "10m"}, "next": {"default": "end"}},
            "end": _transform("return input;"),
        },
    )
    for early in (True, False):
        run = _start(chief, waiting)
        revision = run_store().get(run).launch.revision
        task = {"executionId": run, "revision": revision, "node": "wait", "attempt": 0}
        begun = deployment.invoke("run_node", {**task, "at": {"step": "0"}})
        heard = f"/api/v1/executions/{run}/signals/go"
        if early:
            chief.post(heard, {"value": 1})
        listening = {**task, "at": {"step": begun["step"]}, "phase": "listen", "token": "t" * 32}
        deployment.invoke("run_node", listening)
        if not early:
            chief.post(heard, {"value": 1})


def schedules(deployment: Deployment, provider: Provider) -> None:
    """Made, replaced, looked at, due, told twice, deleted, and left behind by a flow and by an account that are gone, with an
    entry of the store."""
    chief, own = _log_in(deployment)
    tenant, account, _ = _tenant(deployment, chief)

    def cron(api: Api, **params: Any) -> None:
        deployment.run(_start(api, _flow(api, {"plan": {"type": "cron", "params": params}})))

    def due(owner: str, minute: int = 0) -> None:
        event = {"ownerId": owner, "scheduleId": "a", "scheduledFor": f"2027-01-01T00:{minute:02}:00Z"}
        deployment.invoke("run_schedule", {**event, "setAt": "2026-01-01T00:00:00.000Z"})

    deployment.set_engine("express")  # what is run on it is noted once more
    called = _flow(chief, {"one": _transform(f"return '{LARGE[:50_000]}';")})
    deployment.set_engine("standard")
    for expression in ("0 0 1 1 *", "0 0 1 2 *"):
        cron(chief, schedule=expression, id="a", flow_id=called, payload={"large": "x" * 60_000})
    for minute in (0, 0, 1):
        due(own, minute)
    cron(chief, operation="list")
    cron(chief, operation="get", id="a")
    cron(chief, operation="delete", id="a")
    due(own)
    cron(chief, schedule="0 0 1 1 *", id="a", flow_id=called)
    expect(chief.delete(f"/api/v1/flows/{called}"), 200)
    due(own, 2)
    cron(tenant, schedule="0 0 1 1 *", id="a")
    for params in (
        {"operation": "set", "key": "gone", "value": 1},
        {"operation": "delete", "key": "gone"},
        {"operation": "set", "key": "k", "value": 1},
        {"operation": "list"},
    ):
        deployment.run(_start(tenant, _flow(tenant, {"kept": {"type": "store", "params": params}})))
    expect(chief.delete(f"/api/v1/accounts/{account}"), 200)


def leftovers(deployment: Deployment, provider: Provider) -> None:
    """What is too large for an item, of all that can be deleted or replaced."""
    api, (chief, _) = deployment.api, _log_in(deployment)
    large = "x" * 60_000
    configuration = create_configuration(api, provider.url, headers={"X-Large": large})
    executor = {
        "name": unique("executor"),
        "baseUrl": provider.url,
        "endpoints": [{"name": "score", "path": "/score", "method": "POST"}],
        "authentication": {"type": "bearer", "config": {"token": large}},
    }
    made = expect(api.post("/v1/executors", executor), 201)["id"]
    workflow = create_workflow(api, chain(trigger(), set_output("done", note=large)))
    expect(api.delete(f"/v1/workflows/{workflow}"), 204)
    expect(api.delete(f"/v1/executors/{made}"), 204)
    expect(api.delete(f"/v1/provider-configurations/{configuration}"), 204)
    expect(
        chief.delete(
            f"/api/v1/flows/{_flow(chief, {'one': _transform(f'return {len(large)}; // {large}')})}"
        ),
        200,
    )
    keep = {"operation": "set", "key": "k", "value": "${input.large}", "ttl": "1h"}
    for params in (keep, keep, {"operation": "get", "key": "k"}):
        deployment.run(
            _start(chief, _flow(chief, {"store": {"type": "store", "params": params}}), {"large": LARGE})
        )
    swept = []
    for seconds in (60, 700, 3600, 700):
        deployment.clock.advance(seconds)
        swept.append(deployment.invoke("reconcile", {})["swept"])
    assert swept == [0, 5, 0, 2]


def sockets(deployment: Deployment, provider: Provider) -> None:
    chief, _ = _log_in(deployment)
    tenant, account, email = _tenant(deployment, chief)
    one = _flow(tenant, {"one": _transform("return 'x'.repeat(200000);")})
    run = _start(tenant, one)
    token = str(tenant.http.headers["Authorization"])
    ticket = expect(tenant.post(f"/api/v1/executions/{run}/ws-ticket"), 201)["ticket"]

    def socket(name: str, route: str = "$connect", **query: str) -> Any:
        headers = {} if "ticket" in query else {"Authorization": token}
        context = {"routeKey": route, "connectionId": name, "eventType": route}
        event = {
            "requestContext": context,
            "headers": headers,
            "queryStringParameters": {"execution_id": run, **query},
        }
        return deployment.invoke("websocket", event)

    assert socket("first")["statusCode"] == 200
    assert socket("second", ticket=ticket)["statusCode"] == 200
    deployment.push()
    assert socket("third", since="1")["statusCode"] == 200
    deployment.push()
    deployment.tell(run)
    deployment.run(run)
    deployment.tell(run)
    run = _start(tenant, one)
    for name in ("fourth", "fifth"):
        assert socket(name)["statusCode"] == 200
    deployment.push()
    socket("fourth", "$default")
    socket("fourth", "$disconnect")
    expect(tenant.post(f"/api/v1/executions/{run}/ws-ticket"), 201)
    expect(tenant.post("/api/v1/auth/logout"), 200)
    again, _ = _log_in(deployment, email)
    token = str(again.http.headers["Authorization"])
    socket("sixth")
    deployment.push()
    deployment.clock.advance(300)
    deployment.invoke("reconcile", {})
    expect(again.post(f"/api/v1/executions/{run}/ws-ticket"), 201)
    expect(again.post(f"/api/v1/accounts/{account}/secrets", {"key": "K", "value": "v"}), 201)
    expect(chief.delete(f"/api/v1/accounts/{account}"), 200)


def what_time_does(deployment: Deployment, provider: Provider) -> None:
    """Runs that were lost, sockets and runs that expire, accounts that somebody has left in the middle of being deleted."""
    chief, _ = _log_in(deployment)
    calling = _flow(chief, {"one": _transform("return 1;", default="two"), "two": _transform("return 2;")})
    vanished = _start(chief, calling, {"large": LARGE})
    revision = run_store().get(vanished).launch.revision
    task = {"executionId": vanished, "revision": revision, "node": "one", "attempt": 0, "at": {"step": "0"}}
    deployment.invoke("run_node", task)
    _start(chief, calling)
    token = str(chief.http.headers["Authorization"])
    event = {
        "requestContext": {"routeKey": "$connect", "connectionId": "c", "eventType": "CONNECT"},
        "headers": {"Authorization": token},
        "queryStringParameters": {"execution_id": vanished},
    }
    assert deployment.invoke("websocket", event)["statusCode"] == 200
    tenant, account, _ = _tenant(deployment, chief)
    expect(tenant.post(f"/api/v1/accounts/{account}/secrets", {"key": "K", "value": "v"}), 201)
    plan = {"plan": {"type": "cron", "params": {"schedule": "0 0 1 1 *"}}}
    kept = {"keep": {"type": "store", "params": {"operation": "set", "key": "k", "value": 1}}}
    for nodes in (plan, kept):
        deployment.run(_start(tenant, _flow(tenant, nodes)))
    _start(tenant, _flow(tenant, {"one": _transform("return 1;")}))
    left = account_store().get(account)
    account_store().delete(left, instant(deployment.clock.now()))  # and then the function was gone
    for seconds in (600, 86_400, 40 * 86_400, 86_401):
        deployment.clock.advance(seconds)
        deployment.invoke("reconcile", {})
    assert account_store().departed(instant(deployment.clock.now()), 10) == []


ACCOUNT_FLOWS = (accounts, secrets, flows, runs, signals, schedules, leftovers, sockets, what_time_does)
"""Each is played on an empty deployment."""
