-- arm --
-- A lease is left alone: who works on the older version finishes it, and the job stays armed.
insert into commit_queue (dialogue_key, namespace_key, project_id, due_at)
values (
    %(dialogue_key)s, %(namespace_key)s, %(project_id)s,
    now() + make_interval(secs => %(after_seconds)s)
)
on conflict (dialogue_key) do update
set
    due_at = excluded.due_at,
    version = commit_queue.version + 1,
    attempts = case commit_queue.state when 'dead' then 0 else commit_queue.attempts end,
    state = 'waiting',
    last_error = null,
    failed_at = null;

-- disarm --
delete from commit_queue where dialogue_key = %(dialogue_key)s;

-- claim --
-- A lease that ran out counts as a failed try: what kills its workers must not be tried for ever.
with due as (
    select dialogue_key
    from commit_queue
    where state = 'waiting' and due_at <= now() and (lease_until is null or lease_until <= now())
    order by due_at
    limit %(limit)s
    for update skip locked
),

claimed as (
    update commit_queue as q
    set
        state = case when q.attempts < %(max_attempts)s then 'waiting' else 'dead' end,
        attempts = q.attempts + case when q.attempts < %(max_attempts)s then 1 else 0 end,
        lease_until
        = case
            when q.attempts < %(max_attempts)s
                then now() + make_interval(secs => %(lease_seconds)s)
        end,
        lease_token = case when q.attempts < %(max_attempts)s then %(lease_token)s::uuid end,
        last_error = case when q.attempts < %(max_attempts)s then q.last_error else 'LeaseExpired' end,
        failed_at = case when q.attempts < %(max_attempts)s then q.failed_at else now() end
    from due
    where q.dialogue_key = due.dialogue_key
    returning
        q.dialogue_key, q.namespace_key, q.project_id, q.version, q.attempts, q.due_at,
        q.lease_until, q.lease_token, q.state
)

select
    dialogue_key, namespace_key, project_id, version, attempts, due_at, lease_until, lease_token
from claimed
where state = 'waiting'
order by due_at;

-- renew --
update commit_queue
set lease_until = now() + make_interval(secs => %(lease_seconds)s)
where dialogue_key = %(dialogue_key)s and lease_token = %(lease_token)s;

-- finish --
delete from commit_queue
where
    dialogue_key = %(dialogue_key)s and lease_token = %(lease_token)s and version = %(version)s;

-- hand_back --
-- The version has moved on: it is due when its last message said, and nobody's yet.
update commit_queue
set lease_until = null, lease_token = null, attempts = 0
where dialogue_key = %(dialogue_key)s and lease_token = %(lease_token)s;

-- fail --
update commit_queue
set
    state = case when attempts < %(max_attempts)s then 'waiting' else 'dead' end,
    due_at = greatest(due_at, now() + make_interval(secs => %(retry_after_seconds)s)),
    lease_until = null,
    lease_token = null,
    last_error = %(error_class)s,
    failed_at = now()
where dialogue_key = %(dialogue_key)s and lease_token = %(lease_token)s;

-- release --
-- Not a try: the worker was told to stop.
update commit_queue
set lease_until = null, lease_token = null, attempts = attempts - 1
where dialogue_key = %(dialogue_key)s and lease_token = %(lease_token)s;

-- depth --
select
    count(*) filter (where state = 'waiting')::integer as waiting,
    count(*) filter (where state = 'waiting' and lease_until > now())::integer as leased,
    count(*) filter (where state = 'dead')::integer as dead,
    coalesce(
        extract(
            epoch from now() - min(due_at) filter (
                where state = 'waiting' and due_at <= now()
                and (lease_until is null or lease_until <= now())
            )
        ), 0
    )::double precision as lag_seconds
from commit_queue;

-- list_dead --
select dialogue_key, namespace_key, project_id, attempts, last_error, failed_at
from commit_queue
where state = 'dead'
order by failed_at desc
limit %(limit)s;
