-- get --
select namespace_key, name, created_at
from namespaces
where project_id = %(project_id)s and name = %(name)s;

-- insert --
insert into namespaces (project_id, name) values (%(project_id)s, %(name)s)
on conflict (project_id, name) do nothing
returning namespace_key, name, created_at;

-- list_page --
select namespace_key, name, created_at
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
-- What an erasure takes, by table. Search entries and the like are made from the rest.
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
select 'search_entries', count(*) from search_entries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'commit_queue', count(*) from commit_queue
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
union all
select 'session_expiries', count(*) from session_expiries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;

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
