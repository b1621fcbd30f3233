"""The worker of flows, from the outside in: `steps` answers a task, `delivery` performs it, `attempts` tries the node's work,
`attempt` does it once, `scope` is what scripts see, `writer` turns the outcome into what is recorded."""
