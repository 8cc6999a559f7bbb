"""The middlewares around every route: the request id and log, early refusals, HTTP semantics and read routing."""
