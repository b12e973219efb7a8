-- record --
insert into recalls (
    namespace_key, project_id, message_key, ordinal, object, object_key, relevance
)
select
    %(namespace_key)s, %(project_id)s, %(message_key)s, ordinal, object, object_key, relevance
from unnest(
    %(objects)s::text [], %(object_keys)s::bigint [], %(relevances)s::double precision []
) with ordinality as row (object, object_key, relevance, ordinal)
on conflict do nothing;

-- at_position --
select r.object, r.object_key, r.relevance
from messages as m
inner join recalls as r
    on
        r.namespace_key = %(namespace_key)s and r.project_id = %(project_id)s
        and m.message_key = r.message_key
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.dialogue_key = %(dialogue_key)s and m.position = %(position)s
order by r.ordinal;

-- quotes --
-- Beside a message, what it says that no longer holds; beside a fact, who says it. Each by its key,
-- one at a time (`found` in messages.sql).
select
    'message' as object, m.message_key as object_key, m.id, d.id as dialogue_id,
    m.role as role_or_type, coalesce(m.name, '') as name, m.created_at as said_at, m.text,
    outdated.starts, outdated.ends,
    '{}'::text [] as mention_dialogue_ids, '{}'::text [] as mention_message_ids
from unnest(%(message_keys)s::bigint []) as asked (key)
cross join lateral (
    select message_key, dialogue_key, id, role, name, created_at, text
    from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and message_key = asked.key
    limit 1
) as m
cross join lateral (
    select id
    from dialogues
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = m.dialogue_key
    limit 1
) as d
cross join lateral (
    select
        coalesce(array_agg(said.start_character), '{}') as starts,
        coalesce(array_agg(said.end_character), '{}') as ends
    from fact_mentions as said
    cross join lateral (
        select
        from memories
        where
            namespace_key = %(namespace_key)s and project_id = %(project_id)s
            and memory_key = said.memory_key and superseded_at is not null
        limit 1
    ) as outdated_fact
    where
        said.namespace_key = %(namespace_key)s and said.project_id = %(project_id)s
        and said.dialogue_id = d.id and said.message_id = m.id
) as outdated
union all
select
    'memory' as object, f.memory_key as object_key, f.id,
    coalesce(f.source_dialogue_id, '') as dialogue_id,
    coalesce(f.fact_type, 'memory') as role_or_type, '' as name,
    coalesce(f.valid_from, f.created_at) as said_at, f.text,
    '{}'::integer [] as starts, '{}'::integer [] as ends,
    mentions.dialogue_ids as mention_dialogue_ids, mentions.message_ids as mention_message_ids
from unnest(%(memory_keys)s::bigint []) as asked (key)
cross join lateral (
    select memory_key, id, source_dialogue_id, fact_type, valid_from, created_at, text
    from memories
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and memory_key = asked.key
    limit 1
) as f
cross join lateral (
    select
        coalesce(array_agg(said.dialogue_id), '{}') as dialogue_ids,
        coalesce(array_agg(said.message_id), '{}') as message_ids
    from fact_mentions as said
    where
        said.namespace_key = %(namespace_key)s and said.project_id = %(project_id)s
        and said.memory_key = f.memory_key and not said.is_retraction
) as mentions;
