"""What the second document says of each noun of `/api/v1`, as the modules beside this folder say it of `/v1`."""
