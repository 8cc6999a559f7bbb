--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: catalog; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA catalog;


--
-- Name: SCHEMA catalog; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA catalog IS 'The event log, the documents folded from it, and the functions over both.';


--
-- Name: advance_checkpoint(text, bigint, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.advance_checkpoint(p_name text, p_from bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_settled constant bigint := (select settled.position from catalog.settled);
    v_to bigint;
begin
    -- The p_limit-th settled event, or the mark itself, behind which only gaps may be.
    select coalesce((
        select events.position
        from catalog.events
        where events.position > p_from
            and events.position <= v_settled
        order by events.position
        offset p_limit - 1
        limit 1
    ), v_settled)
    into v_to;
    update catalog.projections
    set position = greatest(v_to, p_from), changed_at = clock_timestamp()
    where projections.name = p_name
        and projections.position = p_from
        and projections.state = 'running';
    if not found then
        raise exception 'projection % is not at position % any more', p_name, p_from using errcode = 'SW006';
    end if;
    return greatest(v_to, p_from);
end
$$;


--
-- Name: FUNCTION advance_checkpoint(p_name text, p_from bigint, p_limit integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.advance_checkpoint(p_name text, p_from bigint, p_limit integer) IS 'Moves a projection''s checkpoint past at most p_limit settled events, within the transaction that applies them, so
that no batch is applied twice. Raises SW006 if it is no longer where the caller expects: somebody else was there.';


--
-- Name: append_gate(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_gate() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '7023051975126217511'::bigint;


--
-- Name: FUNCTION append_gate(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.append_gate() IS 'The key of the advisory lock that appends hold in shared mode, so that others can tell when those under way are done.';


--
-- Name: append_new_streams(jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_new_streams(p_metadata jsonb, OUT created bigint, OUT first_position bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'an append must see what is settled by now: use read committed' using errcode = 'SW005';
    end if;
    -- A temporary table is read in the order in which it was written: ids and positions follow it.
    create temporary table new_streams on commit drop as
    select nextval('catalog.streams_stream_id_seq')::integer as stream_id, event ->> 'type' as type, event - 'type' as data
    from pg_temp.arriving;
    perform catalog.prepare_new_streams();

    perform pg_advisory_xact_lock_shared(catalog.append_gate());
    select greatest(clock_timestamp(), settled.noted_instant + interval '1 microsecond')
    into strict append_new_streams.recorded_at
    from catalog.settled;
    insert into catalog.streams (stream_id, version, recorded_at)
    overriding system value
    select new_streams.stream_id, 1, append_new_streams.recorded_at
    from pg_temp.new_streams;
    with appended as (
        insert into catalog.events (event_id, stream_id, version, type, data, metadata, recorded_at)
        select catalog.uuid_v7(append_new_streams.recorded_at), new_streams.stream_id, 1, new_streams.type,
            new_streams.data, p_metadata, append_new_streams.recorded_at
        from pg_temp.new_streams
        returning events.position
    )
    select count(*), min(appended.position), max(appended.position)
    into append_new_streams.created, append_new_streams.first_position, append_new_streams.last_position
    from appended;
    perform catalog.project_new_streams(append_new_streams.recorded_at);
end
$$;


--
-- Name: FUNCTION append_new_streams(p_metadata jsonb, OUT created bigint, OUT first_position bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.append_new_streams(p_metadata jsonb, OUT created bigint, OUT first_position bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) IS 'Appends a new stream of one event for each row of the temporary table arriving (event jsonb), which the caller''s
transaction has filled with {"type": …, fields}: in their order, all at one instant, with the inline documents.
What takes longest, the words to search by, comes before the append gate, which is held until the transaction ends.
Once in a transaction. Raises SW005 in one that is not read committed.';


--
-- Name: append_to_stream(integer, integer, jsonb, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_to_stream(p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb) RETURNS record
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    v_tick constant interval := '1 microsecond';
    v_count integer;
    v_gate text;
    v_event jsonb;
    v_type text;
    v_data jsonb;
begin
    if jsonb_typeof(p_events) is distinct from 'array' or jsonb_array_length(p_events) = 0 then
        raise exception 'events must be a JSON array of at least one event' using errcode = 'SW004';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'an append must see what is settled by now: use read committed' using errcode = 'SW005';
    end if;
    v_count := jsonb_array_length(p_events);
    v_gate := pg_advisory_xact_lock_shared(catalog.append_gate());

    -- The first event's instant is the clock's once the stream is ours, but later than any that is about to be settled.
    if p_stream_id is null then
        insert into catalog.streams (version, recorded_at)
        values (
            v_count,
            greatest(clock_timestamp(), (select settled.noted_instant from catalog.settled) + v_tick)
                + (v_count - 1) * v_tick
        )
        returning streams.stream_id, 0, streams.recorded_at - (v_count - 1) * v_tick
        into strict append_to_stream.stream_id, append_to_stream.version, append_to_stream.recorded_at;
    else
        update catalog.streams
        set version = streams.version + v_count,
            recorded_at = greatest(
                clock_timestamp(),
                (select settled.noted_instant from catalog.settled) + v_tick,
                streams.recorded_at + v_tick
            ) + (v_count - 1) * v_tick
        where streams.stream_id = p_stream_id
            and streams.version = coalesce(p_expected_version, streams.version)
        returning streams.stream_id, streams.version - v_count, streams.recorded_at - (v_count - 1) * v_tick
        into append_to_stream.stream_id, append_to_stream.version, append_to_stream.recorded_at;
        if not found then
            perform catalog.raise_conflict(p_stream_id, p_expected_version);
        end if;
    end if;

    for v_place in 0 .. v_count - 1 loop
        v_event := p_events -> v_place;
        v_type := v_event ->> 'type';
        if jsonb_typeof(v_event -> 'type') is distinct from 'string' then
            raise exception 'an event must be an object with a type' using errcode = 'SW004';
        end if;
        v_data := v_event - 'type';
        append_to_stream.version := append_to_stream.version + 1;
        insert into catalog.events (event_id, stream_id, version, type, data, metadata, recorded_at)
        values (
            catalog.uuid_v7(append_to_stream.recorded_at),
            append_to_stream.stream_id,
            append_to_stream.version,
            v_type,
            v_data,
            p_metadata,
            append_to_stream.recorded_at
        )
        returning events.position into append_to_stream.position;
        append_to_stream.documents := catalog.project_inline(
            append_to_stream.stream_id,
            append_to_stream.version,
            append_to_stream.recorded_at,
            v_type,
            v_data
        );
        append_to_stream.recorded_at := append_to_stream.recorded_at + v_tick;
    end loop;
    append_to_stream.recorded_at := append_to_stream.recorded_at - v_tick;
end
$$;


--
-- Name: FUNCTION append_to_stream(p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.append_to_stream(p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb) IS 'Appends events, a JSON array of {"type": …, fields}, to a stream, or to a new one if p_stream_id is null, and writes
the inline documents, all in the caller''s transaction. Without p_expected_version any version will do.
Answers with the newest event''s version, position and instant, and with the inline documents by projection.
Raises SW001 if the stream is at another version, SW002 if there is none, SW004 if the events are no events, SW005 in
a transaction that is not read committed.';


--
-- Name: as_of(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.as_of() RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
declare
    v_set constant text := coalesce(current_setting('catalog.as_of', true), '');
    v_ahead constant interval := '1 second';
begin
    if v_set = '' then
        return 'infinity';
    elsif v_set !~ '^\d{4}-\d\d-\d\d' then
        raise exception 'catalog.as_of is no instant: %', v_set
            using errcode = '22007', hint = 'As in: set catalog.as_of = ''2026-01-15 10:30+01''. Empty is the present.';
    elsif v_set::timestamptz > clock_timestamp() + v_ahead then
        raise exception 'catalog.as_of is in the future: %', v_set
            using errcode = '22007', hint = 'Only the past can be read. For the present: reset catalog.as_of.';
    end if;
    return v_set::timestamptz;
end
$$;


--
-- Name: FUNCTION as_of(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.as_of() IS 'The instant that the views in the schema public show: what the session has set catalog.as_of to, in its time zone
unless it says one; infinity, the present, if it is unset or empty. Not inlined: a subquery asks it once per query.';


--
-- Name: catch_up_categories(bigint, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.catch_up_categories(p_from bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_to constant bigint := catalog.advance_checkpoint('categories', p_from, p_limit);
    v_skipped constant bigint[] := catalog.skipped_events('categories');
    v_streams constant integer[] := array(
        select distinct stream_id
        from catalog.events
        where position > p_from
            and position <= v_to
    );
    v_keys text[];
begin
    with arrived as (
        select stream_id, array_agg(event order by version) as events
        from catalog.events as event
        where position > p_from
            and position <= v_to
            and position <> all (v_skipped)
        group by stream_id
    ), member_before (id, key, part) as materialized (
        select id, key, part from catalog.categories_members where id = any (v_streams)
    ), stepped (id, document) as materialized (
        select arrived.stream_id, catalog.step_categories(key, part, events)
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
        'by_status', catalog.counts_after(stored.document -> 'by_status', change.by_status__each, change.each_members)
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
                'by_status', catalog.count_each(array_agg(part ->> 'status'))
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


--
-- Name: FUNCTION catch_up_categories(p_from bigint, p_limit integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.catch_up_categories(p_from bigint, p_limit integer) IS 'Takes settled events into categories; answers with the checkpoint.';


--
-- Name: catch_up_owners(bigint, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.catch_up_owners(p_from bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_to constant bigint := catalog.advance_checkpoint('owners', p_from, p_limit);
    v_skipped constant bigint[] := catalog.skipped_events('owners');
    v_streams constant integer[] := array(
        select distinct stream_id
        from catalog.events
        where position > p_from
            and position <= v_to
    );
    v_keys text[];
begin
    with arrived as (
        select stream_id, array_agg(event order by version) as events
        from catalog.events as event
        where position > p_from
            and position <= v_to
            and position <> all (v_skipped)
        group by stream_id
    ), member_before (id, key, part) as materialized (
        select id, key, part from catalog.owners_members where id = any (v_streams)
    ), stepped (id, document) as materialized (
        select arrived.stream_id, catalog.step_owners(key, part, events)
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
        'by_status', catalog.counts_after(stored.document -> 'by_status', change.by_status__each, change.each_members),
        'by_category', catalog.counts_after(stored.document -> 'by_category', change.by_category__each, change.each_members),
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
    end if;
    return v_to;
end
$$;


--
-- Name: FUNCTION catch_up_owners(p_from bigint, p_limit integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.catch_up_owners(p_from bigint, p_limit integer) IS 'Takes settled events into owners; answers with the checkpoint.';


--
-- Name: categories_as_of(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.categories_as_of(p_until timestamp with time zone) RETURNS TABLE(key text, document jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select key, jsonb_build_object(
        'category', key,
        'total_items', count(*),
        'by_status', catalog.count_each(array_agg(part ->> 'status'))
    )
from (
    select id, category, jsonb_build_object('status', document -> 'status')
    from catalog.items_as_of(p_until)
) as member (id, key, part)
group by key
$$;


--
-- Name: FUNCTION categories_as_of(p_until timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.categories_as_of(p_until timestamp with time zone) IS 'The documents of Categories as of an instant.';


--
-- Name: count_each(text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.count_each(p_values text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((SELECT jsonb_object_agg(counted.value, counted.n) AS jsonb_object_agg FROM (SELECT value.value, count(*) AS n FROM unnest(count_each.p_values) value(value) GROUP BY value.value) counted), '{}'::jsonb);


--
-- Name: FUNCTION count_each(p_values text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.count_each(p_values text[]) IS 'How often each text stands in an array: {text: count}.';


--
-- Name: counts_after(jsonb, text[], integer[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.counts_after(p_counts jsonb, p_values text[], p_members integer[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((SELECT jsonb_object_agg(summed.value, summed.members) AS jsonb_object_agg FROM (SELECT term.value, sum(term.members) AS members FROM (SELECT counted.key AS value, (counted.value)::bigint AS members FROM jsonb_each_text(counts_after.p_counts) counted(key, value) UNION ALL SELECT moved.value, moved.members FROM UNNEST(counts_after.p_values, counts_after.p_members) moved(value, members)) term GROUP BY term.value) summed WHERE (summed.members <> (0)::numeric)), '{}'::jsonb);


--
-- Name: FUNCTION counts_after(p_counts jsonb, p_values text[], p_members integer[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.counts_after(p_counts jsonb, p_values text[], p_members integer[]) IS 'What count_each has counted, after so many more or fewer of each text: {text: count} without zeros.';


--
-- Name: distance_km(double precision, double precision, double precision, double precision); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.distance_km(latitude double precision, longitude double precision, other_latitude double precision, other_longitude double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((((2)::numeric * 6371.0088))::double precision * asin(LEAST((1)::double precision, sqrt(((sin((radians((other_latitude - latitude)) / (2)::double precision)) ^ (2)::double precision) + ((cos(radians(latitude)) * cos(radians(other_latitude))) * (sin((radians((other_longitude - longitude)) / (2)::double precision)) ^ (2)::double precision)))))));


--
-- Name: FUNCTION distance_km(latitude double precision, longitude double precision, other_latitude double precision, other_longitude double precision); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.distance_km(latitude double precision, longitude double precision, other_latitude double precision, other_longitude double precision) IS 'The great-circle distance of two places given in degrees, in kilometres, on a sphere of the Earth''s mean radius.';


--
-- Name: findable(text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.findable(words text[]) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
begin
    return array_to_tsvector(array(
        select substr(word, generate_series(1, length(word)), 24)
        from unnest(words) as word
    )) || strip(to_tsvector('english', array_to_string(words, ' ')));
end
$$;


--
-- Name: FUNCTION findable(words text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.findable(words text[]) IS 'What a search index holds of words: every end of each (spade: spade, pade, ade, de, e), of which 24 characters, so that
whatever stands in a word begins one of them; and their English stems.';


--
-- Name: fold_items(integer, timestamp with time zone, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.fold_items(p_stream_id integer, p_until timestamp with time zone DEFAULT 'infinity'::timestamp with time zone, p_version integer DEFAULT 2147483647) RETURNS TABLE(id integer, version integer, valid_from timestamp with time zone, document jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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
        from catalog.events
        where stream_id = p_stream_id and recorded_at <= p_until and version <= p_version
        offset 0
    ) as event
) as stream
cross join lateral (
    select version, recorded_at, type, data
    from catalog.events
    where events.stream_id = stream.stream_id
        and events.version = stream.started_at
    offset 0
) as start
cross join lateral (
    select to_jsonb(stream_id) as id,
        case when name__at > started_at then (select (data -> 'changes') -> 'name' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> 'name' end as name,
        case when description__at > started_at then (select (data -> 'changes') -> 'description' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> 'description' end as description,
        case when category__at > started_at then (select (data -> 'changes') -> 'category' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> 'category' end as category,
        case when image_urls__at > started_at then (select (data -> 'changes') -> 'image_urls' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> 'image_urls' end as image_urls,
        case when location_lat__at > started_at then (select (data -> 'changes') -> 'location_lat' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> 'location_lat' end as location_lat,
        case when location_lon__at > started_at then (select (data -> 'changes') -> 'location_lon' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> 'location_lon' end as location_lon,
        data -> 'owner_id' as owner_id,
        case when status__at > started_at then (select case type when 'item_status_changed' then data -> 'new_status' when 'item_deleted' then '"archived"'::jsonb when 'item_restored' then data -> 'status' end from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> 'status' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when 'item_deleted' then to_jsonb(catalog.rfc3339(recorded_at)) when 'item_restored' then 'null'::jsonb end from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else 'null'::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
$$;


--
-- Name: FUNCTION fold_items(p_stream_id integer, p_until timestamp with time zone, p_version integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.fold_items(p_stream_id integer, p_until timestamp with time zone, p_version integer) IS 'The document of Items as of an instant or a version: no row before its first event.';


--
-- Name: gate_holders(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.gate_holders() RETURNS SETOF text
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT pg_locks.virtualtransaction
    FROM pg_locks
   WHERE ((pg_locks.locktype = 'advisory'::text) AND (pg_locks.mode = 'ShareLock'::text) AND pg_locks.granted AND (pg_locks.database = ( SELECT pg_database.oid
            FROM pg_database
           WHERE (pg_database.datname = current_database()))) AND ((((pg_locks.classid)::bigint << 32) + (pg_locks.objid)::bigint) = catalog.append_gate()));
END;


--
-- Name: FUNCTION gate_holders(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.gate_holders() IS 'The transactions that are appending just now.';


--
-- Name: items_as_of(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.items_as_of(p_until timestamp with time zone) RETURNS TABLE(id integer, version integer, valid_from timestamp with time zone, document jsonb, status text, created_at text, category text, owner_id text, updated_at text, name_sorted text)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select id, version, valid_from, document, status, created_at, category, owner_id, updated_at, name_sorted
from catalog.items
where valid_from <= p_until
union all
select id, version, valid_from, document, status, created_at, category, owner_id, updated_at, name_sorted
from catalog.items_history
where valid_from <= p_until
    and valid_to > p_until
$$;


--
-- Name: FUNCTION items_as_of(p_until timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.items_as_of(p_until timestamp with time zone) IS 'The documents of Items as of an instant.';


--
-- Name: items_changed_between(timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.items_changed_between(p_from timestamp with time zone, p_until timestamp with time zone) RETURNS TABLE(id integer, valid_from timestamp with time zone, before jsonb, after jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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


--
-- Name: FUNCTION items_changed_between(p_from timestamp with time zone, p_until timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.items_changed_between(p_from timestamp with time zone, p_until timestamp with time zone) IS 'The documents of Items that differ between two instants; null where there is none.';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: streams; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.streams (
    stream_id integer NOT NULL,
    version integer NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT streams_version_check CHECK ((version > 0))
)
WITH (fillfactor='70');


--
-- Name: TABLE streams; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.streams IS 'One row per stream. Its row lock is what appends to one stream wait for.';


--
-- Name: COLUMN streams.stream_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.streams.stream_id IS 'Positive, 32 bits: clients hold it as a number.';


--
-- Name: COLUMN streams.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.streams.version IS 'The version of the newest event: how many there are.';


--
-- Name: COLUMN streams.recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.streams.recorded_at IS 'When the newest event was recorded; the next one is later.';


--
-- Name: lock_stream(integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.lock_stream(p_stream_id integer) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT pg_advisory_xact_lock_shared(catalog.append_gate()) AS pg_advisory_xact_lock_shared;
 SELECT streams.version
    FROM catalog.streams
   WHERE (streams.stream_id = lock_stream.p_stream_id)
  FOR UPDATE OF streams;
END;


--
-- Name: FUNCTION lock_stream(p_stream_id integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.lock_stream(p_stream_id integer) IS 'Keeps others from appending to a stream until the transaction ends. Gate first, row second, as append_to_stream does.';


--
-- Name: make_way(text, text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.make_way(p_name text, p_columns text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_columns text[];
begin
    if p_name like '%(%' then
        if pg_get_function_result(to_regprocedure('public.' || p_name))
            <> 'TABLE(' || array_to_string(p_columns, ', ') || ')'
        then
            execute 'drop function public.' || p_name;
        end if;
        return;
    end if;
    select array_agg(attname || ' ' || format_type(atttypid, atttypmod) order by attnum)
    into v_columns
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    where attrelid = to_regclass('public.' || quote_ident(p_name))
        and relkind = 'v'
        and attnum > 0;
    if v_columns <> p_columns[1:cardinality(v_columns)] then
        execute format('drop view public.%I', p_name);
    end if;
end
$$;


--
-- Name: FUNCTION make_way(p_name text, p_columns text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.make_way(p_name text, p_columns text[]) IS 'Drops a view or a function of an older release that cannot be replaced by one with these columns, {"name type"}.
Refused while anything of somebody''s own is made of it; whoever was granted it must be granted it again.';


--
-- Name: note_mark(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.note_mark(OUT "position" bigint, OUT instant timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    update catalog.settled
    set noted_instant = greatest(clock_timestamp(), settled.noted_instant)
    returning settled.noted_instant into note_mark.instant;
    select case when is_called then last_value else 0 end
    into note_mark.position
    from catalog.events_position_seq;
end
$$;


--
-- Name: FUNCTION note_mark(OUT "position" bigint, OUT instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.note_mark(OUT "position" bigint, OUT instant timestamp with time zone) IS 'The first of three steps to settle the log, a transaction of its own: notes the newest position handed out, and an
instant that appends from now on stay above. Next list gate_holders(); when exactly those are gone, publish_mark().';


--
-- Name: owners_as_of(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.owners_as_of(p_until timestamp with time zone) RETURNS TABLE(key text, document jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select key, jsonb_build_object(
        'owner_id', key,
        'total_items', count(*),
        'by_status', catalog.count_each(array_agg(part ->> 'status')),
        'by_category', catalog.count_each(array_agg(part ->> 'category')),
        'first_activity_at', min((part ->> 'created_at') collate "C"),
        'latest_activity_at', max((part ->> 'updated_at') collate "C")
    )
from (
    select id, owner_id, jsonb_build_object('category', document -> 'category', 'created_at', document -> 'created_at', 'status', document -> 'status', 'updated_at', document -> 'updated_at')
    from catalog.items_as_of(p_until)
) as member (id, key, part)
group by key
$$;


--
-- Name: FUNCTION owners_as_of(p_until timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.owners_as_of(p_until timestamp with time zone) IS 'The documents of Owners as of an instant.';


--
-- Name: plain_words(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.plain_words(content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(content, '[!-/:-@[-`{-~\s]+'::text, ' '::text, 'g'::text);


--
-- Name: FUNCTION plain_words(content text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.plain_words(content text) IS 'A text with its ASCII punctuation and white space as single spaces.';


--
-- Name: prepare_new_items(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.prepare_new_items(p_recorded_at timestamp with time zone DEFAULT clock_timestamp()) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    insert into catalog.items_words (id, words)
    select id, catalog.words_in(((document ->> 'name') || ' ' || (document ->> 'description')))
    from (
        select stream_id as id,
            catalog.step_items(null, stream_id, 1, p_recorded_at, type, data) as document
        from pg_temp.new_streams
        where type in ('item_created', 'item_updated', 'item_status_changed', 'item_deleted', 'item_restored')
        offset 0
    ) as new
    where document is not null and ((document ->> 'name') || ' ' || (document ->> 'description')) is distinct from ((null::jsonb ->> 'name') || ' ' || (null::jsonb ->> 'description'));
end
$$;


--
-- Name: FUNCTION prepare_new_items(p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.prepare_new_items(p_recorded_at timestamp with time zone) IS 'Writes the words of Items in new_streams.';


--
-- Name: prepare_new_streams(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.prepare_new_streams() RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT catalog.prepare_new_items() AS prepare_new_items;
END;


--
-- Name: FUNCTION prepare_new_streams(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.prepare_new_streams() IS 'Writes what takes long of all new_streams.';


--
-- Name: present_only(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.present_only(p_name text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
begin
    if catalog.as_of() < 'infinity' then
        raise exception '% keeps no past', p_name
            using errcode = '0A000', hint = 'For the present: reset catalog.as_of.';
    end if;
    return true;
end
$$;


--
-- Name: FUNCTION present_only(p_name text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.present_only(p_name text) IS 'True in the present; a view without a past raises rather than shows another.';


--
-- Name: write_items(integer, integer, timestamp with time zone, text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.write_items(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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
    v_after := catalog.step_items(v_before, p_stream_id, p_version, p_recorded_at, p_type, p_data);
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
        values (p_stream_id, catalog.words_in(((v_after ->> 'name') || ' ' || (v_after ->> 'description'))));
    elsif v_after is not null and ((v_after ->> 'name') || ' ' || (v_after ->> 'description')) is distinct from ((v_before ->> 'name') || ' ' || (v_before ->> 'description')) then
        declare
            v_words constant text[] := catalog.words_in(((v_after ->> 'name') || ' ' || (v_after ->> 'description')));
        begin
            update catalog.items_words_live
            set words = catalog.words_in(array_to_string(words || v_words, ' '))
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


--
-- Name: FUNCTION write_items(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.write_items(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) IS 'Takes one more event into the stored document of Items.';


--
-- Name: project_inline(integer, integer, timestamp with time zone, text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.project_inline(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) RETURNS jsonb
    LANGUAGE sql
    RETURN jsonb_build_object('items', catalog.write_items(p_stream_id, p_version, p_recorded_at, p_type, p_data));


--
-- Name: FUNCTION project_inline(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.project_inline(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) IS 'Takes one more event into every inline document; answers with them.';


--
-- Name: write_new_items(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.write_new_items(p_recorded_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    with new as materialized (
        select stream_id as id,
            catalog.step_items(null, stream_id, 1, p_recorded_at, type, data) as document
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


--
-- Name: FUNCTION write_new_items(p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.write_new_items(p_recorded_at timestamp with time zone) IS 'Writes the documents of Items of all new_streams.';


--
-- Name: project_new_streams(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.project_new_streams(p_recorded_at timestamp with time zone) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT catalog.write_new_items(p_recorded_at) AS write_new_items;
END;


--
-- Name: FUNCTION project_new_streams(p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.project_new_streams(p_recorded_at timestamp with time zone) IS 'Writes every inline document of all new_streams.';


--
-- Name: settled; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.settled (
    only_row boolean DEFAULT true NOT NULL,
    noted_instant timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    instant timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT settled_only_row_check CHECK (only_row)
);


--
-- Name: TABLE settled; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.settled IS 'The high-water mark, one row: up to here nothing can be added to the log any more.';


--
-- Name: COLUMN settled.only_row; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.settled.only_row IS 'Keeps the table at one row.';


--
-- Name: COLUMN settled.noted_instant; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.settled.noted_instant IS 'Appends that begin from now on record later than this; next to be settled.';


--
-- Name: COLUMN settled."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.settled."position" IS 'Every position up to this one is committed or will never be.';


--
-- Name: COLUMN settled.instant; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.settled.instant IS 'No event will be recorded at or before this instant any more.';


--
-- Name: publish_mark(bigint, timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.publish_mark(p_position bigint, p_instant timestamp with time zone) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 UPDATE catalog.settled SET "position" = GREATEST(settled."position", publish_mark.p_position), instant = GREATEST(settled.instant, publish_mark.p_instant)
   WHERE ((settled."position" < publish_mark.p_position) OR (settled.instant < publish_mark.p_instant));
END;


--
-- Name: FUNCTION publish_mark(p_position bigint, p_instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.publish_mark(p_position bigint, p_instant timestamp with time zone) IS 'Declares settled what note_mark noted, once the holders of the gate listed after it are gone. Never goes back.';


--
-- Name: raise_conflict(integer, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.raise_conflict(stream_id integer, expected_version integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_version integer;
begin
    select streams.version into v_version
    from catalog.streams
    where streams.stream_id = raise_conflict.stream_id;
    if not found then
        raise exception 'there is no stream %', stream_id
            using errcode = 'SW002', detail = json_build_object('stream_id', stream_id);
    end if;
    raise exception 'stream % is at version %, not %', stream_id, v_version, expected_version
        using errcode = 'SW001', detail = json_build_object(
            'stream_id', stream_id, 'expected_version', expected_version, 'current_version', v_version);
end
$$;


--
-- Name: FUNCTION raise_conflict(stream_id integer, expected_version integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.raise_conflict(stream_id integer, expected_version integer) IS 'Says why nothing could be appended: SW001 another version, SW002 no such stream; the facts as JSON in the detail.';


--
-- Name: rebuild_document(text, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.rebuild_document(p_projection text, p_stream_id integer, OUT changed boolean, OUT version integer, OUT document jsonb) RETURNS record
    LANGUAGE plpgsql
    AS $_$
begin
    perform catalog.lock_stream(p_stream_id);
    execute format('select catalog.%I($1) > 0', 'refold_' || p_projection) into changed using p_stream_id;
    execute format('select version, document from catalog.%I where id = $1', p_projection)
    into version, document
    using p_stream_id;
end
$_$;


--
-- Name: FUNCTION rebuild_document(p_projection text, p_stream_id integer, OUT changed boolean, OUT version integer, OUT document jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.rebuild_document(p_projection text, p_stream_id integer, OUT changed boolean, OUT version integer, OUT document jsonb) IS 'Folds one stream anew and puts right what is stored of it, its past too, while the stream is locked; tells whether
anything differed.';


--
-- Name: refold_items(integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.refold_items(p_stream_id integer) RETURNS bigint
    LANGUAGE sql
    AS $$
with versions as materialized (
select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        catalog.merged(case type
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
), items_right as (
    select id, version, valid_from, document from versions where valid_to is null
), items_gone as (
    delete from catalog.items
    where id = p_stream_id
        and not exists (select from items_right where items_right.id = items.id)
    returning 1
), items_put as (
    insert into catalog.items as stored (id, version, valid_from, document)
    select id, version, valid_from, document from items_right
    on conflict (id) do update
    set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document
    where row(stored.version, stored.valid_from, stored.document)::text is distinct from row(excluded.version, excluded.valid_from, excluded.document)::text
    returning 1
), items_history_right as (
    select id, version, valid_from, valid_to, document from versions where valid_to is not null
), items_history_gone as (
    delete from catalog.items_history
    where id = p_stream_id
        and not exists (select from items_history_right where items_history_right.id = items_history.id and items_history_right.valid_from = items_history.valid_from and items_history_right.valid_to = items_history.valid_to)
    returning 1
), items_history_put as (
    insert into catalog.items_history as stored (id, version, valid_from, valid_to, document)
    select id, version, valid_from, valid_to, document from items_history_right
    on conflict (id, valid_from, valid_to) do update
    set version = excluded.version, document = excluded.document
    where row(stored.version, stored.document)::text is distinct from row(excluded.version, excluded.document)::text
    returning 1
), items_words_right as (
    select id, catalog.words_in(string_agg(distinct name, ' ') || ' ' || string_agg(distinct description, ' ')) as words
    from (
        select id, document ->> 'name' as name, document ->> 'description' as description
        from versions
        offset 0
    ) as version
    group by id
), items_words_gone as (
    delete from catalog.items_words
    where id = p_stream_id
        and not exists (select from items_words_right where items_words_right.id = items_words.id)
    returning 1
), items_words_put as (
    insert into catalog.items_words as stored (id, words)
    select id, words from items_words_right
    on conflict (id) do update
    set words = excluded.words
    where row(stored.words)::text is distinct from row(excluded.words)::text
    returning 1
), items_places_right as (
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
), items_places_gone as (
    delete from catalog.items_places
    where id = p_stream_id
        and not exists (select from items_places_right where items_places_right.id = items_places.id and items_places_right.since = items_places.since)
    returning 1
), items_places_put as (
    insert into catalog.items_places as stored (id, since, place)
    select id, since, place from items_places_right
    on conflict (id, since) do update
    set place = excluded.place
    where row(stored.place)::text is distinct from row(excluded.place)::text
    returning 1
)
select count(*)
from (
    select from items_gone
    union all select from items_put
    union all select from items_history_gone
    union all select from items_history_put
    union all select from items_words_gone
    union all select from items_words_put
    union all select from items_places_gone
    union all select from items_places_put
) as changed
$$;


--
-- Name: FUNCTION refold_items(p_stream_id integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.refold_items(p_stream_id integer) IS 'Writes what the log has of a stream into items; counts the changes.';


--
-- Name: refuse_change(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'events are for ever: % on % refused', lower(tg_op), tg_relid::regclass
        using errcode = 'SW003';
end
$$;


--
-- Name: FUNCTION refuse_change(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.refuse_change() IS 'Raises SW003: the trigger that keeps the log append-only.';


--
-- Name: rfc3339(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.rfc3339(instant timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char((instant AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text);


--
-- Name: FUNCTION rfc3339(instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.rfc3339(instant timestamp with time zone) IS 'An instant as documents hold it: UTC, six digits, so that text order is time order.';


--
-- Name: projections; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.projections (
    name text NOT NULL,
    version integer NOT NULL,
    fingerprint text NOT NULL,
    background boolean NOT NULL,
    "position" bigint DEFAULT 0 NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    error text,
    error_position bigint,
    skipped jsonb DEFAULT '[]'::jsonb NOT NULL,
    rebuild jsonb,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_rebuild jsonb,
    CONSTRAINT projections_state_check CHECK ((state = ANY (ARRAY['running'::text, 'stopped'::text, 'outdated'::text])))
);


--
-- Name: TABLE projections; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.projections IS 'What is known of each projection: what was installed, how far it got, what stopped it.';


--
-- Name: COLUMN projections.name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.name IS 'The name of the projection, of its table and in its functions.';


--
-- Name: COLUMN projections.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.version IS 'The version in the code that the documents were folded by.';


--
-- Name: COLUMN projections.fingerprint; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.fingerprint IS 'SHA-256 of the compiled rules that the documents were folded by.';


--
-- Name: COLUMN projections.background; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.background IS 'Whether it is caught up in the background, or written inline.';


--
-- Name: COLUMN projections."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections."position" IS 'The checkpoint of a background projection: applied up to here, exactly once.';


--
-- Name: COLUMN projections.state; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.state IS 'running; stopped by an event that it raised on; outdated: installed with other rules, yet to be rebuilt.';


--
-- Name: COLUMN projections.error; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.error IS 'What it raised.';


--
-- Name: COLUMN projections.error_position; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.error_position IS 'The event it raised on.';


--
-- Name: COLUMN projections.skipped; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.skipped IS 'Events skipped by an operator: [{position, by, at, error}].';


--
-- Name: COLUMN projections.rebuild; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.rebuild IS 'A rebuild under way: {phase, events, done, seconds}; null when there is none.';


--
-- Name: COLUMN projections.changed_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.changed_at IS 'When this row last changed.';


--
-- Name: COLUMN projections.last_rebuild; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.last_rebuild IS 'How the last rebuild has ended: {ended_at, events, seconds, swap_milliseconds}, or {ended_at, error}.';


--
-- Name: skipped_events(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.skipped_events(p_name text) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE((SELECT array_agg(((skip.value ->> 'position'::text))::bigint) AS array_agg FROM (catalog.projections CROSS JOIN LATERAL jsonb_array_elements(projections.skipped) skip(value)) WHERE ((projections.name = skipped_events.p_name) AND ((skip.value ->> 'position'::text) IS NOT NULL))), '{}'::bigint[]);


--
-- Name: FUNCTION skipped_events(p_name text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.skipped_events(p_name text) IS 'The positions that an operator has told a projection to leave out.';


--
-- Name: snapshot_holders(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.snapshot_holders() RETURNS SETOF text
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT ((pg_locks.virtualtransaction || ' '::text) || pg_stat_activity.backend_xmin)
    FROM (pg_stat_activity
      JOIN pg_locks USING (pid))
   WHERE ((pg_stat_activity.datname = current_database()) AND (pg_stat_activity.pid <> pg_backend_pid()) AND (NOT (pg_stat_activity.pid IN ( SELECT pg_stat_progress_vacuum.pid
            FROM pg_stat_progress_vacuum))) AND (NOT (pg_stat_activity.pid IN ( SELECT waiting.pid
            FROM pg_locks waiting
           WHERE ((waiting.locktype = 'advisory'::text) AND (NOT waiting.granted) AND ((((waiting.classid)::bigint << 32) + (waiting.objid)::bigint) = catalog.append_gate()))))) AND (pg_locks.locktype = 'virtualxid'::text) AND (pg_locks.mode = 'ExclusiveLock'::text) AND (pg_stat_activity.backend_xmin IS NOT NULL));
END;


--
-- Name: FUNCTION snapshot_holders(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.snapshot_holders() IS 'The snapshots that are in use in this database just now: rows that are committed from now on are not there for them.
A vacuum looks at all rows, whatever its snapshot; an append that waits for the gate takes new ones when it is
through.';


--
-- Name: events; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.events (
    "position" bigint NOT NULL,
    event_id uuid NOT NULL,
    stream_id integer NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    metadata jsonb NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT events_data_check CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT events_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT events_version_check CHECK ((version > 0))
);


--
-- Name: TABLE events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.events IS 'The log: every fact, for ever. Written by append_to_stream and append_new_streams, changed by nobody.';


--
-- Name: COLUMN events."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events."position" IS 'Place in the whole log; grows, may have gaps.';


--
-- Name: COLUMN events.event_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.event_id IS 'UUIDv7 of recorded_at.';


--
-- Name: COLUMN events.stream_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.stream_id IS 'The stream the event belongs to.';


--
-- Name: COLUMN events.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.version IS 'Place in its stream: 1, 2, 3, … without gaps.';


--
-- Name: COLUMN events.type; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.type IS 'The tag of the event type, such as item_created.';


--
-- Name: COLUMN events.data; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.data IS 'The fields of the event.';


--
-- Name: COLUMN events.metadata; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.metadata IS 'Who and why: user_id, correlation_id, causation_id and the like.';


--
-- Name: COLUMN events.recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.recorded_at IS 'The clock while appending; strictly grows within a stream.';


--
-- Name: step_categories(text, jsonb, catalog.events[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.step_categories(p_key text, p_part jsonb, p_events catalog.events[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
declare
    v_document jsonb := p_part || jsonb_build_object('category', p_key);
    v_event catalog.events;
begin
    foreach v_event in array p_events loop
        v_document := catalog.step_items(v_document, v_event.stream_id, v_event.version, v_event.recorded_at,
            v_event.type, v_event.data);
    end loop;
    return v_document;
end
$$;


--
-- Name: FUNCTION step_categories(p_key text, p_part jsonb, p_events catalog.events[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.step_categories(p_key text, p_part jsonb, p_events catalog.events[]) IS 'The fields that categories takes from a document, after more events; null where there is none.';


--
-- Name: step_items(jsonb, integer, integer, timestamp with time zone, text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.step_items(document jsonb, stream_id integer, version integer, recorded_at timestamp with time zone, type text, data jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE type WHEN 'item_created'::text THEN (('{"deleted_at": null}'::jsonb || data) || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_updated'::text THEN ((document || COALESCE((data -> 'changes'::text), '{}'::jsonb)) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_status_changed'::text THEN ((document || jsonb_build_object('status', (data -> 'new_status'::text))) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_deleted'::text THEN ((document || '{"status": "archived"}'::jsonb) || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_restored'::text THEN (((document || data) || '{"deleted_at": null}'::jsonb) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))) ELSE document END;


--
-- Name: FUNCTION step_items(document jsonb, stream_id integer, version integer, recorded_at timestamp with time zone, type text, data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.step_items(document jsonb, stream_id integer, version integer, recorded_at timestamp with time zone, type text, data jsonb) IS 'The document of Items after one more event.';


--
-- Name: step_owners(text, jsonb, catalog.events[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.step_owners(p_key text, p_part jsonb, p_events catalog.events[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
declare
    v_document jsonb := p_part || jsonb_build_object('owner_id', p_key);
    v_event catalog.events;
begin
    foreach v_event in array p_events loop
        v_document := catalog.step_items(v_document, v_event.stream_id, v_event.version, v_event.recorded_at,
            v_event.type, v_event.data);
    end loop;
    return v_document;
end
$$;


--
-- Name: FUNCTION step_owners(p_key text, p_part jsonb, p_events catalog.events[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.step_owners(p_key text, p_part jsonb, p_events catalog.events[]) IS 'The fields that owners takes from a document, after more events; null where there is none.';


--
-- Name: swap_in(text, text, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.swap_in(p_table text, p_live text, p_next text) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_index text;
begin
    execute format('alter table catalog.%I detach partition catalog.%I', p_table, p_live);
    execute format('drop table catalog.%I', p_live);
    execute format('alter table catalog.%I attach partition catalog.%I for values from (minvalue) to (maxvalue)',
        p_table, p_next);
    execute format('alter table catalog.%I rename to %I', p_next, p_live);
    execute format('comment on table catalog.%I is %L',
        p_live, format('All rows of %s; a rebuild puts another in its place.', p_table));
    for v_index in
        select relname
        from pg_index
        join pg_class on pg_class.oid = indexrelid
        where indrelid = format('catalog.%I', p_live)::regclass
            and starts_with(relname, p_next)
    loop
        execute format('alter index catalog.%I rename to %I', v_index, p_live || substr(v_index, length(p_next) + 1));
    end loop;
end
$$;


--
-- Name: FUNCTION swap_in(p_table text, p_live text, p_next text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.swap_in(p_table text, p_live text, p_next text) IS 'Makes the table p_next the partition of p_table that holds its rows, in the place of p_live, which is dropped, and
gives it that name. Whoever uses p_table waits until the transaction ends; views and privileges stay as they are.';


--
-- Name: table_holders(text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.table_holders(p_tables text[]) RETURNS SETOF text
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT DISTINCT pg_locks.virtualtransaction
    FROM pg_locks
   WHERE ((pg_locks.locktype = 'relation'::text) AND pg_locks.granted AND (pg_locks.pid <> pg_backend_pid()) AND (pg_locks.database = ( SELECT pg_database.oid
            FROM pg_database
           WHERE (pg_database.datname = current_database()))) AND (pg_locks.relation IN ( SELECT to_regclass(('catalog.'::text || quote_ident(name.name))) AS to_regclass
            FROM unnest(table_holders.p_tables) name(name))));
END;


--
-- Name: FUNCTION table_holders(p_tables text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.table_holders(p_tables text[]) IS 'The transactions that use tables just now, be it to read or to write.';


--
-- Name: text_matches(text, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.text_matches(content text, search text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (bool_and((strpos(lower(text_matches.content), lower(term.term)) > 0)) OR (bool_and(((term.term !~ '[!-/:-@[-`{-~]'::text) OR (strpos(lower(text_matches.content), lower(term.term)) > 0))) AND (numnode(plainto_tsquery('english'::regconfig, catalog.plain_words(text_matches.search))) > 0) AND (to_tsvector('english'::regconfig, catalog.plain_words(text_matches.content)) @@ plainto_tsquery('english'::regconfig, catalog.plain_words(text_matches.search))))) FROM unnest(string_to_array(text_matches.search, ' '::text)) term(term));


--
-- Name: FUNCTION text_matches(content text, search text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.text_matches(content text, search text) IS 'Whether a text matches a search, which is terms with single spaces between them: each term stands in the text, in any
case; or the search''s stems are all among the text''s, and its terms with punctuation stand there as they are.';


--
-- Name: uuid_v7(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.uuid_v7(instant timestamp with time zone) RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send((floor((EXTRACT(epoch FROM instant) * (1000)::numeric)))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;


--
-- Name: FUNCTION uuid_v7(instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.uuid_v7(instant timestamp with time zone) IS 'RFC 9562: 48 bits of milliseconds, the version, 74 random bits. Postgres has its own from 18 on; production is 15.';


--
-- Name: words_in(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.words_in(content text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    v_longest constant integer := 2000;
    v_plain constant text := catalog.plain_words(lower(content));
begin
    if octet_length(v_plain) <= v_longest then
        return tsvector_to_array(array_to_tsvector(array_remove(string_to_array(v_plain, ' '), '')));
    end if;
    return (
        select case
            when sum(length(word)) > 8000 then '{*}'
            else coalesce(array_agg(word order by word), '{}')
        end
        from (
            select distinct word collate "C"
            from unnest(string_to_array(v_plain, ' ')) as word
            where word <> ''
        ) as found (word)
    );
end
$$;


--
-- Name: FUNCTION words_in(content text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.words_in(content text) IS 'The words of a text, each once, in the order of their bytes; {*} for any word, if they are more than an index should
hold. In PL/pgSQL, which plans it once per session rather than with each command. A tsvector sorts fastest, but takes no
word above 2 kB.';


--
-- Name: words_matching(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.words_matching(search text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (((COALESCE(string_agg(((''''::text || "left"(word.word, 24)) || ''':*'::text), ' & '::text), ''::text))::tsquery || plainto_tsquery('english'::regconfig, catalog.plain_words(words_matching.search))) || '''*'''::tsquery) FROM unnest(catalog.words_in(words_matching.search)) word(word));


--
-- Name: FUNCTION words_matching(search text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.words_matching(search text) IS 'Which texts may match a search, for a search index: each word of it stands in a word of theirs, or all its stems are
among theirs, or they have more words than the index holds.';


--
-- Name: changes_between(timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.changes_between(p_from timestamp with time zone, p_until timestamp with time zone) RETURNS TABLE(id integer, field text, before jsonb, after jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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


--
-- Name: FUNCTION changes_between(p_from timestamp with time zone, p_until timestamp with time zone); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.changes_between(p_from timestamp with time zone, p_until timestamp with time zone) IS 'The fields in which documents of Items differ between two instants.';


--
-- Name: item_at(integer, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.item_at(p_id integer, p_instant timestamp with time zone) RETURNS TABLE(id integer, name text, description text, category text, image_urls text[], location_lat double precision, location_lon double precision, owner_id text, status text, created_at timestamp with time zone, updated_at timestamp with time zone, deleted_at timestamp with time zone, version integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select id, name, description, category, image_urls, location_lat, location_lon, owner_id, status, created_at, updated_at, deleted_at, version
from public.items_as_of(p_instant)
where id = p_id
$$;


--
-- Name: FUNCTION item_at(p_id integer, p_instant timestamp with time zone); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.item_at(p_id integer, p_instant timestamp with time zone) IS 'One document of Items as of an instant: no row if there was none.';


--
-- Name: item_diff(integer, timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.item_diff(p_id integer, p_from timestamp with time zone, p_until timestamp with time zone) RETURNS TABLE(field text, before jsonb, after jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select field, was.value, became.value
from jsonb_each((select document from public.item_versions where id = p_id and valid_from <= p_from and (valid_to is null or valid_to > p_from))) as was (field, value)
full join jsonb_each((select document from public.item_versions where id = p_id and valid_from <= p_until and (valid_to is null or valid_to > p_until))) as became (field, value) using (field)
where coalesce(was.value, 'null') <> coalesce(became.value, 'null')
$$;


--
-- Name: FUNCTION item_diff(p_id integer, p_from timestamp with time zone, p_until timestamp with time zone); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.item_diff(p_id integer, p_from timestamp with time zone, p_until timestamp with time zone) IS 'The fields in which a document of Items differs between two instants.';


--
-- Name: items_as_of(timestamp with time zone); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.items_as_of(p_instant timestamp with time zone) RETURNS TABLE(id integer, name text, description text, category text, image_urls text[], location_lat double precision, location_lon double precision, owner_id text, status text, created_at timestamp with time zone, updated_at timestamp with time zone, deleted_at timestamp with time zone, version integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
select id, name, description, category, image_urls, location_lat, location_lon, owner_id, status, created_at, updated_at, deleted_at, version
from public.item_versions
where valid_from <= p_instant and (valid_to is null or valid_to > p_instant)
$$;


--
-- Name: FUNCTION items_as_of(p_instant timestamp with time zone); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.items_as_of(p_instant timestamp with time zone) IS 'The documents of Items as of an instant.';


--
-- Name: merged(jsonb); Type: AGGREGATE; Schema: catalog; Owner: -
--

CREATE AGGREGATE catalog.merged(jsonb) (
    SFUNC = jsonb_concat,
    STYPE = jsonb,
    PARALLEL = safe
);


--
-- Name: AGGREGATE merged(jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON AGGREGATE catalog.merged(jsonb) IS 'JSON objects as one, by ||: of each key, the last value in their order.';


--
-- Name: categories; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.categories (
    key text NOT NULL COLLATE pg_catalog."C",
    document jsonb NOT NULL
)
PARTITION BY RANGE (key);


--
-- Name: TABLE categories; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.categories IS 'The documents of the rollup Categories.';


--
-- Name: COLUMN categories.key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.categories.key IS 'The category that it is about.';


--
-- Name: COLUMN categories.document; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.categories.document IS 'Category, as the API serves it.';


--
-- Name: categories_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.categories_live (
    key text NOT NULL COLLATE pg_catalog."C",
    document jsonb NOT NULL
);


--
-- Name: TABLE categories_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.categories_live IS 'All rows of categories; a rebuild puts another in its place.';


--
-- Name: categories_members; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.categories_members (
    id integer NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    part jsonb NOT NULL
)
PARTITION BY RANGE (id);


--
-- Name: TABLE categories_members; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.categories_members IS 'What each stream counts as in Categories.';


--
-- Name: COLUMN categories_members.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.categories_members.id IS 'The stream.';


--
-- Name: COLUMN categories_members.key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.categories_members.key IS 'The category that it is about.';


--
-- Name: COLUMN categories_members.part; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.categories_members.part IS 'What is counted of its Item.';


--
-- Name: categories_members_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.categories_members_live (
    id integer NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    part jsonb NOT NULL
);


--
-- Name: TABLE categories_members_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.categories_members_live IS 'All rows of categories_members; a rebuild puts another in its place.';


--
-- Name: events_position_seq; Type: SEQUENCE; Schema: catalog; Owner: -
--

ALTER TABLE catalog.events ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.events_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: installed; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.installed (
    installation integer NOT NULL,
    checksum text NOT NULL,
    installed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


--
-- Name: TABLE installed; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.installed IS 'What `catalog migrate` has installed, the newest last.';


--
-- Name: COLUMN installed.installation; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.installed.installation IS 'Counts the installations.';


--
-- Name: COLUMN installed.checksum; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.installed.checksum IS 'SHA-256 of the installed SQL, in hexadecimal.';


--
-- Name: COLUMN installed.installed_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.installed.installed_at IS 'When it was installed.';


--
-- Name: installed_installation_seq; Type: SEQUENCE; Schema: catalog; Owner: -
--

ALTER TABLE catalog.installed ALTER COLUMN installation ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.installed_installation_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: items; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items (
    id integer NOT NULL,
    version integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    document jsonb NOT NULL,
    status text GENERATED ALWAYS AS ((document ->> 'status'::text)) STORED COLLATE pg_catalog."C",
    created_at text GENERATED ALWAYS AS ((document ->> 'created_at'::text)) STORED COLLATE pg_catalog."C",
    category text GENERATED ALWAYS AS ((document ->> 'category'::text)) STORED COLLATE pg_catalog."C",
    owner_id text GENERATED ALWAYS AS ((document ->> 'owner_id'::text)) STORED COLLATE pg_catalog."C",
    updated_at text GENERATED ALWAYS AS ((document ->> 'updated_at'::text)) STORED COLLATE pg_catalog."C",
    name_sorted text GENERATED ALWAYS AS (lower(((document ->> 'name'::text) COLLATE "C"))) STORED COLLATE pg_catalog."C"
)
PARTITION BY RANGE (id);


--
-- Name: TABLE items; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items IS 'The current documents of the projection Items.';


--
-- Name: COLUMN items.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.id IS 'The stream the document is folded from.';


--
-- Name: COLUMN items.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.version IS 'The version of its stream; the last at which the document was so.';


--
-- Name: COLUMN items.valid_from; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.valid_from IS 'When the last event that it is folded from was recorded.';


--
-- Name: COLUMN items.document; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.document IS 'Item, as the API serves it.';


--
-- Name: COLUMN items.status; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.status IS 'status of the document.';


--
-- Name: COLUMN items.created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.created_at IS 'created_at of the document.';


--
-- Name: COLUMN items.category; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.category IS 'category of the document.';


--
-- Name: COLUMN items.owner_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.owner_id IS 'owner_id of the document.';


--
-- Name: COLUMN items.updated_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.updated_at IS 'updated_at of the document.';


--
-- Name: COLUMN items.name_sorted; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items.name_sorted IS 'What an order by name compares.';


--
-- Name: items_history; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_history (
    id integer NOT NULL,
    version integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone NOT NULL,
    document jsonb NOT NULL,
    status text GENERATED ALWAYS AS ((document ->> 'status'::text)) STORED COLLATE pg_catalog."C",
    created_at text GENERATED ALWAYS AS ((document ->> 'created_at'::text)) STORED COLLATE pg_catalog."C",
    category text GENERATED ALWAYS AS ((document ->> 'category'::text)) STORED COLLATE pg_catalog."C",
    owner_id text GENERATED ALWAYS AS ((document ->> 'owner_id'::text)) STORED COLLATE pg_catalog."C",
    updated_at text GENERATED ALWAYS AS ((document ->> 'updated_at'::text)) STORED COLLATE pg_catalog."C",
    name_sorted text GENERATED ALWAYS AS (lower(((document ->> 'name'::text) COLLATE "C"))) STORED COLLATE pg_catalog."C"
)
PARTITION BY RANGE (id);


--
-- Name: TABLE items_history; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_history IS 'The documents of Items that were replaced: each once, with both bounds, never updated.';


--
-- Name: COLUMN items_history.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.id IS 'The stream the document is folded from.';


--
-- Name: COLUMN items_history.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.version IS 'The version of its stream; the last at which the document was so.';


--
-- Name: COLUMN items_history.valid_from; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.valid_from IS 'When the last event that it is folded from was recorded.';


--
-- Name: COLUMN items_history.valid_to; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.valid_to IS 'When the event that replaced it was recorded.';


--
-- Name: COLUMN items_history.document; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.document IS 'Item, as the API serves it.';


--
-- Name: COLUMN items_history.status; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.status IS 'status of the document.';


--
-- Name: COLUMN items_history.created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.created_at IS 'created_at of the document.';


--
-- Name: COLUMN items_history.category; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.category IS 'category of the document.';


--
-- Name: COLUMN items_history.owner_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.owner_id IS 'owner_id of the document.';


--
-- Name: COLUMN items_history.updated_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.updated_at IS 'updated_at of the document.';


--
-- Name: COLUMN items_history.name_sorted; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_history.name_sorted IS 'What an order by name compares.';


--
-- Name: items_history_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_history_live (
    id integer NOT NULL,
    version integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone NOT NULL,
    document jsonb NOT NULL,
    status text GENERATED ALWAYS AS ((document ->> 'status'::text)) STORED COLLATE pg_catalog."C",
    created_at text GENERATED ALWAYS AS ((document ->> 'created_at'::text)) STORED COLLATE pg_catalog."C",
    category text GENERATED ALWAYS AS ((document ->> 'category'::text)) STORED COLLATE pg_catalog."C",
    owner_id text GENERATED ALWAYS AS ((document ->> 'owner_id'::text)) STORED COLLATE pg_catalog."C",
    updated_at text GENERATED ALWAYS AS ((document ->> 'updated_at'::text)) STORED COLLATE pg_catalog."C",
    name_sorted text GENERATED ALWAYS AS (lower(((document ->> 'name'::text) COLLATE "C"))) STORED COLLATE pg_catalog."C"
);


--
-- Name: TABLE items_history_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_history_live IS 'All rows of items_history; a rebuild puts another in its place.';


--
-- Name: items_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_live (
    id integer NOT NULL,
    version integer NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    document jsonb NOT NULL,
    status text GENERATED ALWAYS AS ((document ->> 'status'::text)) STORED COLLATE pg_catalog."C",
    created_at text GENERATED ALWAYS AS ((document ->> 'created_at'::text)) STORED COLLATE pg_catalog."C",
    category text GENERATED ALWAYS AS ((document ->> 'category'::text)) STORED COLLATE pg_catalog."C",
    owner_id text GENERATED ALWAYS AS ((document ->> 'owner_id'::text)) STORED COLLATE pg_catalog."C",
    updated_at text GENERATED ALWAYS AS ((document ->> 'updated_at'::text)) STORED COLLATE pg_catalog."C",
    name_sorted text GENERATED ALWAYS AS (lower(((document ->> 'name'::text) COLLATE "C"))) STORED COLLATE pg_catalog."C"
)
WITH (fillfactor='70');


--
-- Name: TABLE items_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_live IS 'All rows of items; a rebuild puts another in its place.';


--
-- Name: items_places; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_places (
    id integer NOT NULL,
    since timestamp with time zone NOT NULL,
    place point NOT NULL
)
PARTITION BY RANGE (id);


--
-- Name: TABLE items_places; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_places IS 'Where the documents of Items have ever been; a row for each change of place.';


--
-- Name: COLUMN items_places.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_places.id IS 'The stream the document is folded from.';


--
-- Name: COLUMN items_places.since; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_places.since IS 'When the event was recorded that made it so.';


--
-- Name: COLUMN items_places.place; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_places.place IS 'Longitude and latitude in degrees.';


--
-- Name: items_places_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_places_live (
    id integer NOT NULL,
    since timestamp with time zone NOT NULL,
    place point NOT NULL
);


--
-- Name: TABLE items_places_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_places_live IS 'All rows of items_places; a rebuild puts another in its place.';


--
-- Name: items_words; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_words (
    id integer NOT NULL,
    words text[] NOT NULL,
    found tsvector GENERATED ALWAYS AS (catalog.findable(words)) STORED
)
PARTITION BY RANGE (id);


--
-- Name: TABLE items_words; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_words IS 'The words that the searched texts of Items have ever had.';


--
-- Name: COLUMN items_words.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_words.id IS 'The stream the document is folded from.';


--
-- Name: COLUMN items_words.words; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_words.words IS 'Each once; {*} if they are too many.';


--
-- Name: COLUMN items_words.found; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.items_words.found IS 'What they are found by.';


--
-- Name: items_words_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.items_words_live (
    id integer NOT NULL,
    words text[] NOT NULL,
    found tsvector GENERATED ALWAYS AS (catalog.findable(words)) STORED
);


--
-- Name: TABLE items_words_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_words_live IS 'All rows of items_words; a rebuild puts another in its place.';


--
-- Name: owners; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.owners (
    key text NOT NULL COLLATE pg_catalog."C",
    document jsonb NOT NULL
)
PARTITION BY RANGE (key);


--
-- Name: TABLE owners; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.owners IS 'The documents of the rollup Owners.';


--
-- Name: COLUMN owners.key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.owners.key IS 'The owner_id that it is about.';


--
-- Name: COLUMN owners.document; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.owners.document IS 'Owner, as the API serves it.';


--
-- Name: owners_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.owners_live (
    key text NOT NULL COLLATE pg_catalog."C",
    document jsonb NOT NULL
);


--
-- Name: TABLE owners_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.owners_live IS 'All rows of owners; a rebuild puts another in its place.';


--
-- Name: owners_members; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.owners_members (
    id integer NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    part jsonb NOT NULL
)
PARTITION BY RANGE (id);


--
-- Name: TABLE owners_members; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.owners_members IS 'What each stream counts as in Owners.';


--
-- Name: COLUMN owners_members.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.owners_members.id IS 'The stream.';


--
-- Name: COLUMN owners_members.key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.owners_members.key IS 'The owner_id that it is about.';


--
-- Name: COLUMN owners_members.part; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.owners_members.part IS 'What is counted of its Item.';


--
-- Name: owners_members_live; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.owners_members_live (
    id integer NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    part jsonb NOT NULL
);


--
-- Name: TABLE owners_members_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.owners_members_live IS 'All rows of owners_members; a rebuild puts another in its place.';


--
-- Name: projection_lag; Type: VIEW; Schema: catalog; Owner: -
--

CREATE VIEW catalog.projection_lag AS
 SELECT projections.name,
    projections."position",
    waiting.events AS lag_events,
    (COALESCE(EXTRACT(epoch FROM (clock_timestamp() - oldest.recorded_at)), (0)::numeric))::double precision AS lag_seconds
   FROM ((catalog.projections
     CROSS JOIN LATERAL ( SELECT count(*) AS events
           FROM ( SELECT
                   FROM catalog.events
                  WHERE (events."position" > projections."position")
                  ORDER BY events."position"
                 LIMIT 100001) event) waiting)
     LEFT JOIN LATERAL ( SELECT events.recorded_at
           FROM catalog.events
          WHERE (events."position" > projections."position")
          ORDER BY events."position"
         LIMIT 1) oldest ON (true))
  WHERE projections.background;


--
-- Name: VIEW projection_lag; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON VIEW catalog.projection_lag IS 'How far each background projection is behind the log, settled or not: measured against the clock, never a mark.';


--
-- Name: COLUMN projection_lag.name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag.name IS 'The projection.';


--
-- Name: COLUMN projection_lag."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag."position" IS 'Its checkpoint.';


--
-- Name: COLUMN projection_lag.lag_events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag.lag_events IS 'How many events it has still to apply, at most 100,001: more than 100,000.';


--
-- Name: COLUMN projection_lag.lag_seconds; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag.lag_seconds IS 'The age of the first of them; 0 when there is none.';


--
-- Name: streams_stream_id_seq; Type: SEQUENCE; Schema: catalog; Owner: -
--

ALTER TABLE catalog.streams ALTER COLUMN stream_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.streams_stream_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_trail; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.audit_trail AS
 SELECT events.stream_id AS item_id,
    events."position",
    events.version,
    events.type AS event_type,
    events.recorded_at,
    (events.metadata ->> 'user_id'::text) AS user_id,
    (events.data -> 'changes'::text) AS changes,
    (events.data -> 'previous_values'::text) AS previous_values,
    ((events.data ->> 'old_status'::text) COLLATE "C") AS old_status,
    ((events.data ->> 'new_status'::text) COLLATE "C") AS new_status,
    ((events.data ->> 'reason'::text) COLLATE "C") AS reason,
    ((events.data ->> 'status'::text) COLLATE "C") AS status
   FROM catalog.events
  WHERE ((events.recorded_at <= ( SELECT catalog.as_of() AS as_of)) AND (events.type = ANY (ARRAY['item_created'::text, 'item_updated'::text, 'item_status_changed'::text, 'item_deleted'::text, 'item_restored'::text])));


--
-- Name: VIEW audit_trail; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.audit_trail IS 'Who did what to the documents of Items: a row for each event, up to catalog.as_of.';


--
-- Name: COLUMN audit_trail.item_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.item_id IS 'The item that it is about.';


--
-- Name: COLUMN audit_trail."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail."position" IS 'Place in the whole log; grows, may have gaps.';


--
-- Name: COLUMN audit_trail.version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.version IS '1 is its first event; without gaps.';


--
-- Name: COLUMN audit_trail.event_type; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.event_type IS 'What happened.';


--
-- Name: COLUMN audit_trail.recorded_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.recorded_at IS 'When it was recorded.';


--
-- Name: COLUMN audit_trail.user_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.user_id IS 'Who did it.';


--
-- Name: COLUMN audit_trail.changes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.changes IS 'changes of the event, if it has one.';


--
-- Name: COLUMN audit_trail.previous_values; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.previous_values IS 'previous_values of the event, if it has one.';


--
-- Name: COLUMN audit_trail.old_status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.old_status IS 'old_status of the event, if it has one.';


--
-- Name: COLUMN audit_trail.new_status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.new_status IS 'new_status of the event, if it has one.';


--
-- Name: COLUMN audit_trail.reason; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.reason IS 'reason of the event, if it has one.';


--
-- Name: COLUMN audit_trail.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.audit_trail.status IS 'status of the event, if it has one.';


--
-- Name: categories; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.categories AS
 SELECT stored.key AS category,
    ((stored.document ->> 'total_items'::text))::bigint AS total_items,
    (stored.document -> 'by_status'::text) AS by_status
   FROM ( SELECT categories.key,
            categories.document
           FROM catalog.categories
          WHERE (( SELECT catalog.as_of() AS as_of) = 'infinity'::timestamp with time zone)
        UNION ALL
         SELECT member.key,
            jsonb_build_object('category', member.key, 'total_items', count(*), 'by_status', catalog.count_each(array_agg((member.part ->> 'status'::text)))) AS jsonb_build_object
           FROM ( SELECT items.id,
                    items.category,
                    jsonb_build_object('status', (items.document -> 'status'::text)) AS jsonb_build_object
                   FROM catalog.items
                  WHERE ((items.valid_from <= ( SELECT catalog.as_of() AS as_of)) AND (( SELECT catalog.as_of() AS as_of) < 'infinity'::timestamp with time zone))
                UNION ALL
                 SELECT items_history.id,
                    items_history.category,
                    jsonb_build_object('status', (items_history.document -> 'status'::text)) AS jsonb_build_object
                   FROM catalog.items_history
                  WHERE ((items_history.valid_from <= ( SELECT catalog.as_of() AS as_of)) AND (items_history.valid_to > ( SELECT catalog.as_of() AS as_of)) AND (( SELECT catalog.as_of() AS as_of) < 'infinity'::timestamp with time zone))) member(id, key, part)
          GROUP BY member.key) stored(key, document);


--
-- Name: VIEW categories; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.categories IS 'The documents of Categories, now or as of catalog.as_of.';


--
-- Name: COLUMN categories.category; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.categories.category IS 'category of the document.';


--
-- Name: COLUMN categories.total_items; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.categories.total_items IS 'total_items of the document.';


--
-- Name: COLUMN categories.by_status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.categories.by_status IS 'by_status of the document.';


--
-- Name: item_events; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.item_events AS
 SELECT events."position",
    events.event_id,
    events.stream_id AS item_id,
    events.version,
    events.type,
    events.recorded_at,
    (events.metadata ->> 'user_id'::text) AS user_id,
    (events.metadata ->> 'correlation_id'::text) AS correlation_id,
    (events.metadata ->> 'causation_id'::text) AS causation_id,
    events.data,
    events.metadata
   FROM catalog.events
  WHERE ((events.recorded_at <= ( SELECT catalog.as_of() AS as_of)) AND (events.type = ANY (ARRAY['item_created'::text, 'item_updated'::text, 'item_status_changed'::text, 'item_deleted'::text, 'item_restored'::text])));


--
-- Name: VIEW item_events; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.item_events IS 'The events of Items, up to catalog.as_of if it is set.';


--
-- Name: COLUMN item_events."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events."position" IS 'Place in the whole log; grows, may have gaps.';


--
-- Name: COLUMN item_events.event_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.event_id IS 'UUIDv7.';


--
-- Name: COLUMN item_events.item_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.item_id IS 'The item that it is about.';


--
-- Name: COLUMN item_events.version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.version IS '1 is its first event; without gaps.';


--
-- Name: COLUMN item_events.type; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.type IS 'The tag of the event type.';


--
-- Name: COLUMN item_events.recorded_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.recorded_at IS 'When it was recorded; strictly grows with the version.';


--
-- Name: COLUMN item_events.user_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.user_id IS 'Who did it.';


--
-- Name: COLUMN item_events.correlation_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.correlation_id IS 'The request that it belongs to.';


--
-- Name: COLUMN item_events.causation_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.causation_id IS 'What led to it.';


--
-- Name: COLUMN item_events.data; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.data IS 'The fields of the event.';


--
-- Name: COLUMN item_events.metadata; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_events.metadata IS 'All that is known of who and why.';


--
-- Name: item_versions; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.item_versions AS
 SELECT stored.id,
    ((stored.document ->> 'name'::text) COLLATE "C") AS name,
    ((stored.document ->> 'description'::text) COLLATE "C") AS description,
    stored.category,
        CASE
            WHEN (jsonb_typeof((stored.document -> 'image_urls'::text)) = 'array'::text) THEN ARRAY( SELECT jsonb_array_elements_text((stored.document -> 'image_urls'::text)) AS jsonb_array_elements_text)
            ELSE NULL::text[]
        END AS image_urls,
    ((stored.document ->> 'location_lat'::text))::double precision AS location_lat,
    ((stored.document ->> 'location_lon'::text))::double precision AS location_lon,
    stored.owner_id,
    stored.status,
    (stored.created_at)::timestamp with time zone AS created_at,
    (stored.updated_at)::timestamp with time zone AS updated_at,
    ((stored.document ->> 'deleted_at'::text))::timestamp with time zone AS deleted_at,
    ((stored.document ->> 'version'::text))::integer AS version,
    stored.valid_from,
    stored.valid_to,
    stored.document
   FROM ( SELECT items.id,
            items.document,
            items.status,
            items.created_at,
            items.category,
            items.owner_id,
            items.updated_at,
            items.valid_from,
            NULL::timestamp with time zone AS valid_to
           FROM catalog.items
          WHERE (items.valid_from <= ( SELECT catalog.as_of() AS as_of))
        UNION ALL
         SELECT items_history.id,
            items_history.document,
            items_history.status,
            items_history.created_at,
            items_history.category,
            items_history.owner_id,
            items_history.updated_at,
            items_history.valid_from,
                CASE
                    WHEN (items_history.valid_to <= ( SELECT catalog.as_of() AS as_of)) THEN items_history.valid_to
                    ELSE NULL::timestamp with time zone
                END AS "case"
           FROM catalog.items_history
          WHERE (items_history.valid_from <= ( SELECT catalog.as_of() AS as_of))) stored;


--
-- Name: VIEW item_versions; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.item_versions IS 'Every document that Items ever had, each from when it was recorded until it was replaced.';


--
-- Name: COLUMN item_versions.id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.id IS 'id of the document.';


--
-- Name: COLUMN item_versions.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.name IS 'name of the document.';


--
-- Name: COLUMN item_versions.description; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.description IS 'description of the document.';


--
-- Name: COLUMN item_versions.category; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.category IS 'category of the document.';


--
-- Name: COLUMN item_versions.image_urls; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.image_urls IS 'image_urls of the document.';


--
-- Name: COLUMN item_versions.location_lat; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.location_lat IS 'location_lat of the document.';


--
-- Name: COLUMN item_versions.location_lon; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.location_lon IS 'location_lon of the document.';


--
-- Name: COLUMN item_versions.owner_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.owner_id IS 'owner_id of the document.';


--
-- Name: COLUMN item_versions.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.status IS 'status of the document.';


--
-- Name: COLUMN item_versions.created_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.created_at IS 'created_at of the document.';


--
-- Name: COLUMN item_versions.updated_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.updated_at IS 'updated_at of the document.';


--
-- Name: COLUMN item_versions.deleted_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.deleted_at IS 'deleted_at of the document.';


--
-- Name: COLUMN item_versions.version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.version IS 'version of the document.';


--
-- Name: COLUMN item_versions.valid_from; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.valid_from IS 'When it was recorded.';


--
-- Name: COLUMN item_versions.valid_to; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.valid_to IS 'When it was replaced; null if it still holds.';


--
-- Name: COLUMN item_versions.document; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.item_versions.document IS 'Item, as the API serves it.';


--
-- Name: items; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.items AS
 SELECT stored.id,
    ((stored.document ->> 'name'::text) COLLATE "C") AS name,
    ((stored.document ->> 'description'::text) COLLATE "C") AS description,
    stored.category,
        CASE
            WHEN (jsonb_typeof((stored.document -> 'image_urls'::text)) = 'array'::text) THEN ARRAY( SELECT jsonb_array_elements_text((stored.document -> 'image_urls'::text)) AS jsonb_array_elements_text)
            ELSE NULL::text[]
        END AS image_urls,
    ((stored.document ->> 'location_lat'::text))::double precision AS location_lat,
    ((stored.document ->> 'location_lon'::text))::double precision AS location_lon,
    stored.owner_id,
    stored.status,
    (stored.created_at)::timestamp with time zone AS created_at,
    (stored.updated_at)::timestamp with time zone AS updated_at,
    ((stored.document ->> 'deleted_at'::text))::timestamp with time zone AS deleted_at,
    ((stored.document ->> 'version'::text))::integer AS version
   FROM ( SELECT items.id,
            items.document,
            items.status,
            items.created_at,
            items.category,
            items.owner_id,
            items.updated_at
           FROM catalog.items
          WHERE (items.valid_from <= ( SELECT catalog.as_of() AS as_of))
        UNION ALL
         SELECT items_history.id,
            items_history.document,
            items_history.status,
            items_history.created_at,
            items_history.category,
            items_history.owner_id,
            items_history.updated_at
           FROM catalog.items_history
          WHERE ((items_history.valid_from <= ( SELECT catalog.as_of() AS as_of)) AND (items_history.valid_to > ( SELECT catalog.as_of() AS as_of)) AND (( SELECT catalog.as_of() AS as_of) < 'infinity'::timestamp with time zone))) stored;


--
-- Name: VIEW items; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.items IS 'The documents of Items, now or as of catalog.as_of.';


--
-- Name: COLUMN items.id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.id IS 'id of the document.';


--
-- Name: COLUMN items.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.name IS 'name of the document.';


--
-- Name: COLUMN items.description; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.description IS 'description of the document.';


--
-- Name: COLUMN items.category; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.category IS 'category of the document.';


--
-- Name: COLUMN items.image_urls; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.image_urls IS 'image_urls of the document.';


--
-- Name: COLUMN items.location_lat; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.location_lat IS 'location_lat of the document.';


--
-- Name: COLUMN items.location_lon; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.location_lon IS 'location_lon of the document.';


--
-- Name: COLUMN items.owner_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.owner_id IS 'owner_id of the document.';


--
-- Name: COLUMN items.status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.status IS 'status of the document.';


--
-- Name: COLUMN items.created_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.created_at IS 'created_at of the document.';


--
-- Name: COLUMN items.updated_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.updated_at IS 'updated_at of the document.';


--
-- Name: COLUMN items.deleted_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.deleted_at IS 'deleted_at of the document.';


--
-- Name: COLUMN items.version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.items.version IS 'version of the document.';


--
-- Name: owners; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.owners AS
 SELECT stored.key AS owner_id,
    ((stored.document ->> 'total_items'::text))::bigint AS total_items,
    (stored.document -> 'by_status'::text) AS by_status,
    (stored.document -> 'by_category'::text) AS by_category,
    ((stored.document ->> 'first_activity_at'::text))::timestamp with time zone AS first_activity_at,
    ((stored.document ->> 'latest_activity_at'::text))::timestamp with time zone AS latest_activity_at
   FROM ( SELECT owners.key,
            owners.document
           FROM catalog.owners
          WHERE (( SELECT catalog.as_of() AS as_of) = 'infinity'::timestamp with time zone)
        UNION ALL
         SELECT member.key,
            jsonb_build_object('owner_id', member.key, 'total_items', count(*), 'by_status', catalog.count_each(array_agg((member.part ->> 'status'::text))), 'by_category', catalog.count_each(array_agg((member.part ->> 'category'::text))), 'first_activity_at', min(((member.part ->> 'created_at'::text) COLLATE "C")), 'latest_activity_at', max(((member.part ->> 'updated_at'::text) COLLATE "C"))) AS jsonb_build_object
           FROM ( SELECT items.id,
                    items.owner_id,
                    jsonb_build_object('category', (items.document -> 'category'::text), 'created_at', (items.document -> 'created_at'::text), 'status', (items.document -> 'status'::text), 'updated_at', (items.document -> 'updated_at'::text)) AS jsonb_build_object
                   FROM catalog.items
                  WHERE ((items.valid_from <= ( SELECT catalog.as_of() AS as_of)) AND (( SELECT catalog.as_of() AS as_of) < 'infinity'::timestamp with time zone))
                UNION ALL
                 SELECT items_history.id,
                    items_history.owner_id,
                    jsonb_build_object('category', (items_history.document -> 'category'::text), 'created_at', (items_history.document -> 'created_at'::text), 'status', (items_history.document -> 'status'::text), 'updated_at', (items_history.document -> 'updated_at'::text)) AS jsonb_build_object
                   FROM catalog.items_history
                  WHERE ((items_history.valid_from <= ( SELECT catalog.as_of() AS as_of)) AND (items_history.valid_to > ( SELECT catalog.as_of() AS as_of)) AND (( SELECT catalog.as_of() AS as_of) < 'infinity'::timestamp with time zone))) member(id, key, part)
          GROUP BY member.key) stored(key, document);


--
-- Name: VIEW owners; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.owners IS 'The documents of Owners, now or as of catalog.as_of.';


--
-- Name: COLUMN owners.owner_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.owners.owner_id IS 'owner_id of the document.';


--
-- Name: COLUMN owners.total_items; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.owners.total_items IS 'total_items of the document.';


--
-- Name: COLUMN owners.by_status; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.owners.by_status IS 'by_status of the document.';


--
-- Name: COLUMN owners.by_category; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.owners.by_category IS 'by_category of the document.';


--
-- Name: COLUMN owners.first_activity_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.owners.first_activity_at IS 'first_activity_at of the document.';


--
-- Name: COLUMN owners.latest_activity_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.owners.latest_activity_at IS 'latest_activity_at of the document.';


--
-- Name: projection_lag; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.projection_lag AS
 SELECT projection_lag.name,
    projection_lag."position",
    projection_lag.lag_events,
    projection_lag.lag_seconds
   FROM catalog.projection_lag;


--
-- Name: VIEW projection_lag; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.projection_lag IS 'How far each background read model is behind the log: now, whatever catalog.as_of is set to.';


--
-- Name: COLUMN projection_lag.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag.name IS 'The projection.';


--
-- Name: COLUMN projection_lag."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag."position" IS 'Its checkpoint.';


--
-- Name: COLUMN projection_lag.lag_events; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag.lag_events IS 'How many events it has still to apply.';


--
-- Name: COLUMN projection_lag.lag_seconds; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag.lag_seconds IS 'The age of the oldest of them; 0 when there is none.';


--
-- Name: categories_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.categories ATTACH PARTITION catalog.categories_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: categories_members_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.categories_members ATTACH PARTITION catalog.categories_members_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: items_history_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_history ATTACH PARTITION catalog.items_history_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: items_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items ATTACH PARTITION catalog.items_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: items_places_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_places ATTACH PARTITION catalog.items_places_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: items_words_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_words ATTACH PARTITION catalog.items_words_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: owners_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.owners ATTACH PARTITION catalog.owners_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Name: owners_members_live; Type: TABLE ATTACH; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.owners_members ATTACH PARTITION catalog.owners_members_live FOR VALUES FROM (MINVALUE) TO (MAXVALUE);


--
-- Data for Name: categories_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.categories_live VALUES ('sport', '{"category": "sport", "by_status": {"active": 3, "archived": 1}, "total_items": 4}');
INSERT INTO catalog.categories_live VALUES ('garden', '{"category": "garden", "by_status": {"active": 2}, "total_items": 2}');
INSERT INTO catalog.categories_live VALUES ('tools', '{"category": "tools", "by_status": {"active": 1, "swapped": 3, "archived": 1}, "total_items": 5}');
INSERT INTO catalog.categories_live VALUES ('home', '{"category": "home", "by_status": {"active": 8}, "total_items": 8}');


--
-- Data for Name: categories_members_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.categories_members_live VALUES (11, 'garden', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (17, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (12, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (10, 'tools', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (18, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (2, 'sport', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (15, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (13, 'tools', '{"status": "archived"}');
INSERT INTO catalog.categories_members_live VALUES (5, 'sport', '{"status": "archived"}');
INSERT INTO catalog.categories_members_live VALUES (19, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (8, 'sport', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (6, 'garden', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (16, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (4, 'tools', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (1, 'tools', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (3, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (14, 'sport', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (9, 'home', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (7, 'tools', '{"status": "swapped"}');


--
-- Data for Name: events; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (1, '01a20e66-243e-7524-b601-b8f9500d8ef9', 1, 1, 'item_created', '{"name": "Spade", "status": "active", "category": "tools", "owner_id": "user-0", "image_urls": ["https://example.com/0.jpg"], "description": "A spade; hardly used.", "location_lat": 52.5, "location_lon": 13.4}', '{"user_id": "user-0", "correlation_id": "d222ae05-1ac6-4fe7-9f9e-d059524657d4"}', '2026-11-24 16:31:44.702437+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (2, '01a20e66-2446-725e-a428-0e3afcd75d82', 2, 1, 'item_created', '{"name": "Fahrrad „Blitz“", "status": "active", "category": "sport", "owner_id": "user-1", "image_urls": ["https://example.com/1.jpg"], "description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 52.6, "location_lon": 13.3}', '{"user_id": "user-1", "correlation_id": "d2caa4b0-c80c-4215-a939-2f0cee404a2a"}', '2026-11-24 16:31:44.710416+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (3, '01a20e66-2449-751b-8554-19bb91f7ec03', 3, 1, 'item_created', '{"name": "O''Hara''s lamp", "status": "active", "category": "home", "owner_id": "user-2", "image_urls": ["https://example.com/2.jpg"], "description": "C:\\lamp\\new \"bright\"\n\tstands well", "location_lat": 52.7, "location_lon": 13.200000000000001}', '{"user_id": "user-2", "correlation_id": "f0a4e6b7-bcf9-4af5-b458-6c1c04ae9b82"}', '2026-11-24 16:31:44.713431+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (4, '01a20e66-244f-78a4-9c0b-b3fdf9aeffad', 4, 1, 'item_created', '{"name": "自転車", "status": "active", "category": "tools", "owner_id": "user-0", "image_urls": ["https://example.com/3.jpg"], "description": "赤い自転車です", "location_lat": 52.8, "location_lon": 13.1}', '{"user_id": "user-0", "correlation_id": "24a2d17a-c226-4d92-8556-b401859c5a36"}', '2026-11-24 16:31:44.71996+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (5, '01a20e66-2454-7eea-9395-69bfcc216960', 5, 1, 'item_created', '{"name": "Tent", "status": "active", "category": "sport", "owner_id": "user-1", "image_urls": ["https://example.com/4.jpg"], "description": "For two, or for one and a dog", "location_lat": 52.9, "location_lon": 13.0}', '{"user_id": "user-1", "correlation_id": "2c65038c-0748-4fc6-b7d0-cc703b208789"}', '2026-11-24 16:31:44.724497+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (6, '01a20e66-2459-7b64-902d-5c361aa97044', 6, 1, 'item_created', '{"name": "Books", "status": "active", "category": "home", "owner_id": "user-2", "image_urls": ["https://example.com/5.jpg"], "description": "A box of books", "location_lat": 53.0, "location_lon": 12.9}', '{"user_id": "user-2", "correlation_id": "918e0a25-8d06-49c9-b584-e5722e1fa883"}', '2026-11-24 16:31:44.72996+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (7, '01a20e66-245f-7436-95df-fdeee7b79345', 7, 1, 'item_created', '{"name": "Piano", "status": "active", "category": "tools", "owner_id": "user-0", "image_urls": ["https://example.com/6.jpg"], "description": "Come and get it", "location_lat": 53.1, "location_lon": 12.8}', '{"user_id": "user-0", "correlation_id": "3e20f23e-0b06-457a-8dc6-38551febb88c"}', '2026-11-24 16:31:44.735511+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (8, '01a20e66-2462-7b73-96a5-c554c101c9ee', 8, 1, 'item_created', '{"name": "Spade", "status": "active", "category": "sport", "owner_id": "user-1", "image_urls": ["https://example.com/7.jpg"], "description": "A spade; hardly used.", "location_lat": 53.2, "location_lon": 12.700000000000001}', '{"user_id": "user-1", "correlation_id": "9bbe5a10-2ed7-41b9-bef0-64da9934f080"}', '2026-11-24 16:31:44.738723+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (9, '01a20e66-2467-7935-a8ed-7654059ca1e1', 9, 1, 'item_created', '{"name": "Fahrrad „Blitz“", "status": "active", "category": "home", "owner_id": "user-2", "image_urls": ["https://example.com/8.jpg"], "description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 53.3, "location_lon": 12.6}', '{"user_id": "user-2", "correlation_id": "0c256885-5fcc-4a1e-8331-957c8dfbfa74"}', '2026-11-24 16:31:44.743149+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (10, '01a20e66-246f-7b67-bf63-57633c293545', 10, 1, 'item_created', '{"name": "O''Hara''s lamp", "status": "active", "category": "tools", "owner_id": "user-0", "image_urls": ["https://example.com/9.jpg"], "description": "C:\\lamp\\new \"bright\"\n\tstands well", "location_lat": 53.4, "location_lon": 12.5}', '{"user_id": "user-0", "correlation_id": "b7c13700-31d8-4b76-994b-4fef058f7bb3"}', '2026-11-24 16:31:44.751326+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (11, '01a20e66-2471-79a6-9ba1-988a16b014b9', 11, 1, 'item_created', '{"name": "自転車", "status": "active", "category": "sport", "owner_id": "user-1", "image_urls": ["https://example.com/10.jpg"], "description": "赤い自転車です", "location_lat": 53.5, "location_lon": 12.4}', '{"user_id": "user-1", "correlation_id": "9b2043e8-34d4-41d1-ae41-ec11c4e8ad9b"}', '2026-11-24 16:31:44.753753+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (12, '01a20e66-2474-7224-9ac3-f69dd523fea2', 12, 1, 'item_created', '{"name": "Tent", "status": "active", "category": "home", "owner_id": "user-2", "image_urls": ["https://example.com/11.jpg"], "description": "For two, or for one and a dog", "location_lat": 53.6, "location_lon": 12.3}', '{"user_id": "user-2", "correlation_id": "3ac99a9d-21dc-4e73-a388-32385413c35d"}', '2026-11-24 16:31:44.756142+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (13, '01a20e66-2477-712e-af49-547b517ca3a6', 13, 1, 'item_created', '{"name": "Books", "status": "active", "category": "tools", "owner_id": "user-0", "image_urls": ["https://example.com/12.jpg"], "description": "A box of books", "location_lat": 53.7, "location_lon": 12.200000000000001}', '{"user_id": "user-0", "correlation_id": "e3a11664-65ba-41e3-a12f-0c8643af5923"}', '2026-11-24 16:31:44.759334+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (14, '01a20e66-247c-7ead-a3ff-802a812eb5c8', 14, 1, 'item_created', '{"name": "Piano", "status": "active", "category": "sport", "owner_id": "user-1", "image_urls": ["https://example.com/13.jpg"], "description": "Come and get it", "location_lat": 53.8, "location_lon": 12.1}', '{"user_id": "user-1", "correlation_id": "00cd84dd-9feb-4fbd-8cb4-be4be9389bcf"}', '2026-11-24 16:31:44.764074+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (15, '01a20e66-2485-7611-8144-63562b008924', 1, 2, 'item_status_changed', '{"reason": "Swapped with Bob", "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "e7889642-c3c5-483b-ab74-7a4b76d64d4f"}', '2026-11-24 16:31:44.773855+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (16, '01a20e66-248a-7799-9d21-fc5369c54c5f', 1, 3, 'item_deleted', '{"reason": "Moving house"}', '{"user_id": "demo-user", "correlation_id": "cf5cbd8e-6d21-4620-b136-d64d9097d418"}', '2026-11-24 16:31:44.778504+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (17, '01a20e66-2490-7cb7-a5dd-7c7327180a88', 1, 4, 'item_restored', '{"status": "active"}', '{"user_id": "demo-user", "correlation_id": "f832b56a-95e1-41cb-9e33-681c245fa5dc"}', '2026-11-24 16:31:44.78412+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (18, '01a20e66-2493-778d-83e3-f23b2c2049b2', 2, 2, 'item_updated', '{"changes": {"description": "Läuft wie geölt: 28″, 7 Gänge. Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 52.6}}', '{"user_id": "user-1", "correlation_id": "c254e926-fdd4-47f9-807c-c5f2fdcf79d8"}', '2026-11-24 16:31:44.787833+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (19, '01a20e66-2497-7d22-899a-bf4759fea07f', 4, 2, 'item_updated', '{"changes": {"description": "赤い自転車です Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "赤い自転車です", "location_lat": 52.8}}', '{"user_id": "user-0", "correlation_id": "c9f93a54-afdf-479d-9afc-32820ee64643"}', '2026-11-24 16:31:44.791391+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (20, '01a20e66-249a-7f23-bf02-960e7229fbff', 4, 3, 'item_status_changed', '{"reason": "Swapped with Bob", "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "821b0acc-3388-4fe9-bde4-d20f5d4f9289"}', '2026-11-24 16:31:44.794643+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (21, '01a20e66-249c-7a8f-8b6d-388da920dfce', 5, 2, 'item_deleted', '{"reason": "Moving house"}', '{"user_id": "demo-user", "correlation_id": "de1fe666-7a34-4ba0-a6ba-268f6abb48f4"}', '2026-11-24 16:31:44.796815+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (22, '01a20e66-249f-7f5b-8ef8-ebabad85035f', 6, 2, 'item_updated', '{"changes": {"description": "A box of books Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "A box of books", "location_lat": 53.0}}', '{"user_id": "user-2", "correlation_id": "acf6ae96-6132-4ecb-aca2-c1dff709a123"}', '2026-11-24 16:31:44.799124+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (23, '01a20e66-24a1-7482-ad3e-139cefe14f6a', 6, 3, 'item_updated', '{"changes": {"name": "Renamed 5", "category": "garden"}, "previous_values": {"name": "Books", "category": "home"}}', '{"user_id": "demo-user", "correlation_id": "8c204de7-09e5-46b1-9016-ce508083544c"}', '2026-11-24 16:31:44.801765+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (24, '01a20e66-24a3-7504-8776-75c1d04016f3', 7, 2, 'item_status_changed', '{"reason": "Swapped with Bob", "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "5d7131fe-9a96-4537-bb17-16f548d8b42c"}', '2026-11-24 16:31:44.803929+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (25, '01a20e66-24a6-737b-9566-f67702097c7b', 8, 2, 'item_updated', '{"changes": {"description": "A spade; hardly used. Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "A spade; hardly used.", "location_lat": 53.2}}', '{"user_id": "user-1", "correlation_id": "70d81a18-ebbb-46c2-99a5-451817261bda"}', '2026-11-24 16:31:44.806034+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (26, '01a20e66-24a8-7402-9b60-c2ddbf8b54c6', 9, 2, 'item_deleted', '{"reason": "Moving house"}', '{"user_id": "demo-user", "correlation_id": "dd1c2cf3-2b39-4a44-87c1-1801b7f91545"}', '2026-11-24 16:31:44.808087+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (27, '01a20e66-24ab-7240-9cc2-88372b7ab509', 9, 3, 'item_restored', '{"status": "active"}', '{"user_id": "demo-user", "correlation_id": "a8b04071-f270-40e7-9be8-af8889deaf22"}', '2026-11-24 16:31:44.811374+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (28, '01a20e66-24ad-7976-bb8c-de84a77ae96d', 10, 2, 'item_updated', '{"changes": {"description": "C:\\lamp\\new \"bright\"\n\tstands well Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "C:\\lamp\\new \"bright\"\n\tstands well", "location_lat": 53.4}}', '{"user_id": "user-0", "correlation_id": "c2a72c96-433d-4bb2-a50e-232981a844d1"}', '2026-11-24 16:31:44.81349+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (29, '01a20e66-24af-7cae-925c-7774ccbcea46', 10, 3, 'item_status_changed', '{"reason": "Swapped with Bob", "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "2d9010dc-3779-4e53-ac06-9778dca3d056"}', '2026-11-24 16:31:44.815869+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (30, '01a20e66-24b2-7ea4-9eca-3d67ccffa735', 11, 2, 'item_updated', '{"changes": {"name": "Renamed 10", "category": "garden"}, "previous_values": {"name": "自転車", "category": "sport"}}', '{"user_id": "demo-user", "correlation_id": "31d13bae-9503-4296-bd79-06d14a3867f8"}', '2026-11-24 16:31:44.818168+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (31, '01a20e66-24b4-737b-83c4-d77860742ee2', 12, 2, 'item_updated', '{"changes": {"description": "For two, or for one and a dog Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "For two, or for one and a dog", "location_lat": 53.6}}', '{"user_id": "user-2", "correlation_id": "a561da80-9d13-46cd-8706-945d3fc117ed"}', '2026-11-24 16:31:44.820491+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (32, '01a20e66-24b6-7fed-8983-9b3aa7e0a7e7', 13, 2, 'item_status_changed', '{"reason": "Swapped with Bob", "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "97d6ee46-59a7-4b27-a2a4-c9b913bc1a15"}', '2026-11-24 16:31:44.822497+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (33, '01a20e66-24b8-7acf-ad59-484724c2ca5b', 13, 3, 'item_deleted', '{"reason": "Moving house"}', '{"user_id": "demo-user", "correlation_id": "007f6a5e-7ed5-4740-965c-4f5afdd532f4"}', '2026-11-24 16:31:44.824411+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (34, '01a20e66-24ba-79f4-b66e-2366bf9915ea', 14, 2, 'item_updated', '{"changes": {"description": "Come and get it Now cheaper.", "location_lat": 48.1}, "previous_values": {"description": "Come and get it", "location_lat": 53.8}}', '{"user_id": "user-1", "correlation_id": "e9061fcc-89d4-450b-9bec-085390973b0e"}', '2026-11-24 16:31:44.826491+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (35, '01a20e66-24c5-7606-8342-f7e5567f7199', 15, 1, 'item_created', '{"name": "Import 0", "status": "active", "category": "home", "owner_id": "user-9", "image_urls": ["https://example.com/i.jpg"], "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', '{"user_id": "demo-user", "correlation_id": "332cb25e-7430-4e6c-988d-cb7e07ec596e"}', '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (36, '01a20e66-24c5-7c5c-bfaf-34a9b839f415', 16, 1, 'item_created', '{"name": "Import 1", "status": "active", "category": "home", "owner_id": "user-9", "image_urls": ["https://example.com/i.jpg"], "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', '{"user_id": "demo-user", "correlation_id": "332cb25e-7430-4e6c-988d-cb7e07ec596e"}', '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (37, '01a20e66-24c5-78ae-ad1b-93477727b0e4', 17, 1, 'item_created', '{"name": "Import 2", "status": "active", "category": "home", "owner_id": "user-9", "image_urls": ["https://example.com/i.jpg"], "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', '{"user_id": "demo-user", "correlation_id": "332cb25e-7430-4e6c-988d-cb7e07ec596e"}', '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (38, '01a20e66-24c5-742b-af8f-4f200f001757', 18, 1, 'item_created', '{"name": "Import 3", "status": "active", "category": "home", "owner_id": "user-9", "image_urls": ["https://example.com/i.jpg"], "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', '{"user_id": "demo-user", "correlation_id": "332cb25e-7430-4e6c-988d-cb7e07ec596e"}', '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.events OVERRIDING SYSTEM VALUE VALUES (39, '01a20e66-24c5-74d2-916b-ac3bb9465d8e', 19, 1, 'item_created', '{"name": "Import 4", "status": "active", "category": "home", "owner_id": "user-9", "image_urls": ["https://example.com/i.jpg"], "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', '{"user_id": "demo-user", "correlation_id": "332cb25e-7430-4e6c-988d-cb7e07ec596e"}', '2026-11-24 16:31:44.83717+00');


--
-- Data for Name: installed; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.installed OVERRIDING SYSTEM VALUE VALUES (1, '4690186df6492bdfcc94546c4d8188bd3ce64aec35fde8b6fbd4f1f4c39d4bf9', '2026-11-24 16:31:44.105634+00');


--
-- Data for Name: items_history_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_history_live VALUES (1, 1, '2026-11-24 16:31:44.702437+00', '2026-11-24 16:31:44.773855+00', '{"id": 1, "name": "Spade", "status": "active", "version": 1, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.702437Z", "deleted_at": null, "image_urls": ["https://example.com/0.jpg"], "updated_at": "2026-11-24T16:31:44.702437Z", "description": "A spade; hardly used.", "location_lat": 52.5, "location_lon": 13.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (1, 2, '2026-11-24 16:31:44.773855+00', '2026-11-24 16:31:44.778504+00', '{"id": 1, "name": "Spade", "status": "swapped", "version": 2, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.702437Z", "deleted_at": null, "image_urls": ["https://example.com/0.jpg"], "updated_at": "2026-11-24T16:31:44.773855Z", "description": "A spade; hardly used.", "location_lat": 52.5, "location_lon": 13.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (1, 3, '2026-11-24 16:31:44.778504+00', '2026-11-24 16:31:44.78412+00', '{"id": 1, "name": "Spade", "status": "archived", "version": 3, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.702437Z", "deleted_at": "2026-11-24T16:31:44.778504Z", "image_urls": ["https://example.com/0.jpg"], "updated_at": "2026-11-24T16:31:44.778504Z", "description": "A spade; hardly used.", "location_lat": 52.5, "location_lon": 13.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (2, 1, '2026-11-24 16:31:44.710416+00', '2026-11-24 16:31:44.787833+00', '{"id": 2, "name": "Fahrrad „Blitz“", "status": "active", "version": 1, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.710416Z", "deleted_at": null, "image_urls": ["https://example.com/1.jpg"], "updated_at": "2026-11-24T16:31:44.710416Z", "description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 52.6, "location_lon": 13.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (4, 1, '2026-11-24 16:31:44.71996+00', '2026-11-24 16:31:44.791391+00', '{"id": 4, "name": "自転車", "status": "active", "version": 1, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.719960Z", "deleted_at": null, "image_urls": ["https://example.com/3.jpg"], "updated_at": "2026-11-24T16:31:44.719960Z", "description": "赤い自転車です", "location_lat": 52.8, "location_lon": 13.1}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (4, 2, '2026-11-24 16:31:44.791391+00', '2026-11-24 16:31:44.794643+00', '{"id": 4, "name": "自転車", "status": "active", "version": 2, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.719960Z", "deleted_at": null, "image_urls": ["https://example.com/3.jpg"], "updated_at": "2026-11-24T16:31:44.791391Z", "description": "赤い自転車です Now cheaper.", "location_lat": 48.1, "location_lon": 13.1}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (5, 1, '2026-11-24 16:31:44.724497+00', '2026-11-24 16:31:44.796815+00', '{"id": 5, "name": "Tent", "status": "active", "version": 1, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.724497Z", "deleted_at": null, "image_urls": ["https://example.com/4.jpg"], "updated_at": "2026-11-24T16:31:44.724497Z", "description": "For two, or for one and a dog", "location_lat": 52.9, "location_lon": 13.0}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (6, 1, '2026-11-24 16:31:44.72996+00', '2026-11-24 16:31:44.799124+00', '{"id": 6, "name": "Books", "status": "active", "version": 1, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.729960Z", "deleted_at": null, "image_urls": ["https://example.com/5.jpg"], "updated_at": "2026-11-24T16:31:44.729960Z", "description": "A box of books", "location_lat": 53.0, "location_lon": 12.9}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (6, 2, '2026-11-24 16:31:44.799124+00', '2026-11-24 16:31:44.801765+00', '{"id": 6, "name": "Books", "status": "active", "version": 2, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.729960Z", "deleted_at": null, "image_urls": ["https://example.com/5.jpg"], "updated_at": "2026-11-24T16:31:44.799124Z", "description": "A box of books Now cheaper.", "location_lat": 48.1, "location_lon": 12.9}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (7, 1, '2026-11-24 16:31:44.735511+00', '2026-11-24 16:31:44.803929+00', '{"id": 7, "name": "Piano", "status": "active", "version": 1, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.735511Z", "deleted_at": null, "image_urls": ["https://example.com/6.jpg"], "updated_at": "2026-11-24T16:31:44.735511Z", "description": "Come and get it", "location_lat": 53.1, "location_lon": 12.8}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (8, 1, '2026-11-24 16:31:44.738723+00', '2026-11-24 16:31:44.806034+00', '{"id": 8, "name": "Spade", "status": "active", "version": 1, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.738723Z", "deleted_at": null, "image_urls": ["https://example.com/7.jpg"], "updated_at": "2026-11-24T16:31:44.738723Z", "description": "A spade; hardly used.", "location_lat": 53.2, "location_lon": 12.700000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (9, 1, '2026-11-24 16:31:44.743149+00', '2026-11-24 16:31:44.808087+00', '{"id": 9, "name": "Fahrrad „Blitz“", "status": "active", "version": 1, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.743149Z", "deleted_at": null, "image_urls": ["https://example.com/8.jpg"], "updated_at": "2026-11-24T16:31:44.743149Z", "description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 53.3, "location_lon": 12.6}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (9, 2, '2026-11-24 16:31:44.808087+00', '2026-11-24 16:31:44.811374+00', '{"id": 9, "name": "Fahrrad „Blitz“", "status": "archived", "version": 2, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.743149Z", "deleted_at": "2026-11-24T16:31:44.808087Z", "image_urls": ["https://example.com/8.jpg"], "updated_at": "2026-11-24T16:31:44.808087Z", "description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 53.3, "location_lon": 12.6}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (10, 1, '2026-11-24 16:31:44.751326+00', '2026-11-24 16:31:44.81349+00', '{"id": 10, "name": "O''Hara''s lamp", "status": "active", "version": 1, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.751326Z", "deleted_at": null, "image_urls": ["https://example.com/9.jpg"], "updated_at": "2026-11-24T16:31:44.751326Z", "description": "C:\\lamp\\new \"bright\"\n\tstands well", "location_lat": 53.4, "location_lon": 12.5}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (10, 2, '2026-11-24 16:31:44.81349+00', '2026-11-24 16:31:44.815869+00', '{"id": 10, "name": "O''Hara''s lamp", "status": "active", "version": 2, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.751326Z", "deleted_at": null, "image_urls": ["https://example.com/9.jpg"], "updated_at": "2026-11-24T16:31:44.813490Z", "description": "C:\\lamp\\new \"bright\"\n\tstands well Now cheaper.", "location_lat": 48.1, "location_lon": 12.5}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (11, 1, '2026-11-24 16:31:44.753753+00', '2026-11-24 16:31:44.818168+00', '{"id": 11, "name": "自転車", "status": "active", "version": 1, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.753753Z", "deleted_at": null, "image_urls": ["https://example.com/10.jpg"], "updated_at": "2026-11-24T16:31:44.753753Z", "description": "赤い自転車です", "location_lat": 53.5, "location_lon": 12.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (12, 1, '2026-11-24 16:31:44.756142+00', '2026-11-24 16:31:44.820491+00', '{"id": 12, "name": "Tent", "status": "active", "version": 1, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.756142Z", "deleted_at": null, "image_urls": ["https://example.com/11.jpg"], "updated_at": "2026-11-24T16:31:44.756142Z", "description": "For two, or for one and a dog", "location_lat": 53.6, "location_lon": 12.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (13, 1, '2026-11-24 16:31:44.759334+00', '2026-11-24 16:31:44.822497+00', '{"id": 13, "name": "Books", "status": "active", "version": 1, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.759334Z", "deleted_at": null, "image_urls": ["https://example.com/12.jpg"], "updated_at": "2026-11-24T16:31:44.759334Z", "description": "A box of books", "location_lat": 53.7, "location_lon": 12.200000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (13, 2, '2026-11-24 16:31:44.822497+00', '2026-11-24 16:31:44.824411+00', '{"id": 13, "name": "Books", "status": "swapped", "version": 2, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.759334Z", "deleted_at": null, "image_urls": ["https://example.com/12.jpg"], "updated_at": "2026-11-24T16:31:44.822497Z", "description": "A box of books", "location_lat": 53.7, "location_lon": 12.200000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (14, 1, '2026-11-24 16:31:44.764074+00', '2026-11-24 16:31:44.826491+00', '{"id": 14, "name": "Piano", "status": "active", "version": 1, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.764074Z", "deleted_at": null, "image_urls": ["https://example.com/13.jpg"], "updated_at": "2026-11-24T16:31:44.764074Z", "description": "Come and get it", "location_lat": 53.8, "location_lon": 12.1}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);


--
-- Data for Name: items_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_live VALUES (3, 1, '2026-11-24 16:31:44.713431+00', '{"id": 3, "name": "O''Hara''s lamp", "status": "active", "version": 1, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.713431Z", "deleted_at": null, "image_urls": ["https://example.com/2.jpg"], "updated_at": "2026-11-24T16:31:44.713431Z", "description": "C:\\lamp\\new \"bright\"\n\tstands well", "location_lat": 52.7, "location_lon": 13.200000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (1, 4, '2026-11-24 16:31:44.78412+00', '{"id": 1, "name": "Spade", "status": "active", "version": 4, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.702437Z", "deleted_at": null, "image_urls": ["https://example.com/0.jpg"], "updated_at": "2026-11-24T16:31:44.784120Z", "description": "A spade; hardly used.", "location_lat": 52.5, "location_lon": 13.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (2, 2, '2026-11-24 16:31:44.787833+00', '{"id": 2, "name": "Fahrrad „Blitz“", "status": "active", "version": 2, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.710416Z", "deleted_at": null, "image_urls": ["https://example.com/1.jpg"], "updated_at": "2026-11-24T16:31:44.787833Z", "description": "Läuft wie geölt: 28″, 7 Gänge. Now cheaper.", "location_lat": 48.1, "location_lon": 13.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (4, 3, '2026-11-24 16:31:44.794643+00', '{"id": 4, "name": "自転車", "status": "swapped", "version": 3, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.719960Z", "deleted_at": null, "image_urls": ["https://example.com/3.jpg"], "updated_at": "2026-11-24T16:31:44.794643Z", "description": "赤い自転車です Now cheaper.", "location_lat": 48.1, "location_lon": 13.1}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (5, 2, '2026-11-24 16:31:44.796815+00', '{"id": 5, "name": "Tent", "status": "archived", "version": 2, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.724497Z", "deleted_at": "2026-11-24T16:31:44.796815Z", "image_urls": ["https://example.com/4.jpg"], "updated_at": "2026-11-24T16:31:44.796815Z", "description": "For two, or for one and a dog", "location_lat": 52.9, "location_lon": 13.0}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (6, 3, '2026-11-24 16:31:44.801765+00', '{"id": 6, "name": "Renamed 5", "status": "active", "version": 3, "category": "garden", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.729960Z", "deleted_at": null, "image_urls": ["https://example.com/5.jpg"], "updated_at": "2026-11-24T16:31:44.801765Z", "description": "A box of books Now cheaper.", "location_lat": 48.1, "location_lon": 12.9}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (7, 2, '2026-11-24 16:31:44.803929+00', '{"id": 7, "name": "Piano", "status": "swapped", "version": 2, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.735511Z", "deleted_at": null, "image_urls": ["https://example.com/6.jpg"], "updated_at": "2026-11-24T16:31:44.803929Z", "description": "Come and get it", "location_lat": 53.1, "location_lon": 12.8}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (8, 2, '2026-11-24 16:31:44.806034+00', '{"id": 8, "name": "Spade", "status": "active", "version": 2, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.738723Z", "deleted_at": null, "image_urls": ["https://example.com/7.jpg"], "updated_at": "2026-11-24T16:31:44.806034Z", "description": "A spade; hardly used. Now cheaper.", "location_lat": 48.1, "location_lon": 12.700000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (11, 2, '2026-11-24 16:31:44.818168+00', '{"id": 11, "name": "Renamed 10", "status": "active", "version": 2, "category": "garden", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.753753Z", "deleted_at": null, "image_urls": ["https://example.com/10.jpg"], "updated_at": "2026-11-24T16:31:44.818168Z", "description": "赤い自転車です", "location_lat": 53.5, "location_lon": 12.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (12, 2, '2026-11-24 16:31:44.820491+00', '{"id": 12, "name": "Tent", "status": "active", "version": 2, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.756142Z", "deleted_at": null, "image_urls": ["https://example.com/11.jpg"], "updated_at": "2026-11-24T16:31:44.820491Z", "description": "For two, or for one and a dog Now cheaper.", "location_lat": 48.1, "location_lon": 12.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (13, 3, '2026-11-24 16:31:44.824411+00', '{"id": 13, "name": "Books", "status": "archived", "version": 3, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.759334Z", "deleted_at": "2026-11-24T16:31:44.824411Z", "image_urls": ["https://example.com/12.jpg"], "updated_at": "2026-11-24T16:31:44.824411Z", "description": "A box of books", "location_lat": 53.7, "location_lon": 12.200000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (14, 2, '2026-11-24 16:31:44.826491+00', '{"id": 14, "name": "Piano", "status": "active", "version": 2, "category": "sport", "owner_id": "user-1", "created_at": "2026-11-24T16:31:44.764074Z", "deleted_at": null, "image_urls": ["https://example.com/13.jpg"], "updated_at": "2026-11-24T16:31:44.826491Z", "description": "Come and get it Now cheaper.", "location_lat": 48.1, "location_lon": 12.1}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (9, 3, '2026-11-24 16:31:44.811374+00', '{"id": 9, "name": "Fahrrad „Blitz“", "status": "active", "version": 3, "category": "home", "owner_id": "user-2", "created_at": "2026-11-24T16:31:44.743149Z", "deleted_at": null, "image_urls": ["https://example.com/8.jpg"], "updated_at": "2026-11-24T16:31:44.811374Z", "description": "Läuft wie geölt: 28″, 7 Gänge.", "location_lat": 53.3, "location_lon": 12.6}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (10, 3, '2026-11-24 16:31:44.815869+00', '{"id": 10, "name": "O''Hara''s lamp", "status": "swapped", "version": 3, "category": "tools", "owner_id": "user-0", "created_at": "2026-11-24T16:31:44.751326Z", "deleted_at": null, "image_urls": ["https://example.com/9.jpg"], "updated_at": "2026-11-24T16:31:44.815869Z", "description": "C:\\lamp\\new \"bright\"\n\tstands well Now cheaper.", "location_lat": 48.1, "location_lon": 12.5}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (15, 1, '2026-11-24 16:31:44.83717+00', '{"id": 15, "name": "Import 0", "status": "active", "version": 1, "category": "home", "owner_id": "user-9", "created_at": "2026-11-24T16:31:44.837170Z", "deleted_at": null, "image_urls": ["https://example.com/i.jpg"], "updated_at": "2026-11-24T16:31:44.837170Z", "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (16, 1, '2026-11-24 16:31:44.83717+00', '{"id": 16, "name": "Import 1", "status": "active", "version": 1, "category": "home", "owner_id": "user-9", "created_at": "2026-11-24T16:31:44.837170Z", "deleted_at": null, "image_urls": ["https://example.com/i.jpg"], "updated_at": "2026-11-24T16:31:44.837170Z", "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (17, 1, '2026-11-24 16:31:44.83717+00', '{"id": 17, "name": "Import 2", "status": "active", "version": 1, "category": "home", "owner_id": "user-9", "created_at": "2026-11-24T16:31:44.837170Z", "deleted_at": null, "image_urls": ["https://example.com/i.jpg"], "updated_at": "2026-11-24T16:31:44.837170Z", "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (18, 1, '2026-11-24 16:31:44.83717+00', '{"id": 18, "name": "Import 3", "status": "active", "version": 1, "category": "home", "owner_id": "user-9", "created_at": "2026-11-24T16:31:44.837170Z", "deleted_at": null, "image_urls": ["https://example.com/i.jpg"], "updated_at": "2026-11-24T16:31:44.837170Z", "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (19, 1, '2026-11-24 16:31:44.83717+00', '{"id": 19, "name": "Import 4", "status": "active", "version": 1, "category": "home", "owner_id": "user-9", "created_at": "2026-11-24T16:31:44.837170Z", "deleted_at": null, "image_urls": ["https://example.com/i.jpg"], "updated_at": "2026-11-24T16:31:44.837170Z", "description": "One of many", "location_lat": 1.5, "location_lon": 2.25}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);


--
-- Data for Name: items_places_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_places_live VALUES (1, '2026-11-24 16:31:44.702437+00', '(13.4,52.5)');
INSERT INTO catalog.items_places_live VALUES (2, '2026-11-24 16:31:44.710416+00', '(13.3,52.6)');
INSERT INTO catalog.items_places_live VALUES (3, '2026-11-24 16:31:44.713431+00', '(13.2,52.7)');
INSERT INTO catalog.items_places_live VALUES (4, '2026-11-24 16:31:44.71996+00', '(13.1,52.8)');
INSERT INTO catalog.items_places_live VALUES (5, '2026-11-24 16:31:44.724497+00', '(13,52.9)');
INSERT INTO catalog.items_places_live VALUES (6, '2026-11-24 16:31:44.72996+00', '(12.9,53)');
INSERT INTO catalog.items_places_live VALUES (7, '2026-11-24 16:31:44.735511+00', '(12.8,53.1)');
INSERT INTO catalog.items_places_live VALUES (8, '2026-11-24 16:31:44.738723+00', '(12.7,53.2)');
INSERT INTO catalog.items_places_live VALUES (9, '2026-11-24 16:31:44.743149+00', '(12.6,53.3)');
INSERT INTO catalog.items_places_live VALUES (10, '2026-11-24 16:31:44.751326+00', '(12.5,53.4)');
INSERT INTO catalog.items_places_live VALUES (11, '2026-11-24 16:31:44.753753+00', '(12.4,53.5)');
INSERT INTO catalog.items_places_live VALUES (12, '2026-11-24 16:31:44.756142+00', '(12.3,53.6)');
INSERT INTO catalog.items_places_live VALUES (13, '2026-11-24 16:31:44.759334+00', '(12.2,53.7)');
INSERT INTO catalog.items_places_live VALUES (14, '2026-11-24 16:31:44.764074+00', '(12.1,53.8)');
INSERT INTO catalog.items_places_live VALUES (2, '2026-11-24 16:31:44.787833+00', '(13.3,48.1)');
INSERT INTO catalog.items_places_live VALUES (4, '2026-11-24 16:31:44.791391+00', '(13.1,48.1)');
INSERT INTO catalog.items_places_live VALUES (6, '2026-11-24 16:31:44.799124+00', '(12.9,48.1)');
INSERT INTO catalog.items_places_live VALUES (8, '2026-11-24 16:31:44.806034+00', '(12.7,48.1)');
INSERT INTO catalog.items_places_live VALUES (10, '2026-11-24 16:31:44.81349+00', '(12.5,48.1)');
INSERT INTO catalog.items_places_live VALUES (12, '2026-11-24 16:31:44.820491+00', '(12.3,48.1)');
INSERT INTO catalog.items_places_live VALUES (14, '2026-11-24 16:31:44.826491+00', '(12.1,48.1)');
INSERT INTO catalog.items_places_live VALUES (15, '2026-11-24 16:31:44.83717+00', '(2.25,1.5)');
INSERT INTO catalog.items_places_live VALUES (16, '2026-11-24 16:31:44.83717+00', '(2.25,1.5)');
INSERT INTO catalog.items_places_live VALUES (17, '2026-11-24 16:31:44.83717+00', '(2.25,1.5)');
INSERT INTO catalog.items_places_live VALUES (18, '2026-11-24 16:31:44.83717+00', '(2.25,1.5)');
INSERT INTO catalog.items_places_live VALUES (19, '2026-11-24 16:31:44.83717+00', '(2.25,1.5)');


--
-- Data for Name: items_words_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_words_live VALUES (1, '{a,hardly,spade,used}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (3, '{bright,c,hara,lamp,new,o,s,stands,well}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (5, '{a,and,dog,for,one,or,tent,two}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (7, '{and,come,get,it,piano}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (9, '{28″,7,fahrrad,geölt,gänge,läuft,wie,„blitz“}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (13, '{a,books,box,of}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (2, '{28″,7,cheaper,fahrrad,geölt,gänge,läuft,now,wie,„blitz“}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (4, '{cheaper,now,自転車,赤い自転車です}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (6, '{5,a,books,box,cheaper,now,of,renamed}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (8, '{a,cheaper,hardly,now,spade,used}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (10, '{bright,c,cheaper,hara,lamp,new,now,o,s,stands,well}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (11, '{10,renamed,自転車,赤い自転車です}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (12, '{a,and,cheaper,dog,for,now,one,or,tent,two}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (14, '{and,cheaper,come,get,it,now,piano}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (15, '{0,import,many,of,one}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (16, '{1,import,many,of,one}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (17, '{2,import,many,of,one}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (18, '{3,import,many,of,one}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (19, '{4,import,many,of,one}', DEFAULT);


--
-- Data for Name: owners_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.owners_live VALUES ('user-1', '{"owner_id": "user-1", "by_status": {"active": 4, "archived": 1}, "by_category": {"sport": 4, "garden": 1}, "total_items": 5, "first_activity_at": "2026-11-24T16:31:44.710416Z", "latest_activity_at": "2026-11-24T16:31:44.826491Z"}');
INSERT INTO catalog.owners_live VALUES ('user-0', '{"owner_id": "user-0", "by_status": {"active": 1, "swapped": 3, "archived": 1}, "by_category": {"tools": 5}, "total_items": 5, "first_activity_at": "2026-11-24T16:31:44.702437Z", "latest_activity_at": "2026-11-24T16:31:44.824411Z"}');
INSERT INTO catalog.owners_live VALUES ('user-9', '{"owner_id": "user-9", "by_status": {"active": 5}, "by_category": {"home": 5}, "total_items": 5, "first_activity_at": "2026-11-24T16:31:44.837170Z", "latest_activity_at": "2026-11-24T16:31:44.837170Z"}');
INSERT INTO catalog.owners_live VALUES ('user-2', '{"owner_id": "user-2", "by_status": {"active": 4}, "by_category": {"home": 3, "garden": 1}, "total_items": 4, "first_activity_at": "2026-11-24T16:31:44.713431Z", "latest_activity_at": "2026-11-24T16:31:44.820491Z"}');


--
-- Data for Name: owners_members_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.owners_members_live VALUES (11, 'user-1', '{"status": "active", "category": "garden", "created_at": "2026-11-24T16:31:44.753753Z", "updated_at": "2026-11-24T16:31:44.818168Z"}');
INSERT INTO catalog.owners_members_live VALUES (17, 'user-9', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.837170Z", "updated_at": "2026-11-24T16:31:44.837170Z"}');
INSERT INTO catalog.owners_members_live VALUES (12, 'user-2', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.756142Z", "updated_at": "2026-11-24T16:31:44.820491Z"}');
INSERT INTO catalog.owners_members_live VALUES (10, 'user-0', '{"status": "swapped", "category": "tools", "created_at": "2026-11-24T16:31:44.751326Z", "updated_at": "2026-11-24T16:31:44.815869Z"}');
INSERT INTO catalog.owners_members_live VALUES (18, 'user-9', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.837170Z", "updated_at": "2026-11-24T16:31:44.837170Z"}');
INSERT INTO catalog.owners_members_live VALUES (2, 'user-1', '{"status": "active", "category": "sport", "created_at": "2026-11-24T16:31:44.710416Z", "updated_at": "2026-11-24T16:31:44.787833Z"}');
INSERT INTO catalog.owners_members_live VALUES (15, 'user-9', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.837170Z", "updated_at": "2026-11-24T16:31:44.837170Z"}');
INSERT INTO catalog.owners_members_live VALUES (13, 'user-0', '{"status": "archived", "category": "tools", "created_at": "2026-11-24T16:31:44.759334Z", "updated_at": "2026-11-24T16:31:44.824411Z"}');
INSERT INTO catalog.owners_members_live VALUES (5, 'user-1', '{"status": "archived", "category": "sport", "created_at": "2026-11-24T16:31:44.724497Z", "updated_at": "2026-11-24T16:31:44.796815Z"}');
INSERT INTO catalog.owners_members_live VALUES (19, 'user-9', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.837170Z", "updated_at": "2026-11-24T16:31:44.837170Z"}');
INSERT INTO catalog.owners_members_live VALUES (8, 'user-1', '{"status": "active", "category": "sport", "created_at": "2026-11-24T16:31:44.738723Z", "updated_at": "2026-11-24T16:31:44.806034Z"}');
INSERT INTO catalog.owners_members_live VALUES (6, 'user-2', '{"status": "active", "category": "garden", "created_at": "2026-11-24T16:31:44.729960Z", "updated_at": "2026-11-24T16:31:44.801765Z"}');
INSERT INTO catalog.owners_members_live VALUES (16, 'user-9', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.837170Z", "updated_at": "2026-11-24T16:31:44.837170Z"}');
INSERT INTO catalog.owners_members_live VALUES (4, 'user-0', '{"status": "swapped", "category": "tools", "created_at": "2026-11-24T16:31:44.719960Z", "updated_at": "2026-11-24T16:31:44.794643Z"}');
INSERT INTO catalog.owners_members_live VALUES (1, 'user-0', '{"status": "active", "category": "tools", "created_at": "2026-11-24T16:31:44.702437Z", "updated_at": "2026-11-24T16:31:44.784120Z"}');
INSERT INTO catalog.owners_members_live VALUES (3, 'user-2', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.713431Z", "updated_at": "2026-11-24T16:31:44.713431Z"}');
INSERT INTO catalog.owners_members_live VALUES (14, 'user-1', '{"status": "active", "category": "sport", "created_at": "2026-11-24T16:31:44.764074Z", "updated_at": "2026-11-24T16:31:44.826491Z"}');
INSERT INTO catalog.owners_members_live VALUES (9, 'user-2', '{"status": "active", "category": "home", "created_at": "2026-11-24T16:31:44.743149Z", "updated_at": "2026-11-24T16:31:44.811374Z"}');
INSERT INTO catalog.owners_members_live VALUES (7, 'user-0', '{"status": "swapped", "category": "tools", "created_at": "2026-11-24T16:31:44.735511Z", "updated_at": "2026-11-24T16:31:44.803929Z"}');


--
-- Data for Name: projections; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.projections VALUES ('items', 1, '0fb68abc731d2e2a3c078d0525bd4374f7af71b8e90ae608fec3d6e6a6f935c3', false, 0, 'running', NULL, NULL, '[]', NULL, '2026-11-24 16:31:44.101528+00', NULL);
INSERT INTO catalog.projections VALUES ('owners', 1, 'cf8686ce4d9468c4609e1adee5fbeb2bc7288d3287134ba9b9cc540dc161ed50', true, 39, 'running', NULL, NULL, '[]', NULL, '2026-11-24 16:31:45.006906+00', NULL);
INSERT INTO catalog.projections VALUES ('categories', 1, '620f067fecb4acadd9303923b98be8d70452ce687e4804fad8c53c0990606ea0', true, 39, 'running', NULL, NULL, '[]', NULL, '2026-11-24 16:31:45.070368+00', NULL);


--
-- Data for Name: settled; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.settled VALUES (true, '2026-11-24 16:31:44.888803+00', 39, '2026-11-24 16:31:44.888803+00');


--
-- Data for Name: streams; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (3, 1, '2026-11-24 16:31:44.713431+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (1, 4, '2026-11-24 16:31:44.78412+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (2, 2, '2026-11-24 16:31:44.787833+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (4, 3, '2026-11-24 16:31:44.794643+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (5, 2, '2026-11-24 16:31:44.796815+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (6, 3, '2026-11-24 16:31:44.801765+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (7, 2, '2026-11-24 16:31:44.803929+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (8, 2, '2026-11-24 16:31:44.806034+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (9, 3, '2026-11-24 16:31:44.811374+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (10, 3, '2026-11-24 16:31:44.815869+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (11, 2, '2026-11-24 16:31:44.818168+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (12, 2, '2026-11-24 16:31:44.820491+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (13, 3, '2026-11-24 16:31:44.824411+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (14, 2, '2026-11-24 16:31:44.826491+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (15, 1, '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (16, 1, '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (17, 1, '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (18, 1, '2026-11-24 16:31:44.83717+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (19, 1, '2026-11-24 16:31:44.83717+00');


--
-- Name: events_position_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.events_position_seq', 39, true);


--
-- Name: installed_installation_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.installed_installation_seq', 1, true);


--
-- Name: streams_stream_id_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.streams_stream_id_seq', 19, true);


--
-- Name: categories categories_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (key);


--
-- Name: categories_live categories_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.categories_live
    ADD CONSTRAINT categories_live_pkey PRIMARY KEY (key);


--
-- Name: categories_members categories_members_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.categories_members
    ADD CONSTRAINT categories_members_pkey PRIMARY KEY (id);


--
-- Name: categories_members_live categories_members_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.categories_members_live
    ADD CONSTRAINT categories_members_live_pkey PRIMARY KEY (id);


--
-- Name: events events_by_stream; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.events
    ADD CONSTRAINT events_by_stream UNIQUE (stream_id, version);


--
-- Name: CONSTRAINT events_by_stream ON events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON CONSTRAINT events_by_stream ON catalog.events IS 'Versions have no twins; its index serves reading one stream in order.';


--
-- Name: events events_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.events
    ADD CONSTRAINT events_pkey PRIMARY KEY ("position");


--
-- Name: installed installed_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.installed
    ADD CONSTRAINT installed_pkey PRIMARY KEY (installation);


--
-- Name: items_history items_history_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_history
    ADD CONSTRAINT items_history_pkey PRIMARY KEY (id, valid_from, valid_to);


--
-- Name: items_history_live items_history_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_history_live
    ADD CONSTRAINT items_history_live_pkey PRIMARY KEY (id, valid_from, valid_to);


--
-- Name: items items_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (id);


--
-- Name: items_live items_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_live
    ADD CONSTRAINT items_live_pkey PRIMARY KEY (id);


--
-- Name: items_places items_places_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_places
    ADD CONSTRAINT items_places_pkey PRIMARY KEY (id, since);


--
-- Name: items_places_live items_places_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_places_live
    ADD CONSTRAINT items_places_live_pkey PRIMARY KEY (id, since);


--
-- Name: items_words items_words_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_words
    ADD CONSTRAINT items_words_pkey PRIMARY KEY (id);


--
-- Name: items_words_live items_words_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.items_words_live
    ADD CONSTRAINT items_words_live_pkey PRIMARY KEY (id);


--
-- Name: owners owners_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.owners
    ADD CONSTRAINT owners_pkey PRIMARY KEY (key);


--
-- Name: owners_live owners_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.owners_live
    ADD CONSTRAINT owners_live_pkey PRIMARY KEY (key);


--
-- Name: owners_members owners_members_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.owners_members
    ADD CONSTRAINT owners_members_pkey PRIMARY KEY (id);


--
-- Name: owners_members_live owners_members_live_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.owners_members_live
    ADD CONSTRAINT owners_members_live_pkey PRIMARY KEY (id);


--
-- Name: projections projections_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.projections
    ADD CONSTRAINT projections_pkey PRIMARY KEY (name);


--
-- Name: settled settled_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.settled
    ADD CONSTRAINT settled_pkey PRIMARY KEY (only_row);


--
-- Name: streams streams_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (stream_id);


--
-- Name: categories_members_by_key; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX categories_members_by_key ON ONLY catalog.categories_members USING btree (key);


--
-- Name: INDEX categories_members_by_key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.categories_members_by_key IS 'Adding up the members of some keys.';


--
-- Name: categories_members_live_key_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX categories_members_live_key_idx ON catalog.categories_members_live USING btree (key);


--
-- Name: events_by_recorded_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX events_by_recorded_at ON catalog.events USING btree (recorded_at);


--
-- Name: INDEX events_by_recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.events_by_recorded_at IS 'What happened between two instants; GET /changes.';


--
-- Name: items_by_category_status_created_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_by_category_status_created_at ON ONLY catalog.items USING btree (category, status, created_at DESC, id DESC, valid_from);


--
-- Name: INDEX items_by_category_status_created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_by_category_status_created_at IS 'GET /items?category=&status=';


--
-- Name: items_by_owner_id_status_created_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_by_owner_id_status_created_at ON ONLY catalog.items USING btree (owner_id, status, created_at DESC, id DESC, valid_from);


--
-- Name: INDEX items_by_owner_id_status_created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_by_owner_id_status_created_at IS 'GET /items/owner/{owner_id}';


--
-- Name: items_by_status_created_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_by_status_created_at ON ONLY catalog.items USING btree (status, created_at DESC, id DESC, valid_from);


--
-- Name: INDEX items_by_status_created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_by_status_created_at IS 'GET /items?status=';


--
-- Name: items_by_status_name; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_by_status_name ON ONLY catalog.items USING btree (status, name_sorted, id, valid_from);


--
-- Name: INDEX items_by_status_name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_by_status_name IS 'GET /items?sort=name';


--
-- Name: items_by_status_updated_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_by_status_updated_at ON ONLY catalog.items USING btree (status, updated_at DESC, id DESC, valid_from);


--
-- Name: INDEX items_by_status_updated_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_by_status_updated_at IS 'GET /items?sort=updated';


--
-- Name: items_history_by_category_status_created_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_by_category_status_created_at ON ONLY catalog.items_history USING btree (category, status, created_at DESC, id DESC, valid_from, valid_to);


--
-- Name: INDEX items_history_by_category_status_created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_history_by_category_status_created_at IS 'GET /items?category=&status=';


--
-- Name: items_history_by_owner_id_status_created_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_by_owner_id_status_created_at ON ONLY catalog.items_history USING btree (owner_id, status, created_at DESC, id DESC, valid_from, valid_to);


--
-- Name: INDEX items_history_by_owner_id_status_created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_history_by_owner_id_status_created_at IS 'GET /items/owner/{owner_id}';


--
-- Name: items_history_by_status_created_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_by_status_created_at ON ONLY catalog.items_history USING btree (status, created_at DESC, id DESC, valid_from, valid_to);


--
-- Name: INDEX items_history_by_status_created_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_history_by_status_created_at IS 'GET /items?status=';


--
-- Name: items_history_by_status_name; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_by_status_name ON ONLY catalog.items_history USING btree (status, name_sorted, id, valid_from, valid_to);


--
-- Name: INDEX items_history_by_status_name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_history_by_status_name IS 'GET /items?sort=name';


--
-- Name: items_history_by_status_updated_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_by_status_updated_at ON ONLY catalog.items_history USING btree (status, updated_at DESC, id DESC, valid_from, valid_to);


--
-- Name: INDEX items_history_by_status_updated_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_history_by_status_updated_at IS 'GET /items?sort=updated';


--
-- Name: items_history_live_category_status_created_at_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_live_category_status_created_at_id_valid_from_idx ON catalog.items_history_live USING btree (category, status, created_at DESC, id DESC, valid_from, valid_to);


--
-- Name: items_history_live_owner_id_status_created_at_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_live_owner_id_status_created_at_id_valid_from_idx ON catalog.items_history_live USING btree (owner_id, status, created_at DESC, id DESC, valid_from, valid_to);


--
-- Name: items_history_live_status_created_at_id_valid_from_valid_to_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_live_status_created_at_id_valid_from_valid_to_idx ON catalog.items_history_live USING btree (status, created_at DESC, id DESC, valid_from, valid_to);


--
-- Name: items_history_live_status_name_sorted_id_valid_from_valid_t_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_live_status_name_sorted_id_valid_from_valid_t_idx ON catalog.items_history_live USING btree (status, name_sorted, id, valid_from, valid_to);


--
-- Name: items_history_live_status_updated_at_id_valid_from_valid_to_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_live_status_updated_at_id_valid_from_valid_to_idx ON catalog.items_history_live USING btree (status, updated_at DESC, id DESC, valid_from, valid_to);


--
-- Name: items_history_replaced; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_replaced ON ONLY catalog.items_history USING btree ((valid_to AT TIME ZONE 'UTC'::text)) INCLUDE (valid_to);


--
-- Name: INDEX items_history_replaced; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_history_replaced IS 'Listings as of a moment ago.';


--
-- Name: items_history_live_timezone_valid_to_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_history_live_timezone_valid_to_idx ON catalog.items_history_live USING btree ((valid_to AT TIME ZONE 'UTC'::text)) INCLUDE (valid_to);


--
-- Name: items_live_category_status_created_at_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_live_category_status_created_at_id_valid_from_idx ON catalog.items_live USING btree (category, status, created_at DESC, id DESC, valid_from);


--
-- Name: items_live_owner_id_status_created_at_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_live_owner_id_status_created_at_id_valid_from_idx ON catalog.items_live USING btree (owner_id, status, created_at DESC, id DESC, valid_from);


--
-- Name: items_live_status_created_at_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_live_status_created_at_id_valid_from_idx ON catalog.items_live USING btree (status, created_at DESC, id DESC, valid_from);


--
-- Name: items_live_status_name_sorted_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_live_status_name_sorted_id_valid_from_idx ON catalog.items_live USING btree (status, name_sorted, id, valid_from);


--
-- Name: items_live_status_updated_at_id_valid_from_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_live_status_updated_at_id_valid_from_idx ON catalog.items_live USING btree (status, updated_at DESC, id DESC, valid_from);


--
-- Name: items_places_found; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_places_found ON ONLY catalog.items_places USING gist (place);


--
-- Name: INDEX items_places_found; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_places_found IS 'GET /items?near=';


--
-- Name: items_places_live_place_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_places_live_place_idx ON catalog.items_places_live USING gist (place);


--
-- Name: items_words_found; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_words_found ON ONLY catalog.items_words USING gin (found);


--
-- Name: INDEX items_words_found; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.items_words_found IS 'GET /items?search=';


--
-- Name: items_words_live_found_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX items_words_live_found_idx ON catalog.items_words_live USING gin (found);


--
-- Name: owners_members_by_key; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX owners_members_by_key ON ONLY catalog.owners_members USING btree (key);


--
-- Name: INDEX owners_members_by_key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.owners_members_by_key IS 'Adding up the members of some keys.';


--
-- Name: owners_members_live_key_idx; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX owners_members_live_key_idx ON catalog.owners_members_live USING btree (key);


--
-- Name: categories_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.categories_pkey ATTACH PARTITION catalog.categories_live_pkey;


--
-- Name: categories_members_live_key_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.categories_members_by_key ATTACH PARTITION catalog.categories_members_live_key_idx;


--
-- Name: categories_members_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.categories_members_pkey ATTACH PARTITION catalog.categories_members_live_pkey;


--
-- Name: items_history_live_category_status_created_at_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_by_category_status_created_at ATTACH PARTITION catalog.items_history_live_category_status_created_at_id_valid_from_idx;


--
-- Name: items_history_live_owner_id_status_created_at_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_by_owner_id_status_created_at ATTACH PARTITION catalog.items_history_live_owner_id_status_created_at_id_valid_from_idx;


--
-- Name: items_history_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_pkey ATTACH PARTITION catalog.items_history_live_pkey;


--
-- Name: items_history_live_status_created_at_id_valid_from_valid_to_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_by_status_created_at ATTACH PARTITION catalog.items_history_live_status_created_at_id_valid_from_valid_to_idx;


--
-- Name: items_history_live_status_name_sorted_id_valid_from_valid_t_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_by_status_name ATTACH PARTITION catalog.items_history_live_status_name_sorted_id_valid_from_valid_t_idx;


--
-- Name: items_history_live_status_updated_at_id_valid_from_valid_to_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_by_status_updated_at ATTACH PARTITION catalog.items_history_live_status_updated_at_id_valid_from_valid_to_idx;


--
-- Name: items_history_live_timezone_valid_to_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_history_replaced ATTACH PARTITION catalog.items_history_live_timezone_valid_to_idx;


--
-- Name: items_live_category_status_created_at_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_by_category_status_created_at ATTACH PARTITION catalog.items_live_category_status_created_at_id_valid_from_idx;


--
-- Name: items_live_owner_id_status_created_at_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_by_owner_id_status_created_at ATTACH PARTITION catalog.items_live_owner_id_status_created_at_id_valid_from_idx;


--
-- Name: items_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_pkey ATTACH PARTITION catalog.items_live_pkey;


--
-- Name: items_live_status_created_at_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_by_status_created_at ATTACH PARTITION catalog.items_live_status_created_at_id_valid_from_idx;


--
-- Name: items_live_status_name_sorted_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_by_status_name ATTACH PARTITION catalog.items_live_status_name_sorted_id_valid_from_idx;


--
-- Name: items_live_status_updated_at_id_valid_from_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_by_status_updated_at ATTACH PARTITION catalog.items_live_status_updated_at_id_valid_from_idx;


--
-- Name: items_places_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_places_pkey ATTACH PARTITION catalog.items_places_live_pkey;


--
-- Name: items_places_live_place_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_places_found ATTACH PARTITION catalog.items_places_live_place_idx;


--
-- Name: items_words_live_found_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_words_found ATTACH PARTITION catalog.items_words_live_found_idx;


--
-- Name: items_words_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.items_words_pkey ATTACH PARTITION catalog.items_words_live_pkey;


--
-- Name: owners_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.owners_pkey ATTACH PARTITION catalog.owners_live_pkey;


--
-- Name: owners_members_live_key_idx; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.owners_members_by_key ATTACH PARTITION catalog.owners_members_live_key_idx;


--
-- Name: owners_members_live_pkey; Type: INDEX ATTACH; Schema: catalog; Owner: -
--

ALTER INDEX catalog.owners_members_pkey ATTACH PARTITION catalog.owners_members_live_pkey;


--
-- Name: events events_are_for_ever; Type: TRIGGER; Schema: catalog; Owner: -
--

CREATE TRIGGER events_are_for_ever BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.events FOR EACH STATEMENT EXECUTE FUNCTION catalog.refuse_change();

ALTER TABLE catalog.events ENABLE ALWAYS TRIGGER events_are_for_ever;


--
-- Name: TRIGGER events_are_for_ever ON events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TRIGGER events_are_for_ever ON catalog.events IS 'Refuses update, delete and truncate, whoever asks, replication included.';


--
-- PostgreSQL database dump complete
--


