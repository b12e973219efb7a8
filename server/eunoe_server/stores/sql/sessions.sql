-- touch --
update dialogues
set session_used_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s;

-- await_expiry --
insert into session_expiries (dialogue_key, namespace_key, project_id, used_at)
values (%(dialogue_key)s, %(namespace_key)s, %(project_id)s, now())
on conflict (dialogue_key) do update set used_at = excluded.used_at, retry_at = null;

-- claim_idle --
with idle as (
    select dialogue_key
    from session_expiries
    where
        used_at <= now() - make_interval(secs => %(idle_seconds)s)
        and (retry_at is null or retry_at <= now())
    order by used_at
    limit 1
    for update skip locked
)

update session_expiries as e
set retry_at = now() + make_interval(secs => %(retry_after_seconds)s)
from idle
where e.dialogue_key = idle.dialogue_key
returning e.dialogue_key, e.namespace_key, e.project_id;

-- settle --
-- Without a row it was used since the claim, or another worker was first.
delete from session_expiries
where
    dialogue_key = %(dialogue_key)s
    and used_at <= now() - make_interval(secs => %(idle_seconds)s);

-- close --
-- It may be closed already: by its next use, or with its dialogue.
update dialogues
set is_session_open = false, modified_at = now()
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and dialogue_key = %(dialogue_key)s and is_session_open;

-- forget --
delete from session_expiries where dialogue_key = %(dialogue_key)s;
