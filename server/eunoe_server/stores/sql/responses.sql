-- record --
insert into responses (namespace_key, id, project_id, message_key)
values (%(namespace_key)s, %(id)s, %(project_id)s, %(message_key)s)
on conflict (namespace_key, id) do update set message_key = excluded.message_key;

-- conversation_until --
-- As it was when the answer came: what was replaced since then was said then.
select earlier.body
from responses as r
inner join messages as answer
    on
        answer.namespace_key = %(namespace_key)s and answer.project_id = %(project_id)s
        and r.message_key = answer.message_key
inner join messages as earlier
    on
        earlier.namespace_key = %(namespace_key)s and earlier.project_id = %(project_id)s
        and answer.dialogue_key = earlier.dialogue_key
        and answer.position >= earlier.position
        and (earlier.superseded_at is null or answer.created_at < earlier.superseded_at)
where
    r.namespace_key = %(namespace_key)s and r.project_id = %(project_id)s and r.id = %(id)s
    and earlier.role not in ('system', 'developer')
order by earlier.position;
