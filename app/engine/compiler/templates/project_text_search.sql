    if p_version = 1 and {after} is not null then
        insert into catalog.{table} (id, words)
        values (p_stream_id, catalog.tokens_of({after}));
    elsif v_after is not null and {after} is distinct from {before} then
        declare
            v_words constant text[] := catalog.tokens_of({after});
        begin
            update catalog.{table}
            set words = case
                when '*' = any (v_words) then v_words
                else catalog.tokens_of(array_to_string(words || v_words, ' '))
            end
            where id = p_stream_id
                and not ('*' = any (words) or v_words <@ words);
            if not found and v_before is null then
                insert into catalog.{table} (id, words)
                values (p_stream_id, v_words)
                on conflict (id) do nothing;
            end if;
        end;
    end if;
