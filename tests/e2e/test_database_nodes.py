"""A flow that works with its tenant's database (FlowRunner spec d.10)."""

import json

from statemachines.stand_ins.postgres import PASSWORD, Postgres
from tests import runs
from tests.accounts import admin, new_tenant
from tests.flow_samples import flow
from tests.samples import unique
from tests.servers import expect


def test_a_flow_writes_and_reads_a_database_and_never_shows_its_password(
    target: str, postgres: Postgres
) -> None:
    table = f"t_{unique().replace('-', '_')}"
    with_secret = {**postgres.params, "password": "${secrets.DB_PASSWORD}"}

    def node(following: str | None = None, **params: object) -> dict[str, object]:
        more = {"next": {"default": following, "error": "sorry"}} if following else {}
        return {"type": "postgres", "params": {**with_secret, **params}, **more}

    made = f"CREATE TABLE {table} (key text PRIMARY KEY, value jsonb NOT NULL)"
    definition = flow(
        {
            "make": node("keep", operation="execute", query=made),
            "keep": node(
                "find", operation="set", table_name=table, key="k", value={"total": "${shared.total}"}
            ),
            "find": node("fail", operation="query", table_name=table, filter={"total": {"$gt": 1}}),
            "fail": node(
                "sorry", operation="execute", query="SELECT $1::int", args=["${secrets.DB_PASSWORD}"]
            ),
            "sorry": {
                "type": "transform",
                "params": {
                    "script": "return {found: results.find, state: error.sqlstate, said: error.message};"
                },
            },
        }
    )
    by = admin(target)
    tenant = new_tenant(target, by)
    try:
        secret = {"key": "DB_PASSWORD", "value": PASSWORD}
        expect(tenant.api.post(f"{tenant.path}/secrets", secret), 201)
        ended = runs.run(tenant, definition, {"total": 12.5})
        assert ended["status"] == "completed", ended
        result = ended["result"]
        assert result["found"] == [{"total": 12.5, "_key": "k"}], result
        assert result["state"] == "22P02"
        assert PASSWORD not in json.dumps([ended, runs.logs(tenant.api, ended["id"])])
    finally:
        tenant.api.close()
        by.api.close()
