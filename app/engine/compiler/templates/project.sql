create or replace function catalog.project_{name}(
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
        from catalog.{documents}
        where id = p_stream_id;
    end if;
    if p_type not in ({types}) then
        update catalog.{documents} set version = p_version where id = p_stream_id;
        return v_before;
    end if;
    v_after := catalog.evolve_{name}(v_before, p_stream_id, p_version, p_recorded_at, p_type, p_data);
    if v_after is null then
        delete from catalog.{documents} where id = p_stream_id;
    elsif v_before is null then
        insert into catalog.{documents} (id, version, valid_from, document)
        values (p_stream_id, p_version, p_recorded_at, v_after);
    else
        update catalog.{documents}
        set version = p_version, valid_from = p_recorded_at, document = v_after
        where id = p_stream_id;
    end if;
{writes}    return v_after;
end
$$;
{comment}
