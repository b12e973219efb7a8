-- next_due --
select project_id, namespace_key from namespace_to_sweep(%(default_days)s);

-- claim --
-- Without a row, another worker has it.
update namespaces
set retention_due_at = now() + make_interval(secs => %(retry_after_seconds)s)
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and retention_due_at <= now();

-- days --
-- Locked, so that nobody says `keep` between this and what is erased.
select coalesce(retention_days, %(default_days)s::integer) as days
from namespaces
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
for no key update;

-- idle_dialogues --
-- Created long ago as well, which an index knows. Somebody who uses one has locked it.
select dialogue_key
from dialogues
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and created_at < now() - make_interval(days => %(days)s)
    and greatest(modified_at, last_message_at) < now() - make_interval(days => %(days)s)
order by created_at
limit %(limit)s
for no key update skip locked;

-- old_memories --
-- A fact's last change is when it was last heard.
select id
from memories
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and created_at < now() - make_interval(days => %(days)s)
    and modified_at < now() - make_interval(days => %(days)s)
order by created_at
limit %(limit)s
for update skip locked;

-- postpone --
update namespaces
set retention_due_at = now() + make_interval(secs => %(seconds)s)
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;
