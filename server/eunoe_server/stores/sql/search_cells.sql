-- next_to_split --
-- Who takes it has it; should they fail, a later text asks again.
delete from search_splits
where (namespace_key, cell) in (
    select namespace_key, cell from search_splits limit 1 for update skip locked
)
returning namespace_key, project_id, cell;

-- lock --
-- One split at a time in a namespace. Cell 0 is split first, and then stays as what is locked.
insert into search_cells (namespace_key, cell, project_id, texts, is_split)
values (%(namespace_key)s, 0, %(project_id)s, 0, true)
on conflict (namespace_key, cell) do update set is_split = true;

-- vectors --
-- Those of the embedder that has made most of them.
select entry_key, embedder, embedding from search_entries
where namespace_key = %(namespace_key)s and project_id = %(project_id)s and cell = %(cell)s
and embedder = (
    select embedder from search_entries
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s and cell = %(cell)s
    and embedder is not null
    group by embedder
    order by count(*) desc
    limit 1
)
order by entry_key
limit %(limit)s::integer;

-- insert_words --
-- A sample for good: a word's rarity counts by its logarithm and changes little.
-- Of all texts there are now: others came in since those were read that are to be moved.
-- Only words of several texts: what one alone said shall not stay here when that is deleted.
with sample as materialized (
    select terms from search_entries
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s and cell = 0
)

insert into search_words (namespace_key, word, project_id, share)
select
    %(namespace_key)s, word, %(project_id)s, count(*)::real / (select count(*) from sample)
from sample, unnest(tsvector_to_array(terms)) as word
group by word
having count(*) > 2
on conflict do nothing;

-- insert_cells --
insert into search_cells (namespace_key, cell, project_id, embedder, centroid, texts)
select
    %(namespace_key)s,
    number + (
        select max(cell) from search_cells
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    ),
    %(project_id)s, %(embedder)s, centroid, 0
from unnest(%(centroids)s::halfvec []) with ordinality as part (centroid, number)
order by number
returning cell;

-- mark_split --
update search_cells set is_split = true
where namespace_key = %(namespace_key)s and project_id = %(project_id)s and cell = %(cell)s;

-- is_split --
select is_split from search_cells
where namespace_key = %(namespace_key)s and project_id = %(project_id)s and cell = %(cell)s;

-- move_texts --
-- Not those that were moved or replaced meanwhile.
update search_entries set cell = moved.cell
from unnest(%(entry_keys)s::bigint [], %(cells)s::integer []) as moved (entry_key, cell)
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and search_entries.entry_key = moved.entry_key and search_entries.cell = %(cell)s;

-- move_left_behind --
-- What was written into a cell while it was split goes where it would have gone after.
with left_behind as materialized (
    select entry_key, cell, embedder, embedding from search_entries
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and cell = any(array(
        select search_cells.cell from search_cells
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s and is_split
    ))
    and embedder in (
        select search_cells.embedder from search_cells
        where namespace_key = %(namespace_key)s and project_id = %(project_id)s and not is_split
    )
    limit %(limit)s::integer
)

update search_entries set cell = (
    select search_cells.cell from search_cells
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and not is_split and search_cells.embedder = left_behind.embedder
    order by centroid <#> left_behind.embedding
    limit 1
)
from left_behind
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and search_entries.entry_key = left_behind.entry_key and search_entries.cell = left_behind.cell;

-- recount --
update search_cells set texts = counted.texts
from (
    select cell, count(*) as texts from search_entries
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
    group by cell
) as counted
where namespace_key = %(namespace_key)s and project_id = %(project_id)s
and search_cells.cell = counted.cell and search_cells.texts <> counted.texts;

-- dissolve --
update search_entries set cell = 0
where namespace_key = %(namespace_key)s and project_id = %(project_id)s and cell > 0;

-- delete_cells --
delete from search_cells
where namespace_key = %(namespace_key)s and project_id = %(project_id)s;

-- split_again --
insert into search_splits (namespace_key, cell, project_id)
select %(namespace_key)s, 0, %(project_id)s
where exists (
    select from search_cells
    where namespace_key = %(namespace_key)s and project_id = %(project_id)s
)
on conflict do nothing;
