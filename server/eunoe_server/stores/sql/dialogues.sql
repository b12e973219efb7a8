-- {columns} --
-- What a Dialogue is made of, of `dialogues as d` and `namespaces as n`.
d.namespace_key, d.dialogue_key, n.name as namespace, d.id, d.session_id, d.session_used_at,
d.is_session_open, d.label, d.thread_of, d.status, d.tags, d.metadata, d.state, d.state_version,
d.created_at, d.modified_at, d.ended_at, d.last_message_at, d.next_position, d.total_messages

-- {columns_without_state} --
-- The same without the states, of which a page may hold 200 MB.
d.namespace_key, d.dialogue_key, n.name as namespace, d.id, d.session_id, d.session_used_at,
d.is_session_open, d.label, d.thread_of, d.status, d.tags, d.metadata, '' as state,
d.state_version, d.created_at, d.modified_at, d.ended_at, d.last_message_at, d.next_position,
d.total_messages

-- {of_one_key} --
-- The dialogue of `asked.key`.
from dialogues as d
inner join namespaces as n on d.namespace_key = n.namespace_key
where
    d.namespace_key = %(namespace_key)s and d.project_id = %(project_id)s
    and d.dialogue_key = asked.key
limit 1

-- {bytes} --
-- How long what a caller has put into a dialogue is.
octet_length(metadata) + octet_length(array_to_string(tags, ''))

-- insert --
-- Without a row, the id is taken or the session has an open dialogue: `get`, `get_by_session`.
insert into dialogues (
    namespace_key, project_id, id, session_id, session_used_at, is_session_open, label, thread_of,
    tags, metadata, filterable, state, created_at
)
values (
    %(namespace_key)s, %(project_id)s, %(id)s, %(session_id)s,
    case when %(session_id)s::text is not null then now() end,
    %(session_id)s::text is not null, %(label)s, %(thread_of)s, %(tags)s, %(metadata)s,
    %(filterable)s, %(state)s, coalesce(%(created_at)s, now())
)
on conflict do nothing
returning dialogue_key;

-- get_by_key --
select {columns}
from dialogues as d
inner join namespaces as n on d.namespace_key = n.namespace_key
where
    d.namespace_key = %(namespace_key)s and d.project_id = %(project_id)s
    and d.dialogue_key = %(dialogue_key)s;

-- lock --
-- Others may read it, and add rows that refer to it, but not lock or change it.
select {columns}
from dialogues as d
inner join namespaces as n on d.namespace_key = n.namespace_key
where
    d.namespace_key = %(namespace_key)s and d.project_id = %(project_id)s
    and d.dialogue_key = %(dialogue_key)s
for no key update of d;

-- get --
select {columns}
from dialogues as d
inner join namespaces as n on d.namespace_key = n.namespace_key
where
    d.namespace_key = %(namespace_key)s and d.project_id = %(project_id)s and d.id = %(id)s;

-- find --
-- Ids are unique in a namespace; two rows tell that the caller has to name one.
select {columns}
from dialogues as d
inner join namespaces as n on d.namespace_key = n.namespace_key
where d.project_id = %(project_id)s and d.id = %(id)s
order by d.dialogue_key
limit 2;

-- get_many --
-- Each by its key, one at a time (`found` in messages.sql).
select found.*
from unnest(%(dialogue_keys)s::bigint []) as asked (key)
cross join lateral (
    select {columns} {of_one_key}
) as found;

-- found --
-- As many as an answer may hold, in the order of the keys (`messages.sql`).
select *
from (
    select
        found.*, count(*) over () as in_all, row_number() over in_order as number,
        sum({bytes}) over in_order as bytes_so_far
    from unnest(%(dialogue_keys)s::bigint []) with ordinality as asked (key, place)
    cross join lateral (
        select {columns_without_state} {of_one_key}
    ) as found
    window in_order as (order by place rows unbounded preceding)
) as measured
where number = 1 or bytes_so_far <= %(max_bytes)s;

-- get_by_session --
select {columns}
from dialogues as d
inner join namespaces as n on d.namespace_key = n.namespace_key
where
    d.namespace_key = %(namespace_key)s and d.project_id = %(project_id)s
    and d.session_id = %(session_id)s and d.is_session_open
    and d.session_used_at > now() - make_interval(secs => %(max_idle_seconds)s);

-- close_idle_session --
update dialogues
set is_session_open = false, modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and session_id = %(session_id)s and is_session_open
    and session_used_at <= now() - make_interval(secs => %(max_idle_seconds)s);

-- find_by_chains --
-- The longest history comes first (the caller sends its chains longest first); of equal ones those
-- that end where the dialogue ends, as a resent history does; then the latest. The inner limit
-- bounds the work where thousands of conversations begin alike. Laterals with a limit keep the order of the
-- look-ups: with statistics of yesterday the planner would join all dialogues first.
select
    m.dialogue_key, m.position, asked.fingerprint, tip.position as last_position,
    now() - d.last_message_at as idle
from unnest(%(fingerprints)s::bytea []) with ordinality as asked (fingerprint, number)
cross join lateral (
    select dialogue_key, position
    from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and chain = asked.fingerprint
        and superseded_at is null and role not in ('system', 'developer')
    order by message_key desc
    limit 200
) as m
cross join lateral (
    select position
    from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = m.dialogue_key
        and superseded_at is null and role not in ('system', 'developer')
    order by position desc
    limit 1
) as tip
cross join lateral (
    select last_message_at
    from dialogues
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = m.dialogue_key and status = 'active'
    limit 1
) as d
order by asked.number, m.position = tip.position desc, d.last_message_at desc, m.dialogue_key desc
limit %(limit)s;

-- find_by_digests --
-- The nearer to the end of its dialogue, the better a match; then the latest.
select
    m.dialogue_key, m.position, asked.fingerprint, tip.position as last_position,
    now() - d.last_message_at as idle
from unnest(%(fingerprints)s::bytea []) as asked (fingerprint)
cross join lateral (
    select dialogue_key, position
    from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and digest = asked.fingerprint
        and superseded_at is null and role not in ('system', 'developer')
    order by message_key desc
    limit 200
) as m
cross join lateral (
    select position
    from messages
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = m.dialogue_key
        and superseded_at is null and role not in ('system', 'developer')
    order by position desc
    limit 1
) as tip
cross join lateral (
    select last_message_at
    from dialogues
    where
        namespace_key = %(namespace_key)s and project_id = %(project_id)s
        and dialogue_key = m.dialogue_key and status = 'active'
    limit 1
) as d
order by tip.position - m.position, d.last_message_at desc, m.dialogue_key desc, m.position desc
limit %(limit)s;

-- list_page --
-- No longer than a page may be, as in `messages.sql`.
with page as (
    select {columns_without_state}
    from dialogues as d
    inner join namespaces as n on d.namespace_key = n.namespace_key
    where
        d.project_id = %(project_id)s
        and (%(namespace_key)s::bigint is null or d.namespace_key = %(namespace_key)s)
        and (%(thread_of)s::text is null or d.thread_of = %(thread_of)s)
        and (%(created_from)s::timestamptz is null or d.created_at >= %(created_from)s)
        and (%(created_before)s::timestamptz is null or d.created_at < %(created_before)s)
        and (
            %(after_at)s::timestamptz is null
            or (d.created_at, d.dialogue_key) {follows} (%(after_at)s, %(after_key)s::bigint)
        )
    order by d.created_at {direction}, d.dialogue_key {direction}
    limit %(limit)s::integer + 1
),

measured as (
    select
        page.*, row_number() over in_order as number,
        lead(true, 1, false) over in_order as is_followed,
        sum({bytes}) over in_order as bytes_so_far
    from page
    window in_order as (
        order by created_at {direction}, dialogue_key {direction}
        rows unbounded preceding
    )
)

select *
from measured
where number <= %(limit)s and (number = 1 or bytes_so_far <= %(max_bytes)s)
order by created_at {direction}, dialogue_key {direction};

-- count_threads --
select thread_of, count(*) as threads
from dialogues
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and thread_of = any(%(ids)s)
group by thread_of;

-- retag --
update dialogues
set tags = %(tags)s, modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s;

-- rename --
update dialogues
set label = %(label)s, modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s;

-- put_state --
update dialogues
set state = %(state)s, state_version = state_version + 1, modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s
    and (%(if_version)s::bigint is null or state_version = %(if_version)s);

-- end --
-- Ending twice keeps the time of the first. An ended dialogue is no session's any more.
update dialogues
set
    status = 'ended', ended_at = coalesce(ended_at, now()), is_session_open = false,
    modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s;

-- delete --
delete from dialogues
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s;
