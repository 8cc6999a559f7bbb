-- What is personal of the events moves from the log into catalog.personal, beside it. The table catalog.events becomes
-- catalog.log; schema.sql, which is installed next, makes catalog.events a view of whole events. Only here is the log
-- ever written again: afterwards every event reads as before, or nothing of this has happened. The functions are those
-- that were compiled then: what a later release declares personal needs a migration of its own.
--
-- The log is locked meanwhile, half a minute or so for a million events. Its pages hold the old rows until it is
-- vacuumed, which `catalog forget` does as well; `vacuum full catalog.log` gives the space back.

-- Appends under way come to their end, and the next ones wait before they look at the table.
select pg_advisory_xact_lock(catalog.append_gate());

alter table catalog.events rename to log;

do $$
declare
    v_name text;
begin
    -- So that they are called as in a new database. (From 18 on, what is not null is a constraint with a name, too.)
    for v_name in
        select conname
        from pg_constraint
        where conrelid = 'catalog.log'::regclass
            and conname ~ '^events_.*_(check|not_null)$'
    loop
        execute format('alter table catalog.log rename constraint %I to %I',
            v_name, regexp_replace(v_name, '^events', 'log'));
    end loop;
end
$$;

create table catalog.personal (
    stream_id integer not null,
    version integer not null,
    data jsonb not null check (jsonb_typeof(data) = 'object'),
    primary key (stream_id, version)
);

create function pg_temp.forgotten(value jsonb) returns jsonb
language sql immutable
return case jsonb_typeof(value)
    when 'string' then '"(forgotten)"'
    when 'number' then to_jsonb(round(value::numeric))
    when 'array' then '[]'
    when 'object' then '{}'
    else coalesce(value, 'null')
end;

create function pg_temp.forgotten_form(type text, data jsonb) returns jsonb
language sql immutable
return case type
    when 'item_created' then jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(data,
        '{name}'::text[], pg_temp.forgotten(data -> 'name'), false),
        '{description}'::text[], pg_temp.forgotten(data -> 'description'), false),
        '{image_urls}'::text[], pg_temp.forgotten(data -> 'image_urls'), false),
        '{location_lat}'::text[], pg_temp.forgotten(data -> 'location_lat'), false),
        '{location_lon}'::text[], pg_temp.forgotten(data -> 'location_lon'), false)
    when 'item_updated' then jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(data,
        '{changes,name}'::text[], pg_temp.forgotten(data #> '{changes,name}'::text[]), false),
        '{changes,description}'::text[], pg_temp.forgotten(data #> '{changes,description}'::text[]), false),
        '{changes,image_urls}'::text[], pg_temp.forgotten(data #> '{changes,image_urls}'::text[]), false),
        '{changes,location_lat}'::text[], pg_temp.forgotten(data #> '{changes,location_lat}'::text[]), false),
        '{changes,location_lon}'::text[], pg_temp.forgotten(data #> '{changes,location_lon}'::text[]), false),
        '{previous_values,name}'::text[], pg_temp.forgotten(data #> '{previous_values,name}'::text[]), false),
        '{previous_values,description}'::text[], pg_temp.forgotten(data #> '{previous_values,description}'::text[]), false),
        '{previous_values,image_urls}'::text[], pg_temp.forgotten(data #> '{previous_values,image_urls}'::text[]), false),
        '{previous_values,location_lat}'::text[], pg_temp.forgotten(data #> '{previous_values,location_lat}'::text[]), false),
        '{previous_values,location_lon}'::text[], pg_temp.forgotten(data #> '{previous_values,location_lon}'::text[]), false)
    when 'item_status_changed' then jsonb_set(data,
        '{reason}'::text[], pg_temp.forgotten(data -> 'reason'), false)
    when 'item_deleted' then jsonb_set(data,
        '{reason}'::text[], pg_temp.forgotten(data -> 'reason'), false)
    else data
end;

create function pg_temp.personal_part(type text, data jsonb) returns jsonb
language sql immutable
return case type
    when 'item_created' then case when coalesce(
        data ->> 'name',
        data ->> 'description',
        data ->> 'image_urls',
        data ->> 'location_lat',
        data ->> 'location_lon'
    ) is not null then data - '{category,owner_id,status}'::text[] end
    when 'item_updated' then case when coalesce(
        data #>> '{changes,name}'::text[],
        data #>> '{changes,description}'::text[],
        data #>> '{changes,image_urls}'::text[],
        data #>> '{changes,location_lat}'::text[],
        data #>> '{changes,location_lon}'::text[],
        data #>> '{previous_values,name}'::text[],
        data #>> '{previous_values,description}'::text[],
        data #>> '{previous_values,image_urls}'::text[],
        data #>> '{previous_values,location_lat}'::text[],
        data #>> '{previous_values,location_lon}'::text[]
    ) is not null then data end
    when 'item_status_changed' then case when coalesce(
        data ->> 'reason'
    ) is not null then data - '{old_status,new_status}'::text[] end
    when 'item_deleted' then case when coalesce(
        data ->> 'reason'
    ) is not null then data end
    else null
end;

create temporary table before_it on commit drop as
select position, data
from catalog.log;

insert into catalog.personal (stream_id, version, data)
select stream_id, version, pg_temp.personal_part(type, data)
from catalog.log
where pg_temp.personal_part(type, data) is not null;

alter table catalog.log disable trigger events_are_for_ever;
update catalog.log
set data = pg_temp.forgotten_form(type, data)
where pg_temp.personal_part(type, data) is not null;
alter table catalog.log enable always trigger events_are_for_ever;

do $$
begin
    if exists (
        select
        from catalog.log
        full join before_it using (position)
        left join catalog.personal using (stream_id, version)
        where coalesce(log.data || personal.data, log.data)::text is distinct from before_it.data::text
    ) then
        raise exception 'an event would not read as before: nothing was changed';
    end if;
end
$$;
