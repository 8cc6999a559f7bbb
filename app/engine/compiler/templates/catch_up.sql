create or replace function catalog.catch_up_{name}(p_from bigint, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_to constant bigint := catalog.advance_checkpoint({name_literal}, p_from, p_limit);
    v_skipped constant bigint[] := catalog.skipped_events({name_literal});
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
        select id, key, part from catalog.{name}_members where id = any (v_streams)
    ), stepped (id, document) as materialized (
        select arrived.stream_id, catalog.evolve_{name}(key, part, events)
        from arrived
        left join member_before on member_before.id = arrived.stream_id
    ), member (id, key, part) as materialized (
        select id, {member_columns} from stepped where document is not null
    ), gone as (
        delete from catalog.{name}_members
        where id = any (array(select id from stepped where document is null))
    ), entered as (
        insert into catalog.{name}_members as stored (id, key, part)
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
        select {change_columns}
        from moved
        group by key
    ), changed as (
        update catalog.{name} as stored
        set document = jsonb_build_object(
{values_after}
        )
        from change
        where stored.key = change.key
            and (change.has_entered or exists (
                select from catalog.{name}_members as other
                where other.key = change.key and other.id <> all (v_streams))){min_max_is_known}
        returning stored.key
    )
    select array_agg(key) into v_keys from change where key not in (select key from changed);
    if v_keys is not null then
        delete from catalog.{name} as stored
        where key = any (v_keys)
            and not exists (select from catalog.{name}_members as other where other.key = stored.key);
        insert into catalog.{name} as stored (key, document)
{aggregated}
        on conflict (key) do update
        set document = excluded.document
        where stored.document <> excluded.document;
    end if;
    return v_to;
end
$$;
{comment}
