-- {columns} --
-- What a Namespace is made of.
namespace_key, name, created_at, retention_days

-- get --
select {columns}
from namespaces
where project_id = %(project_id)s and name = %(name)s;

-- insert --
insert into namespaces (project_id, name) values (%(project_id)s, %(name)s)
on conflict (project_id, name) do nothing
returning {columns};

-- list_page --
select {columns}
from namespaces
where
    project_id = %(project_id)s
    and starts_with(name, %(prefix)s)
    and (
        %(after_at)s::timestamptz is null
        or (created_at, namespace_key) {follows} (%(after_at)s, %(after_key)s::bigint)
    )
order by created_at {direction}, namespace_key {direction}
limit %(limit)s::integer + 1;

-- retain --
-- Looked through at once, so that what is too old by now does not wait.
update namespaces
set retention_days = %(retention_days)s, retention_due_at = now()
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
returning {columns};

-- holdings --
select
    n.namespace_key,
    (
        select count(*)
        from memories as m
        where m.namespace_key = n.namespace_key and m.project_id = %(project_id)s
    ) as memories,
    (
        select count(*)
        from dialogues as d
        where d.namespace_key = n.namespace_key and d.project_id = %(project_id)s
    ) as dialogues,
    (
        select count(*)
        from messages as m
        where m.namespace_key = n.namespace_key and m.project_id = %(project_id)s
    ) as messages
from namespaces as n
where n.project_id = %(project_id)s and n.namespace_key = any(%(namespace_keys)s);

-- census --
-- What an erasure takes, by table. A test finds the table that is missing.
select 'dialogues' as kind, count(*) as rows from dialogues
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'messages', count(*) from messages
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'memories', count(*) from memories
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'fact_mentions', count(*) from fact_mentions
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'recalls', count(*) from recalls
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'responses', count(*) from responses
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'kept_answers', count(*) from kept_answers
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'search_entries', count(*) from search_entries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'search_cells', count(*) from search_cells
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'search_words', count(*) from search_words
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'search_splits', count(*) from search_splits
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'speakers', count(*) from speakers
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'resource_ids', count(*) from resource_ids
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'commit_queue', count(*) from commit_queue
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'session_expiries', count(*) from session_expiries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;

-- thin_search_entries --
delete from search_entries
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and entry_key in (
        select entry_key from search_entries
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
        limit %(limit)s
    );

-- thin_messages --
delete from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and message_key in (
        select message_key from messages
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
        limit %(limit)s
    );

-- thin_memories --
delete from memories
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and memory_key in (
        select memory_key from memories
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
        limit %(limit)s
    );

-- unqueue --
delete from commit_queue
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;

-- forget_sessions --
delete from session_expiries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;

-- erase --
-- All that lies in it goes by foreign key.
delete from namespaces
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;
