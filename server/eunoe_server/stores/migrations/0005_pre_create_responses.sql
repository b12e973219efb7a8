-- Which message an answer of the Responses API is, so that a request can continue it by its id. The
-- model's id, not ours: two upstreams may give the same one, and the newest answer has it then.

create table responses (
    namespace_key bigint not null,
    id text not null,
    project_id bigint not null,
    message_key bigint not null,
    primary key (namespace_key, id),
    constraint responses_message foreign key (namespace_key, message_key)
    references messages on delete cascade
);

create index responses_by_message on responses (namespace_key, message_key);

grant select, insert, update, delete on responses to eunoe_app, eunoe_project;
alter table responses enable row level security;
alter table responses force row level security;

create policy in_project on responses to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

create policy in_namespace on responses to eunoe_app
using (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);
