-- {columns} --
-- What a Message is made of.
message_key, dialogue_key, position, id, role, name, body, text, digest, chain, token_estimate,
tool_call_ids, finish_reason, is_interrupted, tags, metadata, created_at, modified_at,
superseded_at, committed_at

-- {bytes} --
-- How long what a caller has put into a message is.
octet_length(body) + octet_length(metadata) + octet_length(array_to_string(tags, ''))

-- append --
-- Where a position is taken nothing is stored; the caller looks at what is there. Arrays travel in
-- binary (%b): as text they would be searched for what must be escaped.
with new as (
    select
        %(from_position)s::integer + number::integer - 1 as position, id, role, name, body, text,
        digest, chain, token_estimate, tool_call_ids, finish_reason, is_interrupted, tags, metadata,
        coalesce(created_at, now()) as created_at
    from unnest(
        %(ids)b::text [], %(roles)b::text [], %(names)b::text [], %(bodies)b::text [],
        %(texts)b::text [], %(digests)b::bytea [], %(chains)b::bytea [],
        %(token_estimates)b::integer [], %(tool_call_ids)b::text [], %(finish_reasons)b::text [],
        %(are_interrupted)b::boolean [], %(tags)b::text [], %(metadata)b::text [],
        %(created_at)b::timestamptz []
    ) with ordinality as row (
        id, role, name, body, text, digest, chain, token_estimate, tool_call_ids, finish_reason,
        is_interrupted, tags, metadata, created_at, number
    )
),

stored as (
    insert into messages (
        namespace_key, project_id, dialogue_key, position, id, role, name, body, text, digest,
        chain, token_estimate, tool_call_ids, finish_reason, is_interrupted, tags, metadata,
        created_at
    )
    select
        %(namespace_key)s, %(project_id)s, %(dialogue_key)s, position, id, role, name, body, text,
        digest, chain, token_estimate,
        array(select json_array_elements_text(tool_call_ids::json)), finish_reason, is_interrupted,
        array(select json_array_elements_text(tags::json)), metadata, created_at
    from new
    order by position
    on conflict (namespace_key, dialogue_key, position) do nothing
    returning message_key, position, created_at, modified_at
),

counted as (
    update dialogues
    set
        next_position = greatest(next_position, %(from_position)s + (select count(*) from new)),
        total_messages = total_messages + (select count(*) from stored),
        last_message_at = greatest(last_message_at, (select max(created_at) from new)),
        modified_at = now()
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = %(dialogue_key)s
)

select message_key, position, created_at, modified_at from stored order by position;

-- between --
select {columns}
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s
    and position between %(from_position)s and %(to_position)s
order by position;

-- transcript --
select {columns}
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and superseded_at is null
order by position;

-- at_positions --
select {columns}
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and position = any(%(positions)s)
order by position;

-- get_named --
select {columns}
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and id = any(%(ids)s)
order by array_position(%(ids)s::text[], id);

-- found --
-- As many as an answer may hold, in the order of the keys; the first however long it is. By its key
-- one at a time: there is one plan for all namespaces, and most are so small that reading them
-- whole would look as cheap.
select *
from (
    select
        found.*, dialogue.id as dialogue_id, count(*) over () as in_all,
        row_number() over in_order as number, sum({bytes}) over in_order as bytes_so_far
    from unnest(%(message_keys)s::bigint []) with ordinality as asked (key, place)
    cross join lateral (
        select {columns}
        from messages
        where
            namespace_key = %(namespace_key)s and project_id = %(project_id)s
            and message_key = asked.key
        limit 1
    ) as found
    cross join lateral (
        select id
        from dialogues
        where
            namespace_key = %(namespace_key)s and project_id = %(project_id)s
            and dialogue_key = found.dialogue_key
        limit 1
    ) as dialogue
    window in_order as (order by place rows unbounded preceding)
) as measured
where number = 1 or bytes_so_far <= %(max_bytes)s;

-- outline --
-- The text of an interrupted message may be longer or shorter than what the client saw of it.
select
    message_key, position, id, role, digest, chain, token_estimate, tool_call_ids, finish_reason,
    is_interrupted, case when is_interrupted then text else '' end as text, created_at, committed_at
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and superseded_at is null
order by position;

-- supersede --
with superseded as (
    update messages
    set superseded_at = now()
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = %(dialogue_key)s and position = any(%(positions)s)
        and superseded_at is null
    returning position
)

update dialogues
set total_messages = total_messages - (select count(*) from superseded), modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s;

-- get --
select {columns}
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and id = %(id)s;

-- list_page --
-- In the order of the conversation: dates may be the caller's own. What is long is measured without
-- being read, and what would make the page too large is left to the next.
with page as (
    select {columns}
    from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = %(dialogue_key)s
        and (%(include_superseded)s or superseded_at is null)
        and (%(created_from)s::timestamptz is null or created_at >= %(created_from)s)
        and (%(created_before)s::timestamptz is null or created_at < %(created_before)s)
        and (%(after_at)s::timestamptz is null or position {follows} %(after_key)s::bigint)
    order by position {direction}
    limit %(limit)s::integer + 1
),

measured as (
    select
        page.*, row_number() over in_order as number,
        lead(true, 1, false) over in_order as is_followed,
        sum({bytes}) over in_order as bytes_so_far
    from page
    window in_order as (order by position {direction} rows unbounded preceding)
)

select *
from measured
where number <= %(limit)s and (number = 1 or bytes_so_far <= %(max_bytes)s)
order by position {direction};

-- retag --
update messages
set tags = %(tags)s, modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and id = %(id)s
returning {columns};

-- delete --
with gone as (
    delete from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = %(dialogue_key)s and id = %(id)s
    returning message_key, superseded_at
),

counted as (
    update dialogues
    set
        total_messages
        = total_messages - (select count(*) from gone where superseded_at is null),
        modified_at = now()
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = %(dialogue_key)s and exists (select 1 from gone)
)

select message_key from gone;

-- taken_ids --
select id
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and id = any(%(ids)s);

-- last_chain --
select chain
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s
    and superseded_at is null and role not in ('system', 'developer')
order by position desc
limit 1;

-- uncommitted --
select {columns}
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and superseded_at is null and committed_at is null
order by position;

-- mark_committed --
update messages
set committed_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and position = any(%(positions)s)
    and committed_at is null and superseded_at is null
returning position;
