-- record --
insert into audit_events (
    project_id, namespace_key, kind, key_id, request_id, subject, counts
)
values (
    %(project_id)s, %(namespace_key)s, %(kind)s, %(key_id)s, %(request_id)s, %(subject)s,
    %(counts)s
);

-- list_page --
select
    a.event_key, a.occurred_at, a.kind, a.key_id, a.request_id, a.namespace_key,
    n.name as namespace, a.subject, a.counts
from audit_events as a
left join namespaces as n on a.namespace_key = n.namespace_key
where
    a.project_id = %(project_id)s
    and (%(subjects)s::text [] is null or a.subject = any(%(subjects)s::text []))
    and (
        %(after_at)s::timestamptz is null
        or (a.occurred_at, a.event_key) {follows} (%(after_at)s, %(after_key)s::bigint)
    )
order by a.occurred_at {direction}, a.event_key {direction}
limit %(limit)s::integer + 1;
