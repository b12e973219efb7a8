-- Postgres keeps no statistics of content (0008), so it guesses how many texts hold a word, and
-- would rather make the words of a whole namespace anew, or join its index with that of words, than
-- look the words up. Their index knows the namespace already; a sum keeps the others out of it.
grant create on schema public to eunoe_search;
set local role eunoe_search;

create or replace function entries_with_words(
    words text[], others text[], embedder text, vector halfvec, most integer
) returns table (
    entry_key bigint, dialogue_key bigint, "position" integer, similarity double precision,
    word text, other text
)
language sql stable security definer rows 1000
set search_path = pg_catalog, public
as $$
    select found.*, asked.word, asked.other
    from unnest(words, others) as asked (word, other),
    lateral (
        select
            entries.entry_key, entries.dialogue_key, entries.position,
            public.similarity_to(entries, embedder, vector) as similarity
        from public.search_entries as entries
        where public.own_words(entries.namespace_key, tsvector_to_array(entries.terms))
            @> public.own_words(
                current_setting('eunoe.namespace_key')::bigint,
                array[asked.word, coalesce(asked.other, asked.word)]
            )
        and entries.cell > 0
        and entries.namespace_key + 0 = current_setting('eunoe.namespace_key')::bigint
        and entries.project_id + 0 = current_setting('eunoe.project_id')::bigint
        limit most
    ) as found
$$;

reset role;
revoke create on schema public from eunoe_search;
