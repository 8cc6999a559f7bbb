create or replace function catalog.{name}_as_of(p_until timestamptz)
returns table (key text, document jsonb)
language sql stable parallel safe as $$
{aggregated}
$$;
{comment}
