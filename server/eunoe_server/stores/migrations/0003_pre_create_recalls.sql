-- What a chat was reminded of, beside the user turn it was put before: a tool loop sees the same
-- notes again, and an operator sees what was injected. References only, so that erasing a text
-- erases it here too.

create table recalls (
    namespace_key bigint not null,
    project_id bigint not null,
    message_key bigint not null,
    ordinal integer not null,
    object text not null check (object in ('memory', 'message')),
    -- memory_key or message_key of what was recalled.
    object_key bigint not null,
    relevance double precision not null,
    primary key (namespace_key, message_key, ordinal),
    constraint recalls_message foreign key (namespace_key, message_key)
    references messages on delete cascade
);

grant select, insert, update, delete on recalls to eunoe_app, eunoe_project;
alter table recalls enable row level security;
alter table recalls force row level security;

create policy in_project on recalls to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on recalls to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);
