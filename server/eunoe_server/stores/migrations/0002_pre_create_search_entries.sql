-- What can be found: one row a searchable text, of memories and messages alike, so that one
-- statement ranks them together. It holds nothing that cannot be made again from those two.

create table search_entries (
    namespace_key bigint not null
    constraint search_entries_namespace references namespaces on delete cascade,
    entry_key bigint generated always as identity,
    project_id bigint not null,
    object text not null check (object in ('memory', 'message')),
    -- memory_key or message_key.
    object_key bigint not null,
    -- Where a message was said; null for a memory.
    dialogue_key bigint,
    position integer,
    -- Whose words these are: a role, and the name in lower case if there is one.
    role text not null,
    speaker text not null,
    tags text[] not null,
    metadata jsonb not null,
    created_at timestamptz not null,
    -- A message is found by other dialogues once it is committed.
    is_committed boolean not null,
    -- False for a fact that no longer holds.
    is_current boolean not null default true,
    -- How much of the text is questions, 0 to 1.
    asking_share real not null,
    -- Without positions: the ranking asks whether a word occurs, not where or how often.
    terms tsvector not null,
    word_count integer not null,
    -- Vectors of two embedders are never compared; null until it is made. The second pair is filled
    -- while `eunoe reindex` moves to another embedder and the first one still serves.
    embedder text,
    embedding halfvec,
    next_embedder text,
    next_embedding halfvec,
    -- Which part of a large namespace's meanings the text lies in; 0 in a small one (search_cells).
    cell integer not null default 0,
    primary key (namespace_key, entry_key),
    constraint search_entries_object_unique unique (namespace_key, object, object_key),
    constraint search_entries_dialogue foreign key (namespace_key, dialogue_key)
    references dialogues on delete cascade
);

create index search_entries_by_place on search_entries (namespace_key, dialogue_key, position);
create index search_entries_by_cell on search_entries (namespace_key, cell);
-- Counted when a server starts and by `eunoe doctor`; few values, so the index is small.
create index search_entries_by_embedder
on search_entries (project_id, namespace_key, embedder, next_embedder);

-- A namespace too large to be read whole is split by meaning: a question reads the cells nearest to
-- it. It is an inverted file as vector indexes keep one, but one a namespace, of ordinary rows: a
-- graph over all tenants' vectors costs milliseconds a row to write, and most of what it finds
-- belongs to others.
create table search_cells (
    namespace_key bigint not null
    constraint search_cells_namespace references namespaces on delete cascade,
    cell integer not null,
    project_id bigint not null,
    -- Null for cell 0, which is everything until it is split.
    embedder text,
    centroid halfvec,
    -- How many texts it had when it was made.
    texts integer not null,
    -- Its texts moved to other cells. Those that were written meanwhile are still in it.
    is_split boolean not null default false,
    primary key (namespace_key, cell)
);

-- How common words are in a large namespace, as a share of the texts it was first split with.
create table search_words (
    namespace_key bigint not null
    constraint search_words_namespace references namespaces on delete cascade,
    word text not null,
    project_id bigint not null,
    share real not null,
    primary key (namespace_key, word)
);

-- Cells that have grown too large. A plain table like commit_queue: keys only, no content.
create table search_splits (
    namespace_key bigint not null
    constraint search_splits_namespace references namespaces on delete cascade,
    cell integer not null,
    project_id bigint not null,
    primary key (namespace_key, cell)
);

-- Who speaks in a namespace, by each word of their name: "Ana" and "Silva" find "Ana Silva".
create table speakers (
    namespace_key bigint not null
    constraint speakers_namespace references namespaces on delete cascade,
    project_id bigint not null,
    word text not null,
    speaker text not null,
    primary key (namespace_key, word, speaker)
);

-- Bit n-1: the text holds the n-th word. An expression, which Postgres puts in place of the call.
create function word_bits(terms tsvector, words tsquery[]) returns integer
language sql immutable parallel safe
return
    coalesce((terms @@ words[1])::integer << 0, 0) |
    coalesce((terms @@ words[2])::integer << 1, 0) |
    coalesce((terms @@ words[3])::integer << 2, 0) |
    coalesce((terms @@ words[4])::integer << 3, 0) |
    coalesce((terms @@ words[5])::integer << 4, 0) |
    coalesce((terms @@ words[6])::integer << 5, 0) |
    coalesce((terms @@ words[7])::integer << 6, 0) |
    coalesce((terms @@ words[8])::integer << 7, 0) |
    coalesce((terms @@ words[9])::integer << 8, 0) |
    coalesce((terms @@ words[10])::integer << 9, 0) |
    coalesce((terms @@ words[11])::integer << 10, 0) |
    coalesce((terms @@ words[12])::integer << 11, 0) |
    coalesce((terms @@ words[13])::integer << 12, 0) |
    coalesce((terms @@ words[14])::integer << 13, 0) |
    coalesce((terms @@ words[15])::integer << 14, 0) |
    coalesce((terms @@ words[16])::integer << 15, 0) |
    coalesce((terms @@ words[17])::integer << 16, 0) |
    coalesce((terms @@ words[18])::integer << 17, 0) |
    coalesce((terms @@ words[19])::integer << 18, 0) |
    coalesce((terms @@ words[20])::integer << 19, 0) |
    coalesce((terms @@ words[21])::integer << 20, 0) |
    coalesce((terms @@ words[22])::integer << 21, 0) |
    coalesce((terms @@ words[23])::integer << 22, 0) |
    coalesce((terms @@ words[24])::integer << 23, 0);

-- The cosine of two unit vectors of one embedder, else 0; likewise an expression.
create function similarity_to(entry search_entries, embedder text, vector halfvec)
returns double precision
language sql immutable parallel safe
return
    coalesce(
        case embedder
            when entry.embedder then -(entry.embedding <#> vector)
            when entry.next_embedder then -(entry.next_embedding <#> vector)
        end, 0
    );

-- Whether an entry may be found (SearchScope); likewise an expression.
create function is_in_scope(
    entry search_entries, objects text[], tags_any text[], tags_all text[], tags_none text[],
    created_from timestamptz, created_before timestamptz, metadata_condition jsonpath,
    metadata_values jsonb, own_dialogue_key bigint, own_positions integer[],
    include_uncommitted boolean
) returns boolean
language sql stable parallel safe
return
    entry.object = any(objects)
    and (entry.tags && tags_any or tags_any = '{}')
    and entry.tags @> tags_all
    and not entry.tags && tags_none
    and (entry.created_at >= created_from or created_from is null)
    and (entry.created_at < created_before or created_before is null)
    and (
        metadata_condition is null
        or jsonb_path_match(entry.metadata, metadata_condition, metadata_values, true) is true
    )
    and case
        when entry.dialogue_key = own_dialogue_key then entry.position = any(own_positions)
        else entry.is_committed or include_uncommitted
    end;

-- A word as one namespace's own, so that an index of words never leads to other tenants' texts.
create function own_words(namespace_key bigint, words text[]) returns text[]
language sql immutable parallel safe
return
    array(select namespace_key || '/' || word from unnest(words) as word);

create index search_entries_by_word on search_entries
using gin (own_words(namespace_key, tsvector_to_array(terms))) where cell > 0;

grant select, insert, update, delete on search_entries, search_cells, search_words, search_splits,
speakers to eunoe_app, eunoe_project;

-- Postgres looks nothing up in an index for a role under row level security, unless the operator is
-- known not to leak what it sees; `@>` is not. So the look-up has a role of its own, which may see
-- all entries and can do nothing but run this function: it answers with places in the transaction's
-- own namespace, and what is there is read under the caller's policies. It finds texts with a
-- word, or with two.
create function entries_with_words(
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
        and entries.namespace_key = current_setting('eunoe.namespace_key')::bigint
        and entries.project_id = current_setting('eunoe.project_id')::bigint
        limit most
    ) as found
$$;

-- Whose vectors there are, over all tenants: keys and numbers, no content.
create function texts_by_embedder() returns table (
    project_id bigint, namespace_key bigint, embedder text, next_embedder text, texts bigint
)
language sql stable security definer rows 1000
set search_path = pg_catalog, public
as $$
    select project_id, namespace_key, embedder, next_embedder, count(*) as texts
    from public.search_entries
    group by project_id, namespace_key, embedder, next_embedder
    order by project_id, namespace_key
$$;

grant select on search_entries to eunoe_search;
grant create on schema public to eunoe_search;
alter function entries_with_words owner to eunoe_search;
alter function texts_by_embedder owner to eunoe_search;
revoke create on schema public from eunoe_search;
revoke all on function entries_with_words from public;
revoke all on function texts_by_embedder from public;
grant execute on function entries_with_words to eunoe_app, eunoe_project;
grant execute on function texts_by_embedder to eunoe_app;

create policy of_search on search_entries for select to eunoe_search using (true);

alter table search_entries enable row level security;
alter table search_entries force row level security;
alter table search_cells enable row level security;
alter table search_cells force row level security;
alter table search_words enable row level security;
alter table search_words force row level security;
alter table speakers enable row level security;
alter table speakers force row level security;

create policy in_project on search_entries to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on search_entries to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on speakers to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on speakers to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on search_cells to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on search_cells to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on search_words to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on search_words to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);
