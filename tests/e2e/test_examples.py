"""The flows of `statemachines/` as they stand there, against their stand-ins: a good day and a bad one each.

The catalogue refresh alone runs on every home: it has most of what a home does.
"""

from collections.abc import Iterator, Mapping

import pytest

from statemachines.golden import HERE
from statemachines.stand_ins import catalogue_refresh, desk_assistant, order_screening
from statemachines.stand_ins.__main__ import prepared
from statemachines.stand_ins.catalogue_refresh import ARTICLES, BUSY, GONE, Catalogue
from statemachines.stand_ins.desk_assistant import Desk, question
from statemachines.stand_ins.order_screening import UNSTEADY, Orders
from statemachines.stand_ins.ports import free_port
from statemachines.stand_ins.postgres import Postgres
from tests import runs
from tests.accounts import Tenant, admin, new_tenant
from tests.samples import unique
from tests.servers import expect
from tests.tenancy import signal

Places = Mapping[str, str]
"""What to replace in a flow, and the secrets that it needs."""


@pytest.fixture
def tenant(target: str) -> Iterator[Tenant]:
    chief = admin(target)
    found = new_tenant(target, chief)
    yield found
    found.api.close()
    chief.api.close()


def stored(tenant: Tenant, example: str, places: Places) -> str:
    """The id of the example's flow, once its secrets are there."""
    for old, new in places.items():
        if old.startswith("${secrets."):
            body = {"key": old.removeprefix("${secrets.").removesuffix("}"), "value": new}
            expect(tenant.api.post(f"{tenant.path}/secrets", body), 201)
    ((_, text),) = prepared(example, HERE / f"flow-{example}", places)
    assert "example.net" not in text
    return runs.create_flow(tenant, text)


# --- order screening --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def orders() -> Orders:
    return Orders()


@pytest.fixture(scope="module")
def shop(orders: Orders) -> Iterator[Places]:
    with order_screening.serving(orders) as places:
        yield places


@pytest.mark.skip_moto
def test_somebody_decides_on_large_orders_and_all_decisions_are_reported(
    tenant: Tenant, orders: Orders, shop: Places
) -> None:
    orders.reports.clear()
    orders.stock_calls.clear()
    flow = stored(tenant, "order-screening", shop)
    large = runs.start(tenant.api, flow, {"id": "A-2"})
    unsteady = runs.start(tenant.api, flow, {"id": "A-4"})
    small = runs.start(tenant.api, flow, {"id": "A-1"})
    signal(tenant, large, {"decision": "rejected", "reason": "too many lamps"}, "approval")
    for run in (small, unsteady, large):
        assert (ended := runs.ended(tenant.api, run))["status"] == "completed", ended
    assert orders.stock_calls.count(UNSTEADY) == 2
    assert sorted(orders.reports, key=lambda report: str(report["order"])) == [
        {"order": "A-1", "decision": "accepted", "because": None},
        {"order": "A-2", "decision": "rejected", "because": "too many lamps"},
        {"order": "A-4", "decision": "accepted", "because": None},
    ]


@pytest.mark.skip_moto
def test_an_order_is_postponed_while_nobody_tells_prices(
    tenant: Tenant, orders: Orders, shop: Places
) -> None:
    orders.reports.clear()
    nowhere = f"http://127.0.0.1:{free_port()}"
    flow = stored(tenant, "order-screening", {**shop, "https://prices.example.net": nowhere})
    ended = runs.ended(tenant.api, runs.start(tenant.api, flow, {"id": "A-1"}))
    assert ended["status"] == "completed"
    (report,) = orders.reports
    assert (report["order"], report["decision"]) == ("A-1", "postponed")
    assert "refused" in report["because"]


# --- catalogue refresh ------------------------------------------------------------------------------------------------


def test_a_catalogue_is_refreshed_four_articles_at_a_time(tenant: Tenant) -> None:
    catalogue = Catalogue()
    with catalogue_refresh.serving(catalogue) as places:
        flow = stored(tenant, "catalogue-refresh", places)
        ended = runs.ended(tenant.api, runs.start(tenant.api, flow))
    assert ended["status"] == "completed", ended
    summary = {"articles": 9, "missing": 1, "cheapest": 1, "dearest": 19}
    assert ended["result"] == {"refreshed": True, "refresh": 1, "polls": 2, **summary}
    assert catalogue.runs == [ended["id"]]
    assert 1 <= catalogue.most_at_once <= 4
    assert catalogue.details == {sku: 2 if sku == BUSY else 1 for sku in ARTICLES}
    (job,) = catalogue.jobs
    assert job["refresh"] == 1
    assert [article["sku"] for article in job["articles"]] == [sku for sku in ARTICLES if sku != GONE]
    assert job["articles"][0] == {"sku": "article-1", "name": "article 1", "price": 1}
    assert catalogue.polls == 2
    said = [entry["message"] for entry in runs.logs(tenant.api, ended["id"], level="warn", limit=100)["logs"]]
    assert any(line.startswith(f"{GONE}: HTTP request failed with status 404") for line in said), said


@pytest.mark.skip_moto
def test_a_refresh_gives_up_on_an_index_that_is_never_done(tenant: Tenant) -> None:
    catalogue = Catalogue(polls_needed=100)
    with catalogue_refresh.serving(catalogue) as places:
        flow = stored(tenant, "catalogue-refresh", {**places, "duration: 15s": "duration: 20ms"})
        ended = runs.ended(tenant.api, runs.start(tenant.api, flow))
    because = "the search index is still not done"
    assert (ended["status"], catalogue.polls) == ("completed", 5)
    assert ended["result"] == {"refreshed": False, "because": because, "polls": 5}


# --- desk assistant ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def office(desk: Desk, postgres: Postgres) -> Iterator[Places]:
    with desk_assistant.serving(desk, postgres) as places:
        yield places


@pytest.mark.skip_moto
def test_a_mail_is_answered_once_with_what_the_tool_found_and_recorded(
    tenant: Tenant, desk: Desk, office: Places
) -> None:
    mail_id, before = unique(), len(desk.outbox.messages)
    desk.questions.clear()
    desk.tracked.clear()
    desk.deliver(question("My parcels", "Where are P-100 and P-300?", mail_id))
    flow = stored(tenant, "desk-assistant", office)
    ended = runs.ended(tenant.api, runs.start(tenant.api, flow))
    answer = "Parcel P-100 is out for delivery. Parcel P-300 is unknown."
    assert ended["result"] == {"answered": True, "answer": answer, "problem": None}, ended
    (reply,) = desk.outbox.messages[before:]
    assert (reply["To"], reply["Subject"]) == ("Ann Lee <ann@example.org>", "Re: My parcels")
    assert reply["In-Reply-To"] == f"<{mail_id}@example.org>"
    assert reply.get_content().strip() == answer
    assert sorted(desk.tracked) == ["P-100", "P-300"]
    assert [[message["role"] for message in asked] for asked in desk.questions] == [
        ["system", "user"],
        ["system", "user", "assistant", "tool", "tool"],
    ]
    assert {"mail": f"<{mail_id}@example.org>", "answer": answer} in desk.replies()
    assert desk.mailbox is not None
    assert "\\Seen" in desk.mailbox.flags_of(-1)


@pytest.mark.skip_moto
def test_a_mail_gets_no_reply_while_the_model_is_not_well(tenant: Tenant, desk: Desk, office: Places) -> None:
    before = (len(desk.outbox.messages), len(desk.replies()))
    desk.questions.clear()
    desk.deliver(question("Hello", "Anybody there?", unique()))
    desk.llm_status = 500
    try:
        flow = stored(tenant, "desk-assistant", {**office, "wait: 3s": "wait: 20ms"})
        ended = runs.ended(tenant.api, runs.start(tenant.api, flow))
    finally:
        desk.llm_status = 200
    assert ended["status"] == "completed"
    assert (ended["result"]["answered"], ended["result"]["answer"]) == (False, None)
    assert ended["result"]["problem"].startswith("LLM API error")
    assert len(desk.questions) == 3
    assert (len(desk.outbox.messages), len(desk.replies())) == before
