-- The functions of the schema catalog, and what belongs to the log, get the names that an engineer looks for: the log's
-- sequence and indexes still have the name of the table that migration 2 has renamed. Tables and columns keep theirs.
--
-- Only names change, in milliseconds. Generated columns, views and functions refer to what is renamed by its number, and
-- follow; privileges stay; no table and no index is written. Appends under way come to their end first, and the next ones
-- wait until the schema is installed. The trigger's name takes a lock on the log for as long.

select pg_advisory_xact_lock(catalog.append_gate());

-- Their parameters have other names too, which `create or replace` does not give. Nothing depends on them.
drop function if exists catalog.keep_answer(jsonb, jsonb);
drop function if exists catalog.append_once(jsonb, integer, integer, jsonb, jsonb);

do $$
declare
    v_routine record;
begin
    for v_routine in
        select pg_proc.oid::regprocedure as signature, renamed.after
        from (
            values
                ('findable', 'search_vector'),
                ('words_in', 'tokens_of'),
                ('words_matching', 'candidate_query'),
                ('words_ending', 'suffix_query'),
                ('plain_words', 'strip_punctuation'),
                ('text_matches', 'matches_search'),
                ('forgotten', 'redact'),
                ('forgotten_form', 'redacted_event'),
                ('personal_part', 'personal_values'),
                ('merged', 'jsonb_merge_agg'),
                ('count_each', 'count_values'),
                ('counts_after', 'apply_count_deltas'),
                ('note_mark', 'begin_mark'),
                ('sweep_answers', 'expire_idempotency_keys'),
                ('note_progress', 'record_rebuild_progress'),
                ('end_rebuild', 'record_rebuild_failure'),
                ('make_way', 'drop_if_incompatible'),
                ('present_only', 'require_present'),
                ('grant_rights', 'grant_privileges'),
                ('prepare_new_streams', 'index_new_streams')
            union all
            -- What is compiled for each read model, those of an earlier release included.
            select prefix.before || projections.name, prefix.after || projections.name
            from catalog.projections
            cross join (
                values
                    ('step_', 'evolve_'),
                    ('folding_', 'aggregate_'),
                    ('write_', 'project_'),
                    ('write_new_', 'project_new_'),
                    ('prepare_new_', 'index_new_')
            ) as prefix (before, after)
        ) as renamed (before, after)
        join pg_proc on proname = renamed.before and pronamespace = 'catalog'::regnamespace
    loop
        execute format('alter routine %s rename to %I', v_routine.signature, v_routine.after);
    end loop;
    if exists (
        select from pg_trigger where tgname = 'events_are_for_ever' and tgrelid = 'catalog.log'::regclass
    ) then
        alter trigger events_are_for_ever on catalog.log rename to log_is_append_only;
    end if;
end
$$;

alter sequence if exists catalog.events_position_seq rename to log_position_seq;
alter index if exists catalog.events_pkey rename to log_pkey;
alter index if exists catalog.events_by_stream rename to log_by_stream;
alter index if exists catalog.events_by_recorded_at rename to log_by_recorded_at;

-- The fingerprint of a read model is of SQL that has these names in it. The rules are the same: nothing is rebuilt.
update catalog.projections
set fingerprint = known.after
from (
    values
        ('items',
            '3acc65c982ec04a3dcbf2c361d2be7756f0e3d91cd2e4f86903ca50e1223f6b0',
            '8a1551274f666906f9a05fc019cce829586e41c8051e28b3ebf93411bae1d1b2'),
        ('owners',
            'a27822c0e650f723e025e56cdcc875edaf8e35806e667213f422fea7350b4b93',
            '2e698450568aaf5679ae69ecbc1140d23d1eebaf1ba75c35bb81faf9c6761859'),
        ('categories',
            'a88615f231e1fe95f32b1dd22b35fc723fd52360cbab7fc4ee8a9e7b9f75d939',
            '674e56695d6d27db5d740cc8ac34df17decece697ccf929fae0866eb9f3683c6')
) as known (name, before, after)
where projections.name = known.name
    and projections.fingerprint = known.before;

-- During a rollout, processes of the previous release still serve, and call these functions by their old names. A new
-- database does not get them. The next migration drops them.
set local check_function_bodies = off;  -- what they call is there once the schema is installed

create or replace function catalog.note_mark(out "position" bigint, out instant timestamptz)
language sql volatile as 'select * from catalog.begin_mark()';

create or replace function catalog.sweep_answers(p_limit integer) returns bigint
language sql volatile as 'select catalog.expire_idempotency_keys(p_limit)';

create or replace function catalog.note_progress(p_name text, p_progress jsonb) returns void
language sql volatile as 'select catalog.record_rebuild_progress(p_name, p_progress)';

create or replace function catalog.end_rebuild(p_name text, p_error text) returns void
language sql volatile as 'select catalog.record_rebuild_failure(p_name, p_error)';

create or replace function catalog.keep_answer(p_once jsonb, p_answer jsonb) returns void
language sql volatile as 'select catalog.store_idempotent_outcome(p_once, p_answer)';

create or replace function catalog.append_once(
    p_once jsonb,
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
language sql volatile
as 'select * from catalog.append_idempotent(p_once, p_stream_id, p_expected_version, p_events, p_metadata)';

create or replace function catalog.plain_words(content text) returns text
language sql immutable parallel safe as 'select catalog.strip_punctuation(content)';

create or replace function catalog.words_in(content text) returns text[]
language sql immutable parallel safe as 'select catalog.tokens_of(content)';

create or replace function catalog.words_matching(search text) returns tsquery
language sql immutable parallel safe as 'select catalog.candidate_query(search)';

create or replace function catalog.words_ending(search text) returns tsquery
language sql immutable parallel safe as 'select catalog.suffix_query(search)';

create or replace function catalog.text_matches(content text, search text) returns boolean
language sql immutable parallel safe as 'select catalog.matches_search(content, search)';

create or replace function catalog.count_each(p_values text[]) returns jsonb
language sql immutable parallel safe as 'select catalog.count_values(p_values)';

create or replace aggregate catalog.merged(jsonb) (sfunc = jsonb_concat, stype = jsonb, parallel = safe);

create or replace view catalog.events_position_seq as
select last_value, log_cnt, is_called
from catalog.log_position_seq;

reset check_function_bodies;
