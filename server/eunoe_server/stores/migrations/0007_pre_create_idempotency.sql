-- Idempotency keys: which requests were done, so that a repeat of one is known as such.

-- A plain table like commit_queue: it is asked before a tenant is known, workers clear it for all
-- of them, and a claim must be seen by whoever comes second, wherever that one writes. It holds
-- digests, seeds, times, and of an outcome only counts and ids that the server made; no content
-- and no word of a caller's. It has no foreign key to namespaces: a repeat that comes after an
-- erasure must not do again what was erased.
create table request_claims (
    project_id bigint not null,
    -- Of API key, method and idempotency key.
    digest bytea not null check (octet_length(digest) = 32),
    request_digest bytea not null check (octet_length(request_digest) = 32),
    seed uuid not null,
    outcome text not null default '',
    claimed_at timestamptz not null default now(),
    -- Where an answer is kept; null: none is.
    namespace_key bigint,
    -- Set while a request is worked on that has nothing to commit yet: a chat that asks its model.
    lease_token uuid,
    -- Until when, unless it is renewed; and until when a worker has an expired claim in hand.
    lease_until timestamptz,
    primary key (project_id, digest)
);

create index request_claims_by_age on request_claims (claimed_at);

grant select, insert, update, delete on request_claims to eunoe_app, eunoe_project;

-- What a model answered to a request with an idempotency key, for as long as the message stays
-- that the answer became.
create table kept_answers (
    namespace_key bigint not null,
    digest bytea not null,
    project_id bigint not null,
    message_key bigint not null,
    matched_by text not null,
    -- Verbatim: one whole answer, or the data of each event.
    pieces bytea[] not null,
    primary key (namespace_key, digest),
    constraint kept_answers_message foreign key (namespace_key, message_key)
    references messages on delete cascade
);

create index kept_answers_by_message on kept_answers (namespace_key, message_key);

grant select, insert, update, delete on kept_answers to eunoe_app, eunoe_project;
alter table kept_answers enable row level security;
alter table kept_answers force row level security;

create policy in_project on kept_answers to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on kept_answers to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);
