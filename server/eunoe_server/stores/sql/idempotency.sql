-- find --
select
    seed,
    request_digest,
    outcome,
    namespace_key,
    lease_token is null as is_done,
    lease_token is not null and lease_until > now() as is_running,
    claimed_at <= now() - make_interval(secs => %(kept_seconds)s) as is_expired
from request_claims
where project_id = %(claim_project_id)s and digest = %(digest)s;

-- take --
insert into request_claims (project_id, digest, request_digest, seed)
values (%(claim_project_id)s, %(digest)s, %(request_digest)s, %(seed)s)
on conflict (project_id, digest) do nothing;

-- note --
update request_claims
set outcome = %(outcome)s
where project_id = %(claim_project_id)s and digest = %(digest)s;

-- lease --
-- One whose lease has ended was left behind by a server that is gone.
insert into request_claims (
    project_id, digest, request_digest, seed, lease_token, lease_until
)
values (
    %(claim_project_id)s, %(digest)s, %(request_digest)s, %(seed)s, %(lease_token)s,
    now() + make_interval(secs => %(lease_seconds)s)
)
on conflict (project_id, digest) do update set
    request_digest = excluded.request_digest,
    seed = excluded.seed,
    claimed_at = excluded.claimed_at,
    lease_token = excluded.lease_token,
    lease_until = excluded.lease_until
where request_claims.lease_token is not null and request_claims.lease_until <= now();

-- renew --
update request_claims
set lease_until = now() + make_interval(secs => %(lease_seconds)s)
where
    project_id = %(claim_project_id)s and digest = %(digest)s
    and lease_token = %(lease_token)s;

-- release --
delete from request_claims
where
    project_id = %(claim_project_id)s and digest = %(digest)s
    and lease_token = %(lease_token)s;

-- finish --
update request_claims
set lease_token = null, lease_until = null, namespace_key = %(namespace_key)s
where
    project_id = %(claim_project_id)s and digest = %(digest)s
    and lease_token = %(lease_token)s;

-- keep_answer --
insert into kept_answers (
    namespace_key, digest, project_id, message_key, matched_by, pieces
)
values (
    %(namespace_key)s, %(digest)s, %(project_id)s, %(message_key)s, %(matched_by)s, %(pieces)s
);

-- kept_answer --
select
    dialogues.id as chat_id,
    kept.matched_by,
    kept.pieces
from kept_answers as kept
inner join messages
    on
        messages.namespace_key = %(namespace_key)s and messages.project_id = %(project_id)s
        and kept.message_key = messages.message_key
inner join dialogues
    on
        dialogues.namespace_key = %(namespace_key)s and dialogues.project_id = %(project_id)s
        and messages.dialogue_key = dialogues.dialogue_key
where
    kept.namespace_key = %(namespace_key)s and kept.project_id = %(project_id)s
    and kept.digest = %(digest)s;

-- forget_expired --
-- Those that hold no answer. Several workers share them out by skipping what another has locked.
delete from request_claims
where (project_id, digest) in (
    select project_id, digest
    from request_claims
    where
        claimed_at <= now() - make_interval(secs => %(kept_seconds)s) and namespace_key is null
    order by claimed_at
    limit %(limit)s
    for update skip locked
);

-- claim_expired --
with expired as (
    select project_id, digest
    from request_claims
    where
        claimed_at <= now() - make_interval(secs => %(kept_seconds)s)
        and namespace_key is not null and (lease_until is null or lease_until <= now())
    order by claimed_at
    limit 1
    for update skip locked
)

update request_claims as c
set lease_until = now() + make_interval(secs => %(retry_after_seconds)s)
from expired
where c.project_id = expired.project_id and c.digest = expired.digest
returning c.project_id, c.digest, c.namespace_key;

-- erase_answer --
delete from kept_answers
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s and digest = %(digest)s;

-- forget --
delete from request_claims
where project_id = %(claim_project_id)s and digest = %(digest)s;
