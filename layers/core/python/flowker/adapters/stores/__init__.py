"""The store ports, written once over `adapters.items.Table`; a home brings only its table."""
