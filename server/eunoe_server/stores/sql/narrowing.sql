-- dialogue_keys --
select dialogue_key
from dialogues
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and (tags && %(tags_any)s::text [] or %(tags_any)s::text [] = '{}')
    and tags @> %(tags_all)s::text []
    and not tags && %(tags_none)s::text []
    and (created_at >= %(created_from)s or %(created_from)s::timestamptz is null)
    and (created_at < %(created_before)s or %(created_before)s::timestamptz is null)
    and (modified_at >= %(modified_from)s or %(modified_from)s::timestamptz is null)
    and (modified_at < %(modified_before)s or %(modified_before)s::timestamptz is null)
    and (
        %(metadata_condition)s::jsonpath is null
        or jsonb_path_match(
            filterable, %(metadata_condition)s::jsonpath, %(metadata_values)s::jsonb, true
        ) is true
    );

-- message_keys --
-- A part's type, as it is written: a quotation mark inside of a text would bear a backslash.
select message_key
from messages
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and (modified_at >= %(modified_from)s or %(modified_from)s::timestamptz is null)
    and (modified_at < %(modified_before)s or %(modified_before)s::timestamptz is null)
    and (
        %(has_image)s::boolean is null
        or %(has_image)s::boolean
        = (body ~ '"type"[ \t\n\r]*:[ \t\n\r]*"(image|image_url|input_image)"')
    );

-- memory_keys --
-- What held in the world at a moment is what `memories.list_page` says.
select memory_key
from memories
where
    namespace_key = %(namespace_key)s and project_id = %(project_id)s
    and (modified_at >= %(modified_from)s or %(modified_from)s::timestamptz is null)
    and (modified_at < %(modified_before)s or %(modified_before)s::timestamptz is null)
    and (%(fact_type)s::text is null or fact_type = %(fact_type)s)
    and (
        %(min_confidence)s::double precision is null
        or fact_type is null
        or confidence >= %(min_confidence)s
    )
    and (
        %(as_of)s::timestamptz is null
        or coalesce(valid_from, created_at) <= %(as_of)s
        and (valid_to is null or valid_to > %(as_of)s)
    );
