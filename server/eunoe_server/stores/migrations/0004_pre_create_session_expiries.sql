-- When each session was last used, until it has expired (seed 003). A plain table like
-- commit_queue, and for the same reason: workers serve all tenants. It holds keys and times.

create table session_expiries (
    dialogue_key bigint primary key,
    namespace_key bigint not null,
    project_id bigint not null,
    used_at timestamptz not null,
    -- A worker has it until then; should that one fail, another takes it.
    retry_at timestamptz
);

create index session_expiries_by_use on session_expiries (used_at);

grant select, insert, update, delete on session_expiries to eunoe_app, eunoe_project;
