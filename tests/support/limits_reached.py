"""For each number in the engine that bounds an amount or a time: the test that reaches both sides of it."""

LISTING_LAW = "tests/laws/test_listing_limits.py::test_a_listing_is_what_the_events_until_then_make_or_is_refused"
BACK_PRESSURE = "tests/http/test_back_pressure.py"
BACKGROUND = "tests/engine/background/test_background_limits.py"
BOUNDED_READS = "tests/engine/queries/test_bounded_reads.py"
BULKHEADS = "tests/engine/postgres/test_bulkhead_limits.py"
EMBEDDED = "tests/engine/postgres/test_embedded_server_refusals.py"
INDEXED_WORDS = "tests/engine/queries/test_indexed_words.py"
INSTANTS = "tests/engine/store/test_instant_limits.py"
LAG = "tests/http/test_projection_lag.py"
LISTING_BATCHES = "tests/engine/queries/test_listing_batches.py"
NAMES = "tests/engine/projection/test_check_names.py"
SWAPS = "tests/engine/background/test_rebuild_swap.py"
REPLICA = "tests/http/test_read_replica.py"
SEARCH_TERMS = "tests/engine/queries/test_search_terms.py::test_the_condition_of_a_listing_is_text_matches"
SLICES = "tests/engine/background/test_slices.py"
TIMES = "tests/engine/postgres/test_time_limits.py"

REACHED = {
    "background.checkpoints.CATCH_UP_BATCH_EVENTS": "tests/laws/test_background.py::test_rollups_equal_the_fold",
    "background.generation.Generation.lock_waits_milliseconds": f"{SWAPS}::test_a_long_transaction_delays",
    "background.generation.RollupGeneration.lock_waits_milliseconds": f"{SWAPS}::test_a_row_lock_in_the_table",
    "background.projection_admin.REBUILD_STARTS_WITHIN_SECONDS": f"{BACKGROUND}::test_a_rebuild_that_waits",
    "background.projection_admin.VERIFICATIONS_MAX": "tests/http/test_bulkheads.py::test_verifications_beyond_two",
    "background.projection_status.BEHIND_AFTER_SECONDS": f"{LAG}::test_the_background_is_behind_after_ten",
    "background.projector.BACK_OFF_SECONDS": f"{BACKGROUND}::test_the_pause_after_a_round",
    "background.projector.FAILED_REBUILD_RETRY_SECONDS": f"{BACKGROUND}::test_a_projection_that_cannot_be_rebuilt",
    "background.rebuild_catch_up.ROUNDS_MAX": f"{SLICES}::test_a_catch_up_ends",
    "background.rebuild_catch_up.SMALL_ROUND_STREAMS": f"{SLICES}::test_a_catch_up_ends",
    "background.rebuild_fill.SLICE_STREAMS": f"{SLICES}::test_a_rebuild_folds_and_catches_up",
    "background.rebuild_swap.SHORT_WAIT_SECONDS": f"{SLICES}::test_a_swap_waits_for_snapshots_again",
    "background.rebuild_swap.SWAP_GIVE_UP_SECONDS": f"{BACKGROUND}::test_a_swap_gives_up",
    "background.rebuild_swap.SWAP_WAITS_MILLISECONDS": f"{SWAPS}::test_a_row_lock_in_the_table",
    "background.two_connections.IDLE_CHECKS": f"{BACKGROUND}::test_the_second_connection_helps_once",
    "background.verify.VERIFY_SLICE_STREAMS": f"{SLICES}::test_a_verification_finds_the_same",
    "postgres.bulkheads.Bulkhead.waiting_max": f"{BULKHEADS}::test_the_queue_holds_as_many_as_it_may",
    "postgres.bulkheads.COSTLY_READ_SECONDS": "tests/http/test_bulkheads.py::test_a_costly_read_that_takes_too_long",
    "postgres.bulkheads.CommandBulkhead.waiting_max": f"{BULKHEADS}::test_the_queue_holds_as_many_as_it_may",
    "postgres.connections.ANSWER_SECONDS": f"{TIMES}::test_a_statement_that_may_be_slow",
    "postgres.connections.SLOW_ANSWER_SECONDS": f"{TIMES}::test_a_statement_that_may_be_slow",
    "postgres.embedded_server.EmbeddedPostgres.start_seconds": f"{EMBEDDED}::test_a_server_that_never_gets_ready",
    "postgres.identifiers.LONGEST_BYTES": f"{NAMES}::test_a_name_that_does_not_fit",
    "postgres.migrations.MIGRATION_WAIT_SECONDS": f"{TIMES}::test_a_migration_tries_again",
    "postgres.pool.PoolSettings.lock_timeout_seconds": f"{BACK_PRESSURE}::test_requests_beyond_the_pool",
    "postgres.pool.PoolSettings.size": f"{BULKHEADS}::test_each_kind_of_work_has_its_share",
    "postgres.pool.PoolSettings.statement_timeout_seconds": f"{BACK_PRESSURE}::test_a_transaction_that_is_left_open",
    "postgres.pool.PoolSettings.timeout_seconds": f"{BACK_PRESSURE}::test_requests_beyond_the_pool",
    "postgres.replica.CONNECTS_WITHIN_SECONDS": f"{REPLICA}::test_a_replica_that_dies_or_hangs",
    "postgres.replica.FREE_WITHIN_SECONDS": f"{REPLICA}::test_a_replica_that_dies_or_hangs",
    "postgres.replica.REPLICA_ANSWERS_WITHIN_SECONDS": f"{REPLICA}::test_a_replica_that_dies_or_hangs",
    "projection.check_names.LONGEST_FIELD_BYTES": f"{NAMES}::test_a_field_that_cannot_be_a_column",
    "queries.changes.EVENTS_MAX": f"{BOUNDED_READS}::test_changes_are_the_same",
    "queries.changes.STREAMS_MAX": f"{BOUNDED_READS}::test_changes_are_the_same",
    "queries.documents.FETCH_ROWS": f"{LISTING_BATCHES}::test_a_whole_listing_is_fetched",
    "queries.listing.CANDIDATES_IN_LAST_STEP_MAX": f"{BOUNDED_READS}::test_where_the_walk_ends_too_early",
    "queries.listing.CANDIDATES_MAX": LISTING_LAW,
    "queries.listing.CHEAP_OFFSET_MAX": f"{LISTING_BATCHES}::test_a_listing_is_a_costly_read",
    "queries.listing.DISTANCE_MAX_KM": "tests/laws/test_collections_as_of.py::test_from_every_place",
    "queries.listing.OFFSET_BY_DISTANCE_MAX": f"{BOUNDED_READS}::test_an_offset_is_refused",
    "queries.listing.OFFSET_MAX": f"{BOUNDED_READS}::test_an_offset_is_refused",
    "queries.listing.RECENTLY_REPLACED_MAX": LISTING_LAW,
    "queries.listing.WALKED_MAX": f"{BOUNDED_READS}::test_a_search_that_no_index_serves",
    "queries.listing_rows.FIRST_RADIUS_KM": f"{LISTING_BATCHES}::test_the_nearest_are_found",
    "queries.listing_rows.RADIUS_FACTOR": f"{LISTING_BATCHES}::test_the_nearest_are_found",
    "queries.read_your_writes.POSITION_WAIT_SECONDS": f"{INSTANTS}::test_a_reader_waits_for_its_position",
    "queries.read_your_writes.REPLICA_WAIT_SECONDS": f"{REPLICA}::test_reads_may_be_stale",
    "queries.search_terms.SHORT_WORDS_MAX": SEARCH_TERMS,
    "queries.search_terms.SHORT_WORD_CHARACTERS": SEARCH_TERMS,
    "queries.search_terms.WORDS_MAX": SEARCH_TERMS,
    "store.bulk_append.COPY_CHUNK_BYTES": "tests/engine/store/test_store_batches.py::test_an_import_is_stored",
    "store.bulk_append.KEPT_IN_MEMORY_BYTES": "tests/engine/store/test_store_batches.py::test_an_import_is_stored",
    "store.high_water_mark.CLOCK_TOLERANCE": f"{INSTANTS}::test_a_clients_clock_may_be_ahead",
    "store.high_water_mark.HighWaterMark.is_settled.timeout_seconds": f"{INSTANTS}::test_an_instant_is_not_settled",
    "store.high_water_mark.current_instant_after_appends.timeout_seconds": f"{INSTANTS}::test_the_present_is_told",
    "store.log_reader.SCANNED_EVENTS_MAX": f"{BOUNDED_READS}::test_the_log_is_the_same",
}
"""The number, and a module or the beginning of a test's name in it."""

REACHED_IN_SQL = {
    "2000": f"{INDEXED_WORDS}::test_words_are_distinct_and_in_byte_order",
    "8000": f"{INDEXED_WORDS}::test_as_many_characters_as_the_index_holds",
    "24": f"{INDEXED_WORDS}::test_every_fragment_of_a_word",
    "72": "tests/engine/store/test_store_batches.py::test_every_outcome_older_than_three_days",
    "100001": "tests/database/test_query_plans.py::test_the_lag_counts_up_to_its_limit",
}
"""The same for the numbers of schema.sql."""

NOT_REACHED = {
    "postgres.connections.CANCELLED_WITHIN_SECONDS": "a last resort against a server that does not answer",
    "postgres.embedded_server.EmbeddedPostgres.stop_seconds": "a last resort against a server that does not answer",
    "postgres.pool.SERVER_CANCELS_WITHIN_SECONDS": "a last resort against a server that does not answer",
    "postgres.replica.WRITTEN_NOTES_MAX": "an hour of notes; with fewer, an old replica only looks older",
    "store.bulk_append.STORED_WITHIN_SECONDS": "a last resort against a server that does not answer",
    "store.high_water_mark.MARK_COMMIT_SECONDS": "a last resort against a server that does not answer",
}
"""Limits that no test reaches, and why that matters little."""

NO_LIMITS = {
    "background.projector.IDLE_SECONDS": "a pause between polls",
    "background.projector.LEADER_RETRY_SECONDS": "a pause between polls",
    "background.projector.MAINTENANCE_SECONDS": "a pause between polls",
    "background.rebuild_swap.HOLDER_POLL_SECONDS": "a pause between polls",
    "background.rebuild_swap.SWAP_PAUSES_SECONDS": "a pause between attempts",
    "compiler.step._column_list.depth": "an indentation",
    "compiler.tables.Table.fillfactor": "a setting of storage",
    "postgres.advisory_locks.LEADER_LOCK": "a key",
    "postgres.advisory_locks.MAINTENANCE_LOCK": "a key",
    "postgres.advisory_locks.MIGRATION_LOCK": "a key",
    "postgres.connections.PooledConnection.answers_within_seconds": "the pool sets another one",
    "postgres.connections.WAIT_INTERVAL_SECONDS": "a pause between polls",
    "postgres.embedded_locks.FolderLocks.exclusive_file": "no file",
    "postgres.embedded_process.POLL_SECONDS": "a pause between polls",
    "postgres.embedded_server.LIVENESS_CHECK_SECONDS": "a pause between polls",
    "postgres.embedded_server.RESTART_RETRY_SECONDS": "a pause between attempts",
    "postgres.migrations.MIGRATION_PAUSE_SECONDS": "a pause between attempts",
    "postgres.pool.Database.__init__.least_connections": "a size to begin with",
    "postgres.pool.RECONNECT_SECONDS": "a pause between attempts",
    "postgres.replica.REPLAY_POLL_SECONDS": "a pause between polls",
    "postgres.replica.REPLICA_CHECK_SECONDS": "a pause between polls",
    "projection.read_model.ReadModel.version": "a version",
    "queries.candidate_queries.EARTH_RADIUS_KM": "a fact",
    "queries.read_your_writes.POSITION_POLL_SECONDS": "a pause between polls",
    "store.event_store.LAST_VERSION": "the end of a range",
    "store.high_water_mark.GATE_POLL_SECONDS": "a pause between polls",
    "store.log_reader.AFTER_LAST_POSITION": "the end of a range",
    "store.mark_watcher.MARK_POLL_SECONDS": "a pause between polls",
    "store.mark_watcher.UNAVAILABLE_RETRY_SECONDS": "a pause between attempts",
}
"""The other numbers, and what they are."""

NO_LIMITS_IN_SQL = {"32", "52", "53", "70", "1000", "6371.0088", "7023051975126217511"}
"""Bits, a setting of storage, milliseconds in a second, the Earth's radius, a key."""
