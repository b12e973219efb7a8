-- add --
-- In one order everywhere, so that two servers never wait for each other in a circle.
insert into usage_days (
    namespace_key, project_id, key_id, day, calls, chats, searches, writes, prompt_tokens,
    completion_tokens, injected_tokens, extraction_prompt_tokens, extraction_completion_tokens
)
select
    coalesce(u.namespace_key, n.namespace_key, 0) as namespace_key,
    %(project_id)s,
    u.key_id,
    u.day,
    sum(u.calls),
    sum(u.chats),
    sum(u.searches),
    sum(u.writes),
    sum(u.prompt_tokens),
    sum(u.completion_tokens),
    sum(u.injected_tokens),
    sum(u.extraction_prompt_tokens),
    sum(u.extraction_completion_tokens)
from unnest(
    %(namespaces)s::text[], %(namespace_keys)s::bigint[], %(key_ids)s::text[],
    %(days)s::date[], %(calls)s::bigint[], %(chats)s::bigint[], %(searches)s::bigint[], %(writes)s::bigint[], %(prompt_tokens)s::bigint[],
    %(completion_tokens)s::bigint[], %(injected_tokens)s::bigint[],
    %(extraction_prompt_tokens)s::bigint[], %(extraction_completion_tokens)s::bigint[]
) as u (
    namespace, namespace_key, key_id, day, calls, chats, searches, writes, prompt_tokens,
    completion_tokens, injected_tokens, extraction_prompt_tokens, extraction_completion_tokens
)
left join namespaces as n on n.project_id = %(project_id)s and n.name = u.namespace
group by coalesce(u.namespace_key, n.namespace_key, 0), u.key_id, u.day
order by coalesce(u.namespace_key, n.namespace_key, 0), u.key_id, u.day
on conflict (namespace_key, project_id, key_id, day) do update set
    calls = usage_days.calls + excluded.calls,
    chats = usage_days.chats + excluded.chats,
    searches = usage_days.searches + excluded.searches,
    writes = usage_days.writes + excluded.writes,
    prompt_tokens = usage_days.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = usage_days.completion_tokens + excluded.completion_tokens,
    injected_tokens = usage_days.injected_tokens + excluded.injected_tokens,
    extraction_prompt_tokens =
    usage_days.extraction_prompt_tokens + excluded.extraction_prompt_tokens,
    extraction_completion_tokens =
    usage_days.extraction_completion_tokens + excluded.extraction_completion_tokens;

-- add_calls --
insert into monthly_calls (project_id, key_id, month, calls)
select %(project_id)s, u.key_id, u.month, u.calls
from unnest(%(key_ids)s::text[], %(months)s::date[], %(calls)s::bigint[]) as u (
    key_id, month, calls
)
order by u.key_id, u.month
on conflict (project_id, key_id, month) do update set
    calls = monthly_calls.calls + excluded.calls
returning key_id, month, calls;

-- calls_in --
select calls from monthly_calls
where project_id = %(project_id)s and key_id = %(key_id)s and month = %(month)s;

-- by_day --
select
    day,
    sum(calls)::bigint as calls,
    sum(chats)::bigint as chats,
    sum(searches)::bigint as searches,
    sum(writes)::bigint as writes,
    sum(prompt_tokens)::bigint as prompt_tokens,
    sum(completion_tokens)::bigint as completion_tokens,
    sum(injected_tokens)::bigint as injected_tokens,
    sum(extraction_prompt_tokens)::bigint as extraction_prompt_tokens,
    sum(extraction_completion_tokens)::bigint as extraction_completion_tokens
from usage_days
where
    project_id = %(project_id)s
    and day between %(first)s and %(last)s
    and (%(in_namespace)s::bigint is null or namespace_key = %(in_namespace)s)
    and (%(key_id)s::text is null or key_id = %(key_id)s)
group by day
order by day;
