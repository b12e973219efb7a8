-- How long a namespace keeps what nobody adds to, who did what that cannot be undone, and no
-- samples of content in Postgres's own statistics.

-- Null: as the server is set; 0: for ever.
alter table namespaces add column retention_days integer check (retention_days >= 0);
-- When it is looked through next.
alter table namespaces add column retention_due_at timestamptz not null default now();

create index namespaces_by_retention on namespaces (retention_due_at) where retention_days > 0;
create index namespaces_by_default_retention on namespaces (retention_due_at)
where retention_days is null;

-- Workers serve all tenants, and a namespace's row is its tenant's. So the look-up is a function of
-- the role that may look across them (0002); it sees keys, days and times, no name.
create function namespace_to_sweep(default_days integer) returns table (
    project_id bigint, namespace_key bigint
)
language sql stable security definer rows 1
set search_path = pg_catalog, public
as $$
    select project_id, namespace_key
    from (
        (
            select project_id, namespace_key, retention_due_at
            from public.namespaces
            where retention_days > 0 and retention_due_at <= now()
            order by retention_due_at
            limit 1
        )
        union all
        (
            select project_id, namespace_key, retention_due_at
            from public.namespaces
            where default_days > 0 and retention_days is null and retention_due_at <= now()
            order by retention_due_at
            limit 1
        )
    ) as due
    order by retention_due_at
    limit 1
$$;

grant select (project_id, namespace_key, retention_days, retention_due_at)
on namespaces to eunoe_search;
grant create on schema public to eunoe_search;
alter function namespace_to_sweep owner to eunoe_search;
revoke create on schema public from eunoe_search;
revoke all on function namespace_to_sweep from public;
grant execute on function namespace_to_sweep to eunoe_app;

-- For the function alone: who is merely a member of the role sees nothing by it.
create policy of_search on namespaces for select to eunoe_search
using (current_user = 'eunoe_search');

-- Who did what, when and in which request; never what it said. It outlives what it speaks of, so it
-- has neither a name that people chose nor a foreign key. Those who serve can add to it and read
-- it; they can neither change nor delete.
create table audit_events (
    project_id bigint not null,
    event_key bigint generated always as identity,
    occurred_at timestamptz not null default now(),
    kind text not null,
    -- Null: the server by itself, or its operator at the command line.
    key_id text,
    request_id text not null,
    -- Which namespace; its name is looked up while there is one.
    namespace_key bigint,
    -- A key's id, or a digest of the id of what is gone.
    subject text,
    -- How many rows of each kind.
    counts jsonb not null,
    primary key (project_id, event_key)
);

create index audit_events_by_time on audit_events (project_id, occurred_at, event_key);

grant select, insert on audit_events to eunoe_app, eunoe_project;
alter table audit_events enable row level security;
alter table audit_events force row level security;

create policy in_project on audit_events to eunoe_project
using (
    current_setting('eunoe.namespace_key', true) = '0'
    and project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
);

-- Who works in one namespace writes of it and reads nothing.
create policy in_namespace on audit_events for insert to eunoe_app
with check (
    project_id = nullif(current_setting('eunoe.project_id', true), '')::bigint
    and namespace_key = nullif(current_setting('eunoe.namespace_key', true), '')::bigint
);

-- ANALYZE keeps the most common values and words of every column in pg_statistic, erased ones
-- too, until it happens to look again. Of these columns it shall keep nothing: they are content, or
-- ids and names that people choose. No plan needs them: what is looked up by them is unique within
-- the keys that go before, or filtered afterwards.
alter table namespaces alter column name set statistics 0;
alter table resource_ids alter column id set statistics 0;
alter table responses alter column id set statistics 0;
alter table api_keys
alter column name set statistics 0,
alter column namespace set statistics 0,
alter column namespace_prefix set statistics 0;
alter table dialogues
alter column id set statistics 0,
alter column session_id set statistics 0,
alter column label set statistics 0,
alter column thread_of set statistics 0,
alter column tags set statistics 0,
alter column metadata set statistics 0,
alter column filterable set statistics 0,
alter column state set statistics 0;
alter table messages
alter column id set statistics 0,
alter column name set statistics 0,
alter column body set statistics 0,
alter column text set statistics 0,
alter column digest set statistics 0,
alter column chain set statistics 0,
alter column tool_call_ids set statistics 0,
alter column tags set statistics 0,
alter column metadata set statistics 0;
alter table memories
alter column id set statistics 0,
alter column label set statistics 0,
alter column description set statistics 0,
alter column value set statistics 0,
alter column text set statistics 0,
alter column tags set statistics 0,
alter column metadata set statistics 0,
alter column subject set statistics 0,
alter column slot set statistics 0,
alter column slot_value set statistics 0,
alter column text_digest set statistics 0,
alter column superseded_by set statistics 0,
alter column source_dialogue_id set statistics 0,
alter column source_message_id set statistics 0;
alter table fact_mentions
alter column dialogue_id set statistics 0,
alter column message_id set statistics 0;
alter table search_entries
alter column speaker set statistics 0,
alter column tags set statistics 0,
alter column metadata set statistics 0,
alter column terms set statistics 0,
alter column embedding set statistics 0,
alter column next_embedding set statistics 0;
alter table kept_answers alter column pieces set statistics 0;
alter table search_cells alter column centroid set statistics 0;
alter table search_words alter column word set statistics 0;
alter table speakers
alter column word set statistics 0,
alter column speaker set statistics 0;
alter index search_entries_by_word alter column 1 set statistics 0;
