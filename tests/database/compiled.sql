create or replace function catalog.fold_items(
    p_stream_id integer,
    p_until timestamptz default 'infinity',
    p_version integer default 2147483647
) returns table (id integer, version integer, valid_from timestamptz, document jsonb)
language sql stable parallel safe as $fold$
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where patch is not null) as last_recorded_at,
        catalog.merged(patch) filter (where version = 1) as first,
        catalog.merged(patch order by version) filter (where version > 1) as later,
        max(version) filter (where type in ('item_created')) as started_at,
        max(recorded_at) filter (where type in ('item_created')) as created_at__instant,
        max(recorded_at) filter (where patch is not null) as updated_at__instant,
        max(recorded_at) filter (where type in ('item_deleted')) as deleted_at__instant,
        max(version) filter (where type in ('item_deleted')) as deleted_at__enveloped_at,
        max(version) filter (where type in ('item_created')) as deleted_at__at,
        max(version) filter (where patch is not null) as version__version
    from (
        select stream_id, version, type, recorded_at, case type
            when 'item_created' then '{"deleted_at":null}'::jsonb || data
            when 'item_updated' then (data -> 'changes')
            when 'item_status_changed' then jsonb_build_object('status', data -> 'new_status')
            when 'item_deleted' then '{"status":"archived"}'::jsonb
        end as patch
        from catalog.events
        where stream_id = p_stream_id and recorded_at <= p_until and version <= p_version
        order by stream_id, version
        offset 0
    ) as event
    group by stream_id
) as stream
cross join lateral (
    select
        stream_id as id,
        coalesce(later -> 'name', first -> 'name') as name,
        coalesce(later -> 'description', first -> 'description') as description,
        coalesce(later -> 'category', first -> 'category') as category,
        coalesce(later -> 'image_urls', first -> 'image_urls') as image_urls,
        coalesce(later -> 'location_lat', first -> 'location_lat') as location_lat,
        coalesce(later -> 'location_lon', first -> 'location_lon') as location_lon,
        coalesce(later -> 'owner_id', first -> 'owner_id') as owner_id,
        coalesce(later -> 'status', first -> 'status') as status,
        catalog.rfc3339(created_at__instant) as created_at,
        catalog.rfc3339(updated_at__instant) as updated_at,
        case when deleted_at__enveloped_at > coalesce(deleted_at__at, 0) then to_jsonb(catalog.rfc3339(deleted_at__instant)) else coalesce(later -> 'deleted_at', first -> 'deleted_at') end as deleted_at,
        version__version as version
) as document
where stream.started_at is not null
$fold$;
comment on function catalog.fold_items is 'The document of Items as of an instant or a version: no row before its first event.';

create table if not exists catalog.items (
    id integer primary key,
    version integer not null,
    valid_from timestamptz not null,
    document jsonb not null
) with (fillfactor = 70);
comment on table catalog.items is 'The current documents of the projection Items.';
comment on column catalog.items.id is 'The stream the document is folded from.';
comment on column catalog.items.version is 'The version of its stream.';
comment on column catalog.items.valid_from is 'When the last event that it is folded from was recorded.';
comment on column catalog.items.document is 'Item, as the API serves it.';

create index if not exists items_by_status_newest
on catalog.items (((document ->> 'status') collate "C"), ((document ->> 'created_at') collate "C") desc, id desc);
comment on index catalog.items_by_status_newest is 'GET /items?status=';
create index if not exists items_by_category_status_newest
on catalog.items (((document ->> 'category') collate "C"), ((document ->> 'status') collate "C"), ((document ->> 'created_at') collate "C") desc, id desc);
comment on index catalog.items_by_category_status_newest is 'GET /items?category=&status=';
create index if not exists items_by_owner_id_status_newest
on catalog.items (((document ->> 'owner_id') collate "C"), ((document ->> 'status') collate "C"), ((document ->> 'created_at') collate "C") desc, id desc);
comment on index catalog.items_by_owner_id_status_newest is 'GET /items/owner/{owner_id}';
create index if not exists items_words
on catalog.items using gin (catalog.words_of((document ->> 'name') || ' ' || (document ->> 'description')));
comment on index catalog.items_words is 'GET /items?search=';

create or replace function catalog.step_items(
    document jsonb, stream_id integer, version integer, recorded_at timestamptz, type text, data jsonb
) returns jsonb
language sql stable parallel safe
return case type
    when 'item_created' then '{"deleted_at":null}'::jsonb || data || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_updated' then document || (data -> 'changes') || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_status_changed' then document || jsonb_build_object('status', data -> 'new_status') || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))
    when 'item_deleted' then document || '{"status":"archived"}'::jsonb || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))
    else document
end;
comment on function catalog.step_items is 'The document of Items after one more event.';

create or replace function catalog.write_items(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language plpgsql volatile as $$
declare
    v_document jsonb;
begin
    if p_type in ('item_created') then
        insert into catalog.items as stored (id, version, valid_from, document)
        values (p_stream_id, p_version, p_recorded_at, catalog.step_items(null, p_stream_id, p_version, p_recorded_at, p_type, p_data))
        on conflict (id) do update
        set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document
        returning stored.document into v_document;
    elsif p_type in ('item_updated', 'item_status_changed', 'item_deleted') then
        update catalog.items as stored
        set version = p_version, valid_from = p_recorded_at, document = catalog.step_items(stored.document, p_stream_id, p_version, p_recorded_at, p_type, p_data)
        where stored.id = p_stream_id
        returning stored.document into v_document;
    elsif p_type in (null) then
        delete from catalog.items where id = p_stream_id;
    else
        update catalog.items as stored
        set version = p_version
        where stored.id = p_stream_id
        returning stored.document into v_document;
    end if;
    return v_document;
end
$$;
comment on function catalog.write_items is 'Takes one more event into the stored document of Items.';

create or replace function catalog.refold_items(p_stream_id integer) returns void
language sql volatile as $$
with folded as (
    select * from catalog.fold_items(p_stream_id)
), gone as (
    delete from catalog.items
    where id = p_stream_id
        and not exists (select from folded)
)
insert into catalog.items (id, version, valid_from, document)
select id, version, valid_from, document from folded
on conflict (id) do update
set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document
$$;
comment on function catalog.refold_items is 'Writes the document of Items as the log has it.';

create table if not exists catalog.owners (
    key text collate "C" primary key,
    document jsonb not null
);
comment on table catalog.owners is 'The documents of the rollup Owners.';
comment on column catalog.owners.key is 'The owner_id that the documents of Items have in common.';
comment on column catalog.owners.document is 'Owner, as the API serves it.';
create table if not exists catalog.owners_members (
    id integer primary key,
    key text collate "C" not null,
    part jsonb not null
);
comment on table catalog.owners_members is 'What each stream counts as in Owners.';
comment on column catalog.owners_members.id is 'The stream.';
comment on column catalog.owners_members.key is 'The document it counts for.';
comment on column catalog.owners_members.part is 'What is counted of its Item.';

create index if not exists owners_members_by_key on catalog.owners_members (key);
comment on index catalog.owners_members_by_key is 'Adding up the members of some keys.';

create or replace function catalog.refold_owners(p_streams integer[], p_position bigint) returns void
language plpgsql volatile as $$
declare
    v_skipped constant bigint[] := catalog.skipped_events('owners');
    v_keys text[];
begin
    select array_agg(distinct key) into v_keys from catalog.owners_members where id = any (p_streams);
    with folded (id, version, valid_from, document) as materialized (
    select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
    from (
        select stream_id,
            max(version) as last_version,
            max(recorded_at) filter (where patch is not null) as last_recorded_at,
            catalog.merged(patch) filter (where version = 1) as first,
            catalog.merged(patch order by version) filter (where version > 1) as later,
            max(version) filter (where type in ('item_created')) as started_at,
            max(recorded_at) filter (where type in ('item_created')) as created_at__instant,
            max(recorded_at) filter (where patch is not null) as updated_at__instant,
            max(recorded_at) filter (where type in ('item_deleted')) as deleted_at__instant,
            max(version) filter (where type in ('item_deleted')) as deleted_at__enveloped_at,
            max(version) filter (where type in ('item_created')) as deleted_at__at,
            max(version) filter (where patch is not null) as version__version
        from (
            select stream_id, version, type, recorded_at, case type
                when 'item_created' then '{"deleted_at":null}'::jsonb || data
                when 'item_updated' then (data -> 'changes')
                when 'item_status_changed' then jsonb_build_object('status', data -> 'new_status')
                when 'item_deleted' then '{"status":"archived"}'::jsonb
            end as patch
            from catalog.events
            where stream_id = any (p_streams) and position <= p_position and position <> all (v_skipped)
            order by stream_id, version
            offset 0
        ) as event
        group by stream_id
    ) as stream
    cross join lateral (
        select
            stream_id as id,
            coalesce(later -> 'name', first -> 'name') as name,
            coalesce(later -> 'description', first -> 'description') as description,
            coalesce(later -> 'category', first -> 'category') as category,
            coalesce(later -> 'image_urls', first -> 'image_urls') as image_urls,
            coalesce(later -> 'location_lat', first -> 'location_lat') as location_lat,
            coalesce(later -> 'location_lon', first -> 'location_lon') as location_lon,
            coalesce(later -> 'owner_id', first -> 'owner_id') as owner_id,
            coalesce(later -> 'status', first -> 'status') as status,
            catalog.rfc3339(created_at__instant) as created_at,
            catalog.rfc3339(updated_at__instant) as updated_at,
            case when deleted_at__enveloped_at > coalesce(deleted_at__at, 0) then to_jsonb(catalog.rfc3339(deleted_at__instant)) else coalesce(later -> 'deleted_at', first -> 'deleted_at') end as deleted_at,
            version__version as version
    ) as document
    where stream.started_at is not null
    ), gone as (
        delete from catalog.owners_members
        where id = any (p_streams)
            and id not in (select id from folded)
    ), entered as (
        insert into catalog.owners_members as stored (id, key, part)
        select id, document ->> 'owner_id', jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at') from folded
        on conflict (id) do update
        set key = excluded.key, part = excluded.part
        returning key
    )
    select v_keys || array_agg(distinct key) into v_keys from entered;
    delete from catalog.owners
    where key = any (v_keys)
        and not exists (select from catalog.owners_members as member where member.key = owners.key);
    insert into catalog.owners as stored (key, document)
    select key, jsonb_build_object(
            'owner_id', key,
            'total_items', count(*),
            'by_status', catalog.count_each(array_agg(part ->> 'status')),
            'by_category', catalog.count_each(array_agg(part ->> 'category')),
            'first_activity_at', min((part ->> 'created_at') collate "C"),
            'latest_activity_at', max((part ->> 'updated_at') collate "C")
        )
    from catalog.owners_members
    where key = any (v_keys)
    group by key
    on conflict (key) do update
    set document = excluded.document
    where stored.document <> excluded.document;
end
$$;
comment on function catalog.refold_owners is 'Folds streams up to a position anew and adds up owners.';

create or replace function catalog.catch_up_owners(p_from bigint, p_limit integer) returns bigint
language plpgsql volatile as $$
declare
    v_to constant bigint := catalog.advance_checkpoint('owners', p_from, p_limit);
begin
    perform catalog.refold_owners(array(
        select distinct stream_id
        from catalog.events
        where position > p_from
            and position <= v_to
    ), v_to);
    return v_to;
end
$$;
comment on function catalog.catch_up_owners is 'Takes settled events into owners; answers with the checkpoint.';

create table if not exists catalog.categories (
    key text collate "C" primary key,
    document jsonb not null
);
comment on table catalog.categories is 'The documents of the rollup Categories.';
comment on column catalog.categories.key is 'The category that the documents of Items have in common.';
comment on column catalog.categories.document is 'Category, as the API serves it.';
create table if not exists catalog.categories_members (
    id integer primary key,
    key text collate "C" not null,
    part jsonb not null
);
comment on table catalog.categories_members is 'What each stream counts as in Categories.';
comment on column catalog.categories_members.id is 'The stream.';
comment on column catalog.categories_members.key is 'The document it counts for.';
comment on column catalog.categories_members.part is 'What is counted of its Item.';

create index if not exists categories_members_by_key on catalog.categories_members (key);
comment on index catalog.categories_members_by_key is 'Adding up the members of some keys.';

create or replace function catalog.refold_categories(p_streams integer[], p_position bigint) returns void
language plpgsql volatile as $$
declare
    v_skipped constant bigint[] := catalog.skipped_events('categories');
    v_keys text[];
begin
    select array_agg(distinct key) into v_keys from catalog.categories_members where id = any (p_streams);
    with folded (id, version, valid_from, document) as materialized (
    select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
    from (
        select stream_id,
            max(version) as last_version,
            max(recorded_at) filter (where patch is not null) as last_recorded_at,
            catalog.merged(patch) filter (where version = 1) as first,
            catalog.merged(patch order by version) filter (where version > 1) as later,
            max(version) filter (where type in ('item_created')) as started_at,
            max(recorded_at) filter (where type in ('item_created')) as created_at__instant,
            max(recorded_at) filter (where patch is not null) as updated_at__instant,
            max(recorded_at) filter (where type in ('item_deleted')) as deleted_at__instant,
            max(version) filter (where type in ('item_deleted')) as deleted_at__enveloped_at,
            max(version) filter (where type in ('item_created')) as deleted_at__at,
            max(version) filter (where patch is not null) as version__version
        from (
            select stream_id, version, type, recorded_at, case type
                when 'item_created' then '{"deleted_at":null}'::jsonb || data
                when 'item_updated' then (data -> 'changes')
                when 'item_status_changed' then jsonb_build_object('status', data -> 'new_status')
                when 'item_deleted' then '{"status":"archived"}'::jsonb
            end as patch
            from catalog.events
            where stream_id = any (p_streams) and position <= p_position and position <> all (v_skipped)
            order by stream_id, version
            offset 0
        ) as event
        group by stream_id
    ) as stream
    cross join lateral (
        select
            stream_id as id,
            coalesce(later -> 'name', first -> 'name') as name,
            coalesce(later -> 'description', first -> 'description') as description,
            coalesce(later -> 'category', first -> 'category') as category,
            coalesce(later -> 'image_urls', first -> 'image_urls') as image_urls,
            coalesce(later -> 'location_lat', first -> 'location_lat') as location_lat,
            coalesce(later -> 'location_lon', first -> 'location_lon') as location_lon,
            coalesce(later -> 'owner_id', first -> 'owner_id') as owner_id,
            coalesce(later -> 'status', first -> 'status') as status,
            catalog.rfc3339(created_at__instant) as created_at,
            catalog.rfc3339(updated_at__instant) as updated_at,
            case when deleted_at__enveloped_at > coalesce(deleted_at__at, 0) then to_jsonb(catalog.rfc3339(deleted_at__instant)) else coalesce(later -> 'deleted_at', first -> 'deleted_at') end as deleted_at,
            version__version as version
    ) as document
    where stream.started_at is not null
    ), gone as (
        delete from catalog.categories_members
        where id = any (p_streams)
            and id not in (select id from folded)
    ), entered as (
        insert into catalog.categories_members as stored (id, key, part)
        select id, document ->> 'category', jsonb_build_object('status', document -> 'status') from folded
        on conflict (id) do update
        set key = excluded.key, part = excluded.part
        returning key
    )
    select v_keys || array_agg(distinct key) into v_keys from entered;
    delete from catalog.categories
    where key = any (v_keys)
        and not exists (select from catalog.categories_members as member where member.key = categories.key);
    insert into catalog.categories as stored (key, document)
    select key, jsonb_build_object(
            'category', key,
            'total_items', count(*),
            'by_status', catalog.count_each(array_agg(part ->> 'status'))
        )
    from catalog.categories_members
    where key = any (v_keys)
    group by key
    on conflict (key) do update
    set document = excluded.document
    where stored.document <> excluded.document;
end
$$;
comment on function catalog.refold_categories is 'Folds streams up to a position anew and adds up categories.';

create or replace function catalog.catch_up_categories(p_from bigint, p_limit integer) returns bigint
language plpgsql volatile as $$
declare
    v_to constant bigint := catalog.advance_checkpoint('categories', p_from, p_limit);
begin
    perform catalog.refold_categories(array(
        select distinct stream_id
        from catalog.events
        where position > p_from
            and position <= v_to
    ), v_to);
    return v_to;
end
$$;
comment on function catalog.catch_up_categories is 'Takes settled events into categories; answers with the checkpoint.';

create or replace function catalog.project_inline(
    p_stream_id integer, p_version integer, p_recorded_at timestamptz, p_type text, p_data jsonb
) returns jsonb
language sql volatile
return jsonb_build_object('items', catalog.write_items(p_stream_id, p_version, p_recorded_at, p_type, p_data));
comment on function catalog.project_inline is 'Takes one more event into every inline document; answers with them.';
