"""From a user's graph to Amazon States Language, in stages that take data and return data (architecture §4).

    Graph --resolve--> Topology (order, ancestors, what is certain) --check--> diagnostics
                                                                  --arrange--> Plan (units, blocks) --emit--> ASL

`topology` and `check` never raise on what users draw; `compile_graph` raises only for a graph that `check` rejects.
"""
