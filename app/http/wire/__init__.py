"""The formats of requests and responses: headers, parameters, bodies, problems, links and streams."""
