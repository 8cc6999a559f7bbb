create or replace function catalog.index_new_{name}(p_recorded_at timestamptz default clock_timestamp()) returns void
language plpgsql volatile as $$
begin
{inserts}end
$$;
{comment}
