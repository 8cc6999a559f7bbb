"""Postgres itself: connections, pool, replica, locks, migrations, backup and the embedded server."""
