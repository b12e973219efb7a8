-- insert_entries --
-- A text as long as a book is found by its first hundred thousand characters: Postgres refuses
-- word lists above a megabyte. Of every 64 texts one looks whether its cell has grown too large.
with new as (
    select
        row.*, strip(to_tsvector('english', left(text, 100000))) as terms,
        coalesce(
            (
                select cell from search_cells
                where namespace_key = %(namespace_key)s and project_id = %(project_id)s
                and not is_split and search_cells.embedder = row.embedder
                order by centroid <#> row.embedding
                limit 1
            ), 0
        ) as cell
    from unnest(
        %(objects)b::text [], %(object_keys)b::bigint [], %(dialogue_keys)b::bigint [],
        %(positions)b::integer [], %(roles)b::text [], %(speakers)b::text [], %(tags)b::jsonb [],
        %(metadata)b::jsonb [], %(created_at)b::timestamptz [], %(are_committed)b::boolean [],
        %(asking_shares)b::real [], %(texts)b::text [], %(embedders)b::text [],
        %(vectors)b::halfvec []
    ) as row (
        object, object_key, dialogue_key, position, role, speaker, tags, metadata, created_at,
        is_committed, asking_share, text, embedder, embedding
    )
),

stored as (
    insert into search_entries (
        namespace_key, project_id, object, object_key, dialogue_key, position, role, speaker, tags,
        metadata, created_at, is_committed, asking_share, terms, word_count, embedder, embedding,
        cell
    )
    select
        %(namespace_key)s, %(project_id)s, object, object_key, dialogue_key, position, role,
        speaker, array(select jsonb_array_elements_text(tags)), metadata, created_at, is_committed,
        asking_share, terms, length(terms), embedder, embedding, cell
    from new
    on conflict (namespace_key, object, object_key) do update set
        role = excluded.role, speaker = excluded.speaker, tags = excluded.tags,
        metadata = excluded.metadata, created_at = excluded.created_at,
        is_committed = excluded.is_committed, asking_share = excluded.asking_share,
        terms = excluded.terms, word_count = excluded.word_count, embedder = excluded.embedder,
        embedding = excluded.embedding, next_embedder = null, next_embedding = null,
        cell = excluded.cell
    returning entry_key, cell
)

insert into search_splits (namespace_key, cell, project_id)
select %(namespace_key)s, cell, %(project_id)s
from (select distinct cell from stored where mod(entry_key, 64) = 0) as looked_at
where (
    select count(*) from (
        select from search_entries
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and search_entries.cell = looked_at.cell
        limit greatest(%(max_whole_texts)s::integer, %(max_cell_texts)s::integer) + 1
    ) as texts
)
-- This statement does not see what it stores.
+ (select count(*) from stored where stored.cell = looked_at.cell)
> case cell when 0 then %(max_whole_texts)s::integer else %(max_cell_texts)s::integer end
on conflict do nothing;

-- insert_speakers --
insert into speakers (namespace_key, project_id, word, speaker)
select %(namespace_key)s, %(project_id)s, word, speaker
from unnest(%(words)s::text [], %(speakers)s::text []) as new (word, speaker)
on conflict do nothing;

-- speakers_named --
select distinct speaker from speakers
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and word = any(%(words)s::text []);

-- forget_speakers --
-- Of whom nothing is left that could be found.
delete from speakers
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and not exists (
        select from search_entries
        where
            namespace_key = %(namespace_key)s and project_id = %(project_id)s
            and search_entries.speaker = speakers.speaker
    );

-- delete_entries --
delete from search_entries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and object = %(object)s and object_key = any(%(object_keys)s::bigint []);

-- delete_positions --
delete from search_entries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and dialogue_key = %(dialogue_key)s and position = any(%(positions)s::integer []);

-- delete_dialogue --
delete from search_entries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and dialogue_key = %(dialogue_key)s;

-- commit_entries --
update search_entries set is_committed = true
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and dialogue_key = %(dialogue_key)s and position <= %(up_to_position)s and not is_committed;

-- set_current --
update search_entries set is_current = %(is_current)s
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and object = %(object)s and object_key = any(%(object_keys)s::bigint []);

-- retag --
update search_entries set tags = %(tags)s::text []
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and object = %(object)s and object_key = %(object_key)s;

-- without_vector --
select entry_key, coalesce(messages.text, memories.text, '') as text
from search_entries
left join messages
    on object = 'message' and messages.namespace_key = search_entries.namespace_key
    and message_key = object_key
left join memories
    on object = 'memory' and memories.namespace_key = search_entries.namespace_key
    and memory_key = object_key
where search_entries.namespace_key = %(namespace_key)s
and search_entries.project_id = %(project_id)s
and entry_key > %(after)s::bigint
and (%(dialogue_key)s::bigint is null or search_entries.dialogue_key = %(dialogue_key)s::bigint)
and embedder is distinct from %(embedder)s::text
and next_embedder is distinct from %(embedder)s::text
order by entry_key
limit %(limit)s;

-- set_vectors --
-- Into the second place where another embedder's vector serves in the first.
update search_entries set
    embedder = case when is_free then %(embedder)s::text else embedder end,
    embedding = case when is_free then vector else embedding end,
    next_embedder = case when is_free then next_embedder else %(embedder)s::text end,
    next_embedding = case when is_free then next_embedding else vector end,
    cell = case when is_free then coalesce(nearest_cell, cell) else cell end
from (
    select
        key, vector, embedder is null or embedder = %(embedder)s::text as is_free,
        (
            select search_cells.cell from search_cells
            where namespace_key = %(namespace_key)s and project_id = %(project_id)s
            and not is_split and search_cells.embedder = %(embedder)s::text
            order by centroid <#> vector
            limit 1
        ) as nearest_cell
    from unnest(%(entry_keys)s::bigint [], %(vectors)s::halfvec []) as new (key, vector)
    join search_entries
        on namespace_key = %(namespace_key)s and project_id = %(project_id)s and entry_key = key
) as made
where namespace_key = %(namespace_key)s and project_id = %(project_id)s and entry_key = key;

-- adopt_vectors --
-- Cells are of the embedder that is left, so what is adopted belongs to none of them.
update search_entries set
    embedder = %(embedder)s::text,
    embedding = case next_embedder when %(embedder)s::text then next_embedding else embedding end,
    next_embedder = null, next_embedding = null,
    cell = case next_embedder when %(embedder)s::text then 0 else cell end
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and entry_key = any(array(
    select entry_key from search_entries
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and next_embedder is not null
    and (next_embedder = %(embedder)s::text or embedder = %(embedder)s::text)
    limit %(limit)s::integer
));

-- has_others_vectors --
select exists (
    select from search_entries
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and (embedder <> %(embedder)s::text or next_embedder <> %(embedder)s::text)
) as has_others;

-- count_vectors --
select * from texts_by_embedder();

-- {is_in_scope} --
entry.object = any(%(objects)s::text [])
and (
    not %(is_narrow)s::boolean
    or is_in_scope(
        entry, %(objects)s::text [], %(tags_any)s::text [], %(tags_all)s::text [],
        %(tags_none)s::text [], %(created_from)s::timestamptz, %(created_before)s::timestamptz,
        %(metadata_condition)s::jsonpath, %(metadata_values)s::jsonb, %(own_dialogue_key)s::bigint,
        %(own_positions)s::integer [], %(include_uncommitted)s::boolean
    )
    and (
        %(dialogue_keys)s::bigint [] is null
        or (entry.dialogue_key in (select unnest(%(dialogue_keys)s::bigint []))) is true
    )
    and (
        %(object_keys)s::bigint [] is null
        or entry.object_key in (select unnest(%(object_keys)s::bigint []))
    )
)

-- {packed_columns} --
-- What the ranking asks of an entry.
entry.entry_key, entry.object_key, coalesce(entry.dialogue_key, 0) as dialogue_key,
coalesce(entry.position, 0)::bigint << 32 | entry.word_count as position_and_word_count,
similarity_to(entry, %(embedder)s::text, %(vector)s::halfvec) as similarity,
(
    case when entry.object = 'message' then 1::bigint else 0 end
    + case
        when entry.role = %(sought_role)s or entry.speaker = any(%(sought_speakers)s::text [])
        then 2 else 0
    end
    + case when {is_in_scope} then 4 else 0 end
) << 32
| case when entry.terms @@ any_word then word_bits(entry.terms, word_queries) else 0 end
as flags_and_word_bits,
entry.asking_share, date_part('epoch', entry.created_at) as created_at

-- {packed} --
-- Rows of a fixed width in one value are read by numpy in microseconds, where a thousand rows of a
-- dozen columns would take milliseconds. The fewer pieces a row is put together of, the better.
coalesce(
    string_agg(
        int8send(entry_key) || int8send(object_key) || int8send(dialogue_key)
        || int8send(position_and_word_count) || int8send(flags_and_word_bits)
        || float8send(similarity) || float4send(asking_share) || float8send(created_at),
        ''
    ),
    ''
)

-- {words} --
-- Of a long text the longest words: rare words are long.
select lexeme, number
from unnest(tsvector_to_array(to_tsvector('english', %(text)s::text)))
with ordinality as lexemes (lexeme, number)
order by length(lexeme) desc, number
limit 24

-- {asked} --
select
    string_agg(quoted, ' | ' order by number)::tsquery as any_word,
    array_agg(quoted::tsquery order by number) as word_queries,
    count(*)::integer as words
from (
    select
        number,
        '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''' as quoted
    from ({words}) as longest
) as words

-- candidates --
-- Every entry of cell 0, that is of the namespace unless it is large.
with asked as materialized ({asked}),

entries as (
    select {packed_columns}
    from search_entries as entry, asked
    where entry.namespace_key = %(namespace_key)s and entry.project_id = %(project_id)s
    and entry.cell = 0
    and (entry.is_current or %(include_superseded)s)
)

select
    (select words from asked) as words,
    exists (
        select from search_cells
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    ) as is_large,
    {packed} as packed
from entries;

-- candidates_of_cells --
-- In a large namespace: the entries that a question should be compared with in full. The nearest by
-- meaning, from the cells nearest to it; those with its rare words, from wherever they are; and
-- the turns around both, which say what they are about.
with asked as materialized ({asked}),

words as materialized (
    select
        -- Of a word that the sample lacks, we know only that it is rarer than those it has.
        number, lexeme as word, coalesce(share, 0.0001) as share,
        ln(1 / coalesce(share, 0.0001)) as rarity
    from ({words}) as longest
    left join search_words
        on namespace_key = %(namespace_key)s and project_id = %(project_id)s and word = lexeme
),

cells as materialized (
    select
        cell, case when is_split then 0 else texts end as texts,
        is_split or is_foreign or coalesce(texts_before, 0) < %(texts_to_read)s::integer as is_near
    from (
        select
            cell, is_split, texts, embedder is distinct from %(embedder)s::text as is_foreign,
            sum(texts) filter (where not is_split) over (
                order by
                    is_split desc,
                    case embedder
                        when %(embedder)s::text then centroid <#> %(vector)s::halfvec
                    end
                rows between unbounded preceding and 1 preceding
            ) as texts_before
        from search_cells
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    ) as by_nearness
),

near as (
    select entry_key, dialogue_key, position
    from search_entries as entry
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and cell = any(array(select cell from cells where is_near))
    and (is_current or %(include_superseded)s)
    and {is_in_scope}
    order by similarity_to(entry, %(embedder)s::text, %(vector)s::halfvec) desc
    limit %(most_near)s::integer
),

by_rarity as materialized (
    select
        word, 1 << (number - 1)::integer as bit, row_number() over (order by share, word) as place,
        (sum(share) over (order by share, word)) * (select sum(texts) from cells)
        <= %(texts_with_words)s::integer as is_rare
    from words
),

-- Each rare word, and the commoner ones two by two.
looked_up as materialized (
    select word, word as other, bit as bits from by_rarity where is_rare
    union all
    select one.word, other.word, one.bit | other.bit
    from (select * from by_rarity where not is_rare order by place limit 5) as one
    join (select * from by_rarity where not is_rare order by place limit 5) as other
        on one.place < other.place
),

looked_up_entries as materialized (
    select * from entries_with_words(
        array(select word from looked_up), array(select other from looked_up),
        %(embedder)s::text, %(vector)s::halfvec, %(texts_with_words)s::integer
    )
),

holders as materialized (
    select entry_key, dialogue_key, position, similarity, bit_or(bits) as bits
    from looked_up_entries
    join looked_up using (word, other)
    group by entry_key, dialogue_key, position, similarity
),

-- Few sets of words occur, each in many texts.
shares as materialized (
    select
        bits,
        (select sum(rarity) from words where bits >> (number - 1)::integer & 1 = 1)
        / (select sum(rarity) from words) as share
    from (select distinct bits from holders) as sets
),

with_words as (
    select entry_key, dialogue_key, position, similarity, share
    from holders
    join shares using (bits)
),

promising as (
    select
        entry_key,
        -- The words of the turns around count as well. In one line of all dialogues, each at a
        -- distance from the next: thousands of windows of one turn take five times as long.
        share + sum(share) over (
            order by coalesce(dialogue_key, -entry_key) * 1048576 + coalesce(position, 0)
            range between 4 preceding and 4 following
        ) + 2 * similarity as promise
    from with_words
    order by promise desc
    limit 2 * %(most_spoken)s::integer
),

spoken as (
    select entry.entry_key, dialogue_key, position
    from promising
    join search_entries as entry
        on namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and entry.entry_key = promising.entry_key
    where (is_current or %(include_superseded)s)
    and {is_in_scope}
    order by promise desc
    limit %(most_spoken)s::integer
),

found as materialized (
    select * from near
    union
    select * from spoken
),

-- Stretches of a dialogue that hold what was found and the turns around it, none in two of them.
-- The sums are made here: under row level security an expression that may fail, as a sum may,
-- cannot be looked up in an index.
stretches as materialized (
    select
        dialogue_key, min(position) - 4 as from_position, max(position) + 4 as to_position
    from (
        select
            dialogue_key, position,
            count(*) filter (where is_far) over (
                partition by dialogue_key order by position
            ) as stretch
        from (
            select
                dialogue_key, position,
                position - lag(position) over (
                    partition by dialogue_key order by position
                ) > 8 as is_far
            from found
            where dialogue_key is not null
        ) as one_by_one
    ) as counted
    group by dialogue_key, stretch
),

entries as (
    select {packed_columns}
    from asked, stretches
    join search_entries as entry
        on entry.namespace_key = %(namespace_key)s and entry.project_id = %(project_id)s
        and entry.dialogue_key = stretches.dialogue_key
        and entry.position between from_position and to_position
    where cell > 0 and (is_current or %(include_superseded)s)
    union all
    select {packed_columns}
    from asked, search_entries as entry
    where entry.namespace_key = %(namespace_key)s and entry.project_id = %(project_id)s
    and entry.entry_key = any(array(select entry_key from found where dialogue_key is null))
)

select
    {packed} as packed,
    (select count(*) from found)::integer as found,
    (select sum(texts) from cells)::integer as texts,
    array(
        select coalesce(
            (
                select count(*) from looked_up_entries
                where looked_up_entries.word = words.word and other = words.word
                having count(*) between 1 and %(texts_with_words)s::integer - 1
            ),
            share * (select sum(texts) from cells)
        )::double precision
        from words
        order by number
    ) as frequencies
from entries;
