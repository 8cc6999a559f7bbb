-- The event store of the Catalog: what `catalog migrate` installs, for PostgreSQL 15 and later, without extensions.
-- It knows no product. The tables and functions of each projection are compiled from its rules and installed after this
-- file; `catalog schema` prints both. Running it again changes nothing.

create schema if not exists catalog;
comment on schema catalog is 'The event log, the documents folded from it, and the functions over both.';

do $$
begin
    -- Roles belong to the server: another of its databases may have made them, or be making them now.
    if to_regrole('catalog_service') is null then
        create role catalog_service nologin;
        comment on role catalog_service is
            'The role of the service: reads tables, and changes data only by functions of the schema catalog.';
    end if;
    if to_regrole('catalog_reader') is null then
        create role catalog_reader nologin;
        comment on role catalog_reader is 'The role for analysts: sees only the views in the schema public.';
    end if;
exception
    when duplicate_object or unique_violation then
        null;
    when insufficient_privilege then
        raise exception 'the roles catalog_service and catalog_reader are missing, and % may not create roles', current_user
            using errcode = '42501',
            hint = 'As a role that may create roles: create role catalog_service nologin; … catalog_reader nologin;';
end
$$;

do $$
begin
    -- "$user" in its search_path would show a role named catalog the tables here instead of the views in public.
    if current_user = 'catalog'
        and not exists (select from pg_roles where rolname = current_user and rolconfig::text like '%search_path=%')
    then
        alter role current_user set search_path = public;
    end if;
end
$$;

create table if not exists catalog.installed (
    installation integer generated always as identity primary key,
    checksum text not null,
    installed_at timestamptz not null default clock_timestamp()
);
comment on table catalog.installed is 'The schemas that `catalog migrate` has installed, the newest last.';
comment on column catalog.installed.installation is 'The number of the installation.';
comment on column catalog.installed.checksum is 'SHA-256 of the installed SQL, in hexadecimal.';
comment on column catalog.installed.installed_at is 'When it was installed.';

create table if not exists catalog.migrations (
    number integer primary key,
    name text not null,
    migrated_at timestamptz not null default clock_timestamp()
);
comment on table catalog.migrations is 'The numbered migrations that this database has had, or was created after.';
comment on column catalog.migrations.number is 'The number: 1, 2, 3, … without gaps.';
comment on column catalog.migrations.name is 'The name of the migration.';
comment on column catalog.migrations.migrated_at is
    'When the migration ran; in a newer database, when the database was created.';

create table if not exists catalog.streams (
    stream_id integer generated always as identity primary key,
    version integer not null check (version > 0),
    recorded_at timestamptz not null
) with (fillfactor = 70);
comment on table catalog.streams is 'One row per stream. Appends to one stream wait for its row lock.';
comment on column catalog.streams.stream_id is
    'The identifier: positive, 32 bits, so that clients can hold it as a number.';
comment on column catalog.streams.version is 'The version of the newest event, which is the number of events.';
comment on column catalog.streams.recorded_at is 'When the newest event was recorded; the next event is later.';

create table if not exists catalog.log (
    position bigint generated always as identity (sequence name catalog.log_position_seq)
        constraint log_pkey primary key,
    event_id uuid not null,
    stream_id integer not null,
    version integer not null check (version > 0),
    type text not null,
    data jsonb not null check (jsonb_typeof(data) = 'object'),
    metadata jsonb not null check (jsonb_typeof(metadata) = 'object'),
    recorded_at timestamptz not null,
    constraint log_by_stream unique (stream_id, version)
);
comment on table catalog.log is
$$The log: every event, with its personal values redacted. append_to_stream and append_new_streams write it;
nothing changes it. The view catalog.events shows the complete events.$$;
comment on column catalog.log.position is 'The place in the log: grows, may have gaps.';
comment on column catalog.log.event_id is 'The UUIDv7 of recorded_at.';
comment on column catalog.log.stream_id is 'The stream of the event.';
comment on column catalog.log.version is 'The place in the stream: 1, 2, 3, … without gaps.';
comment on column catalog.log.type is 'The tag of the event type, such as item_created.';
comment on column catalog.log.data is 'The fields of the event, with personal values redacted.';
comment on column catalog.log.metadata is 'Who and why: user_id, correlation_id, causation_id and others.';
comment on column catalog.log.recorded_at is 'The clock while the event was appended; strictly grows within a stream.';
comment on constraint log_by_stream on catalog.log is
    'Each version of a stream is unique. The index serves reading one stream in order.';
create index if not exists log_by_recorded_at on catalog.log (recorded_at);
comment on index catalog.log_by_recorded_at is 'Serves events between two instants: GET /changes.';

create table if not exists catalog.personal (
    stream_id integer not null,
    version integer not null,
    data jsonb not null check (jsonb_typeof(data) = 'object'),
    primary key (stream_id, version)
);
comment on table catalog.personal is
    'The personal values of events, beside the log; forget_stream deletes them. Events without any have no row.';
comment on column catalog.personal.stream_id is 'The stream of the event.';
comment on column catalog.personal.version is 'The version of the event.';
comment on column catalog.personal.data is 'The values that the log holds only in redacted form.';

-- A subquery instead of a join: a query that does not read data pays nothing, and no plan depends on how many of a
-- stream's events have personal values.
create or replace view catalog.events as
select position, event_id, stream_id, version, type,
    coalesce(
        log.data || (
            select personal.data
            from catalog.personal
            where personal.stream_id = log.stream_id
                and personal.version = log.version
        ),
        log.data
    ) as data,
    metadata, recorded_at
from catalog.log;
comment on view catalog.events is 'The events as they were recorded; erased personal values appear in redacted form.';
comment on column catalog.events.position is 'The place in the log: grows, may have gaps.';
comment on column catalog.events.event_id is 'The UUIDv7 of recorded_at.';
comment on column catalog.events.stream_id is 'The stream of the event.';
comment on column catalog.events.version is 'The place in the stream: 1, 2, 3, … without gaps.';
comment on column catalog.events.type is 'The tag of the event type, such as item_created.';
comment on column catalog.events.data is 'The fields of the event.';
comment on column catalog.events.metadata is 'Who and why: user_id, correlation_id, causation_id and others.';
comment on column catalog.events.recorded_at is
    'The clock while the event was appended; strictly grows within a stream.';

create table if not exists catalog.forgotten (
    id integer generated always as identity primary key,
    owner_id text not null,
    forgotten_by text not null,
    begun_at timestamptz not null default clock_timestamp(),
    forgotten_at timestamptz,
    items integer not null default 0,
    events integer not null default 0
);
comment on table catalog.forgotten is 'The erasures: which owner was erased, when and by whom; see `catalog forget`.';
comment on column catalog.forgotten.id is 'The number of the erasure.';
comment on column catalog.forgotten.owner_id is 'The owner whose personal values were erased.';
comment on column catalog.forgotten.forgotten_by is 'The operator who ran the erasure.';
comment on column catalog.forgotten.begun_at is 'When the erasure began.';
comment on column catalog.forgotten.forgotten_at is
    'When the erasure ended; null if it did not finish, or if another operator finished it.';
comment on column catalog.forgotten.items is 'How many streams have been processed so far.';
comment on column catalog.forgotten.events is 'How many events lost personal values.';

create table if not exists catalog.settled (
    only_row boolean primary key default true check (only_row),
    noted_instant timestamptz not null default '-infinity',
    position bigint not null default 0,
    instant timestamptz not null default '-infinity'
);
insert into catalog.settled default values on conflict do nothing;
comment on table catalog.settled is 'The high-water mark, one row: up to it no event can be added to the log any more.';
comment on column catalog.settled.only_row is 'Keeps the table at one row.';
comment on column catalog.settled.noted_instant is
    'The pending instant: appends that begin from now on are recorded later. The mark moves to it next.';
comment on column catalog.settled.position is 'Every position up to this one is committed or will never be.';
comment on column catalog.settled.instant is 'No event will be recorded at or before this instant any more.';

create table if not exists catalog.idempotency_keys (
    user_id text not null,
    key text not null,
    request text not null,
    answer jsonb not null,
    stored_at timestamptz not null default clock_timestamp(),
    primary key (user_id, key)
);
comment on table catalog.idempotency_keys is
    'The outcomes of commands that carried an Idempotency-Key, for at least 72 hours.';
comment on column catalog.idempotency_keys.user_id is 'The user who sent the command; each user has keys of their own.';
comment on column catalog.idempotency_keys.key is 'The Idempotency-Key of the request.';
comment on column catalog.idempotency_keys.request is 'The SHA-256 of the whole request, in hexadecimal.';
comment on column catalog.idempotency_keys.answer is 'The outcome: stream, version and position of the events.';
comment on column catalog.idempotency_keys.stored_at is 'When the command was carried out.';
create index if not exists idempotency_keys_by_stored_at on catalog.idempotency_keys (stored_at);
comment on index catalog.idempotency_keys_by_stored_at is 'Serves expire_idempotency_keys.';

create table if not exists catalog.projections (
    name text primary key,
    version integer not null,
    fingerprint text not null,
    background boolean not null,
    position bigint not null default 0,
    state text not null default 'running' check (state in ('running', 'stopped', 'outdated')),
    error text,
    error_position bigint,
    skipped jsonb not null default '[]',
    rebuild jsonb,
    changed_at timestamptz not null default clock_timestamp(),
    last_rebuild jsonb
);
comment on table catalog.projections is
    'The state of each projection: its rules, its checkpoint, its errors and its rebuilds.';
comment on column catalog.projections.name is 'The name of the projection, also of its table and in its functions.';
comment on column catalog.projections.version is 'The version of the rules that folded the documents.';
comment on column catalog.projections.fingerprint is 'The SHA-256 of the compiled rules that folded the documents.';
comment on column catalog.projections.background is
    'Whether a background process applies the events; otherwise documents are written inline.';
comment on column catalog.projections.position is
    'The checkpoint of a background projection: events up to it are applied exactly once.';
comment on column catalog.projections.state is
    'running; stopped by an event that raised an error; outdated: its rules changed, and its rebuild is due.';
comment on column catalog.projections.error is 'The error that stopped the projection.';
comment on column catalog.projections.error_position is 'The position of the event that raised the error.';
comment on column catalog.projections.skipped is 'The events that an operator skipped: [{position, by, at, error}].';
comment on column catalog.projections.rebuild is
    'The running rebuild: {phase, events, done, seconds}; null if there is none.';
comment on column catalog.projections.last_rebuild is
    'The result of the last rebuild: {ended_at, events, seconds, swap_milliseconds}, or {ended_at, error}.';
comment on column catalog.projections.changed_at is 'When this row last changed.';

create or replace function catalog.append_gate() returns bigint
language sql immutable parallel safe
return 7023051975126217511;
comment on function catalog.append_gate is
    'The key of the advisory lock that appends hold in shared mode, so that other sessions can see when they end.';

create or replace function catalog.redact(value jsonb) returns jsonb
language sql immutable parallel safe
return case jsonb_typeof(value)
    when 'string' then '"(forgotten)"'
    when 'number' then to_jsonb(round(value::numeric))
    when 'array' then '[]'
    when 'object' then '{}'
    else coalesce(value, 'null')
end;
comment on function catalog.redact is
$$The redacted form of a value, by its JSON type; no text remains. A number is rounded to an integer: a place in degrees
is then known to about a hundred kilometres.$$;

create or replace function catalog.rfc3339(instant timestamptz) returns text
language sql stable parallel safe
return to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
comment on function catalog.rfc3339 is
    'An instant as documents hold it: UTC with six digits, so that text order is time order.';

create or replace aggregate catalog.jsonb_merge_agg(jsonb) (sfunc = jsonb_concat, stype = jsonb, parallel = safe);
comment on aggregate catalog.jsonb_merge_agg(jsonb) is
    'Merges JSON objects by ||: each key gets the last value in the order of aggregation.';

create or replace function catalog.strip_punctuation(content text) returns text
language sql immutable parallel safe
return regexp_replace(content, '[!-/:-@[-`{-~\s]+', ' ', 'g');
comment on function catalog.strip_punctuation is
    'A text with each run of ASCII punctuation and white space replaced by one space.';

create or replace function catalog.tokens_of(content text) returns text[]
language plpgsql immutable parallel safe as $$
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
comment on function catalog.tokens_of is
$$The distinct words of a text in byte order; {*}, which means any word, if they are more than an index should hold.
PL/pgSQL plans the body once per session; an SQL function is planned with each command. A tsvector sorts fastest, but
takes no word above 2 kB.$$;

create or replace function catalog.search_vector(words text[]) returns tsvector
language plpgsql immutable parallel safe as $$
begin
    return array_to_tsvector(array(
        select substr(word, generate_series(1, length(word)), 24)
        from unnest(words) as word
    )) || strip(to_tsvector('english', array_to_string(words, ' ')));
end
$$;
comment on function catalog.search_vector is
$$The search index's entry for words: every suffix of each word (spade: spade, pade, ade, de, e), cut to 24 characters,
and the English stems. Every substring of a word is a prefix of a suffix.$$;

create or replace function catalog.candidate_query(search text) returns tsquery
language sql immutable parallel safe
return (
    select coalesce(string_agg('''' || left(word, 24) || ''':*', ' & '), '')::tsquery
        || plainto_tsquery('english', catalog.strip_punctuation(search))
        || '''*'''::tsquery
    from unnest(catalog.tokens_of(search)) as word
);
comment on function catalog.candidate_query is
$$The index query for texts that may match a search: each word of the search is within a word of the text, or the text
has all stems of the search, or it has more words than the index holds.$$;

create or replace function catalog.suffix_query(search text) returns tsquery
language sql immutable parallel safe
return (
    select coalesce(string_agg('''' || left(word, 24) || '''', ' & '), '')::tsquery || '''*'''::tsquery
    from unnest(catalog.tokens_of(search)) as word
);
comment on function catalog.suffix_query is
$$The index query for texts that have, for each word of the search, a word ending in it, or more words than the index
holds. The c of C++ ends a word, because punctuation follows it.$$;

create or replace function catalog.text_has_stems(content text, search text) returns boolean
language sql immutable parallel safe
return numnode(plainto_tsquery('english', catalog.strip_punctuation(search))) > 0
    and to_tsvector('english', catalog.strip_punctuation(content))
        @@ plainto_tsquery('english', catalog.strip_punctuation(search));
comment on function catalog.text_has_stems is
    'Whether a search has English stems and a text has all of them. This is the slowest condition on a text.';

create or replace function catalog.matches_search(content text, search text) returns boolean
language sql immutable parallel safe
return (
    select bool_and(strpos(lower(content), lower(term)) > 0)
        or bool_and(term !~ '[!-/:-@[-`{-~]' or strpos(lower(content), lower(term)) > 0)
            and catalog.text_has_stems(content, search)
    from unnest(string_to_array(search, ' ')) as term
);
comment on function catalog.matches_search is
$$Whether a text matches a search, which is terms separated by single spaces. Either the text contains every term,
ignoring case; or it has all stems of the search and contains the terms with punctuation literally, ignoring case.$$;

create or replace function catalog.distance_km(
    latitude double precision,
    longitude double precision,
    other_latitude double precision,
    other_longitude double precision
) returns double precision
language sql immutable parallel safe
return 2 * 6371.0088 * asin(least(1, sqrt(
    sin(radians(other_latitude - latitude) / 2) ^ 2
        + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(radians(other_longitude - longitude) / 2) ^ 2)));
comment on function catalog.distance_km is
    'The great-circle distance in kilometres of two places given in degrees, on a sphere of the Earth''s mean radius.';

create or replace function catalog.uuid_v7(instant timestamptz) returns uuid
language sql volatile parallel safe
return encode(
    set_bit(
        set_bit(
            overlay(
                uuid_send(gen_random_uuid())
                placing substring(int8send(floor(extract(epoch from instant) * 1000)::bigint) from 3)
                from 1 for 6),
            52, 1),
        53, 1),
    'hex')::uuid;
comment on function catalog.uuid_v7 is
    'A UUIDv7 (RFC 9562): 48 bits of milliseconds, the version, 74 random bits. Only PostgreSQL 18 has its own.';

create or replace function catalog.refuse_change() returns trigger
language plpgsql volatile as $$
begin
    raise exception 'events never change: % on % refused', lower(tg_op), tg_relid::regclass
        using errcode = 'SW003';
end
$$;
comment on function catalog.refuse_change is 'The trigger function that keeps the log append-only: raises SW003.';

do $$
begin
    if not exists (select from pg_trigger where tgname = 'log_is_append_only') then
        create trigger log_is_append_only
        before update or delete or truncate on catalog.log
        for each statement execute function catalog.refuse_change();
        alter table catalog.log enable always trigger log_is_append_only;
    end if;
end
$$;
comment on trigger log_is_append_only on catalog.log is
    'Refuses update, delete and truncate for every role, also during replication.';

create or replace function catalog.raise_conflict(stream_id integer, expected_version integer) returns void
language plpgsql volatile as $$
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
comment on function catalog.raise_conflict is
    'Raises why an append failed, with the facts as JSON in the detail: SW001 another version, SW002 no such stream.';

create or replace function catalog.insert_event(
    p_event_id uuid,
    p_stream_id integer,
    p_version integer,
    p_type text,
    p_data jsonb,
    p_metadata jsonb,
    p_recorded_at timestamptz
) returns bigint
language plpgsql volatile as $$
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
comment on function catalog.insert_event is
$$Writes one event to the log and its personal values beside it; returns its position. It checks nothing and writes no
document: append_to_stream does that. Only the owner may write to these tables.$$;

create or replace function catalog.append_to_stream(
    p_stream_id integer,
    p_expected_version integer,
    p_events jsonb,
    p_metadata jsonb,
    out stream_id integer,
    out version integer,
    out "position" bigint,
    out recorded_at timestamptz,
    out documents jsonb
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function catalog.append_to_stream is
$$Appends events, a JSON array of {"type": …, fields}, to a stream, or to a new one if p_stream_id is null, and writes
the inline documents, all in the caller's transaction. If p_expected_version is null, the version is not checked.
Returns the newest event's version, position and instant, and the inline documents by projection.
Raises SW001 if the stream is at another version, SW002 if there is no such stream, SW004 if p_events is malformed,
SW005 in a transaction that is not read committed.$$;

create or replace function catalog.store_idempotent_outcome(p_idempotency_key jsonb, p_outcome jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into catalog.idempotency_keys (user_id, key, request, answer)
    values (p_idempotency_key ->> 'user_id', p_idempotency_key ->> 'key', p_idempotency_key ->> 'request', p_outcome)
    on conflict do nothing;
    if not found then
        raise exception 'a command with this key was carried out meanwhile' using errcode = 'SW007';
    end if;
end
$$;
comment on function catalog.store_idempotent_outcome is
$$Stores the outcome of a command with a key. Waits for another command with the same key, and raises SW007 if that one
commits.$$;

create or replace function catalog.append_idempotent(
    p_idempotency_key jsonb,
    p_stream_id integer,
    p_expected_version integer,
    p_events jsonb,
    p_metadata jsonb,
    out stream_id integer,
    out version integer,
    out "position" bigint,
    out recorded_at timestamptz,
    out documents jsonb
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function catalog.append_idempotent is
    'append_to_stream for a command with a key, {"user_id", "key", "request"}; also raises SW007.';

create or replace function catalog.begin_import() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    create temporary table arriving (event jsonb not null) on commit drop;
    grant insert on pg_temp.arriving to catalog_service;
end
$$;
comment on function catalog.begin_import is
$$Creates the temporary table arriving (event jsonb), which the caller's transaction fills for append_new_streams. The
function's owner owns it: append_new_streams has more rights than the caller and must not run the caller's triggers.$$;

create or replace function catalog.append_new_streams(
    p_metadata jsonb,
    out created bigint,
    out first_position bigint,
    out last_position bigint,
    out recorded_at timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function catalog.append_new_streams is
$$Appends a new stream of one event for each row of the temporary table arriving (event jsonb). begin_import creates the
table, and the caller's transaction fills it with {"type": …, fields}. Streams follow the rows' order, all at one
instant, and the inline documents are written. The slowest part, the search words, comes before the append gate, which is
held until the transaction ends. Call it once in a transaction. Raises SW005 in a transaction that is not read committed,
SW008 without begin_import.$$;

create or replace function catalog.lock_stream(p_stream_id integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    select pg_advisory_xact_lock_shared(catalog.append_gate());
    select streams.version
    from catalog.streams
    where streams.stream_id = p_stream_id
    for update;
end;
comment on function catalog.lock_stream is
$$Keeps other sessions from appending to a stream until the transaction ends. Locks the gate first, then the row, as
append_to_stream does.$$;

create or replace function catalog.rebuild_document(
    p_projection text,
    p_stream_id integer,
    out changed boolean,
    out version integer,
    out document jsonb
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform catalog.lock_stream(p_stream_id);
    execute format('select catalog.%I($1) > 0', 'refold_' || p_projection) into changed using p_stream_id;
    execute format('select version, document from catalog.%I where id = $1', p_projection)
    into version, document
    using p_stream_id;
end
$$;
comment on function catalog.rebuild_document is
$$Folds one stream again and corrects its stored document and past documents, while the stream is locked. Returns
whether anything differed.$$;

create or replace function catalog.forget_stream(p_stream_id integer, p_kept jsonb default null) returns integer
language plpgsql volatile as $$
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
comment on function catalog.forget_stream is
$$Deletes a stream's personal values, except rows equal to p_kept, and folds its documents and their past again. Returns
how many events lost values. The caller must prevent rebuilds: a running one has read the values and would bring them
back.$$;

create or replace function catalog.begin_mark(out "position" bigint, out instant timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    update catalog.settled
    set noted_instant = greatest(clock_timestamp(), settled.noted_instant)
    returning settled.noted_instant into begin_mark.instant;
    select case when is_called then last_value else 0 end
    into begin_mark.position
    from catalog.log_position_seq;
end
$$;
comment on function catalog.begin_mark is
$$Step one of three to move the high-water mark, in a transaction of its own. Notes the newest position handed out, and
an instant that later appends exceed. Then list gate_holders(); when exactly those have ended, call publish_mark().$$;

create or replace function catalog.gate_holders() returns setof text
language sql volatile
begin atomic
    select virtualtransaction
    from pg_locks
    where locktype = 'advisory'
        and mode = 'ShareLock'
        and granted
        and database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32) + objid::bigint = catalog.append_gate();
end;
comment on function catalog.gate_holders is 'The transactions that are appending now.';

create or replace function catalog.publish_mark(p_position bigint, p_instant timestamptz) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update catalog.settled
    set position = greatest(settled.position, p_position),
        instant = greatest(settled.instant, p_instant)
    where (settled.position < p_position or settled.instant < p_instant)
        and p_instant <= settled.noted_instant
        and p_position <= (select last_value from catalog.log_position_seq);
end;
comment on function catalog.publish_mark is
$$Moves the high-water mark to what begin_mark returned, after the gate_holders listed since then have ended. Never goes
back, nor past noted_instant.$$;

create or replace function catalog.advance_checkpoint(p_name text, p_from bigint, p_limit integer) returns bigint
language plpgsql volatile as $$
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
comment on function catalog.advance_checkpoint is
$$Moves a projection's checkpoint past at most p_limit settled events, in the transaction that applies them, so that no
batch is applied twice. Raises SW006 if the checkpoint is not at p_from: another process has moved it.$$;

create or replace function catalog.skipped_events(p_name text) returns bigint[]
language sql stable parallel safe
return coalesce((
    select array_agg((skip ->> 'position')::bigint)
    from catalog.projections
    cross join lateral jsonb_array_elements(projections.skipped) as skip
    where projections.name = p_name
        and skip ->> 'position' is not null
), '{}');
comment on function catalog.skipped_events is 'The positions of the events that an operator made a projection skip.';

create or replace function catalog.stop_projection(p_name text, p_after bigint, p_error text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update catalog.projections
    set state = 'stopped',
        error = p_error,
        error_position = (select min(events.position) from catalog.events where events.position > p_after),
        changed_at = clock_timestamp()
    where projections.name = p_name
        and projections.position = p_after;
end;
comment on function catalog.stop_projection is
    'Stops a projection at the event after its checkpoint, which raised the error.';

create or replace function catalog.resume_projection(p_name text, p_skip_as text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update catalog.projections
    set state = 'running',
        error = null,
        error_position = null,
        changed_at = clock_timestamp(),
        position = case when p_skip_as is null then projections.position else coalesce(error_position, projections.position) end,
        skipped = case when p_skip_as is null then skipped else skipped || jsonb_build_array(jsonb_build_object(
            'position', error_position, 'by', p_skip_as, 'error', error, 'at', catalog.rfc3339(clock_timestamp()))) end
    where projections.name = p_name
        and state = 'stopped';
end;
comment on function catalog.resume_projection is
    'Resumes a stopped projection. If p_skip_as names an operator, the event that stopped it is skipped.';

create or replace function catalog.expire_idempotency_keys(p_limit integer) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    with swept as (
        delete from catalog.idempotency_keys
        where (user_id, key) in (
            select user_id, key
            from catalog.idempotency_keys
            where stored_at < clock_timestamp() - interval '72 hours'
            order by stored_at
            limit p_limit
        )
        returning 1
    )
    select count(*) from swept;
end;
comment on function catalog.expire_idempotency_keys is
    'Deletes at most p_limit outcomes older than 72 hours; returns how many.';

create table if not exists catalog.rebuild_steps (
    read_model text not null,
    step text not null,
    place integer not null,
    statement text not null,
    primary key (read_model, step, place)
);
comment on table catalog.rebuild_steps is
    'The statements that rebuild each read model, compiled from its rules; rebuild_step runs them.';
comment on column catalog.rebuild_steps.read_model is 'The name of the projection or rollup.';
comment on column catalog.rebuild_steps.step is
    'The step: begin, fill, set_hint_bits, index, key, analyze, refold, cancel_autovacuum, aggregate, swap or drop.';
comment on column catalog.rebuild_steps.place is
    'The order within the step; the statements of index, set_hint_bits and analyze may be run separately.';
comment on column catalog.rebuild_steps.statement is 'The SQL, with the parameters that rebuild_step documents.';

create or replace function catalog.rebuild_step(
    p_read_model text,
    p_step text,
    p_place integer,
    p_first integer default null,
    p_last integer default null,
    p_streams integer[] default null,
    p_position bigint default null,
    p_skipped bigint[] default null
) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
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
comment on function catalog.rebuild_step is
$$Runs a step of a rebuild, or only its statement at p_place. It runs as the owner, so that the caller needs no right to
create tables. In the statements $1 and $2 are the first and the last stream (in step set_hint_bits $1 is a page), $3 is
a list of streams, $4 the position up to which events count, $5 the positions of skipped events.$$;

create or replace function catalog.lock_checkpoint(p_name text) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    select projections.position
    from catalog.projections
    where projections.name = p_name
    for update;
end;
comment on function catalog.lock_checkpoint is
    'Locks the checkpoint of a background projection until the transaction ends; returns its position.';

create or replace function catalog.record_rebuild_progress(p_name text, p_progress jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update catalog.projections
    set rebuild = p_progress
    where projections.name = p_name;
end;
comment on function catalog.record_rebuild_progress is
    'Stores the progress of a rebuild: {phase, events, done, seconds}.';

create or replace function catalog.record_rebuild_failure(p_name text, p_error text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update catalog.projections
    set rebuild = null,
        last_rebuild = jsonb_build_object('ended_at', catalog.rfc3339(clock_timestamp()), 'error', p_error)
    where projections.name = p_name
        and rebuild is not null;
end;
comment on function catalog.record_rebuild_failure is
    'Stores why a rebuild failed, unless the rebuild has ended already.';

create or replace function catalog.record_rebuild(
    p_name text,
    p_version integer,
    p_fingerprint text,
    p_position bigint,
    p_done jsonb
) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update catalog.projections
    set version = p_version,
        fingerprint = p_fingerprint,
        state = 'running',
        error = null,
        error_position = null,
        rebuild = null,
        changed_at = clock_timestamp(),
        last_rebuild = p_done || jsonb_build_object('ended_at', catalog.rfc3339(clock_timestamp())),
        position = case
            when background then least(p_position, (select settled.position from catalog.settled))
            else projections.position
        end
    where projections.name = p_name;
end;
comment on function catalog.record_rebuild is
$$Stores that a projection was rebuilt, by which rules and up to which position; p_done is {events, seconds,
swap_milliseconds}.$$;

create or replace function catalog.table_holders(p_tables text[]) returns setof text
language sql volatile
begin atomic
    select distinct virtualtransaction
    from pg_locks
    where locktype = 'relation'
        and granted
        and pid <> pg_backend_pid()
        and database = (select oid from pg_database where datname = current_database())
        and relation in (select to_regclass('catalog.' || quote_ident(name)) from unnest(p_tables) as name);
end;
comment on function catalog.table_holders is 'The transactions that read or write some tables now.';

create or replace function catalog.snapshot_holders() returns setof text
language sql volatile
begin atomic
    select pg_locks.virtualtransaction || ' ' || backend_xmin
    from pg_stat_activity
    join pg_locks using (pid)
    where datname = current_database()
        and pid <> pg_backend_pid()
        and pid not in (select pg_stat_progress_vacuum.pid from pg_stat_progress_vacuum)
        and pid not in (
            select waiting.pid
            from pg_locks as waiting
            where waiting.locktype = 'advisory'
                and not waiting.granted
                and (waiting.classid::bigint << 32) + waiting.objid::bigint = catalog.append_gate()
        )
        and locktype = 'virtualxid'
        and mode = 'ExclusiveLock'
        and backend_xmin is not null;
end;
comment on function catalog.snapshot_holders is
$$The snapshots in use in this database now: they do not see rows committed from now on. Two kinds do not count: a
vacuum looks at all rows, whatever its snapshot; an append that waits for the gate takes a new snapshot afterwards.$$;

create or replace function catalog.swap_in(p_table text, p_live text, p_next text) returns void
language plpgsql volatile as $$
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
comment on function catalog.swap_in is
$$Replaces the partition p_live of p_table by the table p_next: drops p_live, attaches p_next and names it p_live.
Users of p_table wait until the transaction ends. Views and privileges stay as they are.$$;

-- This view is read every few seconds. So `lag_events` stops counting at 100,001, which means more than 100,000, and
-- `lag_seconds` reads one event.
create or replace view catalog.projection_lag as
select projections.name,
    projections.position,
    waiting.events as lag_events,
    greatest(coalesce(extract(epoch from clock_timestamp() - oldest.recorded_at), 0), 0)::double precision as lag_seconds
from catalog.projections
cross join lateral (
    select count(*) as events
    from (
        select
        from catalog.events
        where events.position > projections.position
        order by events.position
        limit 100001
    ) as event
) as waiting
left join lateral (
    select events.recorded_at
    from catalog.events
    where events.position > projections.position
    order by events.position
    limit 1
) as oldest on true
where projections.background;
comment on view catalog.projection_lag is
    'How far each background projection is behind the log, unsettled events included; by the clock, not by the mark.';
comment on column catalog.projection_lag.name is 'The name of the projection.';
comment on column catalog.projection_lag.position is 'The checkpoint of the projection.';
comment on column catalog.projection_lag.lag_events is
    'How many events wait to be applied; 100,001 means more than 100,000.';
comment on column catalog.projection_lag.lag_seconds is
    'The age in seconds of the first waiting event; 0 if there is none.';

create or replace view public.settled as
select position, instant
from catalog.settled;
comment on view public.settled is 'The high-water mark: up to it no event can be added to the log any more.';
grant select on public.settled to catalog_reader;
comment on column public.settled.position is 'Every position up to this one is committed or will never be.';
comment on column public.settled.instant is
    'No event will be recorded at or before this instant any more, so the past up to it stays as it is.';

create or replace view public.projection_lag as
select name, position, lag_events, lag_seconds
from catalog.projection_lag;
comment on view public.projection_lag is
    'How far each background read model is behind the log now; catalog.as_of has no effect on it.';
grant select on public.projection_lag to catalog_reader;
comment on column public.projection_lag.name is 'The name of the projection.';
comment on column public.projection_lag.position is 'The checkpoint of the projection.';
comment on column public.projection_lag.lag_events is
    'How many events wait to be applied; 100,001 means more than 100,000.';
comment on column public.projection_lag.lag_seconds is
    'The age in seconds of the first waiting event; 0 if there is none.';

create or replace function catalog.as_of() returns timestamptz
language plpgsql stable parallel safe as $$
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
comment on function catalog.as_of is
$$The instant that the views in the schema public show: the session's setting catalog.as_of, in the session's time zone
unless it names one; infinity, the present, if it is unset or empty. The views call it in a subquery, once per query.$$;

create or replace function catalog.require_present(p_name text) returns boolean
language plpgsql stable parallel safe as $$
begin
    if catalog.as_of() < 'infinity' then
        raise exception '% keeps no past', p_name
            using errcode = '0A000', hint = 'For the present: reset catalog.as_of.';
    end if;
    return true;
end
$$;
comment on function catalog.require_present is
    'True in the present. A view without history calls it, and so raises instead of showing the wrong instant.';

create or replace function catalog.drop_if_incompatible(p_name text, p_columns text[]) returns void
language plpgsql volatile as $$
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
comment on function catalog.drop_if_incompatible is
$$Drops a view or a function of an older release that `create or replace` cannot give these columns, {"name type"}.
The drop fails while other objects depend on it. Its own grants are lost and must be granted again.$$;

create or replace function catalog.grant_privileges() returns void
language plpgsql volatile as $$
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
comment on function catalog.grant_privileges is
$$Grants each role its rights. catalog_service may read every table, and change data only by functions that run as the
owner. catalog_reader sees the views granted to it in the schema public. A login role is made a member of one of them.
The service also reads all sessions' statistics, to see which snapshots a swap must wait for.$$;

create or replace function catalog.count_values(p_values text[]) returns jsonb
language sql immutable parallel safe
return coalesce((
    select jsonb_object_agg(value, n)
    from (
        select value, count(*) as n
        from unnest(p_values) as value
        group by value
    ) as counted
), '{}');
comment on function catalog.count_values is 'Counts each text of an array: {text: count}.';

create or replace function catalog.apply_count_deltas(p_counts jsonb, p_values text[], p_members integer[]) returns jsonb
language sql immutable parallel safe
return coalesce((
    select jsonb_object_agg(value, members)
    from (
        select value, sum(members) as members
        from (
            select counted.key as value, counted.value::bigint as members
            from jsonb_each_text(p_counts) as counted
            union all
            select moved.value, moved.members
            from unnest(p_values, p_members) as moved (value, members)
        ) as term
        group by value
    ) as summed
    where members <> 0
), '{}');
comment on function catalog.apply_count_deltas is
    'Adds differences to the counts of count_values: {text: count}, without zeros.';
