-- Everything the first conversation needs.
--
-- Rules that hold for every table here (DESIGN section 9):
-- * Wide tables lead their primary key and every unique constraint with namespace_key, so that they
--   can be distributed by it (Citus). What is unique in a whole project is in resource_ids.
-- * A row of a tenant names its project and its namespace, and row level security compares both
--   with what the transaction has set. It is forced, so that the owner is bound by it as well.
-- * A policy is a conjunction of equalities with current_setting(), without OR and without a
--   sub-select. Postgres then joins them with the query's own `namespace_key = … and project_id = …`
--   into one test a statement instead of one a row, and Citus accepts them. That is why there are
--   two roles: eunoe_app works in one namespace, eunoe_project in all namespaces of a project.
-- * JSON that was given to us is text: jsonb would lose key order, big numbers and `\u0000`.
-- * Text-search vectors and keys are written by the application, nothing is GENERATED from other
--   columns, and no trigger acts (YugabyteDB).

create table projects (
    project_id bigint generated always as identity primary key,
    name text not null constraint projects_name_unique unique,
    created_at timestamptz not null default now()
);

create table api_keys (
    id text primary key,
    -- Where a page of keys starts; ids say nothing about age.
    key_number bigint generated always as identity,
    project_id bigint not null references projects,
    secret_sha256 bytea not null check (octet_length(secret_sha256) = 32),
    name text not null,
    scopes text[] not null,
    -- A key is bound to one namespace, to those with a prefix, or to none.
    namespace text,
    namespace_prefix text,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    check (namespace is null or namespace_prefix is null)
);

create index api_keys_by_project on api_keys (project_id, created_at, key_number);

create table namespaces (
    namespace_key bigint generated always as identity primary key,
    project_id bigint not null references projects,
    -- "" is the namespace of those who name none.
    name text not null,
    created_at timestamptz not null default now(),
    constraint namespaces_name_unique unique (project_id, name)
);

-- Ids that must be unique in a project (seed 002: memories), and the namespace each one is in.
create table resource_ids (
    project_id bigint not null,
    kind text not null,
    id text not null,
    namespace_key bigint not null
    constraint resource_ids_namespace references namespaces on delete cascade,
    constraint resource_ids_unique primary key (project_id, kind, id)
);

create index resource_ids_by_namespace on resource_ids (namespace_key);

create table dialogues (
    namespace_key bigint not null
    constraint dialogues_namespace references namespaces on delete cascade,
    dialogue_key bigint generated always as identity,
    project_id bigint not null,
    id text not null,
    session_id text,
    session_used_at timestamptz,
    is_session_open boolean not null default false,
    label text,
    -- The id of the parent; not a foreign key, because a thread outlives its parent.
    thread_of text,
    status text not null default 'active' check (status in ('active', 'ended', 'archived')),
    tags text[] not null default '{}',
    metadata text not null default '{}',
    -- What of the metadata a search can filter by; search entries have it of what they stand for.
    filterable jsonb not null default '{}',
    state text not null default '{}',
    state_version bigint not null default 0,
    created_at timestamptz not null default now(),
    modified_at timestamptz not null default now(),
    ended_at timestamptz,
    last_message_at timestamptz,
    next_position integer not null default 0,
    total_messages integer not null default 0,
    primary key (namespace_key, dialogue_key),
    constraint dialogues_id_unique unique (namespace_key, id)
);

-- Of two first requests of one session, one makes the dialogue and the other finds it.
create unique index dialogues_session_unique on dialogues (namespace_key, session_id)
where is_session_open;

create index dialogues_by_creation on dialogues (namespace_key, created_at, dialogue_key);
create index dialogues_of_project on dialogues (project_id, created_at, dialogue_key);
create index dialogues_by_id on dialogues (project_id, id);
create index dialogues_by_parent on dialogues (namespace_key, thread_of)
where thread_of is not null;

create table messages (
    namespace_key bigint not null,
    message_key bigint generated always as identity,
    project_id bigint not null,
    dialogue_key bigint not null,
    position integer not null,
    id text not null,
    role text not null,
    name text,
    -- The whole OpenAI message object, verbatim.
    body text not null,
    text text not null,
    digest bytea not null,
    chain bytea not null,
    token_estimate integer not null,
    tool_call_ids text[] not null,
    finish_reason text,
    is_interrupted boolean not null,
    tags text[] not null,
    metadata text not null,
    created_at timestamptz not null,
    modified_at timestamptz not null default now(),
    superseded_at timestamptz,
    committed_at timestamptz,
    primary key (namespace_key, message_key),
    constraint messages_dialogue foreign key (namespace_key, dialogue_key)
    references dialogues on delete cascade,
    constraint messages_position_unique unique (namespace_key, dialogue_key, position),
    constraint messages_id_unique unique (namespace_key, dialogue_key, id)
);

-- Whose conversation is this? Asked for each chat without an id, of turns that hold.
create index messages_by_chain on messages (namespace_key, chain, message_key)
where superseded_at is null and role not in ('system', 'developer');
create index messages_by_digest on messages (namespace_key, digest, message_key)
where superseded_at is null and role not in ('system', 'developer');

create table memories (
    namespace_key bigint not null
    constraint memories_namespace references namespaces on delete cascade,
    memory_key bigint generated always as identity,
    project_id bigint not null,
    id text not null,
    label text,
    description text,
    -- Any JSON value, verbatim.
    value text not null,
    text text not null,
    tags text[] not null,
    metadata text not null,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    -- What follows is set for facts and null for memories that somebody stored explicitly.
    fact_type text
    check (fact_type in ('preference', 'fact', 'experience', 'goal', 'relationship')),
    confidence double precision check (confidence between 0 and 1),
    subject text,
    slot text,
    slot_value text,
    is_negated boolean,
    -- Equal for texts that say the same in the same words.
    text_digest bytea,
    extractor text,
    valid_from timestamptz,
    last_said_at timestamptz,
    valid_to timestamptz,
    superseded_by text,
    superseded_at timestamptz,
    observations integer check (observations > 0),
    source_dialogue_id text,
    source_message_id text,
    source_role text,
    source_start integer,
    source_end integer,
    primary key (namespace_key, memory_key),
    constraint memories_id_unique unique (namespace_key, id),
    check (
        fact_type is null
        or (
            confidence is not null and subject is not null and slot is not null
            and slot_value is not null and is_negated is not null and text_digest is not null
            and extractor is not null and valid_from is not null and last_said_at is not null
            and observations is not null
        )
    )
);

create index memories_by_creation on memories (namespace_key, created_at, memory_key);
create index memories_of_project on memories (project_id, created_at, memory_key);
-- What a new fact repeats or contradicts, closed facts included.
create index memories_by_slot on memories (namespace_key, slot) where fact_type is not null;
create index memories_by_text on memories (namespace_key, text_digest)
where fact_type is not null;
create index memories_by_successor on memories (namespace_key, superseded_by)
where superseded_by is not null;

-- Which messages a fact rests on. No foreign key to messages: what becomes of a fact when its last
-- message goes is decided by whoever takes the message away.
create table fact_mentions (
    namespace_key bigint not null,
    memory_key bigint not null,
    project_id bigint not null,
    dialogue_id text not null,
    message_id text not null,
    -- Characters of the message's text, end exclusive.
    start_character integer not null,
    end_character integer not null,
    -- A message that takes the fact back mentions it as well.
    is_retraction boolean not null,
    primary key (namespace_key, memory_key, dialogue_id, message_id),
    constraint fact_mentions_memory foreign key (namespace_key, memory_key)
    references memories on delete cascade
);

create index fact_mentions_by_message on fact_mentions (namespace_key, dialogue_id, message_id);

-- Who must be committed when. A table of its own with neither content nor policy: workers serve all
-- tenants, and a claim with SKIP LOCKED needs one plain table (local to the coordinator on Citus).
create table commit_queue (
    dialogue_key bigint primary key,
    namespace_key bigint not null,
    project_id bigint not null,
    state text not null default 'waiting' check (state in ('waiting', 'dead')),
    due_at timestamptz not null,
    -- Grows with every message; whoever commits an older version has not committed all.
    version bigint not null default 1,
    attempts integer not null default 0,
    lease_until timestamptz,
    lease_token uuid,
    last_error text,
    failed_at timestamptz
);

create index commit_queue_by_due on commit_queue (due_at) where state = 'waiting';

grant select on schema_migrations to eunoe_app, eunoe_project;
grant select, insert on projects to eunoe_app, eunoe_project;
grant select, insert, update, delete
on api_keys, namespaces, resource_ids, dialogues, messages, memories, fact_mentions, commit_queue
to eunoe_app, eunoe_project;

alter table projects enable row level security;
alter table projects force row level security;
alter table api_keys enable row level security;
alter table api_keys force row level security;
alter table namespaces enable row level security;
alter table namespaces force row level security;
alter table resource_ids enable row level security;
alter table resource_ids force row level security;
alter table dialogues enable row level security;
alter table dialogues force row level security;
alter table messages enable row level security;
alter table messages force row level security;
alter table memories enable row level security;
alter table memories force row level security;
alter table fact_mentions enable row level security;
alter table fact_mentions force row level security;

-- Before a tenant is known: a key is seen by who knows its id, a project by who knows its name.
create policy by_id on api_keys for select to eunoe_app
using (id = current_setting('eunoe.key_id', true));

create policy by_name on projects to eunoe_app
using (name = current_setting('eunoe.project_name', true));

create policy in_project on projects for select to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_project on api_keys to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_project on namespaces to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on namespaces to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on resource_ids to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on resource_ids to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on dialogues to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on dialogues to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on messages to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on messages to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on memories to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on memories to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on fact_mentions to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on fact_mentions to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);
