"""The node types of flows, one file each (FlowRunner spec d)."""
