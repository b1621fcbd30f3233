"""The HTTP ways in: routes per noun and face, authentication, and the one place that knows HTTP statuses."""
