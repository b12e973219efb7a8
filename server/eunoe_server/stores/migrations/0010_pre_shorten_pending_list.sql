-- What is written waits in a list that every look-up of words (0009) reads from end to end; a
-- megabyte of it takes longer than all else that a search does.
alter index search_entries_by_word set (gin_pending_list_limit = 128);
