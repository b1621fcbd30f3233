"""What must stay secret is in no answer, no log line and no byte on disk (Flowker spec k, architecture §8)."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.provider import Provider, running_provider
from tests.samples import edge, executor, set_output, trigger, unique
from tests.servers import Api, Server, expect


@dataclass
class Conversation:
    """Requests to one server, with the text of everything it answered."""

    api: Api
    answers: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.api.request(method, path, json=body, headers=named)
        self.answers.append(f"{answer.headers!r}{answer.text}")
        return answer

    def asked(self, status: int, method: str, path: str, body: object = None, **headers: str) -> str:
        """Ask, and return the id in the answer."""
        shown = expect(self.ask(method, path, body, **headers), status)
        return str(shown.get("workflowId") or shown.get("id") or shown.get("executionId") or "")


def _talk_of_executors(talk: Conversation, provider: Provider, secret: str) -> None:
    executors = "/v1/executors"
    body = {
        "name": unique(),
        "baseUrl": f"{provider.url}/{unique()}",
        "endpoints": [{"name": "get", "path": "/", "method": "GET"}],
        "authentication": {"type": "bearer", "config": {"token": secret}},
    }
    found = talk.asked(201, "POST", executors, body)
    talk.ask("POST", executors, body)  # the name is taken
    talk.ask("POST", executors, {**body, "name": unique(), "baseUrl": f"https://user:{secret}@host.test"})
    talk.asked(200, "PATCH", f"{executors}/{found}", body)
    talk.asked(200, "POST", f"{executors}/{found}/test")
    talk.asked(200, "GET", f"{executors}/{found}")
    talk.asked(200, "GET", executors)


def _talk(talk: Conversation, provider: Provider, secret: str, token: str) -> None:
    """Put the secrets everywhere they may go, and look everywhere they might come out."""
    configurations = "/v1/provider-configurations"
    config = {"base_url": f"{provider.url}/{unique()}", "headers": {"Authorization": f"Bearer {secret}"}}
    body = {"name": unique(), "providerId": "http", "config": config, "description": "not a secret"}
    found = talk.asked(201, "POST", configurations, body)
    talk.ask("POST", configurations, body)  # the name is taken
    talk.ask("POST", configurations, {**body, "name": unique(), "config": {"headers": {"a": [secret]}}})
    talk.ask("POST", configurations, {**body, "name": unique(), "providerId": "nope"})
    talk.asked(200, "PATCH", f"{configurations}/{found}", {"config": {**config, "api_key": secret}})
    talk.asked(200, "PATCH", f"{configurations}/{found}", {"config": config})
    talk.ask("PATCH", f"{configurations}/{found}", {"config": {"api_key": secret}})
    talk.asked(200, "GET", f"{configurations}/{found}")
    talk.asked(200, "GET", configurations)
    talk.asked(200, "POST", f"{configurations}/{found}/test")
    _talk_of_executors(talk, provider, secret)
    path = unique()
    nodes = [
        trigger(path=path, method="POST", verify_token=token),
        executor("call", found),
        set_output("end", done=True),
    ]
    edges = [edge("start", "call"), edge("call", "end")]
    document = {"name": unique(), "nodes": nodes, "edges": edges}
    workflow_id = talk.asked(201, "POST", "/v1/workflows", document)
    workflow = f"/v1/workflows/{workflow_id}"
    talk.asked(200, "PUT", workflow, document)
    broken = [trigger(path=path, method="NONE", verify_token=token)]
    refused = talk.asked(201, "POST", "/v1/workflows", {"name": unique(), "nodes": broken})
    assert talk.ask("POST", f"/v1/workflows/{refused}/activate").status_code == 422
    talk.asked(201, "POST", f"{workflow}/clone", {"name": unique()})
    talk.asked(200, "POST", f"{workflow}/activate")
    talk.asked(200, "GET", workflow)
    talk.asked(200, "GET", "/v1/workflows")
    assert talk.ask("POST", f"/v1/webhooks/{path}", {}, X_Webhook_Token="wrong").status_code == 401
    started = talk.ask("POST", f"/v1/webhooks/{path}", {}, X_Webhook_Token=token, Prefer="wait=20")
    execution = f"/v1/executions/{expect(started, 201)['executionId']}"
    assert started.json()["status"] == "completed"
    assert provider.calls[-1].headers["authorization"] == f"Bearer {secret}"
    talk.asked(200, "GET", execution)
    talk.asked(200, "GET", f"{execution}/results")
    talk.asked(200, "POST", f"{configurations}/{found}/disable")
    talk.asked(200, "POST", f"{workflow}/deactivate")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.name != "key")


def test_secrets_are_in_no_answer_no_log_and_no_file(tmp_path: Path) -> None:
    secret, token, visible = unique("credential"), unique("webhook-token"), unique("visible")
    server = Server(tmp_path / "data")
    with running_provider() as provider, server, closing(Api(server.url)) as api:
        talk = Conversation(api)
        talk.asked(201, "POST", "/v1/workflows", {"name": visible})
        _talk(talk, provider, secret, token)
        talk.ask("GET", "/v1/workflows?sortBy=name&sortOrder=DESC&limit=1")
        written = {path.name: path.read_bytes() for path in _files(server.folder)}
        server.stop()
    written |= {f"{path.name} afterwards": path.read_bytes() for path in _files(server.folder)}
    written["log"] = server.log.read_bytes()
    written["answers"] = "\n".join(talk.answers).encode()
    # The search works: what is not secret is found, in the database and its log of writes and in the answers.
    assert visible.encode() in written["flowker.db"] + written["flowker.db-wal"]
    assert visible.encode() in written["answers"]
    for name, content in written.items():
        for hidden in (secret, token):
            assert hidden.encode() not in content, name
