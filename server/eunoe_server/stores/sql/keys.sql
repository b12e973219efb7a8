-- {columns} --
-- What an ApiKey is made of.
id, key_number, project_id, secret_sha256, name, scopes, namespace, namespace_prefix, created_at,
expires_at, revoked_at, monthly_calls, not {has_ended} as is_active

-- {has_ended} --
(revoked_at is not null or coalesce(expires_at <= now(), false))

-- insert --
insert into api_keys (
    id, project_id, secret_sha256, name, scopes, namespace, namespace_prefix, expires_at,
    monthly_calls
)
values (
    %(id)s, %(project_id)s, %(secret_sha256)s, %(name)s, %(scopes)s, %(namespace)s,
    %(namespace_prefix)s, %(expires_at)s, %(monthly_calls)s
)
returning {columns};

-- get --
-- Without the project: it is what a caller's key is asked for.
select {columns}
from api_keys
where id = %(id)s;

-- list_page --
select {columns}
from api_keys
where
    project_id = %(project_id)s
    and (
        %(after_at)s::timestamptz is null
        or (created_at, key_number) {follows} (%(after_at)s, %(after_key)s::bigint)
    )
order by created_at {direction}, key_number {direction}
limit %(limit)s::integer + 1;

-- revoke --
-- A second revocation keeps the time of the first.
update api_keys
set revoked_at = coalesce(revoked_at, now())
where id = %(id)s and project_id = %(project_id)s
returning {columns};

-- retire --
-- It works for so long yet, and never longer than it would have.
update api_keys
set expires_at = least(expires_at, now() + make_interval(secs => %(grace_seconds)s))
where id = %(id)s and project_id = %(project_id)s;

-- count_ended --
select count(*) as keys
from api_keys
where
    project_id = %(project_id)s and namespace = %(namespace)s
    and {has_ended};

-- forget_ended --
delete from api_keys
where
    project_id = %(project_id)s and namespace = %(namespace)s
    and {has_ended};
