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
-- Beside a message, what it says that no longer holds; beside a fact, who says it.
select
    'message' as object, m.message_key as object_key, m.id, d.id as dialogue_id,
    m.role as role_or_type, coalesce(m.name, '') as name, m.created_at as said_at, m.text,
    outdated.starts, outdated.ends,
    '{}'::text [] as mention_dialogue_ids, '{}'::text [] as mention_message_ids
from messages as m
inner join dialogues as d
    on
        d.namespace_key = %(namespace_key)s and d.project_id = %(project_id)s
        and m.dialogue_key = d.dialogue_key
cross join lateral (
    select
        coalesce(array_agg(said.start_character), '{}') as starts,
        coalesce(array_agg(said.end_character), '{}') as ends
    from fact_mentions as said
    inner join memories as f
        on
            f.namespace_key = %(namespace_key)s and f.project_id = %(project_id)s
            and said.memory_key = f.memory_key
    where
        said.namespace_key = %(namespace_key)s and said.project_id = %(project_id)s
        and said.dialogue_id = d.id and said.message_id = m.id and f.superseded_at is not null
) as outdated
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.message_key = any(%(message_keys)s)
union all
select
    'memory' as object, f.memory_key as object_key, f.id,
    coalesce(f.source_dialogue_id, '') as dialogue_id,
    coalesce(f.fact_type, 'memory') as role_or_type, '' as name,
    coalesce(f.valid_from, f.created_at) as said_at, f.text,
    '{}'::integer [] as starts, '{}'::integer [] as ends,
    mentions.dialogue_ids as mention_dialogue_ids, mentions.message_ids as mention_message_ids
from memories as f
cross join lateral (
    select
        coalesce(array_agg(said.dialogue_id), '{}') as dialogue_ids,
        coalesce(array_agg(said.message_id), '{}') as message_ids
    from fact_mentions as said
    where
        said.namespace_key = %(namespace_key)s and said.project_id = %(project_id)s
        and said.memory_key = f.memory_key and not said.is_retraction
) as mentions
where
    f.namespace_key = %(namespace_key)s and f.project_id = %(project_id)s
    and f.memory_key = any(%(memory_keys)s);
