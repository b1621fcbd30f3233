"""Flows: graphs in which every node takes one way, and which may have loops (FlowRunner spec c, k).

    YAML --document--> Tree --check--> problems, FlowDocument --graph--> Graph
    Graph --regions--> what runs side by side, problems --emit--> ASL

`routing` says where a node leads; the worker asks it and tells the state machine.
"""
