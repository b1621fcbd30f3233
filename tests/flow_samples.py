"""Flows as users write them, for tests of both homes."""

from collections.abc import Mapping
from typing import Any

import yaml

SEED = """\
metadata:
  name: "My Flow"
  description: "A simple flow"
  version: "1.0.0"

nodes:
  start:
    type: "http.request"
    params:
      url: "https://api.example.com/data"
      method: "GET"
    next:
      default: "end"
\x20\x20
  end:
    type: "webhook"
    params:
      url: "https://webhook.example.com/callback"
      method: "POST"
"""
"""Two nodes and what joins them."""

ORDERS = """\
metadata:
  name: "Order risk screening"
  description: "Loads an order, scores it and hands it to the right desk"
  version: "1.2.0"
nodes:
  load_order:
    type: http.request
    params:
      url: "https://orders.example.net/v2/orders/${input.order_id}"
      method: GET
      headers:
        Authorization: "Bearer ${secrets.ORDERS_TOKEN}"
      timeout: 10s
    retry: { max_retries: 2, wait: 2s }
    next:
      success: score
      client_error: reject
      error: report_failure
  score:
    type: transform
    params:
      script: |
        const order = input.body;
        const total = order.lines.reduce((sum, line) => sum + line.qty * line.price, 0);
        console.log(`order ${order.id} amounts to ${total}`);
        return { id: order.id, total, country: order.ship_to.country };
    next: { default: route, error: report_failure }
  route:
    type: condition
    params:
      conditions:
        - { condition: "input.total > 5000 && input.country != 'NL'", action: manual }
        - { condition: "input.total > 0", action: approve }
      default_action: empty
    next: { manual: open_case, approve: notify, empty: reject }
  open_case:
    type: http.request
    params:
      url: "https://cases.example.net/cases"
      method: POST
      body: { order: "${input.id}", amount: "${input.total}" }
      auth: { api_key: "${secrets.CASES_KEY}", key_name: X-Case-Key }
    next: { default: notify, error: report_failure }
  notify:
    type: webhook
    params:
      url: "https://hooks.example.net/orders"
      body: { order_id: "${results.score.id}", decision: "${results.open_case ? 'review' : 'approved'}" }
  reject:
    type: transform
    params:
      script: |
        return { decision: "rejected", reason: error ? error.message : "nothing to ship" };
  report_failure:
    type: webhook
    params:
      url: "https://hooks.example.net/alarms"
      body: { text: "step ${error.node_id} failed: ${error.message}" }
"""
"""Calls in a row, a list of conditions, retries, error routes, secrets."""

CATALOGUE = """\
metadata:
  name: "Catalogue refresh"
  version: "3.0.1"
nodes:
  list_skus:
    type: http.request
    params: { url: "https://catalogue.example.net/skus?page=${input.page || 1}" }
    hooks:
      prep: |
        context.headers = { "X-Trace": execution.id };
        return context;
      post: |
        return result.body.skus.map(s => ({ id: s }));
    next: { default: enrich }
  enrich:
    type: http.request
    params: { url: "https://details.example.net/items/${item.id}" }
    batch: { strategy: worker_pool, max_parallel: 4 }
    retry: { max_retries: 3, wait: 500ms }
    next: { default: summarise, error: give_up }
  summarise:
    type: transform
    params:
      script: |
        const good = input.filter(r => r.success);
        return { fetched: good.length, names: good.map(r => r.body.name) };
    next: { default: remember }
  remember:
    type: store
    params: { operation: set, key: "catalogue/last", value: "${input}", ttl: 24h }
    next: { default: count_run }
  count_run:
    type: store
    params: { operation: increment, key: "catalogue/runs" }
    next: { default: start_job }
  start_job:
    type: http.request
    params: { url: "https://jobs.example.net/reindex", method: POST, body: { names: "${results.summarise.names}" } }
    next: { success: poll, error: give_up }
  poll:
    type: http.request
    params: { url: "https://jobs.example.net/reindex/${results.start_job.body.job}" }
    next: { success: ready, error: give_up }
  ready:
    type: condition
    params:
      condition_script: |
        shared.polls = (shared.polls || 0) + 1;
        if (input.body.state === "done") return "done";
        return shared.polls >= 5 ? "timeout" : "again";
    next: { done: finish, again: pause, timeout: give_up }
  pause:
    type: wait
    params: { type: duration, duration: 15s }
    next: { default: poll }
  finish:
    type: transform
    params: { script: "return { polls: shared.polls, fetched: results.summarise.fetched };" }
  give_up:
    type: transform
    params: { script: "return { gave_up: true, after: shared.polls || 0 };" }
"""
"""Hooks, a batch, the store, and a loop that polls."""

HELLO = """\
metadata: {name: Hello, version: 1.0.0}
nodes:
  hello: {type: transform, params: {script: "return {hello: input.name};"}}
"""


def chain(*names: str, version: str | None = None, name: str = "chain") -> str:
    """Transforms in a row that pass their input on."""
    nodes: dict[str, Any] = {}
    for position, node in enumerate(names):
        nodes[node] = {"type": "transform", "params": {"script": "return input;"}}
        if position + 1 < len(names):
            nodes[node]["next"] = {"default": names[position + 1]}
    return flow(nodes, version=version, name=name)


def flow(
    nodes: Mapping[str, Any], *, name: str = "sample", version: str | None = "1.0.0", **more: Any
) -> str:
    """The YAML of these nodes."""
    metadata = {"name": name} | ({} if version is None else {"version": version})
    return yaml.safe_dump({"metadata": metadata, "nodes": dict(nodes), **more}, sort_keys=False)
