-- {columns} --
-- What a Memory is made of, of `memories as m` and `namespaces as n`.
m.namespace_key, m.memory_key, n.name as namespace, m.id, m.value, m.text, m.label,
m.description, m.tags, m.metadata, m.created_at, m.modified_at, m.fact_type, m.confidence,
m.subject, m.slot, m.slot_value, m.is_negated, m.extractor, m.valid_from, m.last_said_at,
m.valid_to, m.superseded_by, m.superseded_at, m.observations, m.source_dialogue_id, m.source_message_id,
m.source_role, m.source_start, m.source_end

-- {bytes} --
-- How long what a caller has put into a memory is.
octet_length(value) + octet_length(metadata) + octet_length(array_to_string(tags, ''))
+ coalesce(octet_length(description), 0)

-- claim_ids --
-- Ids are unique in the project, whatever the namespace (seed 002).
insert into resource_ids (project_id, kind, id, namespace_key)
select %(project_id)s, 'memory', id, %(namespace_key)s
from unnest(%(ids)s::text []) as row (id);

-- insert_many --
insert into memories (
    namespace_key, project_id, id, label, description, value, text, tags, metadata, created_at,
    modified_at, fact_type, confidence, subject, slot, slot_value, is_negated, text_digest,
    extractor, valid_from, last_said_at, valid_to, superseded_by, superseded_at, observations,
    source_dialogue_id, source_message_id, source_role, source_start, source_end
)
select
    %(namespace_key)s, %(project_id)s, id, label, description, value, text,
    array(select json_array_elements_text(tags::json)), metadata, coalesce(created_at, now()),
    now(), fact_type, confidence, subject, slot, slot_value, is_negated, text_digest, extractor,
    valid_from, coalesce(last_said_at, valid_from), valid_to, superseded_by,
    coalesce(superseded_at, case when valid_to is not null then now() end), observations,
    source_dialogue_id, source_message_id, source_role, source_start, source_end
from unnest(
    %(ids)s::text [], %(labels)s::text [], %(descriptions)s::text [], %(values)s::text [],
    %(texts)s::text [], %(tags)s::text [], %(metadata)s::text [], %(created_at)s::timestamptz [],
    %(fact_types)s::text [], %(confidences)s::double precision [], %(subjects)s::text [],
    %(slots)s::text [], %(slot_values)s::text [], %(are_negated)s::boolean [],
    %(text_digests)s::bytea [], %(extractors)s::text [], %(valid_from)s::timestamptz [],
    %(last_said_at)s::timestamptz [], %(valid_to)s::timestamptz [], %(superseded_by)s::text [],
    %(superseded_at)s::timestamptz [],
    %(observations)s::integer [], %(source_dialogue_ids)s::text [],
    %(source_message_ids)s::text [], %(source_roles)s::text [], %(source_starts)s::integer [],
    %(source_ends)s::integer []
) with ordinality as row (
    id, label, description, value, text, tags, metadata, created_at, fact_type, confidence,
    subject, slot, slot_value, is_negated, text_digest, extractor, valid_from, last_said_at,
    valid_to, superseded_by, superseded_at, observations, source_dialogue_id, source_message_id,
    source_role, source_start, source_end, number
)
order by number
returning memory_key, id;

-- get --
select {columns}
from memories as m
inner join namespaces as n on m.namespace_key = n.namespace_key
where
    m.namespace_key = %(in_namespace)s and m.project_id = %(project_id)s and m.id = %(id)s;

-- namespace_of --
select namespace_key
from resource_ids
where project_id = %(project_id)s and kind = 'memory' and id = %(id)s;

-- taken_ids --
select id
from resource_ids
where project_id = %(project_id)s and kind = 'memory' and id = any(%(ids)s::text []);

-- get_many --
select {columns}
from memories as m
inner join namespaces as n on m.namespace_key = n.namespace_key
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.memory_key = any(%(memory_keys)s);

-- found --
-- As many as an answer may hold, in the order of the keys; the first however long it is. By its key
-- one at a time: there is one plan for all namespaces, and most are so small that reading them
-- whole would look as cheap.
select *
from (
    select
        found.*, count(*) over () as in_all, row_number() over in_order as number,
        sum({bytes}) over in_order as bytes_so_far
    from unnest(%(memory_keys)s::bigint []) with ordinality as asked (key, place)
    cross join lateral (
        select {columns}
        from memories as m
        inner join namespaces as n on m.namespace_key = n.namespace_key
        where
            m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
            and m.memory_key = asked.key
        limit 1
    ) as found
    window in_order as (order by place rows unbounded preceding)
) as measured
where number = 1 or bytes_so_far <= %(max_bytes)s;

-- get_named --
select {columns}
from memories as m
inner join namespaces as n on m.namespace_key = n.namespace_key
where
    m.namespace_key = %(namespace_key)s and m.project_id = %(project_id)s
    and m.id = any(%(ids)s::text []);

-- list_page --
-- No longer than a page may be, as in `messages.sql`.
with page as (
    select {columns}
    from memories as m
    inner join namespaces as n on m.namespace_key = n.namespace_key
    where
        m.project_id = %(project_id)s
        and (%(namespace_key)s::bigint is null or m.namespace_key = %(namespace_key)s)
        and (%(created_from)s::timestamptz is null or m.created_at >= %(created_from)s)
        and (%(created_before)s::timestamptz is null or m.created_at < %(created_before)s)
        and (%(is_fact)s::boolean is null or (m.fact_type is not null) = %(is_fact)s)
        and (%(fact_type)s::text is null or m.fact_type = %(fact_type)s)
        and (%(min_confidence)s::double precision is null or m.confidence >= %(min_confidence)s)
        and (
            %(include_superseded)s
            or case
                -- What held in the world at that moment, as far as is known now.
                when %(as_of)s::timestamptz is not null
                    then
                        coalesce(m.valid_from, m.created_at) <= %(as_of)s
                        and (m.valid_to is null or m.valid_to > %(as_of)s)
                else m.superseded_at is null and (m.valid_to is null or m.valid_to > now())
            end
        )
        and (
            %(after_at)s::timestamptz is null
            or (m.created_at, m.memory_key) {follows} (%(after_at)s, %(after_key)s::bigint)
        )
    order by m.created_at {direction}, m.memory_key {direction}
    limit %(limit)s::integer + 1
),

measured as (
    select
        page.*, row_number() over in_order as number,
        lead(true, 1, false) over in_order as is_followed,
        sum({bytes}) over in_order as bytes_so_far
    from page
    window in_order as (
        order by created_at {direction}, memory_key {direction}
        rows unbounded preceding
    )
)

select *
from measured
where number <= %(limit)s and (number = 1 or bytes_so_far <= %(max_bytes)s)
order by created_at {direction}, memory_key {direction};

-- retag --
update memories
set tags = %(tags)s, modified_at = now()
where namespace_key = %(namespace_key)s and project_id = %(project_id)s and id = %(id)s;

-- delete_many --
delete from memories
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and id = any(%(ids)s::text [])
returning memory_key, id;

-- release_ids --
delete from resource_ids
where project_id = %(project_id)s and kind = 'memory' and id = any(%(ids)s);
