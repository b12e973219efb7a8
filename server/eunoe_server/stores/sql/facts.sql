-- lock --
-- As weak as excludes others who do the same: inserts into the namespace go on.
select from namespaces
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
for no key update;

-- known --
-- Locked against deletion, so that what is strengthened is still there when that is written.
select
    id, text, fact_type as type, confidence, slot, slot_value as value, is_negated, valid_from,
    last_said_at, valid_to, superseded_by, observations
from memories
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and fact_type is not null
    and (slot = any(%(slots)s::text []) or text_digest = any(%(text_digests)s::bytea []))
order by memory_key
for no key update;

-- change --
update memories as m
set
    confidence = new.confidence, observations = new.observations, valid_from = new.valid_from,
    last_said_at = new.last_said_at, valid_to = new.valid_to, superseded_by = new.superseded_by,
    superseded_at = case when new.valid_to is not null then coalesce(m.superseded_at, now()) end,
    modified_at = now()
from unnest(
    %(ids)s::text [], %(confidences)s::double precision [], %(observations)s::integer [],
    %(valid_from)s::timestamptz [], %(last_said_at)s::timestamptz [],
    %(valid_to)s::timestamptz [], %(superseded_by)s::text []
) as new (id, confidence, observations, valid_from, last_said_at, valid_to, superseded_by)
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.id = new.id and m.fact_type is not null
returning m.memory_key, m.superseded_at is null as is_current;

-- mention --
insert into fact_mentions (
    namespace_key, project_id, memory_key, dialogue_id, message_id, start_character, end_character,
    is_retraction
)
select
    m.namespace_key, m.project_id, m.memory_key, new.dialogue_id, new.message_id, new.start,
    new.finish, new.is_retraction
from unnest(
    %(fact_ids)s::text [], %(dialogue_ids)s::text [], %(message_ids)s::text [],
    %(starts)s::integer [], %(ends)s::integer [], %(are_retractions)s::boolean []
) as new (fact_id, dialogue_id, message_id, start, finish, is_retraction)
inner join memories as m
    on
        m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
        and m.id = new.fact_id
on conflict (namespace_key, memory_key, dialogue_id, message_id) do nothing;

-- superseded_mentions --
select distinct f.message_id
from fact_mentions as f
inner join messages as m
    on
        m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
        and m.dialogue_key = %(dialogue_key)s and f.message_id = m.id
where
    f.namespace_key = %(namespace_key)s and f.project_id = %(project_id)s
    and f.dialogue_id = %(dialogue_id)s and m.superseded_at is not null;

-- named --
select memory_key, id, valid_to, superseded_by, superseded_at
from memories
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and id = any(%(ids)s::text []) and fact_type is not null;

-- withdraw --
-- Every mention is one observation, but for a retraction. What was observed elsewhere as well is
-- kept, and counted less often.
with withdrawn as (
    delete from fact_mentions
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_id = %(dialogue_id)s
        and (%(message_ids)s::text [] is null or message_id = any(%(message_ids)s::text []))
    returning memory_key, is_retraction
),

counted as (
    select memory_key, count(*)::integer as times
    from withdrawn
    where not is_retraction
    group by memory_key
),

kept as (
    update memories as m
    set observations = m.observations - counted.times, modified_at = now()
    from counted
    where
        m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
        and m.memory_key = counted.memory_key and m.observations > counted.times
)

select m.memory_key, m.id, m.valid_to, m.superseded_by, m.superseded_at
from memories as m
inner join counted on m.memory_key = counted.memory_key
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.observations <= counted.times;

-- close --
update memories
set
    valid_to = valid_from, superseded_by = null, superseded_at = coalesce(superseded_at, now()),
    modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and memory_key = any(%(memory_keys)s::bigint []);

-- reopen --
update memories as m
set
    valid_to = gone.valid_to, superseded_by = gone.superseded_by,
    superseded_at = gone.superseded_at, modified_at = now()
from unnest(
    %(gone_ids)s::text [], %(valid_to)s::timestamptz [], %(superseded_by)s::text [],
    %(superseded_at)s::timestamptz []
) as gone (id, valid_to, superseded_by, superseded_at)
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.superseded_by = gone.id
returning m.memory_key, m.superseded_at is null as is_current;

-- forget_source --
update memories
set
    source_dialogue_id = null, source_message_id = null, source_start = null, source_end = null,
    modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and memory_key in (
        select memory_key from fact_mentions
        where
            namespace_key = %(namespace_key)s and project_id = %(project_id)s
            and dialogue_id = %(dialogue_id)s
            and (%(message_id)s::text is null or message_id = %(message_id)s)
    )
    and source_dialogue_id = %(dialogue_id)s
    and (%(message_id)s::text is null or source_message_id = %(message_id)s);

-- forget_mentions --
delete from fact_mentions
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_id = %(dialogue_id)s;
