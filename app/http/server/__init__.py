"""The HTTP server: uvicorn with limits on what a client may send and how long a connection may take."""
