-- Databases that were made before 0.1.0 keep two functions that nothing calls any more, and that would fail if called.
drop function if exists catalog.refold_owners(integer);
drop function if exists catalog.refold_categories(integer);
