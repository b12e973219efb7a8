-- What was used: sums a day, and the calls of a key in a month, which a quota bounds. No contents
-- and no names: a namespace is here by its key alone, with no foreign key to it, so that its
-- erasure takes the name away and leaves the project's sums as they were.

create table usage_days (
    -- 0: of no namespace.
    namespace_key bigint not null,
    project_id bigint not null,
    -- The API key's id. Empty: a worker's doing.
    key_id text not null,
    day date not null,
    calls bigint not null,
    chats bigint not null,
    searches bigint not null,
    writes bigint not null,
    prompt_tokens bigint not null,
    completion_tokens bigint not null,
    injected_tokens bigint not null,
    extraction_prompt_tokens bigint not null,
    extraction_completion_tokens bigint not null,
    primary key (namespace_key, project_id, key_id, day)
);

create index usage_days_of_project on usage_days (project_id, day);

-- Beside the days, because a key's calls are compared with its quota and may lie in any number of
-- namespaces. `month` is its first day.
create table monthly_calls (
    project_id bigint not null,
    key_id text not null,
    month date not null,
    calls bigint not null,
    primary key (project_id, key_id, month)
);

-- Calls in a month at most. null: the server's default; 0: any number.
alter table api_keys add column monthly_calls integer check (monthly_calls >= 0);

grant select, insert, update, delete on usage_days, monthly_calls to eunoe_app, eunoe_project;
alter table usage_days enable row level security;
alter table usage_days force row level security;
alter table monthly_calls enable row level security;
alter table monthly_calls force row level security;

create policy in_project on usage_days to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on usage_days to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

create policy in_project on monthly_calls to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);
