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
    -- The p_limit-th settled event, or else the mark itself: after the last event only gaps come before it.
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

COMMENT ON FUNCTION catalog.advance_checkpoint(p_name text, p_from bigint, p_limit integer) IS 'Moves a projection''s checkpoint past at most p_limit settled events, in the transaction that applies them, so that no
batch is applied twice. Raises SW006 if the checkpoint is not at p_from: another process has moved it.';


--
-- Name: append_gate(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_gate() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '7023051975126217511'::bigint;


--
-- Name: FUNCTION append_gate(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.append_gate() IS 'The key of the advisory lock that appends hold in shared mode, so that other sessions can see when they end.';


--
-- Name: append_idempotent(jsonb, integer, integer, jsonb, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_idempotent(p_idempotency_key jsonb, p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    select *
    into append_idempotent.stream_id, append_idempotent.version, append_idempotent.position,
        append_idempotent.recorded_at, append_idempotent.documents
    from catalog.append_to_stream(p_stream_id, p_expected_version, p_events, p_metadata);
    perform catalog.store_idempotent_outcome(p_idempotency_key, jsonb_build_object(
        'stream_id', append_idempotent.stream_id,
        'version', append_idempotent.version,
        'position', append_idempotent.position));
end
$$;


--
-- Name: FUNCTION append_idempotent(p_idempotency_key jsonb, p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.append_idempotent(p_idempotency_key jsonb, p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb) IS 'append_to_stream for a command with a key, {"user_id", "key", "request"}; also raises SW007.';


--
-- Name: append_new_streams(jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_new_streams(p_metadata jsonb, OUT created bigint, OUT first_position bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'an append must see what is settled by now: use read committed' using errcode = 'SW005';
    end if;
    if not exists (
        select from pg_class
        where oid = to_regclass('pg_temp.arriving')
            and relowner = (select pg_roles.oid from pg_roles where rolname = current_user)
    ) then
        raise exception 'an import begins with begin_import()' using errcode = 'SW008';
    end if;
    -- A temporary table is read in the order in which it was written: ids and positions follow it.
    create temporary table new_streams on commit drop as
    select nextval('catalog.streams_stream_id_seq')::integer as stream_id, event ->> 'type' as type, event - 'type' as data
    from pg_temp.arriving;
    perform catalog.index_new_streams();

    perform pg_advisory_xact_lock_shared(catalog.append_gate());
    select greatest(clock_timestamp(), settled.noted_instant + interval '1 microsecond')
    into strict append_new_streams.recorded_at
    from catalog.settled;
    insert into catalog.streams (stream_id, version, recorded_at)
    overriding system value
    select new_streams.stream_id, 1, append_new_streams.recorded_at
    from pg_temp.new_streams;
    -- As insert_event does, in one statement: a call for each row would make an import a sixth slower.
    with appended as (
        insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)
        select catalog.uuid_v7(append_new_streams.recorded_at), new_streams.stream_id, 1, new_streams.type,
            catalog.redacted_event(new_streams.type, new_streams.data), p_metadata, append_new_streams.recorded_at
        from pg_temp.new_streams
        returning log.position
    ), beside as (
        insert into catalog.personal (stream_id, version, data)
        select new_streams.stream_id, 1, catalog.personal_values(new_streams.type, new_streams.data)
        from pg_temp.new_streams
        where catalog.personal_values(new_streams.type, new_streams.data) is not null
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

COMMENT ON FUNCTION catalog.append_new_streams(p_metadata jsonb, OUT created bigint, OUT first_position bigint, OUT last_position bigint, OUT recorded_at timestamp with time zone) IS 'Appends a new stream of one event for each row of the temporary table arriving (event jsonb). begin_import creates the
table, and the caller''s transaction fills it with {"type": …, fields}. Streams follow the rows'' order, all at one
instant, and the inline documents are written. The slowest part, the search words, comes before the append gate, which is
held until the transaction ends. Call it once in a transaction. Raises SW005 in a transaction that is not read committed,
SW008 without begin_import.';


--
-- Name: append_to_stream(integer, integer, jsonb, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.append_to_stream(p_stream_id integer, p_expected_version integer, p_events jsonb, p_metadata jsonb, OUT stream_id integer, OUT version integer, OUT "position" bigint, OUT recorded_at timestamp with time zone, OUT documents jsonb) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

    -- The first event's instant is the clock once the stream's row is locked, but later than any about to be settled.
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
        append_to_stream.position := catalog.insert_event(
            catalog.uuid_v7(append_to_stream.recorded_at),
            append_to_stream.stream_id,
            append_to_stream.version,
            v_type,
            v_data,
            p_metadata,
            append_to_stream.recorded_at
        );
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
the inline documents, all in the caller''s transaction. If p_expected_version is null, the version is not checked.
Returns the newest event''s version, position and instant, and the inline documents by projection.
Raises SW001 if the stream is at another version, SW002 if there is no such stream, SW004 if p_events is malformed,
SW005 in a transaction that is not read committed.';


--
-- Name: apply_count_deltas(jsonb, text[], integer[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.apply_count_deltas(p_counts jsonb, p_values text[], p_members integer[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((SELECT jsonb_object_agg(summed.value, summed.members) AS jsonb_object_agg FROM (SELECT term.value, sum(term.members) AS members FROM (SELECT counted.key AS value, (counted.value)::bigint AS members FROM jsonb_each_text(apply_count_deltas.p_counts) counted(key, value) UNION ALL SELECT moved.value, moved.members FROM UNNEST(apply_count_deltas.p_values, apply_count_deltas.p_members) moved(value, members)) term GROUP BY term.value) summed WHERE (summed.members <> (0)::numeric)), '{}'::jsonb);


--
-- Name: FUNCTION apply_count_deltas(p_counts jsonb, p_values text[], p_members integer[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.apply_count_deltas(p_counts jsonb, p_values text[], p_members integer[]) IS 'Adds differences to the counts of count_values: {text: count}, without zeros.';


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
    elsif v_set !~ '^[0-9]{4}-[0-9][0-9]-[0-9][0-9]' then
        raise exception 'catalog.as_of is no instant: %', v_set
            using errcode = '22007', hint = 'As in: set catalog.as_of = ''2026-01-15 10:30+01''. Empty is the present.';
    elsif v_set::timestamptz > clock_timestamp() + v_ahead then
        -- A settled instant is not in the future, even if the clock has stepped back behind it.
        if v_set::timestamptz > (select settled.instant from public.settled) + v_ahead then
            raise exception 'catalog.as_of is in the future: %', v_set
                using errcode = '22007', hint = 'Only the past can be read. For the present: reset catalog.as_of.';
        end if;
    end if;
    return v_set::timestamptz;
end
$$;


--
-- Name: FUNCTION as_of(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.as_of() IS 'The instant that the views in the schema public show: the session''s setting catalog.as_of, in the session''s time zone
unless it names one; infinity, the present, if it is unset or empty. The views call it in a subquery, once per query.';


--
-- Name: begin_import(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.begin_import() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    create temporary table arriving (event jsonb not null) on commit drop;
    grant insert on pg_temp.arriving to catalog_service;
end
$$;


--
-- Name: FUNCTION begin_import(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.begin_import() IS 'Creates the temporary table arriving (event jsonb), which the caller''s transaction fills for append_new_streams. The
function''s owner owns it: append_new_streams has more rights than the caller and must not run the caller''s triggers.';


--
-- Name: begin_mark(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.begin_mark(OUT "position" bigint, OUT instant timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    update catalog.settled
    set noted_instant = greatest(clock_timestamp(), settled.noted_instant)
    returning settled.noted_instant into begin_mark.instant;
    select case when is_called then last_value else 0 end
    into begin_mark.position
    from catalog.log_position_seq;
end
$$;


--
-- Name: FUNCTION begin_mark(OUT "position" bigint, OUT instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.begin_mark(OUT "position" bigint, OUT instant timestamp with time zone) IS 'Step one of three to move the high-water mark, in a transaction of its own. Notes the newest position handed out, and
an instant that later appends exceed. Then list gate_holders(); when exactly those have ended, call publish_mark().';


--
-- Name: strip_punctuation(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.strip_punctuation(content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(content, '[!-/:-@[-`{-~\s]+'::text, ' '::text, 'g'::text);


--
-- Name: FUNCTION strip_punctuation(content text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.strip_punctuation(content text) IS 'A text with each run of ASCII punctuation and white space replaced by one space.';


--
-- Name: tokens_of(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.tokens_of(content text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
declare
    v_longest constant integer := 2000;
    v_plain constant text := catalog.strip_punctuation(lower(content));
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
-- Name: FUNCTION tokens_of(content text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.tokens_of(content text) IS 'The distinct words of a text in byte order; {*}, which means any word, if they are more than an index should hold.
PL/pgSQL plans the body once per session; an SQL function is planned with each command. A tsvector sorts fastest, but
takes no word above 2 kB.';


--
-- Name: candidate_query(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.candidate_query(search text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (((COALESCE(string_agg(((''''::text || "left"(word.word, 24)) || ''':*'::text), ' & '::text), ''::text))::tsquery || plainto_tsquery('english'::regconfig, catalog.strip_punctuation(candidate_query.search))) || '''*'''::tsquery) FROM unnest(catalog.tokens_of(candidate_query.search)) word(word));


--
-- Name: FUNCTION candidate_query(search text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.candidate_query(search text) IS 'The index query for texts that may match a search: each word of the search is within a word of the text, or the text
has all stems of the search, or it has more words than the index holds.';


--
-- Name: catch_up_categories(bigint, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.catch_up_categories(p_from bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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


--
-- Name: FUNCTION catch_up_categories(p_from bigint, p_limit integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.catch_up_categories(p_from bigint, p_limit integer) IS 'Takes settled events into categories; answers with the checkpoint.';


--
-- Name: catch_up_owners(bigint, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.catch_up_owners(p_from bigint, p_limit integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
        'by_status', catalog.count_values(array_agg(part ->> 'status'))
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
-- Name: count_values(text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.count_values(p_values text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((SELECT jsonb_object_agg(counted.value, counted.n) AS jsonb_object_agg FROM (SELECT value.value, count(*) AS n FROM unnest(count_values.p_values) value(value) GROUP BY value.value) counted), '{}'::jsonb);


--
-- Name: FUNCTION count_values(p_values text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.count_values(p_values text[]) IS 'Counts each text of an array: {text: count}.';


--
-- Name: distance_km(double precision, double precision, double precision, double precision); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.distance_km(latitude double precision, longitude double precision, other_latitude double precision, other_longitude double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((((2)::numeric * 6371.0088))::double precision * asin(LEAST((1)::double precision, sqrt(((sin((radians((other_latitude - latitude)) / (2)::double precision)) ^ (2)::double precision) + ((cos(radians(latitude)) * cos(radians(other_latitude))) * (sin((radians((other_longitude - longitude)) / (2)::double precision)) ^ (2)::double precision)))))));


--
-- Name: FUNCTION distance_km(latitude double precision, longitude double precision, other_latitude double precision, other_longitude double precision); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.distance_km(latitude double precision, longitude double precision, other_latitude double precision, other_longitude double precision) IS 'The great-circle distance in kilometres of two places given in degrees, on a sphere of the Earth''s mean radius.';


--
-- Name: drop_if_incompatible(text, text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.drop_if_incompatible(p_name text, p_columns text[]) RETURNS void
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
-- Name: FUNCTION drop_if_incompatible(p_name text, p_columns text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.drop_if_incompatible(p_name text, p_columns text[]) IS 'Drops a view or a function of an older release that `create or replace` cannot give these columns, {"name type"}.
The drop fails while other objects depend on it. Its own grants are lost and must be granted again.';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: log; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.log (
    "position" bigint NOT NULL,
    event_id uuid NOT NULL,
    stream_id integer NOT NULL,
    version integer NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    metadata jsonb NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    CONSTRAINT log_data_check CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT log_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT log_version_check CHECK ((version > 0))
);


--
-- Name: TABLE log; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.log IS 'The log: every event, with its personal values redacted. append_to_stream and append_new_streams write it;
nothing changes it. The view catalog.events shows the complete events.';


--
-- Name: COLUMN log."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log."position" IS 'The place in the log: grows, may have gaps.';


--
-- Name: COLUMN log.event_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.event_id IS 'The UUIDv7 of recorded_at.';


--
-- Name: COLUMN log.stream_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.stream_id IS 'The stream of the event.';


--
-- Name: COLUMN log.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.version IS 'The place in the stream: 1, 2, 3, … without gaps.';


--
-- Name: COLUMN log.type; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.type IS 'The tag of the event type, such as item_created.';


--
-- Name: COLUMN log.data; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.data IS 'The fields of the event, with personal values redacted.';


--
-- Name: COLUMN log.metadata; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.metadata IS 'Who and why: user_id, correlation_id, causation_id and others.';


--
-- Name: COLUMN log.recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.log.recorded_at IS 'The clock while the event was appended; strictly grows within a stream.';


--
-- Name: evolve_categories(text, jsonb, catalog.log[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.evolve_categories(p_key text, p_part jsonb, p_events catalog.log[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
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


--
-- Name: FUNCTION evolve_categories(p_key text, p_part jsonb, p_events catalog.log[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.evolve_categories(p_key text, p_part jsonb, p_events catalog.log[]) IS 'The fields that categories takes from a document, after more events; null where there is none.';


--
-- Name: rfc3339(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.rfc3339(instant timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char((instant AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text);


--
-- Name: FUNCTION rfc3339(instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.rfc3339(instant timestamp with time zone) IS 'An instant as documents hold it: UTC with six digits, so that text order is time order.';


--
-- Name: evolve_items(jsonb, integer, integer, timestamp with time zone, text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.evolve_items(document jsonb, stream_id integer, version integer, recorded_at timestamp with time zone, type text, data jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE type WHEN 'item_created'::text THEN (('{"deleted_at": null}'::jsonb || data) || jsonb_build_object('id', stream_id, 'created_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_updated'::text THEN ((document || COALESCE((data -> 'changes'::text), '{}'::jsonb)) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_status_changed'::text THEN ((document || jsonb_build_object('status', (data -> 'new_status'::text))) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_deleted'::text THEN ((document || '{"status": "archived"}'::jsonb) || jsonb_build_object('deleted_at', catalog.rfc3339(recorded_at), 'version', version, 'updated_at', catalog.rfc3339(recorded_at))) WHEN 'item_restored'::text THEN (((document || data) || '{"deleted_at": null}'::jsonb) || jsonb_build_object('version', version, 'updated_at', catalog.rfc3339(recorded_at))) ELSE document END;


--
-- Name: FUNCTION evolve_items(document jsonb, stream_id integer, version integer, recorded_at timestamp with time zone, type text, data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.evolve_items(document jsonb, stream_id integer, version integer, recorded_at timestamp with time zone, type text, data jsonb) IS 'The document of Items after one more event.';


--
-- Name: evolve_owners(text, jsonb, catalog.log[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.evolve_owners(p_key text, p_part jsonb, p_events catalog.log[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
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


--
-- Name: FUNCTION evolve_owners(p_key text, p_part jsonb, p_events catalog.log[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.evolve_owners(p_key text, p_part jsonb, p_events catalog.log[]) IS 'The fields that owners takes from a document, after more events; null where there is none.';


--
-- Name: idempotency_keys; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.idempotency_keys (
    user_id text NOT NULL,
    key text NOT NULL,
    request text NOT NULL,
    answer jsonb NOT NULL,
    stored_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


--
-- Name: TABLE idempotency_keys; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.idempotency_keys IS 'The outcomes of commands that carried an Idempotency-Key, for at least 72 hours.';


--
-- Name: COLUMN idempotency_keys.user_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.idempotency_keys.user_id IS 'The user who sent the command; each user has keys of their own.';


--
-- Name: COLUMN idempotency_keys.key; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.idempotency_keys.key IS 'The Idempotency-Key of the request.';


--
-- Name: COLUMN idempotency_keys.request; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.idempotency_keys.request IS 'The SHA-256 of the whole request, in hexadecimal.';


--
-- Name: COLUMN idempotency_keys.answer; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.idempotency_keys.answer IS 'The outcome: stream, version and position of the events.';


--
-- Name: COLUMN idempotency_keys.stored_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.idempotency_keys.stored_at IS 'When the command was carried out.';


--
-- Name: expire_idempotency_keys(integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.expire_idempotency_keys(p_limit integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH swept AS (
          DELETE FROM catalog.idempotency_keys
           WHERE ((idempotency_keys.user_id, idempotency_keys.key) IN ( SELECT idempotency_keys_1.user_id,
                     idempotency_keys_1.key
                    FROM catalog.idempotency_keys idempotency_keys_1
                   WHERE (idempotency_keys_1.stored_at < (clock_timestamp() - '72:00:00'::interval))
                   ORDER BY idempotency_keys_1.stored_at
                  LIMIT expire_idempotency_keys.p_limit))
           RETURNING 1 AS "?column?"
         )
  SELECT count(*) AS count
    FROM swept;
END;


--
-- Name: FUNCTION expire_idempotency_keys(p_limit integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.expire_idempotency_keys(p_limit integer) IS 'Deletes at most p_limit outcomes older than 72 hours; returns how many.';


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
$$;


--
-- Name: FUNCTION fold_items(p_stream_id integer, p_until timestamp with time zone, p_version integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.fold_items(p_stream_id integer, p_until timestamp with time zone, p_version integer) IS 'The document of Items as of an instant or a version: no row before its first event.';


--
-- Name: forget_stream(integer, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.forget_stream(p_stream_id integer, p_kept jsonb DEFAULT NULL::jsonb) RETURNS integer
    LANGUAGE plpgsql
    AS $$
declare
    v_forgotten integer;
begin
    perform catalog.lock_stream(p_stream_id);
    delete from catalog.personal
    where personal.stream_id = p_stream_id
        and personal.data is distinct from p_kept;
    get diagnostics v_forgotten = row_count;
    perform catalog.refold_stream(p_stream_id);
    return v_forgotten;
end
$$;


--
-- Name: FUNCTION forget_stream(p_stream_id integer, p_kept jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.forget_stream(p_stream_id integer, p_kept jsonb) IS 'Deletes a stream''s personal values, except rows equal to p_kept, and folds its documents and their past again. Returns
how many events lost values. The caller must prevent rebuilds: a running one has read the values and would bring them
back.';


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

COMMENT ON FUNCTION catalog.gate_holders() IS 'The transactions that are appending now.';


--
-- Name: grant_privileges(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.grant_privileges() RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    v_function record;
begin
    revoke all on schema catalog from public, catalog_reader;
    revoke all on all tables in schema catalog from public, catalog_service, catalog_reader;
    revoke all on all sequences in schema catalog from public, catalog_service, catalog_reader;
    revoke all on all routines in schema catalog from public, catalog_reader;
    grant usage on schema catalog to catalog_service;
    grant select on all tables in schema catalog to catalog_service;
    grant select on all sequences in schema catalog to catalog_service;
    grant execute on all routines in schema catalog to catalog_service;
    grant usage on schema public to catalog_service, catalog_reader;
    -- The views of the schema public call these with the rights of the role that reads the view.
    for v_function in
        select pg_proc.oid::regprocedure as name
        from pg_proc
        where pronamespace = 'catalog'::regnamespace
            and provolatile <> 'v'
            and not prosecdef
    loop
        execute format('grant execute on routine %s to public', v_function.name);
    end loop;
    if not pg_has_role('catalog_service', 'pg_read_all_stats', 'usage') then
        begin
            grant pg_read_all_stats to catalog_service;
        exception
            when insufficient_privilege then
                raise warning '%', sqlerrm;
        end;
    end if;
end
$$;


--
-- Name: FUNCTION grant_privileges(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.grant_privileges() IS 'Grants each role its rights. catalog_service may read every table, and change data only by functions that run as the
owner. catalog_reader sees the views granted to it in the schema public. A login role is made a member of one of them.
The service also reads all sessions'' statistics, to see which snapshots a swap must wait for.';


--
-- Name: index_new_items(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.index_new_items(p_recorded_at timestamp with time zone DEFAULT clock_timestamp()) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: FUNCTION index_new_items(p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.index_new_items(p_recorded_at timestamp with time zone) IS 'Writes the words of Items in new_streams.';


--
-- Name: index_new_streams(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.index_new_streams() RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT catalog.index_new_items() AS index_new_items;
END;


--
-- Name: FUNCTION index_new_streams(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.index_new_streams() IS 'Writes what takes long of all new_streams.';


--
-- Name: insert_event(uuid, integer, integer, text, jsonb, jsonb, timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.insert_event(p_event_id uuid, p_stream_id integer, p_version integer, p_type text, p_data jsonb, p_metadata jsonb, p_recorded_at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    v_personal constant jsonb := catalog.personal_values(p_type, p_data);
    v_position bigint;
begin
    insert into catalog.log (event_id, stream_id, version, type, data, metadata, recorded_at)
    values (
        p_event_id,
        p_stream_id,
        p_version,
        p_type,
        case when v_personal is null then p_data else catalog.redacted_event(p_type, p_data) end,
        p_metadata,
        p_recorded_at
    )
    returning log.position into v_position;
    if v_personal is not null then
        insert into catalog.personal (stream_id, version, data)
        values (p_stream_id, p_version, v_personal);
    end if;
    return v_position;
end
$$;


--
-- Name: FUNCTION insert_event(p_event_id uuid, p_stream_id integer, p_version integer, p_type text, p_data jsonb, p_metadata jsonb, p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.insert_event(p_event_id uuid, p_stream_id integer, p_version integer, p_type text, p_data jsonb, p_metadata jsonb, p_recorded_at timestamp with time zone) IS 'Writes one event to the log and its personal values beside it; returns its position. It checks nothing and writes no
document: append_to_stream does that. Only the owner may write to these tables.';


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

COMMENT ON TABLE catalog.projections IS 'The state of each projection: its rules, its checkpoint, its errors and its rebuilds.';


--
-- Name: COLUMN projections.name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.name IS 'The name of the projection, also of its table and in its functions.';


--
-- Name: COLUMN projections.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.version IS 'The version of the rules that folded the documents.';


--
-- Name: COLUMN projections.fingerprint; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.fingerprint IS 'The SHA-256 of the compiled rules that folded the documents.';


--
-- Name: COLUMN projections.background; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.background IS 'Whether a background process applies the events; otherwise documents are written inline.';


--
-- Name: COLUMN projections."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections."position" IS 'The checkpoint of a background projection: events up to it are applied exactly once.';


--
-- Name: COLUMN projections.state; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.state IS 'running; stopped by an event that raised an error; outdated: its rules changed, and its rebuild is due.';


--
-- Name: COLUMN projections.error; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.error IS 'The error that stopped the projection.';


--
-- Name: COLUMN projections.error_position; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.error_position IS 'The position of the event that raised the error.';


--
-- Name: COLUMN projections.skipped; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.skipped IS 'The events that an operator skipped: [{position, by, at, error}].';


--
-- Name: COLUMN projections.rebuild; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.rebuild IS 'The running rebuild: {phase, events, done, seconds}; null if there is none.';


--
-- Name: COLUMN projections.changed_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.changed_at IS 'When this row last changed.';


--
-- Name: COLUMN projections.last_rebuild; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projections.last_rebuild IS 'The result of the last rebuild: {ended_at, events, seconds, swap_milliseconds}, or {ended_at, error}.';


--
-- Name: lock_checkpoint(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.lock_checkpoint(p_name text) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT projections."position"
    FROM catalog.projections
   WHERE (projections.name = lock_checkpoint.p_name)
  FOR UPDATE OF projections;
END;


--
-- Name: FUNCTION lock_checkpoint(p_name text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.lock_checkpoint(p_name text) IS 'Locks the checkpoint of a background projection until the transaction ends; returns its position.';


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

COMMENT ON TABLE catalog.streams IS 'One row per stream. Appends to one stream wait for its row lock.';


--
-- Name: COLUMN streams.stream_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.streams.stream_id IS 'The identifier: positive, 32 bits, so that clients can hold it as a number.';


--
-- Name: COLUMN streams.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.streams.version IS 'The version of the newest event, which is the number of events.';


--
-- Name: COLUMN streams.recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.streams.recorded_at IS 'When the newest event was recorded; the next event is later.';


--
-- Name: lock_stream(integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.lock_stream(p_stream_id integer) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

COMMENT ON FUNCTION catalog.lock_stream(p_stream_id integer) IS 'Keeps other sessions from appending to a stream until the transaction ends. Locks the gate first, then the row, as
append_to_stream does.';


--
-- Name: text_has_stems(text, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.text_has_stems(content text, search text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((numnode(plainto_tsquery('english'::regconfig, catalog.strip_punctuation(search))) > 0) AND (to_tsvector('english'::regconfig, catalog.strip_punctuation(content)) @@ plainto_tsquery('english'::regconfig, catalog.strip_punctuation(search))));


--
-- Name: FUNCTION text_has_stems(content text, search text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.text_has_stems(content text, search text) IS 'Whether a search has English stems and a text has all of them. This is the slowest condition on a text.';


--
-- Name: matches_search(text, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.matches_search(content text, search text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (bool_and((strpos(lower(matches_search.content), lower(term.term)) > 0)) OR (bool_and(((term.term !~ '[!-/:-@[-`{-~]'::text) OR (strpos(lower(matches_search.content), lower(term.term)) > 0))) AND catalog.text_has_stems(matches_search.content, matches_search.search))) FROM unnest(string_to_array(matches_search.search, ' '::text)) term(term));


--
-- Name: FUNCTION matches_search(content text, search text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.matches_search(content text, search text) IS 'Whether a text matches a search, which is terms separated by single spaces. Either the text contains every term,
ignoring case; or it has all stems of the search and contains the terms with punctuation literally, ignoring case.';


--
-- Name: owners_as_of(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.owners_as_of(p_until timestamp with time zone) RETURNS TABLE(key text, document jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
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


--
-- Name: FUNCTION owners_as_of(p_until timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.owners_as_of(p_until timestamp with time zone) IS 'The documents of Owners as of an instant.';


--
-- Name: personal_values(text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.personal_values(type text, data jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE type WHEN 'item_created'::text THEN CASE WHEN (COALESCE((data ->> 'name'::text), (data ->> 'description'::text), (data ->> 'image_urls'::text), (data ->> 'location_lat'::text), (data ->> 'location_lon'::text)) IS NOT NULL) THEN (data - '{category,owner_id,status}'::text[]) ELSE NULL::jsonb END WHEN 'item_updated'::text THEN CASE WHEN (COALESCE((data #>> '{changes,name}'::text[]), (data #>> '{changes,description}'::text[]), (data #>> '{changes,image_urls}'::text[]), (data #>> '{changes,location_lat}'::text[]), (data #>> '{changes,location_lon}'::text[]), (data #>> '{previous_values,name}'::text[]), (data #>> '{previous_values,description}'::text[]), (data #>> '{previous_values,image_urls}'::text[]), (data #>> '{previous_values,location_lat}'::text[]), (data #>> '{previous_values,location_lon}'::text[])) IS NOT NULL) THEN data ELSE NULL::jsonb END WHEN 'item_status_changed'::text THEN CASE WHEN (COALESCE((data ->> 'reason'::text)) IS NOT NULL) THEN (data - '{old_status,new_status}'::text[]) ELSE NULL::jsonb END WHEN 'item_deleted'::text THEN CASE WHEN (COALESCE((data ->> 'reason'::text)) IS NOT NULL) THEN data ELSE NULL::jsonb END ELSE NULL::jsonb END;


--
-- Name: FUNCTION personal_values(type text, data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.personal_values(type text, data jsonb) IS 'What the log leaves out of an event: whole values of data; null for none.';


--
-- Name: project_items(integer, integer, timestamp with time zone, text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.project_items(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) RETURNS jsonb
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
            set words = catalog.tokens_of(array_to_string(words || v_words, ' '))
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
-- Name: FUNCTION project_items(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.project_items(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) IS 'Takes one more event into the stored document of Items.';


--
-- Name: project_inline(integer, integer, timestamp with time zone, text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.project_inline(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) RETURNS jsonb
    LANGUAGE sql
    RETURN jsonb_build_object('items', catalog.project_items(p_stream_id, p_version, p_recorded_at, p_type, p_data));


--
-- Name: FUNCTION project_inline(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.project_inline(p_stream_id integer, p_version integer, p_recorded_at timestamp with time zone, p_type text, p_data jsonb) IS 'Takes one more event into every inline document; answers with them.';


--
-- Name: project_new_items(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.project_new_items(p_recorded_at timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


--
-- Name: FUNCTION project_new_items(p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.project_new_items(p_recorded_at timestamp with time zone) IS 'Writes the documents of Items of all new_streams.';


--
-- Name: project_new_streams(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.project_new_streams(p_recorded_at timestamp with time zone) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT catalog.project_new_items(p_recorded_at) AS project_new_items;
END;


--
-- Name: FUNCTION project_new_streams(p_recorded_at timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.project_new_streams(p_recorded_at timestamp with time zone) IS 'Writes every inline document of all new_streams.';


--
-- Name: log_position_seq; Type: SEQUENCE; Schema: catalog; Owner: -
--

ALTER TABLE catalog.log ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.log_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


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

COMMENT ON TABLE catalog.settled IS 'The high-water mark, one row: up to it no event can be added to the log any more.';


--
-- Name: COLUMN settled.only_row; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.settled.only_row IS 'Keeps the table at one row.';


--
-- Name: COLUMN settled.noted_instant; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.settled.noted_instant IS 'The pending instant: appends that begin from now on are recorded later. The mark moves to it next.';


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
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE catalog.settled SET "position" = GREATEST(settled."position", publish_mark.p_position), instant = GREATEST(settled.instant, publish_mark.p_instant)
   WHERE (((settled."position" < publish_mark.p_position) OR (settled.instant < publish_mark.p_instant)) AND (publish_mark.p_instant <= settled.noted_instant) AND (publish_mark.p_position <= ( SELECT log_position_seq.last_value
            FROM catalog.log_position_seq)));
END;


--
-- Name: FUNCTION publish_mark(p_position bigint, p_instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.publish_mark(p_position bigint, p_instant timestamp with time zone) IS 'Moves the high-water mark to what begin_mark returned, after the gate_holders listed since then have ended. Never goes
back, nor past noted_instant.';


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

COMMENT ON FUNCTION catalog.raise_conflict(stream_id integer, expected_version integer) IS 'Raises why an append failed, with the facts as JSON in the detail: SW001 another version, SW002 no such stream.';


--
-- Name: rebuild_document(text, integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.rebuild_document(p_projection text, p_stream_id integer, OUT changed boolean, OUT version integer, OUT document jsonb) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

COMMENT ON FUNCTION catalog.rebuild_document(p_projection text, p_stream_id integer, OUT changed boolean, OUT version integer, OUT document jsonb) IS 'Folds one stream again and corrects its stored document and past documents, while the stream is locked. Returns
whether anything differed.';


--
-- Name: rebuild_step(text, text, integer, integer, integer, integer[], bigint, bigint[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.rebuild_step(p_read_model text, p_step text, p_place integer, p_first integer DEFAULT NULL::integer, p_last integer DEFAULT NULL::integer, p_streams integer[] DEFAULT NULL::integer[], p_position bigint DEFAULT NULL::bigint, p_skipped bigint[] DEFAULT NULL::bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    v_statement text;
begin
    for v_statement in
        select statement
        from catalog.rebuild_steps
        where read_model = p_read_model
            and step = p_step
            and place = coalesce(p_place, place)
        order by place
    loop
        execute v_statement using p_first, p_last, p_streams, p_position, p_skipped;
    end loop;
end
$$;


--
-- Name: FUNCTION rebuild_step(p_read_model text, p_step text, p_place integer, p_first integer, p_last integer, p_streams integer[], p_position bigint, p_skipped bigint[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.rebuild_step(p_read_model text, p_step text, p_place integer, p_first integer, p_last integer, p_streams integer[], p_position bigint, p_skipped bigint[]) IS 'Runs a step of a rebuild, or only its statement at p_place. It runs as the owner, so that the caller needs no right to
create tables. In the statements $1 and $2 are the first and the last stream (in step set_hint_bits $1 is a page), $3 is
a list of streams, $4 the position up to which events count, $5 the positions of skipped events.';


--
-- Name: record_rebuild(text, integer, text, bigint, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.record_rebuild(p_name text, p_version integer, p_fingerprint text, p_position bigint, p_done jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE catalog.projections SET version = record_rebuild.p_version, fingerprint = record_rebuild.p_fingerprint, state = 'running'::text, error = NULL::text, error_position = NULL::bigint, rebuild = NULL::jsonb, changed_at = clock_timestamp(), last_rebuild = (record_rebuild.p_done || jsonb_build_object('ended_at', catalog.rfc3339(clock_timestamp()))), "position" =
         CASE
             WHEN projections.background THEN LEAST(record_rebuild.p_position, ( SELECT settled."position"
                FROM catalog.settled))
             ELSE projections."position"
         END
   WHERE (projections.name = record_rebuild.p_name);
END;


--
-- Name: FUNCTION record_rebuild(p_name text, p_version integer, p_fingerprint text, p_position bigint, p_done jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.record_rebuild(p_name text, p_version integer, p_fingerprint text, p_position bigint, p_done jsonb) IS 'Stores that a projection was rebuilt, by which rules and up to which position; p_done is {events, seconds,
swap_milliseconds}.';


--
-- Name: record_rebuild_failure(text, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.record_rebuild_failure(p_name text, p_error text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE catalog.projections SET rebuild = NULL::jsonb, last_rebuild = jsonb_build_object('ended_at', catalog.rfc3339(clock_timestamp()), 'error', record_rebuild_failure.p_error)
   WHERE ((projections.name = record_rebuild_failure.p_name) AND (projections.rebuild IS NOT NULL));
END;


--
-- Name: FUNCTION record_rebuild_failure(p_name text, p_error text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.record_rebuild_failure(p_name text, p_error text) IS 'Stores why a rebuild failed, unless the rebuild has ended already.';


--
-- Name: record_rebuild_progress(text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.record_rebuild_progress(p_name text, p_progress jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE catalog.projections SET rebuild = record_rebuild_progress.p_progress
   WHERE (projections.name = record_rebuild_progress.p_name);
END;


--
-- Name: FUNCTION record_rebuild_progress(p_name text, p_progress jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.record_rebuild_progress(p_name text, p_progress jsonb) IS 'Stores the progress of a rebuild: {phase, events, done, seconds}.';


--
-- Name: redact(jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.redact(value jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(value) WHEN 'string'::text THEN '"(forgotten)"'::jsonb WHEN 'number'::text THEN to_jsonb(round((value)::numeric)) WHEN 'array'::text THEN '[]'::jsonb WHEN 'object'::text THEN '{}'::jsonb ELSE COALESCE(value, 'null'::jsonb) END;


--
-- Name: FUNCTION redact(value jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.redact(value jsonb) IS 'The redacted form of a value, by its JSON type; no text remains. A number is rounded to an integer: a place in degrees
is then known to about a hundred kilometres.';


--
-- Name: redacted_event(text, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.redacted_event(type text, data jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE type WHEN 'item_created'::text THEN jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(data, '{name}'::text[], catalog.redact((data -> 'name'::text)), false), '{description}'::text[], catalog.redact((data -> 'description'::text)), false), '{image_urls}'::text[], catalog.redact((data -> 'image_urls'::text)), false), '{location_lat}'::text[], catalog.redact((data -> 'location_lat'::text)), false), '{location_lon}'::text[], catalog.redact((data -> 'location_lon'::text)), false) WHEN 'item_updated'::text THEN jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(jsonb_set(data, '{changes,name}'::text[], catalog.redact((data #> '{changes,name}'::text[])), false), '{changes,description}'::text[], catalog.redact((data #> '{changes,description}'::text[])), false), '{changes,image_urls}'::text[], catalog.redact((data #> '{changes,image_urls}'::text[])), false), '{changes,location_lat}'::text[], catalog.redact((data #> '{changes,location_lat}'::text[])), false), '{changes,location_lon}'::text[], catalog.redact((data #> '{changes,location_lon}'::text[])), false), '{previous_values,name}'::text[], catalog.redact((data #> '{previous_values,name}'::text[])), false), '{previous_values,description}'::text[], catalog.redact((data #> '{previous_values,description}'::text[])), false), '{previous_values,image_urls}'::text[], catalog.redact((data #> '{previous_values,image_urls}'::text[])), false), '{previous_values,location_lat}'::text[], catalog.redact((data #> '{previous_values,location_lat}'::text[])), false), '{previous_values,location_lon}'::text[], catalog.redact((data #> '{previous_values,location_lon}'::text[])), false) WHEN 'item_status_changed'::text THEN jsonb_set(data, '{reason}'::text[], catalog.redact((data -> 'reason'::text)), false) WHEN 'item_deleted'::text THEN jsonb_set(data, '{reason}'::text[], catalog.redact((data -> 'reason'::text)), false) ELSE data END;


--
-- Name: FUNCTION redacted_event(type text, data jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.redacted_event(type text, data jsonb) IS 'An event''s data as the log holds it: the same names, nothing personal.';


--
-- Name: refold_items(integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.refold_items(p_stream_id integer) RETURNS bigint
    LANGUAGE sql
    SET extra_float_digits TO '1'
    AS $$
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


--
-- Name: FUNCTION refold_items(p_stream_id integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.refold_items(p_stream_id integer) IS 'Writes what the log has of a stream into items; counts the changes.';


--
-- Name: refold_stream(integer); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.refold_stream(p_stream_id integer) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT catalog.refold_items(p_stream_id) AS refold_items;
END;


--
-- Name: FUNCTION refold_stream(p_stream_id integer); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.refold_stream(p_stream_id integer) IS 'Makes every inline document of a stream, its past too, what the log says.';


--
-- Name: refuse_change(); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'events never change: % on % refused', lower(tg_op), tg_relid::regclass
        using errcode = 'SW003';
end
$$;


--
-- Name: FUNCTION refuse_change(); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.refuse_change() IS 'The trigger function that keeps the log append-only: raises SW003.';


--
-- Name: require_present(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.require_present(p_name text) RETURNS boolean
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
-- Name: FUNCTION require_present(p_name text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.require_present(p_name text) IS 'True in the present. A view without history calls it, and so raises instead of showing the wrong instant.';


--
-- Name: resume_projection(text, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.resume_projection(p_name text, p_skip_as text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE catalog.projections SET state = 'running'::text, error = NULL::text, error_position = NULL::bigint, changed_at = clock_timestamp(), "position" =
         CASE
             WHEN (resume_projection.p_skip_as IS NULL) THEN projections."position"
             ELSE COALESCE(projections.error_position, projections."position")
         END, skipped =
         CASE
             WHEN (resume_projection.p_skip_as IS NULL) THEN projections.skipped
             ELSE (projections.skipped || jsonb_build_array(jsonb_build_object('position', projections.error_position, 'by', resume_projection.p_skip_as, 'error', projections.error, 'at', catalog.rfc3339(clock_timestamp()))))
         END
   WHERE ((projections.name = resume_projection.p_name) AND (projections.state = 'stopped'::text));
END;


--
-- Name: FUNCTION resume_projection(p_name text, p_skip_as text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.resume_projection(p_name text, p_skip_as text) IS 'Resumes a stopped projection. If p_skip_as names an operator, the event that stopped it is skipped.';


--
-- Name: search_vector(text[]); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.search_vector(words text[]) RETURNS tsvector
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
-- Name: FUNCTION search_vector(words text[]); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.search_vector(words text[]) IS 'The search index''s entry for words: every suffix of each word (spade: spade, pade, ade, de, e), cut to 24 characters,
and the English stems. Every substring of a word is a prefix of a suffix.';


--
-- Name: skipped_events(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.skipped_events(p_name text) RETURNS bigint[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE((SELECT array_agg(((skip.value ->> 'position'::text))::bigint) AS array_agg FROM (catalog.projections CROSS JOIN LATERAL jsonb_array_elements(projections.skipped) skip(value)) WHERE ((projections.name = skipped_events.p_name) AND ((skip.value ->> 'position'::text) IS NOT NULL))), '{}'::bigint[]);


--
-- Name: FUNCTION skipped_events(p_name text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.skipped_events(p_name text) IS 'The positions of the events that an operator made a projection skip.';


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

COMMENT ON FUNCTION catalog.snapshot_holders() IS 'The snapshots in use in this database now: they do not see rows committed from now on. Two kinds do not count: a
vacuum looks at all rows, whatever its snapshot; an append that waits for the gate takes a new snapshot afterwards.';


--
-- Name: personal; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.personal (
    stream_id integer NOT NULL,
    version integer NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT personal_data_check CHECK ((jsonb_typeof(data) = 'object'::text))
);


--
-- Name: TABLE personal; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.personal IS 'The personal values of events, beside the log; forget_stream deletes them. Events without any have no row.';


--
-- Name: COLUMN personal.stream_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.personal.stream_id IS 'The stream of the event.';


--
-- Name: COLUMN personal.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.personal.version IS 'The version of the event.';


--
-- Name: COLUMN personal.data; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.personal.data IS 'The values that the log holds only in redacted form.';


--
-- Name: events; Type: VIEW; Schema: catalog; Owner: -
--

CREATE VIEW catalog.events AS
 SELECT log."position",
    log.event_id,
    log.stream_id,
    log.version,
    log.type,
    COALESCE((log.data || ( SELECT personal.data
           FROM catalog.personal
          WHERE ((personal.stream_id = log.stream_id) AND (personal.version = log.version)))), log.data) AS data,
    log.metadata,
    log.recorded_at
   FROM catalog.log;


--
-- Name: VIEW events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON VIEW catalog.events IS 'The events as they were recorded; erased personal values appear in redacted form.';


--
-- Name: COLUMN events."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events."position" IS 'The place in the log: grows, may have gaps.';


--
-- Name: COLUMN events.event_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.event_id IS 'The UUIDv7 of recorded_at.';


--
-- Name: COLUMN events.stream_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.stream_id IS 'The stream of the event.';


--
-- Name: COLUMN events.version; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.version IS 'The place in the stream: 1, 2, 3, … without gaps.';


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

COMMENT ON COLUMN catalog.events.metadata IS 'Who and why: user_id, correlation_id, causation_id and others.';


--
-- Name: COLUMN events.recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.events.recorded_at IS 'The clock while the event was appended; strictly grows within a stream.';


--
-- Name: stop_projection(text, bigint, text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.stop_projection(p_name text, p_after bigint, p_error text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE catalog.projections SET state = 'stopped'::text, error = stop_projection.p_error, error_position = ( SELECT min(events."position") AS min
            FROM catalog.events
           WHERE (events."position" > stop_projection.p_after)), changed_at = clock_timestamp()
   WHERE ((projections.name = stop_projection.p_name) AND (projections."position" = stop_projection.p_after));
END;


--
-- Name: FUNCTION stop_projection(p_name text, p_after bigint, p_error text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.stop_projection(p_name text, p_after bigint, p_error text) IS 'Stops a projection at the event after its checkpoint, which raised the error.';


--
-- Name: store_idempotent_outcome(jsonb, jsonb); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.store_idempotent_outcome(p_idempotency_key jsonb, p_outcome jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    insert into catalog.idempotency_keys (user_id, key, request, answer)
    values (p_idempotency_key ->> 'user_id', p_idempotency_key ->> 'key', p_idempotency_key ->> 'request', p_outcome)
    on conflict do nothing;
    if not found then
        raise exception 'a command with this key was carried out meanwhile' using errcode = 'SW007';
    end if;
end
$$;


--
-- Name: FUNCTION store_idempotent_outcome(p_idempotency_key jsonb, p_outcome jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.store_idempotent_outcome(p_idempotency_key jsonb, p_outcome jsonb) IS 'Stores the outcome of a command with a key. Waits for another command with the same key, and raises SW007 if that one
commits.';


--
-- Name: suffix_query(text); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.suffix_query(search text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT ((COALESCE(string_agg(((''''::text || "left"(word.word, 24)) || ''''::text), ' & '::text), ''::text))::tsquery || '''*'''::tsquery) FROM unnest(catalog.tokens_of(suffix_query.search)) word(word));


--
-- Name: FUNCTION suffix_query(search text); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.suffix_query(search text) IS 'The index query for texts that have, for each word of the search, a word ending in it, or more words than the index
holds. The c of C++ ends a word, because punctuation follows it.';


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
    execute format('grant select on catalog.%I to catalog_service', p_live);
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

COMMENT ON FUNCTION catalog.swap_in(p_table text, p_live text, p_next text) IS 'Replaces the partition p_live of p_table by the table p_next: drops p_live, attaches p_next and names it p_live.
Users of p_table wait until the transaction ends. Views and privileges stay as they are.';


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

COMMENT ON FUNCTION catalog.table_holders(p_tables text[]) IS 'The transactions that read or write some tables now.';


--
-- Name: uuid_v7(timestamp with time zone); Type: FUNCTION; Schema: catalog; Owner: -
--

CREATE FUNCTION catalog.uuid_v7(instant timestamp with time zone) RETURNS uuid
    LANGUAGE sql PARALLEL SAFE
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send((floor((EXTRACT(epoch FROM instant) * (1000)::numeric)))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;


--
-- Name: FUNCTION uuid_v7(instant timestamp with time zone); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON FUNCTION catalog.uuid_v7(instant timestamp with time zone) IS 'A UUIDv7 (RFC 9562): 48 bits of milliseconds, the version, 74 random bits. Only PostgreSQL 18 has its own.';


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
-- Name: jsonb_merge_agg(jsonb); Type: AGGREGATE; Schema: catalog; Owner: -
--

CREATE AGGREGATE catalog.jsonb_merge_agg(jsonb) (
    SFUNC = jsonb_concat,
    STYPE = jsonb,
    PARALLEL = safe
);


--
-- Name: AGGREGATE jsonb_merge_agg(jsonb); Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON AGGREGATE catalog.jsonb_merge_agg(jsonb) IS 'Merges JSON objects by ||: each key gets the last value in the order of aggregation.';


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
-- Name: forgotten; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.forgotten (
    id integer NOT NULL,
    owner_id text NOT NULL,
    forgotten_by text NOT NULL,
    begun_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    forgotten_at timestamp with time zone,
    items integer DEFAULT 0 NOT NULL,
    events integer DEFAULT 0 NOT NULL
);


--
-- Name: TABLE forgotten; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.forgotten IS 'The erasures: which owner was erased, when and by whom; see `catalog forget`.';


--
-- Name: COLUMN forgotten.id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.id IS 'The number of the erasure.';


--
-- Name: COLUMN forgotten.owner_id; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.owner_id IS 'The owner whose personal values were erased.';


--
-- Name: COLUMN forgotten.forgotten_by; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.forgotten_by IS 'The operator who ran the erasure.';


--
-- Name: COLUMN forgotten.begun_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.begun_at IS 'When the erasure began.';


--
-- Name: COLUMN forgotten.forgotten_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.forgotten_at IS 'When the erasure ended; null if it did not finish, or if another operator finished it.';


--
-- Name: COLUMN forgotten.items; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.items IS 'How many streams have been processed so far.';


--
-- Name: COLUMN forgotten.events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.forgotten.events IS 'How many events lost personal values.';


--
-- Name: forgotten_id_seq; Type: SEQUENCE; Schema: catalog; Owner: -
--

ALTER TABLE catalog.forgotten ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.forgotten_id_seq
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

COMMENT ON TABLE catalog.installed IS 'The schemas that `catalog migrate` has installed, the newest last.';


--
-- Name: COLUMN installed.installation; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.installed.installation IS 'The number of the installation.';


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
    found tsvector GENERATED ALWAYS AS (catalog.search_vector(words)) STORED
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
    found tsvector GENERATED ALWAYS AS (catalog.search_vector(words)) STORED
);


--
-- Name: TABLE items_words_live; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.items_words_live IS 'All rows of items_words; a rebuild puts another in its place.';


--
-- Name: migrations; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    migrated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


--
-- Name: TABLE migrations; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.migrations IS 'The numbered migrations that this database has had, or was created after.';


--
-- Name: COLUMN migrations.number; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.migrations.number IS 'The number: 1, 2, 3, … without gaps.';


--
-- Name: COLUMN migrations.name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.migrations.name IS 'The name of the migration.';


--
-- Name: COLUMN migrations.migrated_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.migrations.migrated_at IS 'When the migration ran; in a newer database, when the database was created.';


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
    (GREATEST(COALESCE(EXTRACT(epoch FROM (clock_timestamp() - oldest.recorded_at)), (0)::numeric), (0)::numeric))::double precision AS lag_seconds
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

COMMENT ON VIEW catalog.projection_lag IS 'How far each background projection is behind the log, unsettled events included; by the clock, not by the mark.';


--
-- Name: COLUMN projection_lag.name; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag.name IS 'The name of the projection.';


--
-- Name: COLUMN projection_lag."position"; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag."position" IS 'The checkpoint of the projection.';


--
-- Name: COLUMN projection_lag.lag_events; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag.lag_events IS 'How many events wait to be applied; 100,001 means more than 100,000.';


--
-- Name: COLUMN projection_lag.lag_seconds; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.projection_lag.lag_seconds IS 'The age in seconds of the first waiting event; 0 if there is none.';


--
-- Name: rebuild_steps; Type: TABLE; Schema: catalog; Owner: -
--

CREATE TABLE catalog.rebuild_steps (
    read_model text NOT NULL,
    step text NOT NULL,
    place integer NOT NULL,
    statement text NOT NULL
);


--
-- Name: TABLE rebuild_steps; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TABLE catalog.rebuild_steps IS 'The statements that rebuild each read model, compiled from its rules; rebuild_step runs them.';


--
-- Name: COLUMN rebuild_steps.read_model; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.rebuild_steps.read_model IS 'The name of the projection or rollup.';


--
-- Name: COLUMN rebuild_steps.step; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.rebuild_steps.step IS 'The step: begin, fill, set_hint_bits, index, key, analyze, refold, cancel_autovacuum, aggregate, swap or drop.';


--
-- Name: COLUMN rebuild_steps.place; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.rebuild_steps.place IS 'The order within the step; the statements of index, set_hint_bits and analyze may be run separately.';


--
-- Name: COLUMN rebuild_steps.statement; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON COLUMN catalog.rebuild_steps.statement IS 'The SQL, with the parameters that rebuild_step documents.';


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
            jsonb_build_object('category', member.key, 'total_items', count(*), 'by_status', catalog.count_values(array_agg((member.part ->> 'status'::text)))) AS jsonb_build_object
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
            jsonb_build_object('owner_id', member.key, 'total_items', count(*), 'by_status', catalog.count_values(array_agg((member.part ->> 'status'::text))), 'by_category', catalog.count_values(array_agg((member.part ->> 'category'::text))), 'first_activity_at', min(((member.part ->> 'created_at'::text) COLLATE "C")), 'latest_activity_at', max(((member.part ->> 'updated_at'::text) COLLATE "C"))) AS jsonb_build_object
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

COMMENT ON VIEW public.projection_lag IS 'How far each background read model is behind the log now; catalog.as_of has no effect on it.';


--
-- Name: COLUMN projection_lag.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag.name IS 'The name of the projection.';


--
-- Name: COLUMN projection_lag."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag."position" IS 'The checkpoint of the projection.';


--
-- Name: COLUMN projection_lag.lag_events; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag.lag_events IS 'How many events wait to be applied; 100,001 means more than 100,000.';


--
-- Name: COLUMN projection_lag.lag_seconds; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.projection_lag.lag_seconds IS 'The age in seconds of the first waiting event; 0 if there is none.';


--
-- Name: settled; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.settled AS
 SELECT settled."position",
    settled.instant
   FROM catalog.settled;


--
-- Name: VIEW settled; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.settled IS 'The high-water mark: up to it no event can be added to the log any more.';


--
-- Name: COLUMN settled."position"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.settled."position" IS 'Every position up to this one is committed or will never be.';


--
-- Name: COLUMN settled.instant; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.settled.instant IS 'No event will be recorded at or before this instant any more, so the past up to it stays as it is.';


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

INSERT INTO catalog.categories_live VALUES ('games', '{"category": "games", "by_status": {"active": 2}, "total_items": 2}');
INSERT INTO catalog.categories_live VALUES ('toys', '{"category": "toys", "by_status": {"active": 1, "swapped": 1}, "total_items": 2}');
INSERT INTO catalog.categories_live VALUES ('furniture', '{"category": "furniture", "by_status": {"active": 2, "swapped": 1, "archived": 1}, "total_items": 4}');
INSERT INTO catalog.categories_live VALUES ('tools', '{"category": "tools", "by_status": {"active": 4, "swapped": 1}, "total_items": 5}');
INSERT INTO catalog.categories_live VALUES ('garden', '{"category": "garden", "by_status": {"active": 1, "swapped": 2}, "total_items": 3}');
INSERT INTO catalog.categories_live VALUES ('books', '{"category": "books", "by_status": {"active": 6}, "total_items": 6}');


--
-- Data for Name: categories_members_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.categories_members_live VALUES (2, 'furniture', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (8, 'furniture', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (6, 'games', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (12, 'toys', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (14, 'games', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (1, 'garden', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (4, 'toys', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (3, 'tools', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (7, 'tools', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (9, 'garden', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (11, 'tools', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (10, 'furniture', '{"status": "archived"}');
INSERT INTO catalog.categories_members_live VALUES (13, 'garden', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (16, 'furniture', '{"status": "swapped"}');
INSERT INTO catalog.categories_members_live VALUES (15, 'tools', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (5, 'tools', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (20, 'books', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (17, 'books', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (18, 'books', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (21, 'books', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (19, 'books', '{"status": "active"}');
INSERT INTO catalog.categories_members_live VALUES (22, 'books', '{"status": "active"}');


--
-- Data for Name: forgotten; Type: TABLE DATA; Schema: catalog; Owner: -
--



--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-0', '397982eda3bde6894089767ee61e36a9e19e7b8345a6d1bb18c4be127e85b515', '{"version": 1, "position": 1, "stream_id": 1}', '2026-11-30 07:25:24.680668+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-1', '305cd6993c5b8d122ae39cccb4bf6526c2077d34c86b63173329531f05704622', '{"version": 1, "position": 2, "stream_id": 2}', '2026-11-30 07:25:24.705591+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-2', '66ca07b1e63de6afa8c51032b21fa7b06ec29b9a9a6e822c9d02b6c767069ebe', '{"version": 1, "position": 3, "stream_id": 3}', '2026-11-30 07:25:24.741935+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-3', 'e819728dff7b0e01ec3c2e48ffdfd54d66ff0a8b8b70c10e3966d6d0a101764a', '{"version": 1, "position": 4, "stream_id": 4}', '2026-11-30 07:25:24.770635+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-4', '0162dac0edb74713712ccf7cb04d9cabbe25c1b8b8429300f51da96030f7d7c5', '{"version": 1, "position": 5, "stream_id": 5}', '2026-11-30 07:25:24.801437+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-5', '4a53e6069da8e8e922f7aec7bc9da0eeacfa7ff187e3b880052e71f7799dc0f7', '{"version": 1, "position": 6, "stream_id": 6}', '2026-11-30 07:25:24.825497+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-6', '27e5ee9d1376684607c309476ab780dc12ed9dbf052d94fe626d965648773e5f', '{"version": 1, "position": 7, "stream_id": 7}', '2026-11-30 07:25:24.843564+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-7', '22a6596aa612362ee8d9ab95fe2d8c799836172a81256d9cf27d45b8fd87301e', '{"version": 1, "position": 8, "stream_id": 8}', '2026-11-30 07:25:24.863329+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-8', 'adb15ac3bfb6d0876ad7860c77b652cbb324c95c0d5e7a1647c51bc52747f8d0', '{"version": 1, "position": 9, "stream_id": 9}', '2026-11-30 07:25:24.886646+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-9', '8d6d436cca0814f72379d0baf40b95ec3dde658494bbeef0e39a77ed3bf8f5ef', '{"version": 1, "position": 10, "stream_id": 10}', '2026-11-30 07:25:24.908645+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-10', '1fc5187b8d736b3e76dc071ebee44bc08b2e624d6d626f56ff603e3454d52b71', '{"version": 1, "position": 11, "stream_id": 11}', '2026-11-30 07:25:24.934101+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-11', 'd0e492fd1fa0793da53c30b849171d9b4d0b9556dc414d61d27bafd892856be6', '{"version": 1, "position": 12, "stream_id": 12}', '2026-11-30 07:25:24.946836+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-12', '71bf30da78448f95dc53bd7b022004fe170e15146ca667a0decab5840777afa1', '{"version": 1, "position": 13, "stream_id": 13}', '2026-11-30 07:25:24.970697+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-13', '9bb24b0f618622c6c5bdac56eb4866884d7298adb416a4345133f337bd3d726c', '{"version": 1, "position": 14, "stream_id": 14}', '2026-11-30 07:25:24.999025+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-14', '742041a0224a2c5a35879eb8b9259407eef812629e1feccc49632a6f63c33829', '{"version": 1, "position": 15, "stream_id": 15}', '2026-11-30 07:25:25.029064+00');
INSERT INTO catalog.idempotency_keys VALUES ('demo-user', 'create-15', '658941ad4578292fa493a21bcebfe13b28f748c5c8a4ee91b40f30f93093e5c5', '{"version": 1, "position": 16, "stream_id": 16}', '2026-11-30 07:25:25.045286+00');


--
-- Data for Name: installed; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.installed OVERRIDING SYSTEM VALUE VALUES (1, '4745e0d3c808bba0e3e16ea0d98a96ca1b46a7dccc16798d87bc6150d2834b02', '2026-11-30 07:25:23.176166+00');


--
-- Data for Name: items_history_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_history_live VALUES (1, 1, '2026-11-30 07:25:24.664604+00', '2026-11-30 07:25:25.076508+00', '{"id": 1, "name": "Garden spade", "status": "active", "version": 1, "category": "tools", "owner_id": "alice", "created_at": "2026-11-30T07:25:24.664604Z", "deleted_at": null, "image_urls": ["https://images.example/0.jpg"], "updated_at": "2026-11-30T07:25:24.664604Z", "description": "Sharp, hardly used.", "location_lat": 52.4, "location_lon": 13.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (1, 2, '2026-11-30 07:25:25.076508+00', '2026-11-30 07:25:25.112643+00', '{"id": 1, "name": "Garden spade", "status": "active", "version": 2, "category": "garden", "owner_id": "alice", "created_at": "2026-11-30T07:25:24.664604Z", "deleted_at": null, "image_urls": ["https://images.example/0.jpg"], "updated_at": "2026-11-30T07:25:25.076508Z", "description": "Now cheaper", "location_lat": 52.4, "location_lon": 13.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (3, 1, '2026-11-30 07:25:24.740286+00', '2026-11-30 07:25:25.139071+00', '{"id": 3, "name": "Bicycle bell", "status": "active", "version": 1, "category": "bicycles", "owner_id": "carol", "created_at": "2026-11-30T07:25:24.740286Z", "deleted_at": null, "image_urls": ["https://images.example/2.jpg"], "updated_at": "2026-11-30T07:25:24.740286Z", "description": "Rings.", "location_lat": 52.42, "location_lon": 13.34}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (4, 1, '2026-11-30 07:25:24.768167+00', '2026-11-30 07:25:25.178805+00', '{"id": 4, "name": "Żółw the turtle", "status": "active", "version": 1, "category": "toys", "owner_id": "dan", "created_at": "2026-11-30T07:25:24.768167Z", "deleted_at": null, "image_urls": ["https://images.example/3.jpg"], "updated_at": "2026-11-30T07:25:24.768167Z", "description": "A soft toy with straße written on it.", "location_lat": 52.43, "location_lon": 13.360000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (5, 1, '2026-11-30 07:25:24.799336+00', '2026-11-30 07:25:25.196862+00', '{"id": 5, "name": "Folding ladder", "status": "active", "version": 1, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.799336Z", "deleted_at": null, "image_urls": ["https://images.example/4.jpg"], "updated_at": "2026-11-30T07:25:24.799336Z", "description": "Three metres, aluminium.", "location_lat": 52.44, "location_lon": 13.38}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (5, 2, '2026-11-30 07:25:25.196862+00', '2026-11-30 07:25:25.236908+00', '{"id": 5, "name": "Folding ladder", "status": "active", "version": 2, "category": "garden", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.799336Z", "deleted_at": null, "image_urls": ["https://images.example/4.jpg"], "updated_at": "2026-11-30T07:25:25.196862Z", "description": "Now cheaper", "location_lat": 52.44, "location_lon": 13.38}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (7, 1, '2026-11-30 07:25:24.84207+00', '2026-11-30 07:25:25.267277+00', '{"id": 7, "name": "Rake", "status": "active", "version": 1, "category": "tools", "owner_id": "bob", "created_at": "2026-11-30T07:25:24.842070Z", "deleted_at": null, "image_urls": ["https://images.example/6.jpg"], "updated_at": "2026-11-30T07:25:24.842070Z", "description": "Wooden.", "location_lat": 52.46, "location_lon": 13.42}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (7, 2, '2026-11-30 07:25:25.267277+00', '2026-11-30 07:25:25.291887+00', '{"id": 7, "name": "Rake", "status": "active", "version": 2, "category": "tools", "owner_id": "bob", "created_at": "2026-11-30T07:25:24.842070Z", "deleted_at": null, "image_urls": ["https://images.example/6.jpg"], "updated_at": "2026-11-30T07:25:25.267277Z", "description": "Now cheaper", "location_lat": 52.46, "location_lon": 13.42}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (9, 1, '2026-11-30 07:25:24.8854+00', '2026-11-30 07:25:25.321015+00', '{"id": 9, "name": "Garden spade", "status": "active", "version": 1, "category": "tools", "owner_id": "dan", "created_at": "2026-11-30T07:25:24.885400Z", "deleted_at": null, "image_urls": ["https://images.example/8.jpg"], "updated_at": "2026-11-30T07:25:24.885400Z", "description": "Sharp, hardly used.", "location_lat": 52.48, "location_lon": 13.46}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (10, 1, '2026-11-30 07:25:24.90714+00', '2026-11-30 07:25:25.344022+00', '{"id": 10, "name": "Café table", "status": "active", "version": 1, "category": "furniture", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.907140Z", "deleted_at": null, "image_urls": ["https://images.example/9.jpg"], "updated_at": "2026-11-30T07:25:24.907140Z", "description": "Round, for two, with a vase of tulips.", "location_lat": 52.49, "location_lon": 13.48}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (10, 2, '2026-11-30 07:25:25.344022+00', '2026-11-30 07:25:25.367347+00', '{"id": 10, "name": "Café table", "status": "swapped", "version": 2, "category": "furniture", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.907140Z", "deleted_at": null, "image_urls": ["https://images.example/9.jpg"], "updated_at": "2026-11-30T07:25:25.344022Z", "description": "Round, for two, with a vase of tulips.", "location_lat": 52.49, "location_lon": 13.48}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (11, 1, '2026-11-30 07:25:24.932104+00', '2026-11-30 07:25:25.391988+00', '{"id": 11, "name": "Bicycle bell", "status": "active", "version": 1, "category": "bicycles", "owner_id": "alice", "created_at": "2026-11-30T07:25:24.932104Z", "deleted_at": null, "image_urls": ["https://images.example/10.jpg"], "updated_at": "2026-11-30T07:25:24.932104Z", "description": "Rings.", "location_lat": 52.5, "location_lon": 13.5}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (13, 1, '2026-11-30 07:25:24.969724+00', '2026-11-30 07:25:25.415709+00', '{"id": 13, "name": "Folding ladder", "status": "active", "version": 1, "category": "tools", "owner_id": "carol", "created_at": "2026-11-30T07:25:24.969724Z", "deleted_at": null, "image_urls": ["https://images.example/12.jpg"], "updated_at": "2026-11-30T07:25:24.969724Z", "description": "Three metres, aluminium.", "location_lat": 52.519999999999996, "location_lon": 13.540000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (13, 2, '2026-11-30 07:25:25.415709+00', '2026-11-30 07:25:25.431311+00', '{"id": 13, "name": "Folding ladder", "status": "active", "version": 2, "category": "garden", "owner_id": "carol", "created_at": "2026-11-30T07:25:24.969724Z", "deleted_at": null, "image_urls": ["https://images.example/12.jpg"], "updated_at": "2026-11-30T07:25:25.415709Z", "description": "Now cheaper", "location_lat": 52.519999999999996, "location_lon": 13.540000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (15, 1, '2026-11-30 07:25:25.027788+00', '2026-11-30 07:25:25.452599+00', '{"id": 15, "name": "Rake", "status": "active", "version": 1, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:25.027788Z", "deleted_at": null, "image_urls": ["https://images.example/14.jpg"], "updated_at": "2026-11-30T07:25:25.027788Z", "description": "Wooden.", "location_lat": 52.54, "location_lon": 13.58}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (15, 2, '2026-11-30 07:25:25.452599+00', '2026-11-30 07:25:25.476514+00', '{"id": 15, "name": "Rake", "status": "active", "version": 2, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:25.027788Z", "deleted_at": null, "image_urls": ["https://images.example/14.jpg"], "updated_at": "2026-11-30T07:25:25.452599Z", "description": "Now cheaper", "location_lat": 52.54, "location_lon": 13.58}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (16, 1, '2026-11-30 07:25:25.043985+00', '2026-11-30 07:25:25.491886+00', '{"id": 16, "name": "Armchair", "status": "active", "version": 1, "category": "furniture", "owner_id": "alice", "created_at": "2026-11-30T07:25:25.043985Z", "deleted_at": null, "image_urls": ["https://images.example/15.jpg"], "updated_at": "2026-11-30T07:25:25.043985Z", "description": "Green velvet; the left leg wobbles.", "location_lat": 52.55, "location_lon": 13.600000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (5, 3, '2026-11-30 07:25:25.236908+00', '2026-11-30 07:25:25.527323+00', '{"id": 5, "name": "Folding ladder", "status": "archived", "version": 3, "category": "garden", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.799336Z", "deleted_at": "2026-11-30T07:25:25.236908Z", "image_urls": ["https://images.example/4.jpg"], "updated_at": "2026-11-30T07:25:25.236908Z", "description": "Now cheaper", "location_lat": 52.44, "location_lon": 13.38}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (5, 4, '2026-11-30 07:25:25.527323+00', '2026-11-30 07:25:25.527324+00', '{"id": 5, "name": "Folding ladder", "status": "active", "version": 4, "category": "garden", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.799336Z", "deleted_at": null, "image_urls": ["https://images.example/4.jpg"], "updated_at": "2026-11-30T07:25:25.527323Z", "description": "Now cheaper", "location_lat": 52.44, "location_lon": 13.38}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (15, 3, '2026-11-30 07:25:25.476514+00', '2026-11-30 07:25:25.57204+00', '{"id": 15, "name": "Rake", "status": "archived", "version": 3, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:25.027788Z", "deleted_at": "2026-11-30T07:25:25.476514Z", "image_urls": ["https://images.example/14.jpg"], "updated_at": "2026-11-30T07:25:25.476514Z", "description": "Now cheaper", "location_lat": 52.54, "location_lon": 13.58}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_history_live VALUES (15, 4, '2026-11-30 07:25:25.57204+00', '2026-11-30 07:25:25.572041+00', '{"id": 15, "name": "Rake", "status": "active", "version": 4, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:25.027788Z", "deleted_at": null, "image_urls": ["https://images.example/14.jpg"], "updated_at": "2026-11-30T07:25:25.572040Z", "description": "Now cheaper", "location_lat": 52.54, "location_lon": 13.58}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);


--
-- Data for Name: items_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_live VALUES (2, 1, '2026-11-30 07:25:24.703872+00', '{"id": 2, "name": "Café table", "status": "active", "version": 1, "category": "furniture", "owner_id": "bob", "created_at": "2026-11-30T07:25:24.703872Z", "deleted_at": null, "image_urls": ["https://images.example/1.jpg"], "updated_at": "2026-11-30T07:25:24.703872Z", "description": "Round, for two, with a vase of tulips.", "location_lat": 52.41, "location_lon": 13.32}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (6, 1, '2026-11-30 07:25:24.822976+00', '{"id": 6, "name": "Chess set", "status": "active", "version": 1, "category": "games", "owner_id": "alice", "created_at": "2026-11-30T07:25:24.822976Z", "deleted_at": null, "image_urls": ["https://images.example/5.jpg"], "updated_at": "2026-11-30T07:25:24.822976Z", "description": "All 32 pieces, one repaired.", "location_lat": 52.449999999999996, "location_lon": 13.4}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (8, 1, '2026-11-30 07:25:24.861896+00', '{"id": 8, "name": "Armchair", "status": "active", "version": 1, "category": "furniture", "owner_id": "carol", "created_at": "2026-11-30T07:25:24.861896Z", "deleted_at": null, "image_urls": ["https://images.example/7.jpg"], "updated_at": "2026-11-30T07:25:24.861896Z", "description": "Green velvet; the left leg wobbles.", "location_lat": 52.47, "location_lon": 13.440000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (1, 3, '2026-11-30 07:25:25.112643+00', '{"id": 1, "name": "Garden spade", "status": "swapped", "version": 3, "category": "garden", "owner_id": "alice", "created_at": "2026-11-30T07:25:24.664604Z", "deleted_at": null, "image_urls": ["https://images.example/0.jpg"], "updated_at": "2026-11-30T07:25:25.112643Z", "description": "Now cheaper", "location_lat": 52.4, "location_lon": 13.3}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (3, 2, '2026-11-30 07:25:25.139071+00', '{"id": 3, "name": "Bicycle bell", "status": "active", "version": 2, "category": "tools", "owner_id": "carol", "created_at": "2026-11-30T07:25:24.740286Z", "deleted_at": null, "image_urls": ["https://images.example/2.jpg"], "updated_at": "2026-11-30T07:25:25.139071Z", "description": "Now cheaper", "location_lat": 52.42, "location_lon": 13.34}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (4, 2, '2026-11-30 07:25:25.178805+00', '{"id": 4, "name": "Żółw the turtle", "status": "swapped", "version": 2, "category": "toys", "owner_id": "dan", "created_at": "2026-11-30T07:25:24.768167Z", "deleted_at": null, "image_urls": ["https://images.example/3.jpg"], "updated_at": "2026-11-30T07:25:25.178805Z", "description": "A soft toy with straße written on it.", "location_lat": 52.43, "location_lon": 13.360000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (7, 3, '2026-11-30 07:25:25.291887+00', '{"id": 7, "name": "Rake", "status": "swapped", "version": 3, "category": "tools", "owner_id": "bob", "created_at": "2026-11-30T07:25:24.842070Z", "deleted_at": null, "image_urls": ["https://images.example/6.jpg"], "updated_at": "2026-11-30T07:25:25.291887Z", "description": "Now cheaper", "location_lat": 52.46, "location_lon": 13.42}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (9, 2, '2026-11-30 07:25:25.321015+00', '{"id": 9, "name": "Garden spade", "status": "active", "version": 2, "category": "garden", "owner_id": "dan", "created_at": "2026-11-30T07:25:24.885400Z", "deleted_at": null, "image_urls": ["https://images.example/8.jpg"], "updated_at": "2026-11-30T07:25:25.321015Z", "description": "Now cheaper", "location_lat": 52.48, "location_lon": 13.46}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (10, 3, '2026-11-30 07:25:25.367347+00', '{"id": 10, "name": "Café table", "status": "archived", "version": 3, "category": "furniture", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.907140Z", "deleted_at": "2026-11-30T07:25:25.367347Z", "image_urls": ["https://images.example/9.jpg"], "updated_at": "2026-11-30T07:25:25.367347Z", "description": "Round, for two, with a vase of tulips.", "location_lat": 52.49, "location_lon": 13.48}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (5, 5, '2026-11-30 07:25:25.527324+00', '{"id": 5, "name": "Folding ladder", "status": "active", "version": 5, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:24.799336Z", "deleted_at": null, "image_urls": ["https://images.example/4.jpg"], "updated_at": "2026-11-30T07:25:25.527324Z", "description": "Three metres, aluminium.", "location_lat": 52.44, "location_lon": 13.38}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (12, 1, '2026-11-30 07:25:24.945415+00', '{"id": 12, "name": "Żółw the turtle", "status": "active", "version": 1, "category": "toys", "owner_id": "bob", "created_at": "2026-11-30T07:25:24.945415Z", "deleted_at": null, "image_urls": ["https://images.example/11.jpg"], "updated_at": "2026-11-30T07:25:24.945415Z", "description": "A soft toy with straße written on it.", "location_lat": 52.51, "location_lon": 13.520000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (14, 1, '2026-11-30 07:25:24.997937+00', '{"id": 14, "name": "Chess set", "status": "active", "version": 1, "category": "games", "owner_id": "dan", "created_at": "2026-11-30T07:25:24.997937Z", "deleted_at": null, "image_urls": ["https://images.example/13.jpg"], "updated_at": "2026-11-30T07:25:24.997937Z", "description": "All 32 pieces, one repaired.", "location_lat": 52.53, "location_lon": 13.56}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (11, 2, '2026-11-30 07:25:25.391988+00', '{"id": 11, "name": "Bicycle bell", "status": "active", "version": 2, "category": "tools", "owner_id": "alice", "created_at": "2026-11-30T07:25:24.932104Z", "deleted_at": null, "image_urls": ["https://images.example/10.jpg"], "updated_at": "2026-11-30T07:25:25.391988Z", "description": "Now cheaper", "location_lat": 52.5, "location_lon": 13.5}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (13, 3, '2026-11-30 07:25:25.431311+00', '{"id": 13, "name": "Folding ladder", "status": "swapped", "version": 3, "category": "garden", "owner_id": "carol", "created_at": "2026-11-30T07:25:24.969724Z", "deleted_at": null, "image_urls": ["https://images.example/12.jpg"], "updated_at": "2026-11-30T07:25:25.431311Z", "description": "Now cheaper", "location_lat": 52.519999999999996, "location_lon": 13.540000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (16, 2, '2026-11-30 07:25:25.491886+00', '{"id": 16, "name": "Armchair", "status": "swapped", "version": 2, "category": "furniture", "owner_id": "alice", "created_at": "2026-11-30T07:25:25.043985Z", "deleted_at": null, "image_urls": ["https://images.example/15.jpg"], "updated_at": "2026-11-30T07:25:25.491886Z", "description": "Green velvet; the left leg wobbles.", "location_lat": 52.55, "location_lon": 13.600000000000001}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (15, 5, '2026-11-30 07:25:25.572041+00', '{"id": 15, "name": "Rake", "status": "active", "version": 5, "category": "tools", "owner_id": "erin", "created_at": "2026-11-30T07:25:25.027788Z", "deleted_at": null, "image_urls": ["https://images.example/14.jpg"], "updated_at": "2026-11-30T07:25:25.572041Z", "description": "Wooden.", "location_lat": 52.54, "location_lon": 13.58}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (17, 1, '2026-11-30 07:25:25.624904+00', '{"id": 17, "name": "Book 0", "status": "active", "version": 1, "category": "books", "owner_id": "frank", "created_at": "2026-11-30T07:25:25.624904Z", "deleted_at": null, "image_urls": ["https://images.example/book.jpg"], "updated_at": "2026-11-30T07:25:25.624904Z", "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.5}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (18, 1, '2026-11-30 07:25:25.624904+00', '{"id": 18, "name": "Book 1", "status": "active", "version": 1, "category": "books", "owner_id": "frank", "created_at": "2026-11-30T07:25:25.624904Z", "deleted_at": null, "image_urls": ["https://images.example/book.jpg"], "updated_at": "2026-11-30T07:25:25.624904Z", "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.6}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (19, 1, '2026-11-30 07:25:25.624904+00', '{"id": 19, "name": "Book 2", "status": "active", "version": 1, "category": "books", "owner_id": "frank", "created_at": "2026-11-30T07:25:25.624904Z", "deleted_at": null, "image_urls": ["https://images.example/book.jpg"], "updated_at": "2026-11-30T07:25:25.624904Z", "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.7}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (20, 1, '2026-11-30 07:25:25.624904+00', '{"id": 20, "name": "Book 3", "status": "active", "version": 1, "category": "books", "owner_id": "frank", "created_at": "2026-11-30T07:25:25.624904Z", "deleted_at": null, "image_urls": ["https://images.example/book.jpg"], "updated_at": "2026-11-30T07:25:25.624904Z", "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.8}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (21, 1, '2026-11-30 07:25:25.624904+00', '{"id": 21, "name": "Book 4", "status": "active", "version": 1, "category": "books", "owner_id": "frank", "created_at": "2026-11-30T07:25:25.624904Z", "deleted_at": null, "image_urls": ["https://images.example/book.jpg"], "updated_at": "2026-11-30T07:25:25.624904Z", "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.9}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);
INSERT INTO catalog.items_live VALUES (22, 1, '2026-11-30 07:25:25.624904+00', '{"id": 22, "name": "Book 5", "status": "active", "version": 1, "category": "books", "owner_id": "frank", "created_at": "2026-11-30T07:25:25.624904Z", "deleted_at": null, "image_urls": ["https://images.example/book.jpg"], "updated_at": "2026-11-30T07:25:25.624904Z", "description": "From a box of books.", "location_lat": 48.1, "location_lon": 12.0}', DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT, DEFAULT);


--
-- Data for Name: items_places_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_places_live VALUES (1, '2026-11-30 07:25:24.664604+00', '(13.3,52.4)');
INSERT INTO catalog.items_places_live VALUES (2, '2026-11-30 07:25:24.703872+00', '(13.32,52.41)');
INSERT INTO catalog.items_places_live VALUES (3, '2026-11-30 07:25:24.740286+00', '(13.34,52.42)');
INSERT INTO catalog.items_places_live VALUES (4, '2026-11-30 07:25:24.768167+00', '(13.36,52.43)');
INSERT INTO catalog.items_places_live VALUES (5, '2026-11-30 07:25:24.799336+00', '(13.38,52.44)');
INSERT INTO catalog.items_places_live VALUES (6, '2026-11-30 07:25:24.822976+00', '(13.4,52.45)');
INSERT INTO catalog.items_places_live VALUES (7, '2026-11-30 07:25:24.84207+00', '(13.42,52.46)');
INSERT INTO catalog.items_places_live VALUES (8, '2026-11-30 07:25:24.861896+00', '(13.44,52.47)');
INSERT INTO catalog.items_places_live VALUES (9, '2026-11-30 07:25:24.8854+00', '(13.46,52.48)');
INSERT INTO catalog.items_places_live VALUES (10, '2026-11-30 07:25:24.90714+00', '(13.48,52.49)');
INSERT INTO catalog.items_places_live VALUES (11, '2026-11-30 07:25:24.932104+00', '(13.5,52.5)');
INSERT INTO catalog.items_places_live VALUES (12, '2026-11-30 07:25:24.945415+00', '(13.52,52.51)');
INSERT INTO catalog.items_places_live VALUES (13, '2026-11-30 07:25:24.969724+00', '(13.54,52.52)');
INSERT INTO catalog.items_places_live VALUES (14, '2026-11-30 07:25:24.997937+00', '(13.56,52.53)');
INSERT INTO catalog.items_places_live VALUES (15, '2026-11-30 07:25:25.027788+00', '(13.58,52.54)');
INSERT INTO catalog.items_places_live VALUES (16, '2026-11-30 07:25:25.043985+00', '(13.6,52.55)');
INSERT INTO catalog.items_places_live VALUES (17, '2026-11-30 07:25:25.624904+00', '(11.5,48.1)');
INSERT INTO catalog.items_places_live VALUES (18, '2026-11-30 07:25:25.624904+00', '(11.6,48.1)');
INSERT INTO catalog.items_places_live VALUES (19, '2026-11-30 07:25:25.624904+00', '(11.7,48.1)');
INSERT INTO catalog.items_places_live VALUES (20, '2026-11-30 07:25:25.624904+00', '(11.8,48.1)');
INSERT INTO catalog.items_places_live VALUES (21, '2026-11-30 07:25:25.624904+00', '(11.9,48.1)');
INSERT INTO catalog.items_places_live VALUES (22, '2026-11-30 07:25:25.624904+00', '(12,48.1)');


--
-- Data for Name: items_words_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.items_words_live VALUES (2, '{a,café,for,of,round,table,tulips,two,vase,with}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (4, '{a,it,on,soft,straße,the,toy,turtle,with,written,żółw}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (6, '{32,all,chess,one,pieces,repaired,set}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (8, '{armchair,green,left,leg,the,velvet,wobbles}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (10, '{a,café,for,of,round,table,tulips,two,vase,with}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (12, '{a,it,on,soft,straße,the,toy,turtle,with,written,żółw}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (14, '{32,all,chess,one,pieces,repaired,set}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (16, '{armchair,green,left,leg,the,velvet,wobbles}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (1, '{cheaper,garden,hardly,now,sharp,spade,used}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (3, '{bell,bicycle,cheaper,now,rings}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (5, '{aluminium,cheaper,folding,ladder,metres,now,three}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (7, '{cheaper,now,rake,wooden}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (9, '{cheaper,garden,hardly,now,sharp,spade,used}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (11, '{bell,bicycle,cheaper,now,rings}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (13, '{aluminium,cheaper,folding,ladder,metres,now,three}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (15, '{cheaper,now,rake,wooden}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (17, '{0,a,book,books,box,from,of}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (18, '{1,a,book,books,box,from,of}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (19, '{2,a,book,books,box,from,of}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (20, '{3,a,book,books,box,from,of}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (21, '{4,a,book,books,box,from,of}', DEFAULT);
INSERT INTO catalog.items_words_live VALUES (22, '{5,a,book,books,box,from,of}', DEFAULT);


--
-- Data for Name: log; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (1, '01a22b58-1d38-7780-814d-d2efe355f397', 1, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "tools", "owner_id": "alice", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "7cfb4563-d204-4484-a809-1ed70f22fd93"}', '2026-11-30 07:25:24.664604+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (2, '01a22b58-1d5f-70e1-88d7-c424be13bac8', 2, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "furniture", "owner_id": "bob", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "ef4c9f44-3021-41ee-b566-75fbfeea8edb"}', '2026-11-30 07:25:24.703872+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (3, '01a22b58-1d84-7b75-9008-a2b8374ed5a2', 3, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "bicycles", "owner_id": "carol", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "985d62b0-69ba-49ef-bf5a-f2525908e73b"}', '2026-11-30 07:25:24.740286+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (4, '01a22b58-1da0-7c1e-a55f-1e3e39492893', 4, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "toys", "owner_id": "dan", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "261ba086-52e8-48e5-833d-f1774d2e98a4"}', '2026-11-30 07:25:24.768167+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (5, '01a22b58-1dbf-7858-9a3c-faa175403e7f', 5, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "tools", "owner_id": "erin", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "dccd1b4a-6c91-496a-b391-da59e9e02f2b"}', '2026-11-30 07:25:24.799336+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (6, '01a22b58-1dd6-7cb0-b3fe-b65a54262c82', 6, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "games", "owner_id": "alice", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "4c575376-47c9-4503-be91-fe64b04e65e9"}', '2026-11-30 07:25:24.822976+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (7, '01a22b58-1dea-72c5-b911-2cebec3eda50', 7, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "tools", "owner_id": "bob", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "b5480156-d4e1-4637-8f71-2932501832d5"}', '2026-11-30 07:25:24.84207+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (8, '01a22b58-1dfd-75e0-ac28-27aeaadc78fd', 8, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "furniture", "owner_id": "carol", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "1f6de398-dbd9-4df4-b6ec-3c8fd0bdbcac"}', '2026-11-30 07:25:24.861896+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (9, '01a22b58-1e15-7e3f-b849-c9e0aea887fd', 9, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "tools", "owner_id": "dan", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "2ea2a285-5491-4c9a-bd95-7ed45be76216"}', '2026-11-30 07:25:24.8854+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (10, '01a22b58-1e2b-79b9-9fbe-92a4786df3a8', 10, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "furniture", "owner_id": "erin", "image_urls": [], "description": "(forgotten)", "location_lat": 52, "location_lon": 13}', '{"user_id": "demo-user", "correlation_id": "52c94127-0c32-4cae-b0de-9c0c794da09f"}', '2026-11-30 07:25:24.90714+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (11, '01a22b58-1e44-7b56-a503-96ca185b4960', 11, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "bicycles", "owner_id": "alice", "image_urls": [], "description": "(forgotten)", "location_lat": 53, "location_lon": 14}', '{"user_id": "demo-user", "correlation_id": "d842a9ec-96f0-42ce-971b-989359bb0ef4"}', '2026-11-30 07:25:24.932104+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (12, '01a22b58-1e51-70f1-bdef-32a3675d4d1b', 12, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "toys", "owner_id": "bob", "image_urls": [], "description": "(forgotten)", "location_lat": 53, "location_lon": 14}', '{"user_id": "demo-user", "correlation_id": "1c49271e-88e8-4f4e-b8c3-11dfbe7f2725"}', '2026-11-30 07:25:24.945415+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (13, '01a22b58-1e69-7ee4-9450-5212882129cd', 13, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "tools", "owner_id": "carol", "image_urls": [], "description": "(forgotten)", "location_lat": 53, "location_lon": 14}', '{"user_id": "demo-user", "correlation_id": "87fb9b35-1623-42a1-b75b-4148b7cd8683"}', '2026-11-30 07:25:24.969724+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (14, '01a22b58-1e85-72be-b08f-cc7bd396a46e', 14, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "games", "owner_id": "dan", "image_urls": [], "description": "(forgotten)", "location_lat": 53, "location_lon": 14}', '{"user_id": "demo-user", "correlation_id": "69bd5d88-ae12-4700-90e1-e2ef371e523c"}', '2026-11-30 07:25:24.997937+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (15, '01a22b58-1ea3-7e9e-a933-e47c5c5f8ba9', 15, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "tools", "owner_id": "erin", "image_urls": [], "description": "(forgotten)", "location_lat": 53, "location_lon": 14}', '{"user_id": "demo-user", "correlation_id": "26bc01d3-445b-4ca4-8332-c894ed04b830"}', '2026-11-30 07:25:25.027788+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (16, '01a22b58-1eb3-730a-bcad-d0e282c13ec1', 16, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "furniture", "owner_id": "alice", "image_urls": [], "description": "(forgotten)", "location_lat": 53, "location_lon": 14}', '{"user_id": "demo-user", "correlation_id": "43f2e892-ad3c-4ab3-8c89-39c98c0c72d2"}', '2026-11-30 07:25:25.043985+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (17, '01a22b58-1ed4-7610-bb62-fd739f6da58a', 1, 2, 'item_updated', '{"changes": {"category": "garden", "description": "(forgotten)"}, "previous_values": {"category": "tools", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "2758587e-7c92-48aa-8a24-7dcb1613cefa"}', '2026-11-30 07:25:25.076508+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (18, '01a22b58-1ef8-795e-9212-596c5d4f222e', 1, 3, 'item_status_changed', '{"reason": null, "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "585d5359-f707-4c5a-966b-805fe5c42370"}', '2026-11-30 07:25:25.112643+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (19, '01a22b58-1f13-7add-a5f4-97fbc4506613', 3, 2, 'item_updated', '{"changes": {"category": "tools", "description": "(forgotten)"}, "previous_values": {"category": "bicycles", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "d56a9262-7baa-4b01-973a-09d57109bfd0"}', '2026-11-30 07:25:25.139071+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (20, '01a22b58-1f3a-72cd-91fe-16ae0d4460ae', 4, 2, 'item_status_changed', '{"reason": null, "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "cdc5cede-c001-4b02-9f19-af33e2cdada6"}', '2026-11-30 07:25:25.178805+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (21, '01a22b58-1f4c-7983-af4f-5ce2396f1d51', 5, 2, 'item_updated', '{"changes": {"category": "garden", "description": "(forgotten)"}, "previous_values": {"category": "tools", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "46d5465a-b02f-4674-92b6-8e026a649f1a"}', '2026-11-30 07:25:25.196862+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (22, '01a22b58-1f74-7d18-bbd0-cce0f79a605d', 5, 3, 'item_deleted', '{"reason": "(forgotten)"}', '{"user_id": "demo-user", "correlation_id": "452f964a-7fa3-4f4a-a898-d5c6daac8fe0"}', '2026-11-30 07:25:25.236908+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (23, '01a22b58-1f93-7172-b2c4-93fa583cdaaa', 7, 2, 'item_updated', '{"changes": {"description": "(forgotten)"}, "previous_values": {"description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "83705473-1e32-4f61-8596-b4c1554a0b0f"}', '2026-11-30 07:25:25.267277+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (24, '01a22b58-1fab-7aec-82e3-1788ee894b97', 7, 3, 'item_status_changed', '{"reason": null, "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "e684272b-2dad-4247-9f20-af30e7014630"}', '2026-11-30 07:25:25.291887+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (25, '01a22b58-1fc9-70d4-b78d-5540994af315', 9, 2, 'item_updated', '{"changes": {"category": "garden", "description": "(forgotten)"}, "previous_values": {"category": "tools", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "c1046537-2ddc-42ee-89da-5338e769683c"}', '2026-11-30 07:25:25.321015+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (26, '01a22b58-1fe0-7b27-a56a-7fd3c6cc0db7', 10, 2, 'item_status_changed', '{"reason": null, "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "099dcf9b-bbad-4a20-bcf7-1566aab916da"}', '2026-11-30 07:25:25.344022+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (27, '01a22b58-1ff7-7705-8589-c75a3f0d30d3', 10, 3, 'item_deleted', '{"reason": "(forgotten)"}', '{"user_id": "demo-user", "correlation_id": "13f97bd9-1429-4645-b552-ca7a1cad2c6d"}', '2026-11-30 07:25:25.367347+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (28, '01a22b58-200f-7f37-abaa-54c66c2be4d1', 11, 2, 'item_updated', '{"changes": {"category": "tools", "description": "(forgotten)"}, "previous_values": {"category": "bicycles", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "e41d7fb5-864e-4b07-8f2d-8dff7c54b1c4"}', '2026-11-30 07:25:25.391988+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (29, '01a22b58-2027-772d-bd8d-ff7660f1474d', 13, 2, 'item_updated', '{"changes": {"category": "garden", "description": "(forgotten)"}, "previous_values": {"category": "tools", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "48548a3e-b2a4-4582-8eff-de4ad3e2aeca"}', '2026-11-30 07:25:25.415709+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (30, '01a22b58-2037-7082-a063-72c04fcf1e5e', 13, 3, 'item_status_changed', '{"reason": null, "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "0a1e2b68-175a-4f98-b42f-16974098d751"}', '2026-11-30 07:25:25.431311+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (31, '01a22b58-204c-72df-a4c5-5e6c97d91d23', 15, 2, 'item_updated', '{"changes": {"description": "(forgotten)"}, "previous_values": {"description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "7314d163-0699-471b-8d8a-a60c85571f2b"}', '2026-11-30 07:25:25.452599+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (32, '01a22b58-2064-7499-a028-4071858f2383', 15, 3, 'item_deleted', '{"reason": "(forgotten)"}', '{"user_id": "demo-user", "correlation_id": "53ec9b5e-3f69-464b-b640-15fb905f3b3b"}', '2026-11-30 07:25:25.476514+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (33, '01a22b58-2073-741b-a5b1-decfc93af0a9', 16, 2, 'item_status_changed', '{"reason": null, "new_status": "swapped", "old_status": "active"}', '{"user_id": "demo-user", "correlation_id": "cb7453fc-4399-4d78-b8df-57385eaba30e"}', '2026-11-30 07:25:25.491886+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (34, '01a22b58-2097-785e-8773-5a898834428d', 5, 4, 'item_restored', '{"status": "active"}', '{"user_id": "demo-user", "correlation_id": "8fcc1c72-2aef-4399-a86e-850217a67d65"}', '2026-11-30 07:25:25.527323+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (35, '01a22b58-2097-7d56-8dd4-075f15c7a921', 5, 5, 'item_updated', '{"changes": {"category": "tools", "description": "(forgotten)"}, "previous_values": {"category": "garden", "description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "8fcc1c72-2aef-4399-a86e-850217a67d65"}', '2026-11-30 07:25:25.527324+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (36, '01a22b58-20c4-7267-abaf-7d75b5be8499', 15, 4, 'item_restored', '{"status": "active"}', '{"user_id": "demo-user", "correlation_id": "af45589d-7929-414d-9bb6-6c7b8ca4b869"}', '2026-11-30 07:25:25.57204+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (37, '01a22b58-20c4-7e64-b5be-35bc9c91eca1', 15, 5, 'item_updated', '{"changes": {"description": "(forgotten)"}, "previous_values": {"description": "(forgotten)"}}', '{"user_id": "demo-user", "correlation_id": "af45589d-7929-414d-9bb6-6c7b8ca4b869"}', '2026-11-30 07:25:25.572041+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (38, '01a22b58-20f8-7960-87b8-7361f0523d39', 17, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "books", "owner_id": "frank", "image_urls": [], "description": "(forgotten)", "location_lat": 48, "location_lon": 12}', '{"user_id": "demo-user", "correlation_id": "b79a778a-6617-4f81-bb72-2c10163de668"}', '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (39, '01a22b58-20f8-741c-b257-91149e3e3694', 18, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "books", "owner_id": "frank", "image_urls": [], "description": "(forgotten)", "location_lat": 48, "location_lon": 12}', '{"user_id": "demo-user", "correlation_id": "b79a778a-6617-4f81-bb72-2c10163de668"}', '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (40, '01a22b58-20f8-7d39-92dd-667499f4ac7d', 19, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "books", "owner_id": "frank", "image_urls": [], "description": "(forgotten)", "location_lat": 48, "location_lon": 12}', '{"user_id": "demo-user", "correlation_id": "b79a778a-6617-4f81-bb72-2c10163de668"}', '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (41, '01a22b58-20f8-708c-a78b-b1a240431fc8', 20, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "books", "owner_id": "frank", "image_urls": [], "description": "(forgotten)", "location_lat": 48, "location_lon": 12}', '{"user_id": "demo-user", "correlation_id": "b79a778a-6617-4f81-bb72-2c10163de668"}', '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (42, '01a22b58-20f8-7000-8486-ea48b1462a2a', 21, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "books", "owner_id": "frank", "image_urls": [], "description": "(forgotten)", "location_lat": 48, "location_lon": 12}', '{"user_id": "demo-user", "correlation_id": "b79a778a-6617-4f81-bb72-2c10163de668"}', '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.log OVERRIDING SYSTEM VALUE VALUES (43, '01a22b58-20f8-752a-9035-55e8757162aa', 22, 1, 'item_created', '{"name": "(forgotten)", "status": "active", "category": "books", "owner_id": "frank", "image_urls": [], "description": "(forgotten)", "location_lat": 48, "location_lon": 12}', '{"user_id": "demo-user", "correlation_id": "b79a778a-6617-4f81-bb72-2c10163de668"}', '2026-11-30 07:25:25.624904+00');


--
-- Data for Name: migrations; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.migrations VALUES (1, 'leftovers', '2026-11-30 07:25:23.100634+00');
INSERT INTO catalog.migrations VALUES (2, 'personal', '2026-11-30 07:25:23.100921+00');
INSERT INTO catalog.migrations VALUES (3, 'standard_names', '2026-11-30 07:25:23.100942+00');


--
-- Data for Name: owners_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.owners_live VALUES ('alice', '{"owner_id": "alice", "by_status": {"active": 2, "swapped": 2}, "by_category": {"games": 1, "tools": 1, "garden": 1, "furniture": 1}, "total_items": 4, "first_activity_at": "2026-11-30T07:25:24.664604Z", "latest_activity_at": "2026-11-30T07:25:25.491886Z"}');
INSERT INTO catalog.owners_live VALUES ('erin', '{"owner_id": "erin", "by_status": {"active": 2, "archived": 1}, "by_category": {"tools": 2, "furniture": 1}, "total_items": 3, "first_activity_at": "2026-11-30T07:25:24.799336Z", "latest_activity_at": "2026-11-30T07:25:25.572041Z"}');
INSERT INTO catalog.owners_live VALUES ('frank', '{"owner_id": "frank", "by_status": {"active": 6}, "by_category": {"books": 6}, "total_items": 6, "first_activity_at": "2026-11-30T07:25:25.624904Z", "latest_activity_at": "2026-11-30T07:25:25.624904Z"}');
INSERT INTO catalog.owners_live VALUES ('dan', '{"owner_id": "dan", "by_status": {"active": 2, "swapped": 1}, "by_category": {"toys": 1, "games": 1, "garden": 1}, "total_items": 3, "first_activity_at": "2026-11-30T07:25:24.768167Z", "latest_activity_at": "2026-11-30T07:25:25.321015Z"}');
INSERT INTO catalog.owners_live VALUES ('bob', '{"owner_id": "bob", "by_status": {"active": 2, "swapped": 1}, "by_category": {"toys": 1, "tools": 1, "furniture": 1}, "total_items": 3, "first_activity_at": "2026-11-30T07:25:24.703872Z", "latest_activity_at": "2026-11-30T07:25:25.291887Z"}');
INSERT INTO catalog.owners_live VALUES ('carol', '{"owner_id": "carol", "by_status": {"active": 2, "swapped": 1}, "by_category": {"tools": 1, "garden": 1, "furniture": 1}, "total_items": 3, "first_activity_at": "2026-11-30T07:25:24.740286Z", "latest_activity_at": "2026-11-30T07:25:25.431311Z"}');


--
-- Data for Name: owners_members_live; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.owners_members_live VALUES (2, 'bob', '{"status": "active", "category": "furniture", "created_at": "2026-11-30T07:25:24.703872Z", "updated_at": "2026-11-30T07:25:24.703872Z"}');
INSERT INTO catalog.owners_members_live VALUES (8, 'carol', '{"status": "active", "category": "furniture", "created_at": "2026-11-30T07:25:24.861896Z", "updated_at": "2026-11-30T07:25:24.861896Z"}');
INSERT INTO catalog.owners_members_live VALUES (6, 'alice', '{"status": "active", "category": "games", "created_at": "2026-11-30T07:25:24.822976Z", "updated_at": "2026-11-30T07:25:24.822976Z"}');
INSERT INTO catalog.owners_members_live VALUES (12, 'bob', '{"status": "active", "category": "toys", "created_at": "2026-11-30T07:25:24.945415Z", "updated_at": "2026-11-30T07:25:24.945415Z"}');
INSERT INTO catalog.owners_members_live VALUES (14, 'dan', '{"status": "active", "category": "games", "created_at": "2026-11-30T07:25:24.997937Z", "updated_at": "2026-11-30T07:25:24.997937Z"}');
INSERT INTO catalog.owners_members_live VALUES (1, 'alice', '{"status": "swapped", "category": "garden", "created_at": "2026-11-30T07:25:24.664604Z", "updated_at": "2026-11-30T07:25:25.112643Z"}');
INSERT INTO catalog.owners_members_live VALUES (4, 'dan', '{"status": "swapped", "category": "toys", "created_at": "2026-11-30T07:25:24.768167Z", "updated_at": "2026-11-30T07:25:25.178805Z"}');
INSERT INTO catalog.owners_members_live VALUES (3, 'carol', '{"status": "active", "category": "tools", "created_at": "2026-11-30T07:25:24.740286Z", "updated_at": "2026-11-30T07:25:25.139071Z"}');
INSERT INTO catalog.owners_members_live VALUES (7, 'bob', '{"status": "swapped", "category": "tools", "created_at": "2026-11-30T07:25:24.842070Z", "updated_at": "2026-11-30T07:25:25.291887Z"}');
INSERT INTO catalog.owners_members_live VALUES (9, 'dan', '{"status": "active", "category": "garden", "created_at": "2026-11-30T07:25:24.885400Z", "updated_at": "2026-11-30T07:25:25.321015Z"}');
INSERT INTO catalog.owners_members_live VALUES (11, 'alice', '{"status": "active", "category": "tools", "created_at": "2026-11-30T07:25:24.932104Z", "updated_at": "2026-11-30T07:25:25.391988Z"}');
INSERT INTO catalog.owners_members_live VALUES (10, 'erin', '{"status": "archived", "category": "furniture", "created_at": "2026-11-30T07:25:24.907140Z", "updated_at": "2026-11-30T07:25:25.367347Z"}');
INSERT INTO catalog.owners_members_live VALUES (13, 'carol', '{"status": "swapped", "category": "garden", "created_at": "2026-11-30T07:25:24.969724Z", "updated_at": "2026-11-30T07:25:25.431311Z"}');
INSERT INTO catalog.owners_members_live VALUES (16, 'alice', '{"status": "swapped", "category": "furniture", "created_at": "2026-11-30T07:25:25.043985Z", "updated_at": "2026-11-30T07:25:25.491886Z"}');
INSERT INTO catalog.owners_members_live VALUES (5, 'erin', '{"status": "active", "category": "tools", "created_at": "2026-11-30T07:25:24.799336Z", "updated_at": "2026-11-30T07:25:25.527324Z"}');
INSERT INTO catalog.owners_members_live VALUES (15, 'erin', '{"status": "active", "category": "tools", "created_at": "2026-11-30T07:25:25.027788Z", "updated_at": "2026-11-30T07:25:25.572041Z"}');
INSERT INTO catalog.owners_members_live VALUES (20, 'frank', '{"status": "active", "category": "books", "created_at": "2026-11-30T07:25:25.624904Z", "updated_at": "2026-11-30T07:25:25.624904Z"}');
INSERT INTO catalog.owners_members_live VALUES (17, 'frank', '{"status": "active", "category": "books", "created_at": "2026-11-30T07:25:25.624904Z", "updated_at": "2026-11-30T07:25:25.624904Z"}');
INSERT INTO catalog.owners_members_live VALUES (18, 'frank', '{"status": "active", "category": "books", "created_at": "2026-11-30T07:25:25.624904Z", "updated_at": "2026-11-30T07:25:25.624904Z"}');
INSERT INTO catalog.owners_members_live VALUES (21, 'frank', '{"status": "active", "category": "books", "created_at": "2026-11-30T07:25:25.624904Z", "updated_at": "2026-11-30T07:25:25.624904Z"}');
INSERT INTO catalog.owners_members_live VALUES (19, 'frank', '{"status": "active", "category": "books", "created_at": "2026-11-30T07:25:25.624904Z", "updated_at": "2026-11-30T07:25:25.624904Z"}');
INSERT INTO catalog.owners_members_live VALUES (22, 'frank', '{"status": "active", "category": "books", "created_at": "2026-11-30T07:25:25.624904Z", "updated_at": "2026-11-30T07:25:25.624904Z"}');


--
-- Data for Name: personal; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.personal VALUES (1, 1, '{"name": "Garden spade", "image_urls": ["https://images.example/0.jpg"], "description": "Sharp, hardly used.", "location_lat": 52.4, "location_lon": 13.3}');
INSERT INTO catalog.personal VALUES (2, 1, '{"name": "Café table", "image_urls": ["https://images.example/1.jpg"], "description": "Round, for two, with a vase of tulips.", "location_lat": 52.41, "location_lon": 13.32}');
INSERT INTO catalog.personal VALUES (3, 1, '{"name": "Bicycle bell", "image_urls": ["https://images.example/2.jpg"], "description": "Rings.", "location_lat": 52.42, "location_lon": 13.34}');
INSERT INTO catalog.personal VALUES (4, 1, '{"name": "Żółw the turtle", "image_urls": ["https://images.example/3.jpg"], "description": "A soft toy with straße written on it.", "location_lat": 52.43, "location_lon": 13.360000000000001}');
INSERT INTO catalog.personal VALUES (5, 1, '{"name": "Folding ladder", "image_urls": ["https://images.example/4.jpg"], "description": "Three metres, aluminium.", "location_lat": 52.44, "location_lon": 13.38}');
INSERT INTO catalog.personal VALUES (6, 1, '{"name": "Chess set", "image_urls": ["https://images.example/5.jpg"], "description": "All 32 pieces, one repaired.", "location_lat": 52.449999999999996, "location_lon": 13.4}');
INSERT INTO catalog.personal VALUES (7, 1, '{"name": "Rake", "image_urls": ["https://images.example/6.jpg"], "description": "Wooden.", "location_lat": 52.46, "location_lon": 13.42}');
INSERT INTO catalog.personal VALUES (8, 1, '{"name": "Armchair", "image_urls": ["https://images.example/7.jpg"], "description": "Green velvet; the left leg wobbles.", "location_lat": 52.47, "location_lon": 13.440000000000001}');
INSERT INTO catalog.personal VALUES (9, 1, '{"name": "Garden spade", "image_urls": ["https://images.example/8.jpg"], "description": "Sharp, hardly used.", "location_lat": 52.48, "location_lon": 13.46}');
INSERT INTO catalog.personal VALUES (10, 1, '{"name": "Café table", "image_urls": ["https://images.example/9.jpg"], "description": "Round, for two, with a vase of tulips.", "location_lat": 52.49, "location_lon": 13.48}');
INSERT INTO catalog.personal VALUES (11, 1, '{"name": "Bicycle bell", "image_urls": ["https://images.example/10.jpg"], "description": "Rings.", "location_lat": 52.5, "location_lon": 13.5}');
INSERT INTO catalog.personal VALUES (12, 1, '{"name": "Żółw the turtle", "image_urls": ["https://images.example/11.jpg"], "description": "A soft toy with straße written on it.", "location_lat": 52.51, "location_lon": 13.520000000000001}');
INSERT INTO catalog.personal VALUES (13, 1, '{"name": "Folding ladder", "image_urls": ["https://images.example/12.jpg"], "description": "Three metres, aluminium.", "location_lat": 52.519999999999996, "location_lon": 13.540000000000001}');
INSERT INTO catalog.personal VALUES (14, 1, '{"name": "Chess set", "image_urls": ["https://images.example/13.jpg"], "description": "All 32 pieces, one repaired.", "location_lat": 52.53, "location_lon": 13.56}');
INSERT INTO catalog.personal VALUES (15, 1, '{"name": "Rake", "image_urls": ["https://images.example/14.jpg"], "description": "Wooden.", "location_lat": 52.54, "location_lon": 13.58}');
INSERT INTO catalog.personal VALUES (16, 1, '{"name": "Armchair", "image_urls": ["https://images.example/15.jpg"], "description": "Green velvet; the left leg wobbles.", "location_lat": 52.55, "location_lon": 13.600000000000001}');
INSERT INTO catalog.personal VALUES (1, 2, '{"changes": {"category": "garden", "description": "Now cheaper"}, "previous_values": {"category": "tools", "description": "Sharp, hardly used."}}');
INSERT INTO catalog.personal VALUES (3, 2, '{"changes": {"category": "tools", "description": "Now cheaper"}, "previous_values": {"category": "bicycles", "description": "Rings."}}');
INSERT INTO catalog.personal VALUES (5, 2, '{"changes": {"category": "garden", "description": "Now cheaper"}, "previous_values": {"category": "tools", "description": "Three metres, aluminium."}}');
INSERT INTO catalog.personal VALUES (5, 3, '{"reason": "withdrawn"}');
INSERT INTO catalog.personal VALUES (7, 2, '{"changes": {"description": "Now cheaper"}, "previous_values": {"description": "Wooden."}}');
INSERT INTO catalog.personal VALUES (9, 2, '{"changes": {"category": "garden", "description": "Now cheaper"}, "previous_values": {"category": "tools", "description": "Sharp, hardly used."}}');
INSERT INTO catalog.personal VALUES (10, 3, '{"reason": "withdrawn"}');
INSERT INTO catalog.personal VALUES (11, 2, '{"changes": {"category": "tools", "description": "Now cheaper"}, "previous_values": {"category": "bicycles", "description": "Rings."}}');
INSERT INTO catalog.personal VALUES (13, 2, '{"changes": {"category": "garden", "description": "Now cheaper"}, "previous_values": {"category": "tools", "description": "Three metres, aluminium."}}');
INSERT INTO catalog.personal VALUES (15, 2, '{"changes": {"description": "Now cheaper"}, "previous_values": {"description": "Wooden."}}');
INSERT INTO catalog.personal VALUES (15, 3, '{"reason": "withdrawn"}');
INSERT INTO catalog.personal VALUES (5, 5, '{"changes": {"category": "tools", "description": "Three metres, aluminium."}, "previous_values": {"category": "garden", "description": "Now cheaper"}}');
INSERT INTO catalog.personal VALUES (15, 5, '{"changes": {"description": "Wooden."}, "previous_values": {"description": "Now cheaper"}}');
INSERT INTO catalog.personal VALUES (17, 1, '{"name": "Book 0", "image_urls": ["https://images.example/book.jpg"], "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.5}');
INSERT INTO catalog.personal VALUES (18, 1, '{"name": "Book 1", "image_urls": ["https://images.example/book.jpg"], "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.6}');
INSERT INTO catalog.personal VALUES (19, 1, '{"name": "Book 2", "image_urls": ["https://images.example/book.jpg"], "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.7}');
INSERT INTO catalog.personal VALUES (20, 1, '{"name": "Book 3", "image_urls": ["https://images.example/book.jpg"], "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.8}');
INSERT INTO catalog.personal VALUES (21, 1, '{"name": "Book 4", "image_urls": ["https://images.example/book.jpg"], "description": "From a box of books.", "location_lat": 48.1, "location_lon": 11.9}');
INSERT INTO catalog.personal VALUES (22, 1, '{"name": "Book 5", "image_urls": ["https://images.example/book.jpg"], "description": "From a box of books.", "location_lat": 48.1, "location_lon": 12.0}');


--
-- Data for Name: projections; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.projections VALUES ('items', 1, '8a1551274f666906f9a05fc019cce829586e41c8051e28b3ebf93411bae1d1b2', false, 0, 'running', NULL, NULL, '[]', NULL, '2026-11-30 07:25:23.111797+00', NULL);
INSERT INTO catalog.projections VALUES ('owners', 1, '2e698450568aaf5679ae69ecbc1140d23d1eebaf1ba75c35bb81faf9c6761859', true, 43, 'running', NULL, NULL, '[]', NULL, '2026-11-30 07:25:25.756466+00', NULL);
INSERT INTO catalog.projections VALUES ('categories', 1, '674e56695d6d27db5d740cc8ac34df17decece697ccf929fae0866eb9f3683c6', true, 43, 'running', NULL, NULL, '[]', NULL, '2026-11-30 07:25:25.779511+00', NULL);


--
-- Data for Name: rebuild_steps; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 0, 'drop table if exists catalog.items_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 1, 'drop table if exists catalog.items_history_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 2, 'drop table if exists catalog.items_words_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 3, 'drop table if exists catalog.items_places_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 4, 'create table catalog.items_next
(like catalog.items including all excluding indexes excluding comments) with (fillfactor = 70, autovacuum_enabled = off);
comment on table catalog.items_next is ''All rows of items to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 5, 'create table catalog.items_history_next
(like catalog.items_history including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.items_history_next is ''All rows of items_history to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 6, 'create table catalog.items_words_next
(like catalog.items_words including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.items_words_next is ''All rows of items_words to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'begin', 7, 'create table catalog.items_places_next
(like catalog.items_places including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.items_places_next is ''All rows of items_places to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'fill', 0, 'with versions as materialized (
select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        catalog.jsonb_merge_agg(case type
            when ''item_created'' then ''{"deleted_at":null}''::jsonb || data || jsonb_build_object(''id'', stream_id, ''created_at'', catalog.rfc3339(recorded_at), ''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_updated'' then coalesce(data -> ''changes'', ''{}''::jsonb) || jsonb_build_object(''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_status_changed'' then jsonb_build_object(''status'', data -> ''new_status'') || jsonb_build_object(''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_deleted'' then ''{"status":"archived"}''::jsonb || jsonb_build_object(''deleted_at'', catalog.rfc3339(recorded_at), ''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_restored'' then data || ''{"deleted_at":null}''::jsonb || jsonb_build_object(''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
        end) over so_far as document,
        max(version) filter (where type in (''item_created'')) over so_far as begun_at
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
    where type in (''item_created'', ''item_updated'', ''item_status_changed'', ''item_deleted'', ''item_restored'')
    window so_far as (partition by stream_id order by version rows unbounded preceding)
) as version
where begun_at is not null
), items_history_filled as (
    insert into catalog.items_history_next (id, version, valid_from, valid_to, document)
    select id, version, valid_from, valid_to, document from versions where valid_to is not null
), items_words_filled as (
    insert into catalog.items_words_next (id, words)
    select id, catalog.tokens_of(string_agg(distinct name, '' '') || '' '' || string_agg(distinct description, '' '')) as words
    from (
        select id, document ->> ''name'' as name, document ->> ''description'' as description
        from versions
        offset 0
    ) as version
    group by id
), items_places_filled as (
    insert into catalog.items_places_next (id, since, place)
    select id, valid_from as since, (''('' || round(location_lon::numeric, 6) || '','' || round(location_lat::numeric, 6) || '')'')::point as place
    from (
        select id, valid_from, location_lon, location_lat,
            lag(location_lon) over in_order is distinct from location_lon or lag(location_lat) over in_order is distinct from location_lat
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, document -> ''location_lon'' as location_lon, document -> ''location_lat'' as location_lat
            from versions
            offset 0
        ) as version
        window in_order as (partition by id order by valid_from)
    ) as version
    where is_new
)
insert into catalog.items_next (id, version, valid_from, document)
select id, version, valid_from, document from versions where valid_to is null');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'set_hint_bits', 0, 'select count(*) from catalog.items_next where ctid >= format(''(%s,0)'', $1)::tid');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'set_hint_bits', 1, 'select count(*) from catalog.items_history_next where ctid >= format(''(%s,0)'', $1)::tid');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'set_hint_bits', 2, 'select count(*) from catalog.items_words_next where ctid >= format(''(%s,0)'', $1)::tid');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'set_hint_bits', 3, 'select count(*) from catalog.items_places_next where ctid >= format(''(%s,0)'', $1)::tid');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 0, 'create unique index items_places_next_pkey on catalog.items_places_next (id, since)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 1, 'create index items_places_next_found on catalog.items_places_next using gist (place)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 2, 'create unique index items_words_next_pkey on catalog.items_words_next (id)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 3, 'create index items_words_next_found on catalog.items_words_next using gin (found)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 4, 'create unique index items_history_next_pkey on catalog.items_history_next (id, valid_from, valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 5, 'create index items_history_next_by_status_created_at on catalog.items_history_next (status, created_at desc, id desc, valid_from, valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 6, 'create index items_history_next_by_category_status_created_at on catalog.items_history_next (category, status, created_at desc, id desc, valid_from, valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 7, 'create index items_history_next_by_owner_id_status_created_at on catalog.items_history_next (owner_id, status, created_at desc, id desc, valid_from, valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 8, 'create index items_history_next_by_status_updated_at on catalog.items_history_next (status, updated_at desc, id desc, valid_from, valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 9, 'create index items_history_next_by_status_name on catalog.items_history_next (status, name_sorted, id, valid_from, valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 10, 'create index items_history_next_replaced on catalog.items_history_next ((valid_to at time zone ''UTC'')) include (valid_to)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 11, 'create unique index items_next_pkey on catalog.items_next (id)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 12, 'create index items_next_by_status_created_at on catalog.items_next (status, created_at desc, id desc, valid_from)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 13, 'create index items_next_by_category_status_created_at on catalog.items_next (category, status, created_at desc, id desc, valid_from)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 14, 'create index items_next_by_owner_id_status_created_at on catalog.items_next (owner_id, status, created_at desc, id desc, valid_from)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 15, 'create index items_next_by_status_updated_at on catalog.items_next (status, updated_at desc, id desc, valid_from)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'index', 16, 'create index items_next_by_status_name on catalog.items_next (status, name_sorted, id, valid_from)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'key', 0, 'alter table catalog.items_next add primary key using index items_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'key', 1, 'alter table catalog.items_history_next add primary key using index items_history_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'key', 2, 'alter table catalog.items_words_next add primary key using index items_words_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'key', 3, 'alter table catalog.items_places_next add primary key using index items_places_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'analyze', 0, 'analyze catalog.items_places_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'analyze', 1, 'analyze catalog.items_words_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'analyze', 2, 'analyze catalog.items_history_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'analyze', 3, 'analyze catalog.items_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'swap', 0, 'with added (key, document) as materialized (
select key, jsonb_build_object(
        ''owner_id'', key,
        ''total_items'', count(*),
        ''by_status'', catalog.count_values(array_agg(part ->> ''status'')),
        ''by_category'', catalog.count_values(array_agg(part ->> ''category'')),
        ''first_activity_at'', min((part ->> ''created_at'') collate "C"),
        ''latest_activity_at'', max((part ->> ''updated_at'') collate "C")
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
where stored.document <> excluded.document');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'swap', 1, 'analyze catalog.owners_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'swap', 2, 'alter table catalog.owners_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'refold', 0, 'with versions as materialized (
select id, version, valid_from, valid_to, document
from (
    select stream_id as id,
        coalesce(lead(version) over so_far - 1, last_version) as version,
        recorded_at as valid_from,
        lead(recorded_at) over so_far as valid_to,
        catalog.jsonb_merge_agg(case type
            when ''item_created'' then ''{"deleted_at":null}''::jsonb || data || jsonb_build_object(''id'', stream_id, ''created_at'', catalog.rfc3339(recorded_at), ''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_updated'' then coalesce(data -> ''changes'', ''{}''::jsonb) || jsonb_build_object(''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_status_changed'' then jsonb_build_object(''status'', data -> ''new_status'') || jsonb_build_object(''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_deleted'' then ''{"status":"archived"}''::jsonb || jsonb_build_object(''deleted_at'', catalog.rfc3339(recorded_at), ''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
            when ''item_restored'' then data || ''{"deleted_at":null}''::jsonb || jsonb_build_object(''version'', version, ''updated_at'', catalog.rfc3339(recorded_at))
        end) over so_far as document,
        max(version) filter (where type in (''item_created'')) over so_far as begun_at
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
    where type in (''item_created'', ''item_updated'', ''item_status_changed'', ''item_deleted'', ''item_restored'')
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
    select id, catalog.tokens_of(string_agg(distinct name, '' '') || '' '' || string_agg(distinct description, '' '')) as words
    from (
        select id, document ->> ''name'' as name, document ->> ''description'' as description
        from versions
        offset 0
    ) as version
    group by id
    on conflict (id) do update set words = excluded.words
), items_places_filled as (
    insert into catalog.items_places_next (id, since, place)
    select id, valid_from as since, (''('' || round(location_lon::numeric, 6) || '','' || round(location_lat::numeric, 6) || '')'')::point as place
    from (
        select id, valid_from, location_lon, location_lat,
            lag(location_lon) over in_order is distinct from location_lon or lag(location_lat) over in_order is distinct from location_lat
                or lag(valid_to) over in_order is distinct from valid_from as is_new
        from (
            select id, valid_from, valid_to, document -> ''location_lon'' as location_lon, document -> ''location_lat'' as location_lat
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
    on conflict (id) do update set version = excluded.version, valid_from = excluded.valid_from, document = excluded.document');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'cancel_autovacuum', 0, 'lock table catalog.items_live, catalog.items_history_live, catalog.items_words_live, catalog.items_places_live in share update exclusive mode');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 0, 'alter table catalog.items_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 1, 'select catalog.swap_in(''items'', ''items_live'', ''items_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 2, 'alter table catalog.items_history_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 3, 'select catalog.swap_in(''items_history'', ''items_history_live'', ''items_history_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 4, 'alter table catalog.items_words_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 5, 'select catalog.swap_in(''items_words'', ''items_words_live'', ''items_words_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 6, 'alter table catalog.items_places_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'swap', 7, 'select catalog.swap_in(''items_places'', ''items_places_live'', ''items_places_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'drop', 0, 'drop table if exists catalog.items_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'drop', 1, 'drop table if exists catalog.items_history_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'drop', 2, 'drop table if exists catalog.items_words_next');
INSERT INTO catalog.rebuild_steps VALUES ('items', 'drop', 3, 'drop table if exists catalog.items_places_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'begin', 0, 'drop table if exists catalog.owners_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'begin', 1, 'drop table if exists catalog.owners_members_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'begin', 2, 'create table catalog.owners_next
(like catalog.owners including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.owners_next is ''All rows of owners to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'begin', 3, 'create table catalog.owners_members_next
(like catalog.owners_members including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.owners_members_next is ''All rows of owners_members to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'begin', 4, 'create unique index owners_next_pkey on catalog.owners_next (key)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'begin', 5, 'alter table catalog.owners_next add primary key using index owners_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'fill', 0, 'insert into catalog.owners_members_next (id, key, part)
select id, document ->> ''owner_id'', jsonb_build_object(''category'', document -> ''category'', ''created_at'', document -> ''created_at'', ''status'', document -> ''status'', ''updated_at'', document -> ''updated_at'')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = ''item_created'')) as started_at,
        max(version) filter (where merged ? ''name'') as name__at,
        max(version) filter (where merged ? ''description'') as description__at,
        max(version) filter (where merged ? ''category'') as category__at,
        max(version) filter (where merged ? ''image_urls'') as image_urls__at,
        max(version) filter (where merged ? ''location_lat'') as location_lat__at,
        max(version) filter (where merged ? ''location_lon'') as location_lon__at,
        max(version) filter (where (type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'')) as status__at,
        max(version) filter (where (type = ''item_deleted'' or type = ''item_restored'')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = ''item_created'' or type = ''item_updated'' or type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'') as used,
            case type when ''item_updated'' then (data -> ''changes'') end as merged
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
        case when name__at > started_at then (select (data -> ''changes'') -> ''name'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> ''name'' end as name,
        case when description__at > started_at then (select (data -> ''changes'') -> ''description'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> ''description'' end as description,
        case when category__at > started_at then (select (data -> ''changes'') -> ''category'' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> ''category'' end as category,
        case when image_urls__at > started_at then (select (data -> ''changes'') -> ''image_urls'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> ''image_urls'' end as image_urls,
        case when location_lat__at > started_at then (select (data -> ''changes'') -> ''location_lat'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> ''location_lat'' end as location_lat,
        case when location_lon__at > started_at then (select (data -> ''changes'') -> ''location_lon'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> ''location_lon'' end as location_lon,
        data -> ''owner_id'' as owner_id,
        case when status__at > started_at then (select case type when ''item_status_changed'' then data -> ''new_status'' when ''item_deleted'' then ''"archived"''::jsonb when ''item_restored'' then data -> ''status'' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> ''status'' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when ''item_deleted'' then to_jsonb(catalog.rfc3339(recorded_at)) when ''item_restored'' then ''null''::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else ''null''::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'set_hint_bits', 0, 'select count(*) from catalog.owners_members_next where ctid >= format(''(%s,0)'', $1)::tid');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'index', 0, 'create unique index owners_members_next_pkey on catalog.owners_members_next (id)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'index', 1, 'create index owners_members_next_by_key on catalog.owners_members_next (key)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'key', 0, 'alter table catalog.owners_members_next add primary key using index owners_members_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'analyze', 0, 'analyze catalog.owners_members_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'refold', 0, 'delete from catalog.owners_members_next where id = any ($3)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'refold', 1, 'insert into catalog.owners_members_next (id, key, part)
select id, document ->> ''owner_id'', jsonb_build_object(''category'', document -> ''category'', ''created_at'', document -> ''created_at'', ''status'', document -> ''status'', ''updated_at'', document -> ''updated_at'')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = ''item_created'')) as started_at,
        max(version) filter (where merged ? ''name'') as name__at,
        max(version) filter (where merged ? ''description'') as description__at,
        max(version) filter (where merged ? ''category'') as category__at,
        max(version) filter (where merged ? ''image_urls'') as image_urls__at,
        max(version) filter (where merged ? ''location_lat'') as location_lat__at,
        max(version) filter (where merged ? ''location_lon'') as location_lon__at,
        max(version) filter (where (type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'')) as status__at,
        max(version) filter (where (type = ''item_deleted'' or type = ''item_restored'')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = ''item_created'' or type = ''item_updated'' or type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'') as used,
            case type when ''item_updated'' then (data -> ''changes'') end as merged
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
        case when name__at > started_at then (select (data -> ''changes'') -> ''name'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> ''name'' end as name,
        case when description__at > started_at then (select (data -> ''changes'') -> ''description'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> ''description'' end as description,
        case when category__at > started_at then (select (data -> ''changes'') -> ''category'' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> ''category'' end as category,
        case when image_urls__at > started_at then (select (data -> ''changes'') -> ''image_urls'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> ''image_urls'' end as image_urls,
        case when location_lat__at > started_at then (select (data -> ''changes'') -> ''location_lat'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> ''location_lat'' end as location_lat,
        case when location_lon__at > started_at then (select (data -> ''changes'') -> ''location_lon'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> ''location_lon'' end as location_lon,
        data -> ''owner_id'' as owner_id,
        case when status__at > started_at then (select case type when ''item_status_changed'' then data -> ''new_status'' when ''item_deleted'' then ''"archived"''::jsonb when ''item_restored'' then data -> ''status'' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> ''status'' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when ''item_deleted'' then to_jsonb(catalog.rfc3339(recorded_at)) when ''item_restored'' then ''null''::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else ''null''::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'cancel_autovacuum', 0, 'lock table catalog.owners_live, catalog.owners_members_live in share update exclusive mode');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'aggregate', 0, 'with added (key, document) as materialized (
select key, jsonb_build_object(
        ''owner_id'', key,
        ''total_items'', count(*),
        ''by_status'', catalog.count_values(array_agg(part ->> ''status'')),
        ''by_category'', catalog.count_values(array_agg(part ->> ''category'')),
        ''first_activity_at'', min((part ->> ''created_at'') collate "C"),
        ''latest_activity_at'', max((part ->> ''updated_at'') collate "C")
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
where stored.document <> excluded.document');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'swap', 3, 'select catalog.swap_in(''owners'', ''owners_live'', ''owners_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'swap', 4, 'alter table catalog.owners_members_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'swap', 5, 'select catalog.swap_in(''owners_members'', ''owners_members_live'', ''owners_members_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'drop', 0, 'drop table if exists catalog.owners_next');
INSERT INTO catalog.rebuild_steps VALUES ('owners', 'drop', 1, 'drop table if exists catalog.owners_members_next');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'begin', 0, 'drop table if exists catalog.categories_next');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'begin', 1, 'drop table if exists catalog.categories_members_next');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'begin', 2, 'create table catalog.categories_next
(like catalog.categories including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.categories_next is ''All rows of categories to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'begin', 3, 'create table catalog.categories_members_next
(like catalog.categories_members including all excluding indexes excluding comments) with (autovacuum_enabled = off);
comment on table catalog.categories_members_next is ''All rows of categories_members to be, while a rebuild is under way.'';');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'begin', 4, 'create unique index categories_next_pkey on catalog.categories_next (key)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'begin', 5, 'alter table catalog.categories_next add primary key using index categories_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'fill', 0, 'insert into catalog.categories_members_next (id, key, part)
select id, document ->> ''category'', jsonb_build_object(''status'', document -> ''status'')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = ''item_created'')) as started_at,
        max(version) filter (where merged ? ''name'') as name__at,
        max(version) filter (where merged ? ''description'') as description__at,
        max(version) filter (where merged ? ''category'') as category__at,
        max(version) filter (where merged ? ''image_urls'') as image_urls__at,
        max(version) filter (where merged ? ''location_lat'') as location_lat__at,
        max(version) filter (where merged ? ''location_lon'') as location_lon__at,
        max(version) filter (where (type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'')) as status__at,
        max(version) filter (where (type = ''item_deleted'' or type = ''item_restored'')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = ''item_created'' or type = ''item_updated'' or type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'') as used,
            case type when ''item_updated'' then (data -> ''changes'') end as merged
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
        case when name__at > started_at then (select (data -> ''changes'') -> ''name'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> ''name'' end as name,
        case when description__at > started_at then (select (data -> ''changes'') -> ''description'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> ''description'' end as description,
        case when category__at > started_at then (select (data -> ''changes'') -> ''category'' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> ''category'' end as category,
        case when image_urls__at > started_at then (select (data -> ''changes'') -> ''image_urls'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> ''image_urls'' end as image_urls,
        case when location_lat__at > started_at then (select (data -> ''changes'') -> ''location_lat'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> ''location_lat'' end as location_lat,
        case when location_lon__at > started_at then (select (data -> ''changes'') -> ''location_lon'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> ''location_lon'' end as location_lon,
        data -> ''owner_id'' as owner_id,
        case when status__at > started_at then (select case type when ''item_status_changed'' then data -> ''new_status'' when ''item_deleted'' then ''"archived"''::jsonb when ''item_restored'' then data -> ''status'' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> ''status'' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when ''item_deleted'' then to_jsonb(catalog.rfc3339(recorded_at)) when ''item_restored'' then ''null''::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else ''null''::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'set_hint_bits', 0, 'select count(*) from catalog.categories_members_next where ctid >= format(''(%s,0)'', $1)::tid');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'index', 0, 'create unique index categories_members_next_pkey on catalog.categories_members_next (id)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'index', 1, 'create index categories_members_next_by_key on catalog.categories_members_next (key)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'key', 0, 'alter table catalog.categories_members_next add primary key using index categories_members_next_pkey');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'analyze', 0, 'analyze catalog.categories_members_next');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'refold', 0, 'delete from catalog.categories_members_next where id = any ($3)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'refold', 1, 'insert into catalog.categories_members_next (id, key, part)
select id, document ->> ''category'', jsonb_build_object(''status'', document -> ''status'')
from (
select stream.stream_id, stream.last_version, stream.last_recorded_at, to_jsonb(document.*)
from (
    select stream_id,
        max(version) as last_version,
        max(recorded_at) filter (where used) as last_recorded_at,
        max(version) filter (where (type = ''item_created'')) as started_at,
        max(version) filter (where merged ? ''name'') as name__at,
        max(version) filter (where merged ? ''description'') as description__at,
        max(version) filter (where merged ? ''category'') as category__at,
        max(version) filter (where merged ? ''image_urls'') as image_urls__at,
        max(version) filter (where merged ? ''location_lat'') as location_lat__at,
        max(version) filter (where merged ? ''location_lon'') as location_lon__at,
        max(version) filter (where (type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'')) as status__at,
        max(version) filter (where (type = ''item_deleted'' or type = ''item_restored'')) as deleted_at__at,
        max(version) filter (where used) as last_used
    from (
        select stream_id, version, recorded_at, type,
            (type = ''item_created'' or type = ''item_updated'' or type = ''item_status_changed'' or type = ''item_deleted'' or type = ''item_restored'') as used,
            case type when ''item_updated'' then (data -> ''changes'') end as merged
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
        case when name__at > started_at then (select (data -> ''changes'') -> ''name'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = name__at) else data -> ''name'' end as name,
        case when description__at > started_at then (select (data -> ''changes'') -> ''description'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = description__at) else data -> ''description'' end as description,
        case when category__at > started_at then (select (data -> ''changes'') -> ''category'' from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = category__at) else data -> ''category'' end as category,
        case when image_urls__at > started_at then (select (data -> ''changes'') -> ''image_urls'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = image_urls__at) else data -> ''image_urls'' end as image_urls,
        case when location_lat__at > started_at then (select (data -> ''changes'') -> ''location_lat'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lat__at) else data -> ''location_lat'' end as location_lat,
        case when location_lon__at > started_at then (select (data -> ''changes'') -> ''location_lon'' from catalog.events as writer where writer.stream_id = stream.stream_id and writer.version = location_lon__at) else data -> ''location_lon'' end as location_lon,
        data -> ''owner_id'' as owner_id,
        case when status__at > started_at then (select case type when ''item_status_changed'' then data -> ''new_status'' when ''item_deleted'' then ''"archived"''::jsonb when ''item_restored'' then data -> ''status'' end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = status__at) else data -> ''status'' end as status,
        to_jsonb(catalog.rfc3339(recorded_at)) as created_at,
        catalog.rfc3339(last_recorded_at) as updated_at,
        case when deleted_at__at > started_at then (select case type when ''item_deleted'' then to_jsonb(catalog.rfc3339(recorded_at)) when ''item_restored'' then ''null''::jsonb end from catalog.log as writer where writer.stream_id = stream.stream_id and writer.version = deleted_at__at) else ''null''::jsonb end as deleted_at,
        last_used as version
) as document
where stream.started_at is not null
offset 0
) as folded (id, version, valid_from, document)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'cancel_autovacuum', 0, 'lock table catalog.categories_live, catalog.categories_members_live in share update exclusive mode');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'aggregate', 0, 'with added (key, document) as materialized (
select key, jsonb_build_object(
        ''category'', key,
        ''total_items'', count(*),
        ''by_status'', catalog.count_values(array_agg(part ->> ''status''))
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
where stored.document <> excluded.document');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'swap', 0, 'with added (key, document) as materialized (
select key, jsonb_build_object(
        ''category'', key,
        ''total_items'', count(*),
        ''by_status'', catalog.count_values(array_agg(part ->> ''status''))
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
where stored.document <> excluded.document');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'swap', 1, 'analyze catalog.categories_next');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'swap', 2, 'alter table catalog.categories_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'swap', 3, 'select catalog.swap_in(''categories'', ''categories_live'', ''categories_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'swap', 4, 'alter table catalog.categories_members_next reset (autovacuum_enabled)');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'swap', 5, 'select catalog.swap_in(''categories_members'', ''categories_members_live'', ''categories_members_next'')');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'drop', 0, 'drop table if exists catalog.categories_next');
INSERT INTO catalog.rebuild_steps VALUES ('categories', 'drop', 1, 'drop table if exists catalog.categories_members_next');


--
-- Data for Name: settled; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.settled VALUES (true, '2026-11-30 07:25:25.747456+00', 43, '2026-11-30 07:25:25.747456+00');


--
-- Data for Name: streams; Type: TABLE DATA; Schema: catalog; Owner: -
--

INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (2, 1, '2026-11-30 07:25:24.703872+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (6, 1, '2026-11-30 07:25:24.822976+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (8, 1, '2026-11-30 07:25:24.861896+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (12, 1, '2026-11-30 07:25:24.945415+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (14, 1, '2026-11-30 07:25:24.997937+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (1, 3, '2026-11-30 07:25:25.112643+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (3, 2, '2026-11-30 07:25:25.139071+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (4, 2, '2026-11-30 07:25:25.178805+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (7, 3, '2026-11-30 07:25:25.291887+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (9, 2, '2026-11-30 07:25:25.321015+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (10, 3, '2026-11-30 07:25:25.367347+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (11, 2, '2026-11-30 07:25:25.391988+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (13, 3, '2026-11-30 07:25:25.431311+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (16, 2, '2026-11-30 07:25:25.491886+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (5, 5, '2026-11-30 07:25:25.527324+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (15, 5, '2026-11-30 07:25:25.572041+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (17, 1, '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (18, 1, '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (19, 1, '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (20, 1, '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (21, 1, '2026-11-30 07:25:25.624904+00');
INSERT INTO catalog.streams OVERRIDING SYSTEM VALUE VALUES (22, 1, '2026-11-30 07:25:25.624904+00');


--
-- Name: forgotten_id_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.forgotten_id_seq', 1, false);


--
-- Name: installed_installation_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.installed_installation_seq', 1, true);


--
-- Name: log_position_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.log_position_seq', 43, true);


--
-- Name: streams_stream_id_seq; Type: SEQUENCE SET; Schema: catalog; Owner: -
--

SELECT pg_catalog.setval('catalog.streams_stream_id_seq', 22, true);


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
-- Name: forgotten forgotten_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.forgotten
    ADD CONSTRAINT forgotten_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key);


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
-- Name: log log_by_stream; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.log
    ADD CONSTRAINT log_by_stream UNIQUE (stream_id, version);


--
-- Name: CONSTRAINT log_by_stream ON log; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON CONSTRAINT log_by_stream ON catalog.log IS 'Each version of a stream is unique. The index serves reading one stream in order.';


--
-- Name: log log_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.log
    ADD CONSTRAINT log_pkey PRIMARY KEY ("position");


--
-- Name: migrations migrations_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);


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
-- Name: personal personal_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.personal
    ADD CONSTRAINT personal_pkey PRIMARY KEY (stream_id, version);


--
-- Name: projections projections_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.projections
    ADD CONSTRAINT projections_pkey PRIMARY KEY (name);


--
-- Name: rebuild_steps rebuild_steps_pkey; Type: CONSTRAINT; Schema: catalog; Owner: -
--

ALTER TABLE ONLY catalog.rebuild_steps
    ADD CONSTRAINT rebuild_steps_pkey PRIMARY KEY (read_model, step, place);


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
-- Name: idempotency_keys_by_stored_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX idempotency_keys_by_stored_at ON catalog.idempotency_keys USING btree (stored_at);


--
-- Name: INDEX idempotency_keys_by_stored_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.idempotency_keys_by_stored_at IS 'Serves expire_idempotency_keys.';


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
-- Name: log_by_recorded_at; Type: INDEX; Schema: catalog; Owner: -
--

CREATE INDEX log_by_recorded_at ON catalog.log USING btree (recorded_at);


--
-- Name: INDEX log_by_recorded_at; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON INDEX catalog.log_by_recorded_at IS 'Serves events between two instants: GET /changes.';


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
-- Name: log log_is_append_only; Type: TRIGGER; Schema: catalog; Owner: -
--

CREATE TRIGGER log_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.log FOR EACH STATEMENT EXECUTE FUNCTION catalog.refuse_change();

ALTER TABLE catalog.log ENABLE ALWAYS TRIGGER log_is_append_only;


--
-- Name: TRIGGER log_is_append_only ON log; Type: COMMENT; Schema: catalog; Owner: -
--

COMMENT ON TRIGGER log_is_append_only ON catalog.log IS 'Refuses update, delete and truncate for every role, also during replication.';


--
-- PostgreSQL database dump complete
--


