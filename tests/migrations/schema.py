"""A schema as text that a person can read and a diff can compare."""

from __future__ import annotations

import psycopg

#: One line a fact, sorted, under the table it is about.
FACTS = """
select relation, kind, fact from (
    select c.relname as relation, 1 as number, 'column' as kind,
        format('%-20s %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attnotnull then ' not null' else '' end,
            case a.attidentity when 'a' then ' identity' else '' end,
            coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as fact,
        a.attnum as place
    from pg_class as c
    inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
    union all
    select conrelid::regclass::text, 2, 'constraint',
        format('%s %s', conname, pg_get_constraintdef(oid)), 0
    from pg_constraint
    -- Postgres 18 names not-null constraints too; the columns say that already.
    where connamespace = 'public'::regnamespace and contype <> 'n'
    union all
    select i.tablename::text, 3, 'index',
        regexp_replace(i.indexdef, '^CREATE (UNIQUE )?INDEX (\\S+) ON public.\\S+ ', '\\1\\2 '), 0
    from pg_indexes as i
    left join pg_constraint as k on k.conname = i.indexname
    where i.schemaname = 'public' and k.oid is null
    union all
    select c.relname, 4, 'row security',
        case when c.relforcerowsecurity then 'forced' else 'enabled' end, 0
    from pg_class as c
    where c.relrowsecurity and c.relnamespace = 'public'::regnamespace
    union all
    select p.tablename::text, 5, 'policy',
        format('%s for %s to %s: %s', p.policyname, lower(p.cmd),
            array_to_string(p.roles, ', '), coalesce(p.qual, p.with_check)), 0
    from pg_policies as p
    union all
    select table_name::text, 6, 'grant',
        format('%s to %s', string_agg(lower(privilege_type), ', ' order by privilege_type),
            grantee), 0
    from information_schema.role_table_grants
    where table_schema = 'public' and grantee like 'eunoe_%'
    group by table_name, grantee
    union all
    select 'functions', 7, case p.prokind when 'p' then 'procedure' else 'function' end,
        format('%s(%s)%s%s', p.proname, pg_get_function_identity_arguments(p.oid),
            case when p.prosecdef then ' security definer' else '' end,
            coalesce(' owner ' || nullif(pg_get_userbyid(p.proowner), current_user), '')), 0
    from pg_proc as p
    where p.pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
) as facts
order by relation, number, place, fact
"""


def describe(dsn: str) -> str:
    """What the tables of a database are."""
    lines = []
    relation = None
    with psycopg.connect(dsn) as connection:
        for name, kind, fact in connection.execute(FACTS):
            if name != relation:
                lines.append(f"\n{name}" if relation else name)
                relation = name
            lines.append(f"    {kind:12} {' '.join(fact.split()) if kind != 'column' else fact}")
    return "\n".join(lines) + "\n"
