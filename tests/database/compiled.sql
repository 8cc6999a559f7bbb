create or replace function catalog.redacted_event(type text, data jsonb) returns jsonb
language sql immutable parallel safe
return case type
    when 'item_created' then jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(data,
        '{name}'::text[], catalog.redact(data -> 'name'), false),
        '{description}'::text[], catalog.redact(data -> 'description'), false),
        '{image_urls}'::text[], catalog.redact(data -> 'image_urls'), false),
        '{location_lat}'::text[], catalog.redact(data -> 'location_lat'), false),
        '{location_lon}'::text[], catalog.redact(data -> 'location_lon'), false)
    when 'item_updated' then jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(data,
        '{changes,name}'::text[], catalog.redact(data #> '{changes,name}'::text[]), false),
        '{changes,description}'::text[], catalog.redact(data #> '{changes,description}'::text[]), false),
        '{changes,image_urls}'::text[], catalog.redact(data #> '{changes,image_urls}'::text[]), false),
        '{changes,location_lat}'::text[], catalog.redact(data #> '{changes,location_lat}'::text[]), false),
        '{changes,location_lon}'::text[], catalog.redact(data #> '{changes,location_lon}'::text[]), false),
        '{previous_values,name}'::text[], catalog.redact(data #> '{previous_values,name}'::text[]), false),
        '{previous_values,description}'::text[], catalog.redact(data #> '{previous_values,description}'::text[]), false),
        '{previous_values,image_urls}'::text[], catalog.redact(data #> '{previous_values,image_urls}'::text[]), false),
        '{previous_values,location_lat}'::text[], catalog.redact(data #> '{previous_values,location_lat}'::text[]), false),
        '{previous_values,location_lon}'::text[], catalog.redact(data #> '{previous_values,location_lon}'::text[]), false)
    when 'item_status_changed' then jsonb_set(data,
        '{reason}'::text[], catalog.redact(data -> 'reason'), false)
    when 'item_deleted' then jsonb_set(data,
        '{reason}'::text[], catalog.redact(data -> 'reason'), false)
    else data
end;
comment on function catalog.redacted_event is 'An event''s data as the log holds it: the same names, nothing personal.';

create or replace function catalog.personal_values(type text, data jsonb) returns jsonb
language sql immutable parallel safe
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
comment on function catalog.personal_values is 'What the log leaves out of an event: whole values of data; null for none.';

create or replace function catalog.fold_items(
    p_stream_id integer,
    p_until timestamptz default 'infinity',
    p_version integer default 2147483647
) returns table (id integer, version integer, valid_from timestamptz, document jsonb)
language sql stable parallel safe as $fold$
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select max(stream_id) as stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = 'item_created')) as started_at,
        max(version) filter (where merged ? 'name') as name__at,
        max(version) filter (where merged ? 'description') as description__at,
        max(version) filter (where merged ? 'category') as category__at,
        max(version) filter (where merged ? 'image_urls') as image_urls__at,
        max(version) filter (where merged ? 'location_lat') as location_lat__at,
        max(version) filter (where merged ? 'location_lon') as location_lon__at,
        max(version) filter (where (type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored')) as status__at,
        max(version) filter (where (type = 'item_deleted' or type = 'item_restored')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = 'item_created' or type = 'item_updated' or type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored') as used,
            case type when 'item_updated' then (data -> 'changes') end as merged
        from catalog.log
        where stream_id = p_stream_id and recorded_at <= p_until and version <= p_version
        offset 0
    ) as event
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from catalog.events as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select to_jsonb(stream_id) as id,
        case when name__at > started_at then (select (data -> 'changes') -> 'name' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> 'name' end as name,
        case when description__at > started_at then (select (data -> 'changes') -> 'description' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> 'description' end as description,
        case when category__at > started_at then (select (data -> 'changes') -> 'category' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> 'category' end as category,
        case when image_urls__at > started_at then (select (data -> 'changes') -> 'image_urls' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> 'image_urls' end as image_urls,
        case when location_lat__at > started_at then (select (data -> 'changes') -> 'location_lat' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> 'location_lat' end as location_lat,
        case when location_lon__at > started_at then (select (data -> 'changes') -> 'location_lon' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> 'location_lon' end as location_lon,
        data -> 'owner_id' as owner_id,
        case when status__at > started_at then (select case type when 'item_status_changed' then data -> 'new_status' when 'item_deleted' then '"archived"'::jsonb when 'item_restored' then data -> 'status' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> 'status' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when 'item_deleted' then to_jsonb(catalog.rfc3339(recorded_at)) when 'item_restored' then 'null'::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else 'null'::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
$fold$;
comment on function catalog.fold_items is 'The document of Items as of an instant or a version: no row before its first event.';

create table if not exists catalog.items (
    id integer not null,
    version integer not null,
    valid_from timestamptz not null,
    document jsonb not null,
    status text collate "C" generated always as (document ->> 'status') stored,
    created_at text collate "C" generated always as (document ->> 'created_at') stored,
    category text collate "C" generated always as (document ->> 'category') stored,
    owner_id text collate "C" generated always as (document ->> 'owner_id') stored,
    updated_at text collate "C" generated always as (document ->> 'updated_at') stored,
    name_sorted text collate "C" generated always as (lower((document ->> 'name') collate "C")) stored,
    primary key (id)
) partition by range (id);
create table if not exists catalog.items_live partition of catalog.items
for values from (minvalue) to (maxvalue) with (fillfactor = 70);
comment on table catalog.items is 'The current documents of the projection Items.';
comment on table catalog.items_live is 'All rows of items; a rebuild puts another in its place.';
comment on column catalog.items.id is 'The stream the document is folded from.';
comment on column catalog.items.version is 'The version of its stream; the last at which the document was so.';
comment on column catalog.items.valid_from is 'When the last event that it is folded from was recorded.';
comment on column catalog.items.document is 'Item, as the API serves it.';
comment on column catalog.items.status is 'status of the document.';
comment on column catalog.items.created_at is 'created_at of the document.';
comment on column catalog.items.category is 'category of the document.';
comment on column catalog.items.owner_id is 'owner_id of the document.';
comment on column catalog.items.updated_at is 'updated_at of the document.';
comment on column catalog.items.name_sorted is 'What an order by name compares.';
create index if not exists items_by_status_created_at
on catalog.items (status, created_at desc, id desc, valid_from);
comment on index catalog.items_by_status_created_at is 'GET /items?status=';
create index if not exists items_by_category_status_created_at
on catalog.items (category, status, created_at desc, id desc, valid_from);
comment on index catalog.items_by_category_status_created_at is 'GET /items?category=&status=';
create index if not exists items_by_owner_id_status_created_at
on catalog.items (owner_id, status, created_at desc, id desc, valid_from);
comment on index catalog.items_by_owner_id_status_created_at is 'GET /items/owner/{owner_id}';
create index if not exists items_by_status_updated_at
on catalog.items (status, updated_at desc, id desc, valid_from);
comment on index catalog.items_by_status_updated_at is 'GET /items?sort=updated';
create index if not exists items_by_status_name
on catalog.items (status, name_sorted, id, valid_from);
comment on index catalog.items_by_status_name is 'GET /items?sort=name';

create table if not exists catalog.items_history (
    id integer not null,
    version integer not null,
    valid_from timestamptz not null,
    valid_to timestamptz not null,
    document jsonb not null,
    status text collate "C" generated always as (document ->> 'status') stored,
    created_at text collate "C" generated always as (document ->> 'created_at') stored,
    category text collate "C" generated always as (document ->> 'category') stored,
    owner_id text collate "C" generated always as (document ->> 'owner_id') stored,
    updated_at text collate "C" generated always as (document ->> 'updated_at') stored,
    name_sorted text collate "C" generated always as (lower((document ->> 'name') collate "C")) stored,
    primary key (id, valid_from, valid_to)
) partition by range (id);
create table if not exists catalog.items_history_live partition of catalog.items_history
for values from (minvalue) to (maxvalue);
comment on table catalog.items_history is 'The documents of Items that were replaced: each once, with both bounds, never updated.';
comment on table catalog.items_history_live is 'All rows of items_history; a rebuild puts another in its place.';
comment on column catalog.items_history.id is 'The stream the document is folded from.';
comment on column catalog.items_history.version is 'The version of its stream; the last at which the document was so.';
comment on column catalog.items_history.valid_from is 'When the last event that it is folded from was recorded.';
comment on column catalog.items_history.valid_to is 'When the event that replaced it was recorded.';
comment on column catalog.items_history.document is 'Item, as the API serves it.';
comment on column catalog.items_history.status is 'status of the document.';
comment on column catalog.items_history.created_at is 'created_at of the document.';
comment on column catalog.items_history.category is 'category of the document.';
comment on column catalog.items_history.owner_id is 'owner_id of the document.';
comment on column catalog.items_history.updated_at is 'updated_at of the document.';
comment on column catalog.items_history.name_sorted is 'What an order by name compares.';
create index if not exists items_history_by_status_created_at
on catalog.items_history (status, created_at desc, id desc, valid_from, valid_to);
comment on index catalog.items_history_by_status_created_at is 'GET /items?status=';
create index if not exists items_history_by_category_status_created_at
on catalog.items_history (category, status, created_at desc, id desc, valid_from, valid_to);
comment on index catalog.items_history_by_category_status_created_at is 'GET /items?category=&status=';
create index if not exists items_history_by_owner_id_status_created_at
on catalog.items_history (owner_id, status, created_at desc, id desc, valid_from, valid_to);
comment on index catalog.items_history_by_owner_id_status_created_at is 'GET /items/owner/{owner_id}';
create index if not exists items_history_by_status_updated_at
on catalog.items_history (status, updated_at desc, id desc, valid_from, valid_to);
comment on index catalog.items_history_by_status_updated_at is 'GET /items?sort=updated';
create index if not exists items_history_by_status_name
on catalog.items_history (status, name_sorted, id, valid_from, valid_to);
comment on index catalog.items_history_by_status_name is 'GET /items?sort=name';
create index if not exists items_history_replaced
on catalog.items_history ((valid_to at time zone 'UTC')) include (valid_to);
comment on index catalog.items_history_replaced is 'Listings as of a moment ago.';

create table if not exists catalog.items_words (
    id integer not null,
    words text[] not null,
    found tsvector generated always as (catalog.search_vector(words)) stored,
    primary key (id)
) partition by range (id);
create table if not exists catalog.items_words_live partition of catalog.items_words
for values from (minvalue) to (maxvalue);
comment on table catalog.items_words is 'The words that the searched texts of Items have ever had.';
comment on table catalog.items_words_live is 'All rows of items_words; a rebuild puts another in its place.';
comment on column catalog.items_words.id is 'The stream the document is folded from.';
comment on column catalog.items_words.words is 'Each once; {*} if they are too many.';
comment on column catalog.items_words.found is 'What they are found by.';
create index if not exists items_words_found
on catalog.items_words using gin (found);
comment on index catalog.items_words_found is 'GET /items?search=';

create table if not exists catalog.items_places (
    id integer not null,
    since timestamptz not null,
    place point not null,
    primary key (id, since)
) partition by range (id);
create table if not exists catalog.items_places_live partition of catalog.items_places
for values from (minvalue) to (maxvalue);
comment on table catalog.items_places is 'Where the documents of Items have ever been; a row for each change of place.';
comment on table catalog.items_places_live is 'All rows of items_places; a rebuild puts another in its place.';
comment on column catalog.items_places.id is 'The stream the document is folded from.';
comment on column catalog.items_places.since is 'When the event was recorded that made it so.';
comment on column catalog.items_places.place is 'Longitude and latitude in degrees.';
create index if not exists items_places_found
on catalog.items_places using gist (place);
comment on index catalog.items_places_found is 'GET /items?near=';

create or replace function catalog.evolve_items(
    document jsonb, stream_id integer, version integer, recorded_at timestamptz, type text, data jsonb
) returns jsonb
language sql stable parallel safe
return case type
    when 'item_created' then '{"deleted_at":null}'::jsonb || data || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_updated' then document || coalesce(data -> 'changes', '{}'::jsonb) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_status_changed' then document || jsonb_build_object('status', data -> 'new_status') || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_deleted' then document || '{"status":"archived"}'::jsonb || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_restored' then document || data || '{"deleted_at":null}'::jsonb || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
    else document
end;
comment on function catalog.evolve_items is 'The document of Items after one more event.';

create or replace function catalog.project_items(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language plpgsql volatile as $$
declare
    v_version integer;
    v_valid_from timestamptz;
    v_before jsonb;
    v_after jsonb;
begin
    if p_version > 1 then
        select version, valid_from, document
        into v_version, v_valid_from, v_before
        from catalog.items_live
        where id = p_stream_id;
    end if;
    if p_type not in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored') then
        update catalog.items_live set version = p_version where id = p_stream_id;
        return v_before;
    end if;
    v_after := catalog.evolve_items(v_before, p_stream_id, p_version, p_recorded_at, p_type, p_data);
    if v_after is null then
        delete from catalog.items_live where id = p_stream_id;
    elsif v_before is null then
        insert into catalog.items_live (id, version, valid_from, document)
        values (p_stream_id, p_version, p_recorded_at, v_after);
    else
        update catalog.items_live
        set version = p_version, valid_from = p_recorded_at, document = v_after
        where id = p_stream_id;
    end if;
    if v_before is not null then
        insert into catalog.items_history_live (id, version, valid_from, valid_to, document)
        values (p_stream_id, v_version, v_valid_from, p_recorded_at, v_before);
    end if;
    if p_version = 1 and ((v_after ->> 'name') || ' ' || (v_after ->> 'description')) is not null then
        insert into catalog.items_words_live (id, words)
        values (p_stream_id, catalog.tokens_of(((v_after ->> 'name') || ' ' || (v_after ->> 'description'))));
    elsif v_after is not null and ((v_after ->> 'name') || ' ' || (v_after ->> 'description')) is distinct from ((v_before ->> 'name') || ' ' || (v_before ->> 'description')) then
        declare
            v_words constant text[] := catalog.tokens_of(((v_after ->> 'name') || ' ' || (v_after ->> 'description')));
        begin
            update catalog.items_words_live
            set words = case
                when '*' = any (v_words) then v_words
                else catalog.tokens_of(array_to_string(words || v_words, ' '))
            end
            where id = p_stream_id
                and not ('*' = any (words) or v_words <@ words);
            if not found and v_before is null then
                insert into catalog.items_words_live (id, words)
                values (p_stream_id, v_words)
                on conflict (id) do nothing;
            end if;
        end;
    end if;
    if v_after is not null and row(v_after -> 'location_lon', v_after -> 'location_lat') is distinct from row(v_before -> 'location_lon', v_before -> 'location_lat') then
        insert into catalog.items_places_live (id, since, place)
        values (p_stream_id, p_recorded_at, ('(' || round((v_after ->> 'location_lon')::numeric, 6) || ',' || round((v_after ->> 'location_lat')::numeric, 6) || ')')::point);
    end if;
    return v_after;
end
$$;
comment on function catalog.project_items is 'Takes one more event into the stored document of Items.';

create or replace function catalog.index_new_items(p_recorded_at timestamptz default clock_timestamp()) returns void
language plpgsql volatile as $$
begin
    insert into catalog.items_words (id, words)
    select id, catalog.tokens_of(((document ->> 'name') || ' ' || (document ->> 'description')))
    from (
        select stream_id as id,
            catalog.evolve_items(null, stream_id, 1, p_recorded_at, type, data) as document
        from pg_temp.new_streams
        where type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
        offset 0
    ) as new
    where document is not null and ((document ->> 'name') || ' ' || (document ->> 'description')) is distinct from ((null::jsonb ->> 'name') || ' ' || (null::jsonb ->> 'description'));
end
$$;
comment on function catalog.index_new_items is 'Writes the words of Items in new_streams.';

create or replace function catalog.project_new_items(p_recorded_at timestamptz) returns void
language plpgsql volatile as $$
begin
    with new as materialized (
        select stream_id as id,
            catalog.evolve_items(null, stream_id, 1, p_recorded_at, type, data) as document
        from pg_temp.new_streams
        where type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
    ), items_placed as (
        insert into catalog.items_places (id, since, place)
        select id, p_recorded_at, ('(' || round((document ->> 'location_lon')::numeric, 6) || ',' || round((document ->> 'location_lat')::numeric, 6) || ')')::point
        from new
        where document is not null and row(document -> 'location_lon', document -> 'location_lat') is distinct from row(null::jsonb -> 'location_lon', null::jsonb -> 'location_lat')
    )
    insert into catalog.items (id, version, valid_from, document)
    select id, 1, p_recorded_at, document
    from new
    where document is not null;
end
$$;
comment on function catalog.project_new_items is 'Writes the documents of Items of all new_streams.';

create or replace function catalog.refold_items(p_stream_id integer) returns bigint
language sql volatile set extra_float_digits = 1 as $$
with versions as materialized (
select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        catalog.jsonb_merge_agg(case type
            when 'item_created' then '{"deleted_at":null}'::jsonb || data || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_updated' then coalesce(data -> 'changes', '{}'::jsonb) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_status_changed' then jsonb_build_object('status', data -> 'new_status') || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_deleted' then '{"status":"archived"}'::jsonb || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_restored' then data || '{"deleted_at":null}'::jsonb || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
        end) over so_far as document,
        max(version) filter (where type in ('item_created')) over so_far as begun_at
    from (
        select stream_id, version, recorded_at, type, data,
            max(version) over whole as last_version
        from catalog.events
        where stream_id = p_stream_id
        window whole as (
            partition by stream_id order by version rows between unbounded preceding and unbounded following
        )
        offset 0
    ) as event
    where type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
    window so_far as (partition by stream_id order by version rows unbounded preceding)
) as version
where begun_at is not null
), items_expected as (
    select id, version, valid_from, document from versions where valid_to is null
), items_deleted as (
    delete from catalog.items
    where id = p_stream_id
        and not exists (select from items_expected where items_expected.id = items.id)
    returning 1
), items_upserted as (
    insert into catalog.items as stored (id, version, valid_from, document)
    select id, version, valid_from, document from items_expected
    on conflict (id) do update
    set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document
    where row(stored.version, stored.valid_from, stored.document)::text is distinct from row(excluded.version, excluded.valid_from, excluded.document)::text
    returning 1
), items_history_expected as (
    select id, version, valid_from, valid_to, document from versions where valid_to is not null
), items_history_deleted as (
    delete from catalog.items_history
    where id = p_stream_id
        and not exists (select from items_history_expected where items_history_expected.id = items_history.id and items_history_expected.valid_from = items_history.valid_from and items_history_expected.valid_to = items_history.valid_to)
    returning 1
), items_history_upserted as (
    insert into catalog.items_history as stored (id, version, valid_from, valid_to, document)
    select id, version, valid_from, valid_to, document from items_history_expected
    on conflict (id, valid_from, valid_to) do update
    set version = excluded.version, document = excluded.document
    where row(stored.version, stored.document)::text is distinct from row(excluded.version, excluded.document)::text
    returning 1
), items_words_expected as (
    select id, catalog.tokens_of(string_agg(distinct name, ' ') || ' ' || string_agg(distinct description, ' ')) as words
    from (
        select id, document ->> 'name' as name, document ->> 'description' as description
        from versions
        offset 0
    ) as version
    group by id
), items_words_deleted as (
    delete from catalog.items_words
    where id = p_stream_id
        and not exists (select from items_words_expected where items_words_expected.id = items_words.id)
    returning 1
), items_words_upserted as (
    insert into catalog.items_words as stored (id, words)
    select id, words from items_words_expected
    on conflict (id) do update
    set words = excluded.words
    where row(stored.words)::text is distinct from row(excluded.words)::text
    returning 1
), items_places_expected as (
    select id, valid_from as since, ('(' || round(location_lon::numeric, 6) || ',' || round(location_lat::numeric, 6) || ')')::point as place
    from (
        select id, valid_from, location_lon, location_lat,
            lag(location_lon) over in_order is distinct from location_lon or lag(location_lat) over in_order is distinct from location_lat
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, document -> 'location_lon' as location_lon, document -> 'location_lat' as location_lat
            from versions
            offset 0
        ) as version
        window in_order as (partition by id order by valid_from)
    ) as version
    where is_new
), items_places_deleted as (
    delete from catalog.items_places
    where id = p_stream_id
        and not exists (select from items_places_expected where items_places_expected.id = items_places.id and items_places_expected.since = items_places.since)
    returning 1
), items_places_upserted as (
    insert into catalog.items_places as stored (id, since, place)
    select id, since, place from items_places_expected
    on conflict (id, since) do update
    set place = excluded.place
    where row(stored.place)::text is distinct from row(excluded.place)::text
    returning 1
)
select count(*)
from (
    select from items_deleted
    union all select from items_upserted
    union all select from items_history_deleted
    union all select from items_history_upserted
    union all select from items_words_deleted
    union all select from items_words_upserted
    union all select from items_places_deleted
    union all select from items_places_upserted
) as changed
$$;
comment on function catalog.refold_items is 'Writes what the log has of a stream into items; counts the changes.';

create or replace function catalog.items_as_of(p_until timestamptz)
returns table (id integer, version integer, valid_from timestamptz, document jsonb, status text, created_at text, category text, owner_id text, updated_at text, name_sorted text)
language sql stable parallel safe as $$
select id, version, valid_from, document, status, created_at, category, owner_id, updated_at, name_sorted
from catalog.items
where valid_from <= p_until
union all
select id, version, valid_from, document, status, created_at, category, owner_id, updated_at, name_sorted
from catalog.items_history
where valid_from <= p_until
    and valid_to > p_until
$$;
comment on function catalog.items_as_of is 'The documents of Items as of an instant.';

create table if not exists catalog.owners (
    key text collate "C" not null,
    document jsonb not null,
    primary key (key)
) partition by range (key);
create table if not exists catalog.owners_live partition of catalog.owners
for values from (minvalue) to (maxvalue);
comment on table catalog.owners is 'The documents of the rollup Owners.';
comment on table catalog.owners_live is 'All rows of owners; a rebuild puts another in its place.';
comment on column catalog.owners.key is 'The owner_id that it is about.';
comment on column catalog.owners.document is 'Owner, as the API serves it.';

create table if not exists catalog.owners_members (
    id integer not null,
    key text collate "C" not null,
    part jsonb not null,
    primary key (id)
) partition by range (id);
create table if not exists catalog.owners_members_live partition of catalog.owners_members
for values from (minvalue) to (maxvalue);
comment on table catalog.owners_members is 'What each stream counts as in Owners.';
comment on table catalog.owners_members_live is 'All rows of owners_members; a rebuild puts another in its place.';
comment on column catalog.owners_members.id is 'The stream.';
comment on column catalog.owners_members.key is 'The owner_id that it is about.';
comment on column catalog.owners_members.part is 'What is counted of its Item.';
create index if not exists owners_members_by_key
on catalog.owners_members (key);
comment on index catalog.owners_members_by_key is 'Aggregating the members of some keys.';

create or replace function catalog.evolve_owners(p_key text, p_part jsonb, p_events catalog.log[]) returns jsonb
language plpgsql stable parallel safe as $$
declare
    v_document jsonb := p_part || jsonb_build_object('owner_id', p_key);
    v_event catalog.log;
begin
    foreach v_event in array p_events loop
        v_document := catalog.evolve_items(v_document, v_event.stream_id, v_event.version, v_event.recorded_at,
            v_event.type, v_event.data);
    end loop;
    return v_document;
end
$$;
comment on function catalog.evolve_owners is 'The fields that owners takes from a document, after more events; null where there is none.';

create or replace function catalog.catch_up_owners(p_from bigint, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_to constant bigint := catalog.advance_checkpoint('owners', p_from, p_limit);
    v_skipped constant bigint[] := catalog.skipped_events('owners');
    v_streams constant integer[] := array(
        select distinct stream_id
        from catalog.log
        where position > p_from
            and position <= v_to
    );
    v_keys text[];
begin
    with arrived as (
        select stream_id, array_agg(event order by version) as events
        from catalog.log as event
        where position > p_from
            and position <= v_to
            and position <> all (v_skipped)
        group by stream_id
    ), member_before (id, key, part) as materialized (
        select id, key, part from catalog.owners_members where id = any (v_streams)
    ), stepped (id, document) as materialized (
        select arrived.stream_id, catalog.evolve_owners(key, part, events)
        from arrived
        left join member_before on member_before.id = arrived.stream_id
    ), member (id, key, part) as materialized (
        select id, document ->> 'owner_id', jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at') from stepped where document is not null
    ), gone as (
        delete from catalog.owners_members
        where id = any (array(select id from stepped where document is null))
    ), entered as (
        insert into catalog.owners_members as stored (id, key, part)
        select id, key, part from member
        on conflict (id) do update
        set key = excluded.key, part = excluded.part
        where (stored.key, stored.part) is distinct from (excluded.key, excluded.part)
    ), moved (id, key, part, members) as (
        select *, -1 from (
            select * from member_before where id in (select id from stepped)
            except table member) as left_it
        union all
        select *, 1 from (table member except table member_before) as entered_it
    ), change as (
        select key,
            bool_or(members > 0) as has_entered,
            sum(members) as members,
            array_agg(members) as each_members,
            array_agg(part ->> 'status') as by_status__each,
            array_agg(part ->> 'category') as by_category__each,
            min((part ->> 'created_at') collate "C") filter (where members < 0) as first_activity_at__left,
            min((part ->> 'created_at') collate "C") filter (where members > 0) as first_activity_at__entered,
            max((part ->> 'updated_at') collate "C") filter (where members < 0) as latest_activity_at__left,
            max((part ->> 'updated_at') collate "C") filter (where members > 0) as latest_activity_at__entered
        from moved
        group by key
    ), changed as (
        update catalog.owners as stored
        set document = jsonb_build_object(
        'owner_id', stored.key,
        'total_items', (stored.document ->> 'total_items')::bigint + change.members,
        'by_status', catalog.apply_count_deltas(stored.document -> 'by_status', change.by_status__each, change.each_members),
        'by_category', catalog.apply_count_deltas(stored.document -> 'by_category', change.by_category__each, change.each_members),
        'first_activity_at', least((stored.document ->> 'first_activity_at') collate "C", change.first_activity_at__entered),
        'latest_activity_at', greatest((stored.document ->> 'latest_activity_at') collate "C", change.latest_activity_at__entered)
        )
        from change
        where stored.key = change.key
            and (change.has_entered or exists (
                select from catalog.owners_members as other
                where other.key = change.key and other.id <> all (v_streams)))
            and (change.first_activity_at__left is null or (stored.document ->> 'first_activity_at') collate "C" < change.first_activity_at__left or change.first_activity_at__entered <= (stored.document ->> 'first_activity_at') collate "C")
            and (change.latest_activity_at__left is null or (stored.document ->> 'latest_activity_at') collate "C" > change.latest_activity_at__left or change.latest_activity_at__entered >= (stored.document ->> 'latest_activity_at') collate "C")
        returning stored.key
    )
    select array_agg(key) into v_keys from change where key not in (select key from changed);
    if v_keys is not null then
        delete from catalog.owners as stored
        where key = any (v_keys)
            and not exists (select from catalog.owners_members as other where other.key = stored.key);
        insert into catalog.owners as stored (key, document)
        select key, jsonb_build_object(
                'owner_id', key,
                'total_items', count(*),
                'by_status', catalog.count_values(array_agg(part ->> 'status')),
                'by_category', catalog.count_values(array_agg(part ->> 'category')),
                'first_activity_at', min((part ->> 'created_at') collate "C"),
                'latest_activity_at', max((part ->> 'updated_at') collate "C")
            )
        from catalog.owners_members
        where key = any (v_keys)
        group by key
        on conflict (key) do update
        set document = excluded.document
        where stored.document <> excluded.document;
    end if;
    return v_to;
end
$$;
comment on function catalog.catch_up_owners is 'Takes settled events into owners; answers with the checkpoint.';

create or replace function catalog.owners_as_of(p_until timestamptz)
returns table (key text, document jsonb)
language sql stable parallel safe as $$
select key, jsonb_build_object(
        'owner_id', key,
        'total_items', count(*),
        'by_status', catalog.count_values(array_agg(part ->> 'status')),
        'by_category', catalog.count_values(array_agg(part ->> 'category')),
        'first_activity_at', min((part ->> 'created_at') collate "C"),
        'latest_activity_at', max((part ->> 'updated_at') collate "C")
    )
from (
    select id, owner_id, jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at')
    from catalog.items_as_of(p_until)
) as member (id, key, part)
group by key
$$;
comment on function catalog.owners_as_of is 'The documents of Owners as of an instant.';

create table if not exists catalog.categories (
    key text collate "C" not null,
    document jsonb not null,
    primary key (key)
) partition by range (key);
create table if not exists catalog.categories_live partition of catalog.categories
for values from (minvalue) to (maxvalue);
comment on table catalog.categories is 'The documents of the rollup Categories.';
comment on table catalog.categories_live is 'All rows of categories; a rebuild puts another in its place.';
comment on column catalog.categories.key is 'The category that it is about.';
comment on column catalog.categories.document is 'Category, as the API serves it.';

create table if not exists catalog.categories_members (
    id integer not null,
    key text collate "C" not null,
    part jsonb not null,
    primary key (id)
) partition by range (id);
create table if not exists catalog.categories_members_live partition of catalog.categories_members
for values from (minvalue) to (maxvalue);
comment on table catalog.categories_members is 'What each stream counts as in Categories.';
comment on table catalog.categories_members_live is 'All rows of categories_members; a rebuild puts another in its place.';
comment on column catalog.categories_members.id is 'The stream.';
comment on column catalog.categories_members.key is 'The category that it is about.';
comment on column catalog.categories_members.part is 'What is counted of its Item.';
create index if not exists categories_members_by_key
on catalog.categories_members (key);
comment on index catalog.categories_members_by_key is 'Aggregating the members of some keys.';

create or replace function catalog.evolve_categories(p_key text, p_part jsonb, p_events catalog.log[]) returns jsonb
language plpgsql stable parallel safe as $$
declare
    v_document jsonb := p_part || jsonb_build_object('category', p_key);
    v_event catalog.log;
begin
    foreach v_event in array p_events loop
        v_document := catalog.evolve_items(v_document, v_event.stream_id, v_event.version, v_event.recorded_at,
            v_event.type, v_event.data);
    end loop;
    return v_document;
end
$$;
comment on function catalog.evolve_categories is 'The fields that categories takes from a document, after more events; null where there is none.';

create or replace function catalog.catch_up_categories(p_from bigint, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_to constant bigint := catalog.advance_checkpoint('categories', p_from, p_limit);
    v_skipped constant bigint[] := catalog.skipped_events('categories');
    v_streams constant integer[] := array(
        select distinct stream_id
        from catalog.log
        where position > p_from
            and position <= v_to
    );
    v_keys text[];
begin
    with arrived as (
        select stream_id, array_agg(event order by version) as events
        from catalog.log as event
        where position > p_from
            and position <= v_to
            and position <> all (v_skipped)
        group by stream_id
    ), member_before (id, key, part) as materialized (
        select id, key, part from catalog.categories_members where id = any (v_streams)
    ), stepped (id, document) as materialized (
        select arrived.stream_id, catalog.evolve_categories(key, part, events)
        from arrived
        left join member_before on member_before.id = arrived.stream_id
    ), member (id, key, part) as materialized (
        select id, document ->> 'category', jsonb_build_object('status', document -> 'status') from stepped where document is not null
    ), gone as (
        delete from catalog.categories_members
        where id = any (array(select id from stepped where document is null))
    ), entered as (
        insert into catalog.categories_members as stored (id, key, part)
        select id, key, part from member
        on conflict (id) do update
        set key = excluded.key, part = excluded.part
        where (stored.key, stored.part) is distinct from (excluded.key, excluded.part)
    ), moved (id, key, part, members) as (
        select *, -1 from (
            select * from member_before where id in (select id from stepped)
            except table member) as left_it
        union all
        select *, 1 from (table member except table member_before) as entered_it
    ), change as (
        select key,
            bool_or(members > 0) as has_entered,
            sum(members) as members,
            array_agg(members) as each_members,
            array_agg(part ->> 'status') as by_status__each
        from moved
        group by key
    ), changed as (
        update catalog.categories as stored
        set document = jsonb_build_object(
        'category', stored.key,
        'total_items', (stored.document ->> 'total_items')::bigint + change.members,
        'by_status', catalog.apply_count_deltas(stored.document -> 'by_status', change.by_status__each, change.each_members)
        )
        from change
        where stored.key = change.key
            and (change.has_entered or exists (
                select from catalog.categories_members as other
                where other.key = change.key and other.id <> all (v_streams)))
        returning stored.key
    )
    select array_agg(key) into v_keys from change where key not in (select key from changed);
    if v_keys is not null then
        delete from catalog.categories as stored
        where key = any (v_keys)
            and not exists (select from catalog.categories_members as other where other.key = stored.key);
        insert into catalog.categories as stored (key, document)
        select key, jsonb_build_object(
                'category', key,
                'total_items', count(*),
                'by_status', catalog.count_values(array_agg(part ->> 'status'))
            )
        from catalog.categories_members
        where key = any (v_keys)
        group by key
        on conflict (key) do update
        set document = excluded.document
        where stored.document <> excluded.document;
    end if;
    return v_to;
end
$$;
comment on function catalog.catch_up_categories is 'Takes settled events into categories; answers with the checkpoint.';

create or replace function catalog.categories_as_of(p_until timestamptz)
returns table (key text, document jsonb)
language sql stable parallel safe as $$
select key, jsonb_build_object(
        'category', key,
        'total_items', count(*),
        'by_status', catalog.count_values(array_agg(part ->> 'status'))
    )
from (
    select id, category, jsonb_build_object('status', document -> 'status')
    from catalog.items_as_of(p_until)
) as member (id, key, part)
group by key
$$;
comment on function catalog.categories_as_of is 'The documents of Categories as of an instant.';

create or replace function catalog.project_inline(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language sql volatile
return jsonb_build_object('items', catalog.project_items(p_stream_id, p_version, p_recorded_at, p_type, p_data));
comment on function catalog.project_inline is 'Takes one more event into every inline document; answers with them.';

create or replace function catalog.index_new_streams() returns void
language sql volatile
begin atomic
    select catalog.index_new_items();
end;
comment on function catalog.index_new_streams is 'Writes what takes long of all new_streams.';

create or replace function catalog.project_new_streams(p_recorded_at timestamptz) returns void
language sql volatile
begin atomic
    select catalog.project_new_items(p_recorded_at);
end;
comment on function catalog.project_new_streams is 'Writes every inline document of all new_streams.';

create or replace function catalog.refold_stream(p_stream_id integer) returns void
language sql volatile
begin atomic
    select catalog.refold_items(p_stream_id);
end;
comment on function catalog.refold_stream is 'Makes every inline document of a stream, its past too, what the log says.';

select catalog.drop_if_incompatible('items', array['id integer', 'name text', 'description text', 'category text', 'image_urls text[]', 'location_lat double precision', 'location_lon double precision', 'owner_id text', 'status text', 'created_at timestamp with time zone', 'updated_at timestamp with time zone', 'deleted_at timestamp with time zone', 'version integer']);
create or replace view public.items as
select id,
    (document ->> 'name') collate "C" as name,
    (document ->> 'description') collate "C" as description,
    category,
    case when jsonb_typeof(document -> 'image_urls') = 'array' then array(select jsonb_array_elements_text(document -> 'image_urls')) end as image_urls,
    (document ->> 'location_lat')::double precision as location_lat,
    (document ->> 'location_lon')::double precision as location_lon,
    owner_id,
    status,
    created_at::timestamp with time zone as created_at,
    updated_at::timestamp with time zone as updated_at,
    (document ->> 'deleted_at')::timestamp with time zone as deleted_at,
    (document ->> 'version')::integer as version
from (
    select id, document, status, created_at, category, owner_id, updated_at
    from catalog.items
    where valid_from <= (select catalog.as_of())
    union all
    select id, document, status, created_at, category, owner_id, updated_at
    from catalog.items_history
    where valid_from <= (select catalog.as_of())
        and valid_to > (select catalog.as_of())
        and (select catalog.as_of()) < 'infinity'
) as stored;
comment on view public.items is 'The documents of Items, now or as of catalog.as_of.';
grant select on public.items to catalog_reader;
comment on column public.items.id is 'id of the document.';
comment on column public.items.name is 'name of the document.';
comment on column public.items.description is 'description of the document.';
comment on column public.items.category is 'category of the document.';
comment on column public.items.image_urls is 'image_urls of the document.';
comment on column public.items.location_lat is 'location_lat of the document.';
comment on column public.items.location_lon is 'location_lon of the document.';
comment on column public.items.owner_id is 'owner_id of the document.';
comment on column public.items.status is 'status of the document.';
comment on column public.items.created_at is 'created_at of the document.';
comment on column public.items.updated_at is 'updated_at of the document.';
comment on column public.items.deleted_at is 'deleted_at of the document.';
comment on column public.items.version is 'version of the document.';

select catalog.drop_if_incompatible('item_versions', array['id integer', 'name text', 'description text', 'category text', 'image_urls text[]', 'location_lat double precision', 'location_lon double precision', 'owner_id text', 'status text', 'created_at timestamp with time zone', 'updated_at timestamp with time zone', 'deleted_at timestamp with time zone', 'version integer', 'valid_from timestamp with time zone', 'valid_to timestamp with time zone', 'document jsonb']);
create or replace view public.item_versions as
select id,
    (document ->> 'name') collate "C" as name,
    (document ->> 'description') collate "C" as description,
    category,
    case when jsonb_typeof(document -> 'image_urls') = 'array' then array(select jsonb_array_elements_text(document -> 'image_urls')) end as image_urls,
    (document ->> 'location_lat')::double precision as location_lat,
    (document ->> 'location_lon')::double precision as location_lon,
    owner_id,
    status,
    created_at::timestamp with time zone as created_at,
    updated_at::timestamp with time zone as updated_at,
    (document ->> 'deleted_at')::timestamp with time zone as deleted_at,
    (document ->> 'version')::integer as version,
    valid_from,
    valid_to,
    document
from (
    select id, document, status, created_at, category, owner_id, updated_at, valid_from, null::timestamptz as valid_to
    from catalog.items
    where valid_from <= (select catalog.as_of())
    union all
    select id, document, status, created_at, category, owner_id, updated_at, valid_from, case when valid_to <= (select catalog.as_of()) then valid_to end
    from catalog.items_history
    where valid_from <= (select catalog.as_of())
) as stored;
comment on view public.item_versions is 'Every document that Items ever had, each from when it was recorded until it was replaced.';
grant select on public.item_versions to catalog_reader;
comment on column public.item_versions.id is 'id of the document.';
comment on column public.item_versions.name is 'name of the document.';
comment on column public.item_versions.description is 'description of the document.';
comment on column public.item_versions.category is 'category of the document.';
comment on column public.item_versions.image_urls is 'image_urls of the document.';
comment on column public.item_versions.location_lat is 'location_lat of the document.';
comment on column public.item_versions.location_lon is 'location_lon of the document.';
comment on column public.item_versions.owner_id is 'owner_id of the document.';
comment on column public.item_versions.status is 'status of the document.';
comment on column public.item_versions.created_at is 'created_at of the document.';
comment on column public.item_versions.updated_at is 'updated_at of the document.';
comment on column public.item_versions.deleted_at is 'deleted_at of the document.';
comment on column public.item_versions.version is 'version of the document.';
comment on column public.item_versions.valid_from is 'When it was recorded.';
comment on column public.item_versions.valid_to is 'When it was replaced; null if it still holds.';
comment on column public.item_versions.document is 'Item, as the API serves it.';

select catalog.drop_if_incompatible('item_events', array['position bigint', 'event_id uuid', 'item_id integer', 'version integer', 'type text', 'recorded_at timestamp with time zone', 'user_id text', 'correlation_id text', 'causation_id text', 'data jsonb', 'metadata jsonb']);
create or replace view public.item_events as
select position,
    event_id,
    stream_id as item_id,
    version,
    type,
    recorded_at,
    metadata ->> 'user_id' as user_id,
    metadata ->> 'correlation_id' as correlation_id,
    metadata ->> 'causation_id' as causation_id,
    data,
    metadata
from catalog.events
where recorded_at <= (select catalog.as_of())
    and type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored');
comment on view public.item_events is 'The events of Items, up to catalog.as_of if it is set.';
grant select on public.item_events to catalog_reader;
comment on column public.item_events."position" is 'Place in the whole log; grows, may have gaps.';
comment on column public.item_events.event_id is 'UUIDv7.';
comment on column public.item_events.item_id is 'The item that it is about.';
comment on column public.item_events.version is '1 is its first event; without gaps.';
comment on column public.item_events.type is 'The tag of the event type.';
comment on column public.item_events.recorded_at is 'When it was recorded; strictly grows with the version.';
comment on column public.item_events.user_id is 'Who did it.';
comment on column public.item_events.correlation_id is 'The request that it belongs to.';
comment on column public.item_events.causation_id is 'What led to it.';
comment on column public.item_events.data is 'The fields of the event.';
comment on column public.item_events.metadata is 'All that is known of who and why.';

select catalog.drop_if_incompatible('audit_trail', array['item_id integer', 'position bigint', 'version integer', 'event_type text', 'recorded_at timestamp with time zone', 'user_id text', 'changes jsonb', 'previous_values jsonb', 'old_status text', 'new_status text', 'reason text', 'status text']);
create or replace view public.audit_trail as
select stream_id as item_id,
    position,
    version,
    type as event_type,
    recorded_at,
    metadata ->> 'user_id' as user_id,
    data -> 'changes' as changes,
    data -> 'previous_values' as previous_values,
    (data ->> 'old_status') collate "C" as old_status,
    (data ->> 'new_status') collate "C" as new_status,
    (data ->> 'reason') collate "C" as reason,
    (data ->> 'status') collate "C" as status
from catalog.events
where recorded_at <= (select catalog.as_of())
    and type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored');
comment on view public.audit_trail is 'Who did what to the documents of Items: a row for each event, up to catalog.as_of.';
grant select on public.audit_trail to catalog_reader;
comment on column public.audit_trail.item_id is 'The item that it is about.';
comment on column public.audit_trail."position" is 'Place in the whole log; grows, may have gaps.';
comment on column public.audit_trail.version is '1 is its first event; without gaps.';
comment on column public.audit_trail.event_type is 'What happened.';
comment on column public.audit_trail.recorded_at is 'When it was recorded.';
comment on column public.audit_trail.user_id is 'Who did it.';
comment on column public.audit_trail.changes is 'changes of the event, if it has one.';
comment on column public.audit_trail.previous_values is 'previous_values of the event, if it has one.';
comment on column public.audit_trail.old_status is 'old_status of the event, if it has one.';
comment on column public.audit_trail.new_status is 'new_status of the event, if it has one.';
comment on column public.audit_trail.reason is 'reason of the event, if it has one.';
comment on column public.audit_trail.status is 'status of the event, if it has one.';

select catalog.drop_if_incompatible('items_as_of(timestamp with time zone)', array['id integer', 'name text', 'description text', 'category text', 'image_urls text[]', 'location_lat double precision', 'location_lon double precision', 'owner_id text', 'status text', 'created_at timestamp with time zone', 'updated_at timestamp with time zone', 'deleted_at timestamp with time zone', 'version integer']);
create or replace function public.items_as_of(p_instant timestamp with time zone)
returns table (id integer, name text, description text, category text, image_urls text[], location_lat double precision, location_lon double precision, owner_id text, status text, created_at timestamp with time zone, updated_at timestamp with time zone, deleted_at timestamp with time zone, version integer)
language sql stable parallel safe as $$
select id, name, description, category, image_urls, location_lat, location_lon, owner_id, status, created_at, updated_at, deleted_at, version
from public.item_versions
where valid_from <= p_instant and (valid_to is null or valid_to > p_instant)
$$;
comment on function public.items_as_of is 'The documents of Items as of an instant.';

select catalog.drop_if_incompatible('item_at(integer, timestamp with time zone)', array['id integer', 'name text', 'description text', 'category text', 'image_urls text[]', 'location_lat double precision', 'location_lon double precision', 'owner_id text', 'status text', 'created_at timestamp with time zone', 'updated_at timestamp with time zone', 'deleted_at timestamp with time zone', 'version integer']);
create or replace function public.item_at(p_id integer, p_instant timestamp with time zone)
returns table (id integer, name text, description text, category text, image_urls text[], location_lat double precision, location_lon double precision, owner_id text, status text, created_at timestamp with time zone, updated_at timestamp with time zone, deleted_at timestamp with time zone, version integer)
language sql stable parallel safe as $$
select id, name, description, category, image_urls, location_lat, location_lon, owner_id, status, created_at, updated_at, deleted_at, version
from public.items_as_of(p_instant)
where id = p_id
$$;
comment on function public.item_at is 'One document of Items as of an instant: no row if there was none.';

select catalog.drop_if_incompatible('item_diff(integer, timestamp with time zone, timestamp with time zone)', array['field text', 'before jsonb', 'after jsonb']);
create or replace function public.item_diff(p_id integer, p_from timestamp with time zone, p_until timestamp with time zone)
returns table (field text, before jsonb, after jsonb)
language sql stable parallel safe as $$
select field, was.value, became.value
from jsonb_each((select document from public.item_versions where id = p_id and valid_from <= p_from and (valid_to is null or valid_to > p_from))) as was (field, value)
full join jsonb_each((select document from public.item_versions where id = p_id and valid_from <= p_until and (valid_to is null or valid_to > p_until))) as became (field, value) using (field)
where coalesce(was.value, 'null') <> coalesce(became.value, 'null')
$$;
comment on function public.item_diff is 'The fields in which a document of Items differs between two instants.';

select catalog.drop_if_incompatible('changes_between(timestamp with time zone, timestamp with time zone)', array['id integer', 'field text', 'before jsonb', 'after jsonb']);
create or replace function public.changes_between(p_from timestamp with time zone, p_until timestamp with time zone)
returns table (id integer, field text, before jsonb, after jsonb)
language sql stable parallel safe as $$
select changed.id, difference.field, difference.before, difference.after
from (
    select touched.id, after.valid_from, before.document as before, after.document as after
    from (
        select distinct item_id as id
        from public.item_events
        where recorded_at > p_from
            and recorded_at <= p_until
        order by id
    ) as touched
    left join lateral (
        select valid_from, document from public.item_versions as version where version.id = touched.id and valid_from <= p_from and (valid_to is null or valid_to > p_from)
        limit 1
    ) as before on true
    left join lateral (
        select valid_from, document from public.item_versions as version where version.id = touched.id and valid_from <= p_until and (valid_to is null or valid_to > p_until)
        limit 1
    ) as after on true
    where before.document is distinct from after.document
) as changed
cross join lateral (
    select field, was.value, became.value
    from jsonb_each(changed.before) as was (field, value)
    full join jsonb_each(changed.after) as became (field, value) using (field)
    where coalesce(was.value, 'null') <> coalesce(became.value, 'null')
) as difference (field, before, after)
$$;
comment on function public.changes_between is 'The fields in which documents of Items differ between two instants.';

create or replace function catalog.items_changed_between(p_from timestamptz, p_until timestamptz)
returns table (id integer, valid_from timestamptz, before jsonb, after jsonb)
language sql stable parallel safe as $$
select touched.id, after.valid_from, before.document as before, after.document as after
from (
    select distinct stream_id as id
    from catalog.events
    where recorded_at > p_from
        and recorded_at <= p_until
        and type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
    order by id
) as touched
left join lateral (
    select valid_from, document from catalog.items_as_of(p_from) as stored where stored.id = touched.id
    limit 1
) as before on true
left join lateral (
    select valid_from, document from catalog.items_as_of(p_until) as stored where stored.id = touched.id
    limit 1
) as after on true
where before.document is distinct from after.document
$$;
comment on function catalog.items_changed_between is 'The documents of Items that differ between two instants; null where there is none.';

select catalog.drop_if_incompatible('owners', array['owner_id text', 'total_items bigint', 'by_status jsonb', 'by_category jsonb', 'first_activity_at timestamp with time zone', 'latest_activity_at timestamp with time zone']);
create or replace view public.owners as
select key as owner_id,
    (document ->> 'total_items')::bigint as total_items,
    document -> 'by_status' as by_status,
    document -> 'by_category' as by_category,
    (document ->> 'first_activity_at')::timestamp with time zone as first_activity_at,
    (document ->> 'latest_activity_at')::timestamp with time zone as latest_activity_at
from (
    select key, document
    from catalog.owners
    where (select catalog.as_of()) = 'infinity'
    union all
    select key, jsonb_build_object(
            'owner_id', key,
            'total_items', count(*),
            'by_status', catalog.count_values(array_agg(part ->> 'status')),
            'by_category', catalog.count_values(array_agg(part ->> 'category')),
            'first_activity_at', min((part ->> 'created_at') collate "C"),
            'latest_activity_at', max((part ->> 'updated_at') collate "C")
        )
    from (
        select id, owner_id, jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at')
        from catalog.items
        where valid_from <= (select catalog.as_of())
            and (select catalog.as_of()) < 'infinity'
        union all
        select id, owner_id, jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at')
        from catalog.items_history
        where valid_from <= (select catalog.as_of())
            and valid_to > (select catalog.as_of())
            and (select catalog.as_of()) < 'infinity'
    ) as member (id, key, part)
    group by key
) as stored (key, document);
comment on view public.owners is 'The documents of Owners, now or as of catalog.as_of.';
grant select on public.owners to catalog_reader;
comment on column public.owners.owner_id is 'owner_id of the document.';
comment on column public.owners.total_items is 'total_items of the document.';
comment on column public.owners.by_status is 'by_status of the document.';
comment on column public.owners.by_category is 'by_category of the document.';
comment on column public.owners.first_activity_at is 'first_activity_at of the document.';
comment on column public.owners.latest_activity_at is 'latest_activity_at of the document.';

select catalog.drop_if_incompatible('categories', array['category text', 'total_items bigint', 'by_status jsonb']);
create or replace view public.categories as
select key as category,
    (document ->> 'total_items')::bigint as total_items,
    document -> 'by_status' as by_status
from (
    select key, document
    from catalog.categories
    where (select catalog.as_of()) = 'infinity'
    union all
    select key, jsonb_build_object(
            'category', key,
            'total_items', count(*),
            'by_status', catalog.count_values(array_agg(part ->> 'status'))
        )
    from (
        select id, category, jsonb_build_object('status', document -> 'status')
        from catalog.items
        where valid_from <= (select catalog.as_of())
            and (select catalog.as_of()) < 'infinity'
        union all
        select id, category, jsonb_build_object('status', document -> 'status')
        from catalog.items_history
        where valid_from <= (select catalog.as_of())
            and valid_to > (select catalog.as_of())
            and (select catalog.as_of()) < 'infinity'
    ) as member (id, key, part)
    group by key
) as stored (key, document);
comment on view public.categories is 'The documents of Categories, now or as of catalog.as_of.';
grant select on public.categories to catalog_reader;
comment on column public.categories.category is 'category of the document.';
comment on column public.categories.total_items is 'total_items of the document.';
comment on column public.categories.by_status is 'by_status of the document.';

delete from catalog.rebuild_steps;
insert into catalog.rebuild_steps (read_model, step, place, statement) values
('items', 'begin', 0, $step$drop table if exists catalog.items_next$step$),
('items', 'begin', 1, $step$drop table if exists catalog.items_history_next$step$),
('items', 'begin', 2, $step$drop table if exists catalog.items_words_next$step$),
('items', 'begin', 3, $step$drop table if exists catalog.items_places_next$step$),
('items', 'begin', 4, $step$create table catalog.items_next
(like catalog.items including all excluding indexes excluding comments) with (fillfactor = 70, autovacuum_enabled = off);
comment on table catalog.items_next is 'All rows of items to be, while a rebuild is under way.';$step$),
('items', 'begin', 5, $step$create table catalog.items_history_next
(like catalog.items_history including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.items_history_next is 'All rows of items_history to be, while a rebuild is under way.';$step$),
('items', 'begin', 6, $step$create table catalog.items_words_next
(like catalog.items_words including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.items_words_next is 'All rows of items_words to be, while a rebuild is under way.';$step$),
('items', 'begin', 7, $step$create table catalog.items_places_next
(like catalog.items_places including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.items_places_next is 'All rows of items_places to be, while a rebuild is under way.';$step$),
('items', 'fill', 0, $step$with versions as materialized (
select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        catalog.jsonb_merge_agg(case type
            when 'item_created' then '{"deleted_at":null}'::jsonb || data || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_updated' then coalesce(data -> 'changes', '{}'::jsonb) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_status_changed' then jsonb_build_object('status', data -> 'new_status') || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_deleted' then '{"status":"archived"}'::jsonb || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_restored' then data || '{"deleted_at":null}'::jsonb || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
        end) over so_far as document,
        max(version) filter (where type in ('item_created')) over so_far as begun_at
    from (
        select stream_id, version, recorded_at, type, data,
            max(version) over whole as last_version
        from catalog.events
        where stream_id between $1 and $2 and position <= $4 and position <> all ($5)
        window whole as (
            partition by stream_id order by version rows between unbounded preceding and unbounded following
        )
        offset 0
    ) as event
    where type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
    window so_far as (partition by stream_id order by version rows unbounded preceding)
) as version
where begun_at is not null
), items_history_filled as (
    insert into catalog.items_history_next (id, version, valid_from, valid_to, document)
    select id, version, valid_from, valid_to, document from versions where valid_to is not null
), items_words_filled as (
    insert into catalog.items_words_next (id, words)
    select id, catalog.tokens_of(string_agg(distinct name, ' ') || ' ' || string_agg(distinct description, ' ')) as words
    from (
        select id, document ->> 'name' as name, document ->> 'description' as description
        from versions
        offset 0
    ) as version
    group by id
), items_places_filled as (
    insert into catalog.items_places_next (id, since, place)
    select id, valid_from as since, ('(' || round(location_lon::numeric, 6) || ',' || round(location_lat::numeric, 6) || ')')::point as place
    from (
        select id, valid_from, location_lon, location_lat,
            lag(location_lon) over in_order is distinct from location_lon or lag(location_lat) over in_order is distinct from location_lat
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, document -> 'location_lon' as location_lon, document -> 'location_lat' as location_lat
            from versions
            offset 0
        ) as version
        window in_order as (partition by id order by valid_from)
    ) as version
    where is_new
)
insert into catalog.items_next (id, version, valid_from, document)
select id, version, valid_from, document from versions where valid_to is null$step$),
('items', 'set_hint_bits', 0, $step$select count(*) from catalog.items_next where ctid >= format('(%s,0)', $1)::tid$step$),
('items', 'set_hint_bits', 1, $step$select count(*) from catalog.items_history_next where ctid >= format('(%s,0)', $1)::tid$step$),
('items', 'set_hint_bits', 2, $step$select count(*) from catalog.items_words_next where ctid >= format('(%s,0)', $1)::tid$step$),
('items', 'set_hint_bits', 3, $step$select count(*) from catalog.items_places_next where ctid >= format('(%s,0)', $1)::tid$step$),
('items', 'index', 0, $step$create unique index items_places_next_pkey on catalog.items_places_next (id, since)$step$),
('items', 'index', 1, $step$create index items_places_next_found on catalog.items_places_next using gist (place)$step$),
('items', 'index', 2, $step$create unique index items_words_next_pkey on catalog.items_words_next (id)$step$),
('items', 'index', 3, $step$create index items_words_next_found on catalog.items_words_next using gin (found)$step$),
('items', 'index', 4, $step$create unique index items_history_next_pkey on catalog.items_history_next (id, valid_from, valid_to)$step$),
('items', 'index', 5, $step$create index items_history_next_by_status_created_at on catalog.items_history_next (status, created_at desc, id desc, valid_from, valid_to)$step$),
('items', 'index', 6, $step$create index items_history_next_by_category_status_created_at on catalog.items_history_next (category, status, created_at desc, id desc, valid_from, valid_to)$step$),
('items', 'index', 7, $step$create index items_history_next_by_owner_id_status_created_at on catalog.items_history_next (owner_id, status, created_at desc, id desc, valid_from, valid_to)$step$),
('items', 'index', 8, $step$create index items_history_next_by_status_updated_at on catalog.items_history_next (status, updated_at desc, id desc, valid_from, valid_to)$step$),
('items', 'index', 9, $step$create index items_history_next_by_status_name on catalog.items_history_next (status, name_sorted, id, valid_from, valid_to)$step$),
('items', 'index', 10, $step$create index items_history_next_replaced on catalog.items_history_next ((valid_to at time zone 'UTC')) include (valid_to)$step$),
('items', 'index', 11, $step$create unique index items_next_pkey on catalog.items_next (id)$step$),
('items', 'index', 12, $step$create index items_next_by_status_created_at on catalog.items_next (status, created_at desc, id desc, valid_from)$step$),
('items', 'index', 13, $step$create index items_next_by_category_status_created_at on catalog.items_next (category, status, created_at desc, id desc, valid_from)$step$),
('items', 'index', 14, $step$create index items_next_by_owner_id_status_created_at on catalog.items_next (owner_id, status, created_at desc, id desc, valid_from)$step$),
('items', 'index', 15, $step$create index items_next_by_status_updated_at on catalog.items_next (status, updated_at desc, id desc, valid_from)$step$),
('items', 'index', 16, $step$create index items_next_by_status_name on catalog.items_next (status, name_sorted, id, valid_from)$step$),
('items', 'key', 0, $step$alter table catalog.items_next add primary key using index items_next_pkey$step$),
('items', 'key', 1, $step$alter table catalog.items_history_next add primary key using index items_history_next_pkey$step$),
('items', 'key', 2, $step$alter table catalog.items_words_next add primary key using index items_words_next_pkey$step$),
('items', 'key', 3, $step$alter table catalog.items_places_next add primary key using index items_places_next_pkey$step$),
('items', 'analyze', 0, $step$analyze catalog.items_places_next$step$),
('items', 'analyze', 1, $step$analyze catalog.items_words_next$step$),
('items', 'analyze', 2, $step$analyze catalog.items_history_next$step$),
('items', 'analyze', 3, $step$analyze catalog.items_next$step$),
('items', 'refold', 0, $step$with versions as materialized (
select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        catalog.jsonb_merge_agg(case type
            when 'item_created' then '{"deleted_at":null}'::jsonb || data || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_updated' then coalesce(data -> 'changes', '{}'::jsonb) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_status_changed' then jsonb_build_object('status', data -> 'new_status') || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_deleted' then '{"status":"archived"}'::jsonb || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
            when 'item_restored' then data || '{"deleted_at":null}'::jsonb || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
        end) over so_far as document,
        max(version) filter (where type in ('item_created')) over so_far as begun_at
    from (
        select stream_id, version, recorded_at, type, data,
            max(version) over whole as last_version
        from catalog.events
        where stream_id = any ($3) and position <= $4 and position <> all ($5)
        window whole as (
            partition by stream_id order by version rows between unbounded preceding and unbounded following
        )
        offset 0
    ) as event
    where type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
    window so_far as (partition by stream_id order by version rows unbounded preceding)
) as version
where begun_at is not null
), items_deleted as (
    delete from catalog.items_next
    where id in (select id from versions)
        and id not in (select id from versions where valid_to is null)
), items_history_filled as (
    insert into catalog.items_history_next (id, version, valid_from, valid_to, document)
    select id, version, valid_from, valid_to, document from versions where valid_to is not null
    on conflict do nothing
), items_words_filled as (
    insert into catalog.items_words_next (id, words)
    select id, catalog.tokens_of(string_agg(distinct name, ' ') || ' ' || string_agg(distinct description, ' ')) as words
    from (
        select id, document ->> 'name' as name, document ->> 'description' as description
        from versions
        offset 0
    ) as version
    group by id
    on conflict (id) do update set words = excluded.words
), items_places_filled as (
    insert into catalog.items_places_next (id, since, place)
    select id, valid_from as since, ('(' || round(location_lon::numeric, 6) || ',' || round(location_lat::numeric, 6) || ')')::point as place
    from (
        select id, valid_from, location_lon, location_lat,
            lag(location_lon) over in_order is distinct from location_lon or lag(location_lat) over in_order is distinct from location_lat
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, document -> 'location_lon' as location_lon, document -> 'location_lat' as location_lat
            from versions
            offset 0
        ) as version
        window in_order as (partition by id order by valid_from)
    ) as version
    where is_new
    on conflict do nothing
)
insert into catalog.items_next (id, version, valid_from, document)
select id, version, valid_from, document from versions where valid_to is null
    on conflict (id) do update set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document$step$),
('items', 'cancel_autovacuum', 0, $step$lock table catalog.items_live, catalog.items_history_live, catalog.items_words_live, catalog.items_places_live in share update exclusive mode$step$),
('items', 'swap', 0, $step$alter table catalog.items_next reset (autovacuum_enabled)$step$),
('items', 'swap', 1, $step$select catalog.swap_in('items', 'items_live', 'items_next')$step$),
('items', 'swap', 2, $step$alter table catalog.items_history_next reset (autovacuum_enabled)$step$),
('items', 'swap', 3, $step$select catalog.swap_in('items_history', 'items_history_live', 'items_history_next')$step$),
('items', 'swap', 4, $step$alter table catalog.items_words_next reset (autovacuum_enabled)$step$),
('items', 'swap', 5, $step$select catalog.swap_in('items_words', 'items_words_live', 'items_words_next')$step$),
('items', 'swap', 6, $step$alter table catalog.items_places_next reset (autovacuum_enabled)$step$),
('items', 'swap', 7, $step$select catalog.swap_in('items_places', 'items_places_live', 'items_places_next')$step$),
('items', 'drop', 0, $step$drop table if exists catalog.items_next$step$),
('items', 'drop', 1, $step$drop table if exists catalog.items_history_next$step$),
('items', 'drop', 2, $step$drop table if exists catalog.items_words_next$step$),
('items', 'drop', 3, $step$drop table if exists catalog.items_places_next$step$),
('owners', 'begin', 0, $step$drop table if exists catalog.owners_next$step$),
('owners', 'begin', 1, $step$drop table if exists catalog.owners_members_next$step$),
('owners', 'begin', 2, $step$create table catalog.owners_next
(like catalog.owners including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.owners_next is 'All rows of owners to be, while a rebuild is under way.';$step$),
('owners', 'begin', 3, $step$create table catalog.owners_members_next
(like catalog.owners_members including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.owners_members_next is 'All rows of owners_members to be, while a rebuild is under way.';$step$),
('owners', 'begin', 4, $step$create unique index owners_next_pkey on catalog.owners_next (key)$step$),
('owners', 'begin', 5, $step$alter table catalog.owners_next add primary key using index owners_next_pkey$step$),
('owners', 'fill', 0, $step$insert into catalog.owners_members_next (id, key, part)
select id, document ->> 'owner_id', jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = 'item_created')) as started_at,
        max(version) filter (where merged ? 'name') as name__at,
        max(version) filter (where merged ? 'description') as description__at,
        max(version) filter (where merged ? 'category') as category__at,
        max(version) filter (where merged ? 'image_urls') as image_urls__at,
        max(version) filter (where merged ? 'location_lat') as location_lat__at,
        max(version) filter (where merged ? 'location_lon') as location_lon__at,
        max(version) filter (where (type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored')) as status__at,
        max(version) filter (where (type = 'item_deleted' or type = 'item_restored')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = 'item_created' or type = 'item_updated' or type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored') as used,
            case type when 'item_updated' then (data -> 'changes') end as merged
        from catalog.log
        where stream_id between $1 and $2 and position <= $4 and position <> all ($5)
        offset 0
    ) as event
    group by stream_id
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from catalog.events as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select to_jsonb(stream_id) as id,
        case when name__at > started_at then (select (data -> 'changes') -> 'name' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> 'name' end as name,
        case when description__at > started_at then (select (data -> 'changes') -> 'description' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> 'description' end as description,
        case when category__at > started_at then (select (data -> 'changes') -> 'category' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> 'category' end as category,
        case when image_urls__at > started_at then (select (data -> 'changes') -> 'image_urls' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> 'image_urls' end as image_urls,
        case when location_lat__at > started_at then (select (data -> 'changes') -> 'location_lat' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> 'location_lat' end as location_lat,
        case when location_lon__at > started_at then (select (data -> 'changes') -> 'location_lon' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> 'location_lon' end as location_lon,
        data -> 'owner_id' as owner_id,
        case when status__at > started_at then (select case type when 'item_status_changed' then data -> 'new_status' when 'item_deleted' then '"archived"'::jsonb when 'item_restored' then data -> 'status' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> 'status' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when 'item_deleted' then to_jsonb(catalog.rfc3339(recorded_at)) when 'item_restored' then 'null'::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else 'null'::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)$step$),
('owners', 'set_hint_bits', 0, $step$select count(*) from catalog.owners_members_next where ctid >= format('(%s,0)', $1)::tid$step$),
('owners', 'index', 0, $step$create unique index owners_members_next_pkey on catalog.owners_members_next (id)$step$),
('owners', 'index', 1, $step$create index owners_members_next_by_key on catalog.owners_members_next (key)$step$),
('owners', 'key', 0, $step$alter table catalog.owners_members_next add primary key using index owners_members_next_pkey$step$),
('owners', 'analyze', 0, $step$analyze catalog.owners_members_next$step$),
('owners', 'refold', 0, $step$delete from catalog.owners_members_next where id = any ($3)$step$),
('owners', 'refold', 1, $step$insert into catalog.owners_members_next (id, key, part)
select id, document ->> 'owner_id', jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = 'item_created')) as started_at,
        max(version) filter (where merged ? 'name') as name__at,
        max(version) filter (where merged ? 'description') as description__at,
        max(version) filter (where merged ? 'category') as category__at,
        max(version) filter (where merged ? 'image_urls') as image_urls__at,
        max(version) filter (where merged ? 'location_lat') as location_lat__at,
        max(version) filter (where merged ? 'location_lon') as location_lon__at,
        max(version) filter (where (type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored')) as status__at,
        max(version) filter (where (type = 'item_deleted' or type = 'item_restored')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = 'item_created' or type = 'item_updated' or type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored') as used,
            case type when 'item_updated' then (data -> 'changes') end as merged
        from catalog.log
        where stream_id = any ($3) and position <= $4 and position <> all ($5)
        offset 0
    ) as event
    group by stream_id
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from catalog.events as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select to_jsonb(stream_id) as id,
        case when name__at > started_at then (select (data -> 'changes') -> 'name' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> 'name' end as name,
        case when description__at > started_at then (select (data -> 'changes') -> 'description' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> 'description' end as description,
        case when category__at > started_at then (select (data -> 'changes') -> 'category' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> 'category' end as category,
        case when image_urls__at > started_at then (select (data -> 'changes') -> 'image_urls' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> 'image_urls' end as image_urls,
        case when location_lat__at > started_at then (select (data -> 'changes') -> 'location_lat' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> 'location_lat' end as location_lat,
        case when location_lon__at > started_at then (select (data -> 'changes') -> 'location_lon' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> 'location_lon' end as location_lon,
        data -> 'owner_id' as owner_id,
        case when status__at > started_at then (select case type when 'item_status_changed' then data -> 'new_status' when 'item_deleted' then '"archived"'::jsonb when 'item_restored' then data -> 'status' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> 'status' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when 'item_deleted' then to_jsonb(catalog.rfc3339(recorded_at)) when 'item_restored' then 'null'::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else 'null'::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)$step$),
('owners', 'cancel_autovacuum', 0, $step$lock table catalog.owners_live, catalog.owners_members_live in share update exclusive mode$step$),
('owners', 'aggregate', 0, $step$with added (key, document) as materialized (
select key, jsonb_build_object(
        'owner_id', key,
        'total_items', count(*),
        'by_status', catalog.count_values(array_agg(part ->> 'status')),
        'by_category', catalog.count_values(array_agg(part ->> 'category')),
        'first_activity_at', min((part ->> 'created_at') collate "C"),
        'latest_activity_at', max((part ->> 'updated_at') collate "C")
    )
from catalog.owners_members_next
group by key
), gone as (
    delete from catalog.owners_next as stored
    where not exists (select from added where added.key = stored.key)
)
insert into catalog.owners_next as stored (key, document)
select key, document from added
on conflict (key) do update
set document = excluded.document
where stored.document <> excluded.document$step$),
('owners', 'swap', 0, $step$with added (key, document) as materialized (
select key, jsonb_build_object(
        'owner_id', key,
        'total_items', count(*),
        'by_status', catalog.count_values(array_agg(part ->> 'status')),
        'by_category', catalog.count_values(array_agg(part ->> 'category')),
        'first_activity_at', min((part ->> 'created_at') collate "C"),
        'latest_activity_at', max((part ->> 'updated_at') collate "C")
    )
from catalog.owners_members_next
group by key
), gone as (
    delete from catalog.owners_next as stored
    where not exists (select from added where added.key = stored.key)
)
insert into catalog.owners_next as stored (key, document)
select key, document from added
on conflict (key) do update
set document = excluded.document
where stored.document <> excluded.document$step$),
('owners', 'swap', 1, $step$analyze catalog.owners_next$step$),
('owners', 'swap', 2, $step$alter table catalog.owners_next reset (autovacuum_enabled)$step$),
('owners', 'swap', 3, $step$select catalog.swap_in('owners', 'owners_live', 'owners_next')$step$),
('owners', 'swap', 4, $step$alter table catalog.owners_members_next reset (autovacuum_enabled)$step$),
('owners', 'swap', 5, $step$select catalog.swap_in('owners_members', 'owners_members_live', 'owners_members_next')$step$),
('owners', 'drop', 0, $step$drop table if exists catalog.owners_next$step$),
('owners', 'drop', 1, $step$drop table if exists catalog.owners_members_next$step$),
('categories', 'begin', 0, $step$drop table if exists catalog.categories_next$step$),
('categories', 'begin', 1, $step$drop table if exists catalog.categories_members_next$step$),
('categories', 'begin', 2, $step$create table catalog.categories_next
(like catalog.categories including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.categories_next is 'All rows of categories to be, while a rebuild is under way.';$step$),
('categories', 'begin', 3, $step$create table catalog.categories_members_next
(like catalog.categories_members including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.categories_members_next is 'All rows of categories_members to be, while a rebuild is under way.';$step$),
('categories', 'begin', 4, $step$create unique index categories_next_pkey on catalog.categories_next (key)$step$),
('categories', 'begin', 5, $step$alter table catalog.categories_next add primary key using index categories_next_pkey$step$),
('categories', 'fill', 0, $step$insert into catalog.categories_members_next (id, key, part)
select id, document ->> 'category', jsonb_build_object('status', document -> 'status')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = 'item_created')) as started_at,
        max(version) filter (where merged ? 'name') as name__at,
        max(version) filter (where merged ? 'description') as description__at,
        max(version) filter (where merged ? 'category') as category__at,
        max(version) filter (where merged ? 'image_urls') as image_urls__at,
        max(version) filter (where merged ? 'location_lat') as location_lat__at,
        max(version) filter (where merged ? 'location_lon') as location_lon__at,
        max(version) filter (where (type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored')) as status__at,
        max(version) filter (where (type = 'item_deleted' or type = 'item_restored')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = 'item_created' or type = 'item_updated' or type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored') as used,
            case type when 'item_updated' then (data -> 'changes') end as merged
        from catalog.log
        where stream_id between $1 and $2 and position <= $4 and position <> all ($5)
        offset 0
    ) as event
    group by stream_id
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from catalog.events as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select to_jsonb(stream_id) as id,
        case when name__at > started_at then (select (data -> 'changes') -> 'name' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> 'name' end as name,
        case when description__at > started_at then (select (data -> 'changes') -> 'description' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> 'description' end as description,
        case when category__at > started_at then (select (data -> 'changes') -> 'category' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> 'category' end as category,
        case when image_urls__at > started_at then (select (data -> 'changes') -> 'image_urls' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> 'image_urls' end as image_urls,
        case when location_lat__at > started_at then (select (data -> 'changes') -> 'location_lat' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> 'location_lat' end as location_lat,
        case when location_lon__at > started_at then (select (data -> 'changes') -> 'location_lon' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> 'location_lon' end as location_lon,
        data -> 'owner_id' as owner_id,
        case when status__at > started_at then (select case type when 'item_status_changed' then data -> 'new_status' when 'item_deleted' then '"archived"'::jsonb when 'item_restored' then data -> 'status' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> 'status' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when 'item_deleted' then to_jsonb(catalog.rfc3339(recorded_at)) when 'item_restored' then 'null'::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else 'null'::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)$step$),
('categories', 'set_hint_bits', 0, $step$select count(*) from catalog.categories_members_next where ctid >= format('(%s,0)', $1)::tid$step$),
('categories', 'index', 0, $step$create unique index categories_members_next_pkey on catalog.categories_members_next (id)$step$),
('categories', 'index', 1, $step$create index categories_members_next_by_key on catalog.categories_members_next (key)$step$),
('categories', 'key', 0, $step$alter table catalog.categories_members_next add primary key using index categories_members_next_pkey$step$),
('categories', 'analyze', 0, $step$analyze catalog.categories_members_next$step$),
('categories', 'refold', 0, $step$delete from catalog.categories_members_next where id = any ($3)$step$),
('categories', 'refold', 1, $step$insert into catalog.categories_members_next (id, key, part)
select id, document ->> 'category', jsonb_build_object('status', document -> 'status')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = 'item_created')) as started_at,
        max(version) filter (where merged ? 'name') as name__at,
        max(version) filter (where merged ? 'description') as description__at,
        max(version) filter (where merged ? 'category') as category__at,
        max(version) filter (where merged ? 'image_urls') as image_urls__at,
        max(version) filter (where merged ? 'location_lat') as location_lat__at,
        max(version) filter (where merged ? 'location_lon') as location_lon__at,
        max(version) filter (where (type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored')) as status__at,
        max(version) filter (where (type = 'item_deleted' or type = 'item_restored')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = 'item_created' or type = 'item_updated' or type = 'item_status_changed' or type = 'item_deleted' or type = 'item_restored') as used,
            case type when 'item_updated' then (data -> 'changes') end as merged
        from catalog.log
        where stream_id = any ($3) and position <= $4 and position <> all ($5)
        offset 0
    ) as event
    group by stream_id
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from catalog.events as event
    where event.stream_id = stream.stream_id
        and event.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select to_jsonb(stream_id) as id,
        case when name__at > started_at then (select (data -> 'changes') -> 'name' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> 'name' end as name,
        case when description__at > started_at then (select (data -> 'changes') -> 'description' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> 'description' end as description,
        case when category__at > started_at then (select (data -> 'changes') -> 'category' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> 'category' end as category,
        case when image_urls__at > started_at then (select (data -> 'changes') -> 'image_urls' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> 'image_urls' end as image_urls,
        case when location_lat__at > started_at then (select (data -> 'changes') -> 'location_lat' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> 'location_lat' end as location_lat,
        case when location_lon__at > started_at then (select (data -> 'changes') -> 'location_lon' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> 'location_lon' end as location_lon,
        data -> 'owner_id' as owner_id,
        case when status__at > started_at then (select case type when 'item_status_changed' then data -> 'new_status' when 'item_deleted' then '"archived"'::jsonb when 'item_restored' then data -> 'status' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> 'status' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when 'item_deleted' then to_jsonb(catalog.rfc3339(recorded_at)) when 'item_restored' then 'null'::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else 'null'::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)$step$),
('categories', 'cancel_autovacuum', 0, $step$lock table catalog.categories_live, catalog.categories_members_live in share update exclusive mode$step$),
('categories', 'aggregate', 0, $step$with added (key, document) as materialized (
select key, jsonb_build_object(
        'category', key,
        'total_items', count(*),
        'by_status', catalog.count_values(array_agg(part ->> 'status'))
    )
from catalog.categories_members_next
group by key
), gone as (
    delete from catalog.categories_next as stored
    where not exists (select from added where added.key = stored.key)
)
insert into catalog.categories_next as stored (key, document)
select key, document from added
on conflict (key) do update
set document = excluded.document
where stored.document <> excluded.document$step$),
('categories', 'swap', 0, $step$with added (key, document) as materialized (
select key, jsonb_build_object(
        'category', key,
        'total_items', count(*),
        'by_status', catalog.count_values(array_agg(part ->> 'status'))
    )
from catalog.categories_members_next
group by key
), gone as (
    delete from catalog.categories_next as stored
    where not exists (select from added where added.key = stored.key)
)
insert into catalog.categories_next as stored (key, document)
select key, document from added
on conflict (key) do update
set document = excluded.document
where stored.document <> excluded.document$step$),
('categories', 'swap', 1, $step$analyze catalog.categories_next$step$),
('categories', 'swap', 2, $step$alter table catalog.categories_next reset (autovacuum_enabled)$step$),
('categories', 'swap', 3, $step$select catalog.swap_in('categories', 'categories_live', 'categories_next')$step$),
('categories', 'swap', 4, $step$alter table catalog.categories_members_next reset (autovacuum_enabled)$step$),
('categories', 'swap', 5, $step$select catalog.swap_in('categories_members', 'categories_members_live', 'categories_members_next')$step$),
('categories', 'drop', 0, $step$drop table if exists catalog.categories_next$step$),
('categories', 'drop', 1, $step$drop table if exists catalog.categories_members_next$step$);

select catalog.grant_privileges();
