"""Routes of `/api/v1`, one module per noun (FlowRunner spec a.3). `http.authentication.principal()` says who calls."""
