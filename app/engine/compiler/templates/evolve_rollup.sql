create or replace function catalog.evolve_{name}(p_key text, p_part jsonb, p_events catalog.log[]) returns jsonb
language plpgsql stable parallel safe as $$
declare
    v_document jsonb := p_part || jsonb_build_object({by}, p_key);
    v_event catalog.log;
begin
    foreach v_event in array p_events loop
        v_document := catalog.evolve_{projection}(v_document, v_event.stream_id, v_event.version, v_event.recorded_at,
            v_event.type, v_event.data);
    end loop;
    return v_document;
end
$$;
{comment}
